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
	SCALAR_FINE,  /* finer than what is counted in */
};

/* "700ms", "8s", "10m", "2h", "1d" in microseconds; a lone 0 needs no unit. */
enum scalar_result scalar_time(str s, uint64_t *ret);
/* "64KiB", "20MiB", "1GiB", "512B" in bytes. */
enum scalar_result scalar_size(str s, uint64_t *ret);
/* "12"; with percent also "70%". */
enum scalar_result scalar_count(str s, uint64_t *ret);
enum scalar_result scalar_percent(str s, uint64_t *ret);
/* "2026-11-01" as 20261101. */
enum scalar_result scalar_date(str s, uint64_t *ret);
/* "12.5%" in parts per million. */
enum scalar_result scalar_share(str s, uint64_t *ret);
/* "$0.04", "$10/1k", "free" in pico-dollars for one. Exactly, or not at
 * all. */
enum scalar_result scalar_price(str s, uint64_t *ret);
/* The same for tokens, of which nobody pays a dollar each: with its unit, "$2.50/1M". */
enum scalar_result scalar_token_price(str s, uint64_t *ret);
/* Would YAML readers take this unquoted word for a number, a boolean or null? */
bool scalar_is_ambiguous(str s);
