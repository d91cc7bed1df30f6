/* scalar.h - numbers with units, as the configuration and the command line write them. */
#pragma once
#include "base/str.h"
#include "base/usec.h"

enum scalar_result {
	SCALAR_OK,
	SCALAR_JUNK, /* no number at all */
	SCALAR_NO_UNIT,
	SCALAR_NOT_A_UNIT,
	SCALAR_LARGE, /* beyond 64 bits */
};

/* "700ms", "8s", "10m", "2h", "1d" in microseconds; a lone 0 needs no unit. */
enum scalar_result scalar_time(str s, uint64_t *ret);
/* "64KiB", "20MiB", "1GiB", "512B" in bytes. */
enum scalar_result scalar_size(str s, uint64_t *ret);
/* "12"; with percent also "70%". */
enum scalar_result scalar_count(str s, uint64_t *ret);
enum scalar_result scalar_percent(str s, uint64_t *ret);
/* Would YAML readers take this unquoted word for a number, a boolean or null? */
bool scalar_is_ambiguous(str s);
