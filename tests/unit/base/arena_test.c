#include "base/arena.h"
#include "tests/check.h"

TEST(arena_gives_a_pointer_for_nothing)
{
	struct arena a = { .ceiling = 64 };

	CHECK(arena_try(&a, 0) != NULL);
	CHECK_INT(a.used, 0);
	CHECK(arena_copy(&a, STR_NONE).ptr != NULL);
	CHECK_INT(arena_copy(&a, STR_NONE).len, 0);
	CHECK_STR(arena_copy(&a, STR("abc")), "abc");
	arena_done(&a);
}

TEST(arena_ends_at_its_ceiling)
{
	struct arena a = { .ceiling = 64 };

	CHECK(arena_try(&a, 65) == NULL);
	CHECK(arena_try(&a, 64) != NULL);
	CHECK(arena_try(&a, 1) == NULL);
	CHECK(arena_try(&a, 0) != NULL);
	arena_done(&a);
	CHECK(arena_try(&a, 64) != NULL);
	arena_done(&a);
}
