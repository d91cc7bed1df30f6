#include "base/digits.h"
#include "base/str.h"
#include "tests/check.h"

#include <inttypes.h>
#include <stdio.h>

static void check(uint64_t value)
{
	char want[32], got[DIGITS_ROOM + 1];

	got[DIGITS_ROOM] = '!';
	snprintf(want, sizeof(want), "%" PRIu64, value);
	CHECK_STR_EQ(str_of(got, (size_t)(digits_put(got, value) - got)),
	             str_from_z(want));
	for (int count = 1; count <= 16; count++) {
		uint64_t kept =
		        count < 16 ? value & (((uint64_t)1 << 4 * count) - 1) : value;

		snprintf(want, sizeof(want), "%0*" PRIx64, count, kept);
		CHECK_STR_EQ(
		        str_of(got, (size_t)(digits_put_hex(got, value, count) - got)),
		        str_from_z(want));
	}
	CHECK(got[DIGITS_ROOM] == '!');
}

TEST(digits_are_those_of_printf)
{
	uint64_t mixed = 88172645463325252;

	check(0);
	check(UINT64_MAX);
	for (uint64_t power = 1; power < UINT64_MAX / 10; power *= 10) {
		check(power - 1);
		check(power);
		check(power * 9 + power / 3);
	}
	for (uint64_t value = 0; value < 10000; value++)
		check(value * 10007);
	for (int i = 0; i < 5000; i++) {
		mixed ^= mixed << 13;
		mixed ^= mixed >> 7;
		mixed ^= mixed << 17;
		check(mixed >> i % 64);
	}
}
