#include "store/forgotten.h"
#include "store/ledger.h"
#include "tests/check.h"

#include <stdio.h>

#define NOW (1795651200LL * USEC_SEC)

static uint64_t began(usec wall)
{
	return (uint64_t)wall << 8;
}

static const char *name_of(const struct forgotten *f, usec wall, str user, uint64_t key)
{
	const char *name = forgotten_find(f, began(wall), wall, user, key);

	return name ? name : "-";
}

static bool add(struct forgotten *f, str user, uint64_t key, usec before, usec now,
                const char *tombstone)
{
	struct ledger_person who = {
		.user = user, .key = key, .before = before, .now = now
	};

	return forgotten_add(f, &who, tombstone);
}

TEST(forgotten_are_those_who_began_before)
{
	struct forgotten f = { 0 };

	CHECK(!forgotten_find(&f, 1, 0, STR("ann"), 7));
	CHECK(add(&f, STR("ann"), 0, 0, NOW, "(first)"));
	CHECK(add(&f, STR("ann"), 0, 0, NOW + 10, "(second)"));
	CHECK(add(&f, STR("bob"), 7, 0, NOW, "(bob)"));
	CHECK(add(&f, STR("eve"), 0, NOW - 100, NOW, "(eve)"));
	CHECK_STR(str_from_z(name_of(&f, NOW - 5, STR("ann"), 7)), "(first)");
	CHECK_STR(str_from_z(name_of(&f, NOW + 5, STR("ann"), 7)), "(second)");
	CHECK_STR(str_from_z(name_of(&f, NOW + 11, STR("ann"), 7)), "-");
	CHECK_STR(str_from_z(name_of(&f, NOW - 5, STR("bob"), 7)), "(bob)");
	CHECK_STR(str_from_z(name_of(&f, NOW - 5, STR("bob"), 8)), "-");
	CHECK_STR(str_from_z(name_of(&f, NOW - 101, STR("eve"), 0)), "(eve)");
	CHECK_STR(str_from_z(name_of(&f, NOW - 100, STR("eve"), 0)), "-");
	CHECK_STR(str_from_z(name_of(&f, NOW - 5, STR_NONE, 7)), "-");
	forgotten_done(&f);
	CHECK(!forgotten_find(&f, began(NOW - 5), NOW - 5, STR("ann"), 7));
}

/* Ids go on above the highest when the clock is set back, here by an hour. */
TEST(forgotten_are_those_whose_ids_run_ahead)
{
	const uint64_t last = began(NOW + USEC_HOUR) | 0xff;
	struct ledger_person ann = { .user = STR("ann"), .now = NOW, .last = last };
	struct ledger_person bob = {
		.user = STR("bob"), .before = NOW - 10, .now = NOW, .last = last
	};
	struct forgotten f = { 0 };

	CHECK(forgotten_add(&f, &ann, "(ann)") && forgotten_add(&f, &bob, "(bob)"));
	CHECK(forgotten_find(&f, last, NOW, ann.user, 7));
	CHECK(!forgotten_find(&f, last + 1, NOW, ann.user, 7));
	CHECK(forgotten_find(&f, last, NOW - 11, bob.user, 7));
	CHECK(!forgotten_find(&f, last, NOW - 10, bob.user, 7));
	forgotten_done(&f);
}

TEST(forgotten_are_let_go_when_they_are_old_or_too_many)
{
	struct forgotten f = { 0 };
	char user[32];

	CHECK(add(&f, STR("old"), 0, 0, NOW, "(old)"));
	CHECK(add(&f, STR("long ago"), 0, 1, NOW, "(x)"));
	CHECK_INT(f.count, 1);
	for (usec i = 0; i <= FORGOTTEN_MOST; i++) {
		int n = snprintf(user, sizeof(user), "user %lld", (long long)i);

		CHECK(add(&f, str_of(user, (size_t)n), 0, 0,
		          NOW + FORGOTTEN_KEPT + USEC_SEC, "(x)"));
	}
	CHECK_INT(f.count, FORGOTTEN_MOST);
	CHECK_STR(str_from_z(name_of(&f, NOW - 5, STR("old"), 0)), "-");
	CHECK_STR(str_from_z(name_of(&f, NOW, STR("user 0"), 0)), "-");
	CHECK_STR(str_from_z(name_of(&f, NOW, STR("user 1"), 0)), "(x)");
	forgotten_done(&f);
}
