#include "base/arena.h"
#include "base/buf.h"
#include "tests/check.h"

TEST(buf_remembers_its_limit)
{
	struct buf b = BUF_LIMIT(10);

	CHECK(buf_add(&b, STR("12345678")));
	CHECK(!buf_add(&b, STR("abc")));
	CHECK(b.over);
	CHECK(buf_add(&b, STR("90")));
	CHECK_STR(buf_str(&b), "1234567890");
	buf_drop(&b, 8);
	CHECK_STR(buf_str(&b), "90");
	buf_free(&b);
}

TEST(buf_writes_numbers)
{
	struct buf b = BUF_LIMIT(200);

	buf_add_u64(&b, UINT64_MAX);
	buf_add_char(&b, ' ');
	buf_add_i64(&b, INT64_MIN);
	buf_add_char(&b, ' ');
	buf_add_hex(&b, 0xab, 4);
	buf_addf(&b, " %d", 7);
	CHECK_STR(buf_str(&b), "18446744073709551615 -9223372036854775808 00ab 7");
	buf_free(&b);
}

TEST(arena_keeps_its_ceiling_and_reuses_blocks)
{
	struct arena_pool pool = { .keep = 4 };
	struct arena a = { .pool = &pool, .ceiling = 100 * KiB };

	for (int i = 0; i < 100; i++)
		CHECK_STR(arena_copy(&a, STR("hello")), "hello");
	CHECK(!arena_try(&a, 100 * KiB));
	CHECK(arena_try(&a, 50 * KiB));
	arena_done(&a);
	CHECK_INT(pool.count, 1);
	CHECK_STR(arena_printf(&a, "%d-%s", 5, "x"), "5-x");
	CHECK_INT(pool.count, 0);
	arena_done(&a);
	arena_pool_done(&pool);
}

TEST(every_fault_row_is_complete)
{
	for (unsigned id = 1; id < FAULT_IDS; id++) {
		fault_t f = fault_by_id((enum fault_id)id);

		CHECK(f && f->name.len && f->text.len && f->type.len);
		CHECK(f->status >= 400 && f->status < 600);
		CHECK_INT(fault_id_of(f), id);
	}
}

TEST(billionths_have_nine_decimals)
{
	struct buf b = BUF_LIMIT(64);

	CHECK(buf_add_nano(&b, 0));
	CHECK(buf_add_nano(&b, 1500));
	CHECK(buf_add_nano(&b, 12345678901));
	CHECK_STR(buf_str(&b), "0.0000000000.00000150012.345678901");
	buf_free(&b);
}
