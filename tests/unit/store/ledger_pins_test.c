#include "store/ledger.h"
#include "tests/check.h"

#include <stdio.h>

static struct buf why = BUF_LIMIT(4 * KiB);

static struct ledger *open_fresh(void)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/ledger.db", test_dir());
	struct ledger *l = ledger_open(path, &why);
	if (!CHECK(l))
		printf("%s\n", buf_z(&why));
	return l;
}

static struct pin_row row_of(uint8_t n)
{
	return (struct pin_row){ .id = { n, 0, n },
		                 .kind = PIN_SEAL,
		                 .key = 0xabcdef,
		                 .account = 0xfedcba9876543210,
		                 .made_wall = n,
		                 .phi = n % 2,
		                 .provider = STR("openai") };
}

static bool list(void *arg, const struct pin_row *pin)
{
	struct buf *to = arg;

	CHECK(pin->id[0] == pin->id[2] && pin->id[0] == pin->made_wall);
	CHECK(pin->kind == PIN_SEAL && pin->key == 0xabcdef &&
	      pin->account == 0xfedcba9876543210);
	CHECK(pin->phi == pin->id[0] % 2);
	CHECK_STR(pin->provider, "openai");
	buf_addf(to, "%d ", pin->id[0]);
	return true;
}

static void check_list(struct ledger *l, usec since, unsigned most, const char *wanted)
{
	struct buf seen = BUF_LIMIT(1000);

	CHECK(ledger_pins(l, since, most, list, &seen));
	CHECK_STR_EQ(buf_str(&seen), str_from_z(wanted));
	buf_free(&seen);
}

TEST(pins_come_back_newest_first)
{
	struct ledger *l = open_fresh();
	bool more;

	for (uint8_t n = 1; n <= 5; n++) {
		struct pin_row row = row_of(n);

		CHECK(ledger_pin_put(l, &row) && ledger_pin_put(l, &row));
	}
	check_list(l, 0, 100, "5 4 3 2 1 ");
	check_list(l, 3, 100, "5 4 3 ");
	check_list(l, 0, 2, "5 4 ");
	struct pin_row gone = row_of(4);
	gone.is_gone = true;
	CHECK(ledger_pin_put(l, &gone) && ledger_pin_put(l, &gone));
	check_list(l, 0, 100, "5 3 2 1 ");
	CHECK(ledger_pins_prune(l, 2, 100, &more) && !more);
	check_list(l, 0, 100, "5 3 2 ");
	CHECK(ledger_pins_prune(l, 0, 1, &more) && !more);
	check_list(l, 0, 100, "5 3 ");
	ledger_close(&l);
}

TEST(many_pins_are_pruned_in_several_goes)
{
	struct ledger *l = open_fresh();
	unsigned goes = 0;
	bool more = true;

	CHECK(ledger_begin(l));
	for (unsigned n = 1; n <= 11000; n++) {
		struct pin_row row = { .made_wall = n, .provider = STR("openai") };

		memcpy(row.id, &n, sizeof(n));
		CHECK(ledger_pin_put(l, &row));
	}
	CHECK(ledger_commit(l));
	while (more && goes < 10) {
		CHECK(ledger_pins_prune(l, 11000, 100, &more));
		goes++;
	}
	CHECK(goes == 3);
	CHECK(ledger_pins_prune(l, INT64_MAX, 0, &more) && !more);
	check_list(l, 0, 10, "");
	ledger_close(&l);
}
