#include "meter/pin_record.h"
#include "meter/recorder.h"
#include "meter/record.h"
#include "tests/check.h"

#include <stdio.h>

static struct buf why = BUF_LIMIT(4 * KiB);

static struct pin_row full_row(void)
{
	struct pin_row row = { .kind = PIN_KEPT,
		               .key = 0xabcdef012345,
		               .account = 0xfedcba9876543210,
		               .made_wall = 4102444800000000,
		               .phi = true,
		               .provider = STR("openai") };

	for (int i = 0; i < PIN_ID; i++)
		row.id[i] = (uint8_t)(i * 16);
	return row;
}

static void check_same(const struct pin_row *x, const struct pin_row *y)
{
	CHECK(!memcmp(x->id, y->id, PIN_ID));
	CHECK(x->kind == y->kind && x->key == y->key && x->account == y->account &&
	      x->made_wall == y->made_wall && x->is_gone == y->is_gone &&
	      x->phi == y->phi);
	CHECK_STR_EQ(x->provider, y->provider);
}

TEST(pin_record_carries_a_pin)
{
	struct journal *j = journal_open_memory(2);
	struct pin_row row = full_row(), gone = { .is_gone = true }, read;
	struct journal_record record;

	CHECK(pin_record_write(j, &row) && pin_record_write(j, &gone));
	CHECK(journal_next(j, &record) && pin_record_read(&record, &read));
	check_same(&read, &row);
	CHECK_INT(record_id(&record), 0);
	for (size_t n = 0; n < record.payload.len; n++) {
		struct journal_record cut = { record.kind, str_first(record.payload, n) };

		CHECK(!pin_record_read(&cut, &read));
	}
	CHECK(!pin_record_read(&(struct journal_record){ RECORD_OPEN, record.payload },
	                       &read));
	CHECK(journal_next(j, &record) && pin_record_read(&record, &read));
	check_same(&read, &gone);
	journal_close(&j);
}

static bool take(void *arg, const struct pin_row *pin)
{
	struct pin_row row = full_row();
	unsigned *count = arg;

	check_same(pin, &row);
	++*count;
	return true;
}

static unsigned count_pins(const char *dir)
{
	char path[512];
	unsigned count = 0;

	snprintf(path, sizeof(path), "%s/ledger.db", dir);
	struct ledger *l = ledger_open_reader(path, &why);
	CHECK(l && ledger_pins(l, 0, 100, take, &count));
	ledger_close(&l);
	return count;
}

TEST(recorder_brings_pins_into_the_ledger)
{
	const char *dir = test_dir();
	struct recorder_options options = { .dir = dir, .workers = 1 };
	struct recorder *r = recorder_new(&options, &why);
	struct pin_row row = full_row();

	if (!CHECK(r))
		return;
	CHECK(pin_record_write(recorder_journal(r, 0), &row));
	recorder_flush(r);
	CHECK_INT(count_pins(dir), 1);
	row.is_gone = true;
	CHECK(pin_record_write(recorder_journal(r, 0), &row));
	recorder_free(&r); /* drains */
	CHECK_INT(count_pins(dir), 0);
}
