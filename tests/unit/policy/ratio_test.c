#include "policy/ratio.h"

#include "tests/check.h"

TEST(nothing_known_is_four_bytes_a_token)
{
	struct ratio r = { 0 };

	CHECK_INT(ratio_tokens(NULL, 400), 100);
	CHECK_INT(ratio_tokens(&r, 401), 101);
	CHECK_INT(ratio_tokens(&r, 0), 0);
	ratio_learn(&r, 0, 5);
	ratio_learn(&r, 5, 0);
	CHECK_INT(ratio_tokens(&r, 400), 100);
}

TEST(ratios_come_to_what_is_seen)
{
	struct ratio r = { 0 };

	ratio_learn(&r, 1000, 500);
	CHECK_INT(ratio_tokens(&r, 400), 200);
	for (int i = 0; i < 200; i++)
		ratio_learn(&r, 600, 100);
	CHECK(ratio_tokens(&r, 6000) >= 1000 && ratio_tokens(&r, 6000) <= 1010);
	/* one that is out of the way does not turn it over */
	ratio_learn(&r, 100, 100);
	CHECK(ratio_tokens(&r, 6000) < 1100);
}

TEST(ratios_stay_within_reason)
{
	struct ratio r = { 0 };

	ratio_learn(&r, UINT64_MAX, 1);
	CHECK_INT(ratio_tokens(&r, 3200), 100);
	r.value = 0;
	ratio_learn(&r, 1, UINT64_MAX);
	CHECK_INT(ratio_tokens(&r, 10), 160);
	CHECK(ratio_tokens(&r, UINT64_MAX) == UINT64_MAX);
}
