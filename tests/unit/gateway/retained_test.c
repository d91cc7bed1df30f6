#include "base/arena.h"
#include "gateway/retained.h"
#include "tests/check.h"

static void fill(struct retained *r, size_t size, char with)
{
	char bytes[1000];

	memset(bytes, with, sizeof(bytes));
	CHECK(size <= sizeof(bytes) && retained_add(r, str_of(bytes, size)));
}

/* Never more than it takes, and no second place for it while it grows. */
TEST(retained_grows_within_the_budget)
{
	static struct gateway g;
	struct retained r = { .gateway = &g, .most_memory = 3 * MiB };

	for (size_t size = 256 * KiB; size <= 2 * MiB; size *= 2) {
		CHECK(retained_reserve(&r, size));
		CHECK_INT(g.memory, size);
		while (r.len + 1000 <= size)
			fill(&r, 1000, (char)('a' + r.len / 1000 % 26));
		CHECK_INT(r.cap, size);
	}
	CHECK(!retained_reserve(&r, 4 * MiB));
	CHECK_INT(g.memory, 2 * MiB);
	for (size_t at = 0; at + 1000 <= r.len; at += 1000)
		CHECK(r.ptr[at] == (char)('a' + at / 1000 % 26) &&
		      r.ptr[at + 999] == r.ptr[at]);
	retained_free(&r);
	CHECK_INT(g.memory, 0);
}

/* A small body is a block of the pool, goes back to it, and keeps its bytes when it has
 * to leave it because it grows. */
TEST(retained_takes_small_bodies_from_the_pool)
{
	static struct gateway g;
	struct arena_pool pool = { .keep = 4 };
	struct retained r = { .gateway = &g, .most_memory = MiB, .blocks = &pool };

	for (int round = 0; round < 2; round++) {
		CHECK(retained_reserve(&r, 700));
		CHECK_INT(pool.count, 0);
		fill(&r, 700, 'a');
		CHECK_INT(r.cap, ARENA_BLOCK);
		CHECK_INT(g.memory, ARENA_BLOCK);
		retained_free(&r);
		CHECK_INT(pool.count, 1);
		CHECK_INT(g.memory, 0);
	}
	for (int i = 0; i < 500; i++)
		fill(&r, 1000, (char)('a' + i % 26));
	CHECK_INT(pool.count, 1);
	CHECK(r.is_mapped && !r.is_block);
	for (int i = 0; i < 500; i++)
		CHECK(r.ptr[1000 * i] == 'a' + i % 26 &&
		      r.ptr[1000 * i + 999] == 'a' + i % 26);
	retained_free(&r);
	CHECK_INT(g.memory, 0);
	arena_pool_done(&pool);
}
