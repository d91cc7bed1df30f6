/* fuzz.h - what every fuzz target has: the entrance libFuzzer calls, and the word for
 * what must always hold. */
#pragma once
#include "base/assert.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline str fuzz_input(const uint8_t *data, size_t size)
{
	return str_of(size ? (const char *)data : "", size);
}
