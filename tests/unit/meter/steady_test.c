#include "meter/steady.h"
#include "tests/check.h"

TEST(a_clock_is_believed_when_it_was_not_set_for_a_while)
{
	const usec day = 24 * USEC_HOUR, wall = 1795651200LL * USEC_SEC;
	struct steady s = { 0 };

	CHECK(!steady_look(&s, 5, wall + 1000 * day));
	/* It is set right, and slowly more so. */
	CHECK(!steady_look(&s, STEADY_AFTER, wall));
	CHECK(!steady_look(&s, 2 * STEADY_AFTER - 1, wall + STEADY_AFTER));
	CHECK(steady_look(&s, 2 * STEADY_AFTER, wall + STEADY_AFTER - USEC_SEC));
	CHECK(steady_look(&s, 9 * STEADY_AFTER, wall + 8 * STEADY_AFTER));
	CHECK(!steady_look(&s, 9 * STEADY_AFTER + 1, wall + 1000 * day));
	steady_trust(&s, 9 * STEADY_AFTER + 2, wall + 1000 * day);
	CHECK(steady_look(&s, 9 * STEADY_AFTER + 3, wall + 1000 * day));
	CHECK(!steady_look(&s, 9 * STEADY_AFTER + 4, wall));
}
