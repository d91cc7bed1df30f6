#include "meter/open_table.h"
#include "tests/check.h"

#include <stdlib.h>

TEST(open_table_finds_what_was_put_and_not_taken)
{
	enum { IDS = 4000 };
	static bool is_in[IDS + 1];
	struct open_table t = { .size = 0 };
	struct open_entry e;
	unsigned count = 0;

	srand(3);
	CHECK(!open_table_find(&t, 1) && !open_table_take(&t, 1, &e));
	CHECK(!open_table_put(&t, 0, STR("x")));
	for (int i = 0; i < 200000; i++) {
		uint64_t n = 1 + (uint64_t)rand() % IDS, id = n << 8;

		if (rand() % 2) {
			bool put = open_table_put(&t, id, STR("payload"));

			CHECK(put == !is_in[n]);
			if (put && n % 3 == 0)
				open_entry_own(open_table_find(&t, id));
			count += put;
			is_in[n] = true;
		} else {
			bool taken = open_table_take(&t, id, &e);

			CHECK(taken == is_in[n]);
			if (taken) {
				CHECK_INT(e.id, id);
				CHECK_STR(str_of(e.bytes, e.len), "payload");
				open_entry_done(&e);
			}
			count -= taken;
			is_in[n] = false;
		}
		CHECK_INT(t.count, count);
	}
	for (uint64_t n = 1; n <= IDS; n++)
		CHECK((open_table_find(&t, n << 8) != NULL) == is_in[n]);
	open_table_shrink(&t);
	for (uint64_t n = 1; n <= IDS; n++) {
		if (open_table_take(&t, n << 8, &e))
			open_entry_done(&e);
		open_table_shrink(&t);
	}
	CHECK(t.count == 0 && t.size == 0 && !t.slots);
}

TEST(open_table_is_bounded)
{
	struct open_table t = { .size = 0 };
	uint64_t n = 1;

	while (n < 1000000 && open_table_put(&t, n, STR("x")))
		n++;
	CHECK(n > 60000 && n < 100000);
	CHECK(open_table_find(&t, n - 1) && !open_table_find(&t, n));
	open_table_clear(&t);
	CHECK(!open_table_find(&t, 1));
}
