#include "base/arena.h"
#include "tests/check.h"

#include <stdlib.h>

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

TEST(arena_keeps_what_is_long_elsewhere)
{
	static char text[100 * KiB];
	struct arena a = { .ceiling = 2 * ARENA_SHORT };
	char *long_one = NULL, *another = NULL;
	str s = str_of(memset(text, 'x', sizeof(text)), sizeof(text));

	CHECK_STR_EQ(arena_keep(&a, str_first(s, ARENA_SHORT), &long_one),
	             str_first(s, ARENA_SHORT));
	CHECK(long_one == NULL);
	CHECK_INT(a.used, ARENA_SHORT);
	CHECK_STR_EQ(arena_keep(&a, s, &long_one), s);
	CHECK_INT(a.used, ARENA_SHORT);
	CHECK(long_one != NULL);
	/* The arena is full: what is short goes there as well. */
	arena_alloc(&a, ARENA_SHORT);
	CHECK_STR(arena_keep(&a, STR("abc"), &another), "abc");
	CHECK(another != NULL);
	CHECK_STR(arena_keep(&a, STR(""), &another), "");
	free(long_one);
	free(another);
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
