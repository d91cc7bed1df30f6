/* crc32c.h - CRC-32C (Castagnoli, RFC 3720 B.4), with the CPU's instruction where it has
 * one. */
#pragma once
#include "base/str.h"

/* Continue with the last result; start with 0. */
uint32_t crc32c(uint32_t crc, str bytes);
/* The same without the instruction; for CPUs that have none, and for tests. */
uint32_t crc32c_portable(uint32_t crc, str bytes);
