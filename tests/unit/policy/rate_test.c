#include "policy/rate.h"

#include "base/compiler.h"
#include "tests/check.h"

TEST(a_rate_lets_so_many_through)
{
	struct rate r = { 0 };
	usec now = 7 * USEC_HOUR + 10 * USEC_SEC, wait;

	for (int i = 0; i < 3; i++) {
		CHECK_INT(rate_room(&r, 3, 1, now), 0);
		rate_add(&r, 1, now);
	}
	wait = rate_room(&r, 3, 1, now);
	CHECK(wait > 0 && wait <= 2 * USEC_MIN);
	CHECK(rate_room(&r, 3, 1, now + wait - USEC_SEC) > 0);
	CHECK_INT(rate_room(&r, 3, 1, now + wait), 0);
	CHECK_INT(rate_used(&r, now + 10 * USEC_MIN), 0);
}

TEST(a_rate_counts_beyond_millions)
{
	struct rate r = { 0 };
	uint64_t most = UINT64_C(4000000000);

	CHECK_INT(rate_room(&r, most, most - 1, USEC_SEC), 0);
	rate_add(&r, most - 1, USEC_SEC);
	CHECK_INT(rate_room(&r, most, 1, USEC_SEC), 0);
	CHECK(rate_room(&r, most, 2, USEC_SEC) > 0);
	CHECK_INT(rate_room(&r, most, UINT64_MAX, 4 * USEC_MIN), 0);
}

TEST(a_rate_is_corrected_where_it_was_counted)
{
	struct rate r = { 0 };
	usec then = 3 * USEC_MIN + 50 * USEC_SEC, next = 4 * USEC_MIN;

	rate_add(&r, 80, then);
	rate_add(&r, 30, next);
	rate_correct(&r, -80, then, next);
	CHECK_INT(rate_used(&r, next), 30);
	rate_correct(&r, 5, then, next);
	CHECK_INT(rate_used(&r, next), 35);
	rate_correct(&r, -100, next, next);
	CHECK_INT(rate_used(&r, next), 0);
	rate_add(&r, 7, next);
	rate_correct(&r, -7, then, next + 5 * USEC_MIN); /* long gone */
	CHECK_INT(rate_used(&r, next + 5 * USEC_MIN), 0);
}

TEST(a_rate_says_when_it_is_free_again)
{
	struct rate r = { 0 };
	usec now = 10 * USEC_MIN + 15 * USEC_SEC;

	CHECK_INT(rate_reset(&r, now), 0);
	rate_add(&r, 5, now);
	CHECK_INT(rate_reset(&r, now), 105 * USEC_SEC);
	CHECK_INT(rate_used(&r, now + 105 * USEC_SEC), 0);
}

/* Of two threads one is still in the minute before. */
TEST(a_rate_is_not_turned_back)
{
	struct rate r = { 0 };
	usec next = 8 * USEC_MIN, behind = next - 3 * USEC_MS;

	rate_add(&r, 60, next - USEC_SEC);
	rate_add(&r, 5, next);
	CHECK_INT(rate_used(&r, behind), 65);
	CHECK_INT(rate_room(&r, 100, 65, behind), 30 * USEC_SEC + 3 * USEC_MS);
	CHECK_INT(rate_reset(&r, behind), 2 * USEC_MIN + 3 * USEC_MS);
	rate_add(&r, 2, behind);
	rate_correct(&r, -1, behind, behind);
	CHECK_INT(rate_used(&r, next), 66);
	CHECK_INT(rate_used(&r, next + USEC_MIN), 7);
}
