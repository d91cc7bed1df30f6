/* Whatever is made of a kind is wrong for a row that differs in more than figures. */
#include "meter/row_kinds.h"

#include "meter/record.h"
#include "tests/check.h"

#include <stdio.h>

static const struct price a_price = { .version = 7, .of = { 1, 2, 3 } };
static const struct price another_price = { .version = 7, .of = { 1, 2, 4 } };

static struct attempt_row a_row(void)
{
	return (struct attempt_row){ .id = 512,
		                     .exchange = 512,
		                     .number = 1,
		                     .key = 3,
		                     .team = 4,
		                     .began_wall = 2,
		                     .operation = STR("chat"),
		                     .asked = STR("fast"),
		                     .route = STR("fast"),
		                     .provider = STR("openai"),
		                     .model = STR("gpt"),
		                     .user = STR("ann"),
		                     .tags = STR("env=prod"),
		                     .trial = STR("t"),
		                     .state = ROW_DONE,
		                     .status = 200,
		                     .answered_model = STR("gpt-5"),
		                     .finish = STR("stop"),
		                     .usage_kind = USAGE_REPORTED,
		                     .price = &a_price,
		                     .closes = true,
		                     .client_status = 200,
		                     .attempts = 1,
		                     .client = STR("::1"),
		                     .agent = STR("curl") };
}

static uint64_t kind_of(struct row_kinds *k, const struct attempt_row *row)
{
	struct journal *j = journal_open_memory(2);
	struct journal_record open, close;
	uint64_t kind = 0;

	CHECK(record_write(j, RECORD_OPEN, row) && record_write(j, RECORD_CLOSE, row));
	if (CHECK(journal_next(j, &open)) && CHECK(journal_next(j, &close)))
		kind = row_kind(k, open.payload, close.payload);
	journal_close(&j);
	return kind;
}

TEST(row_kinds_differ_in_all_but_figures)
{
	struct row_kinds *k = row_kinds_new();
	struct attempt_row row = a_row(), same = row;

	same.id = same.exchange = 1024;
	same.began_wall = 4;
	same.request_bytes = same.answer_bytes = 9;
	same.reserved = same.cost = 77;
	same.total = same.exchange_total = same.overhead = 5;
	same.connect = same.first_byte = same.first_token = 3;
	same.usage = (struct token_usage){ .input = 8, .output = 9, .images = 2 };
	same.attempts = 2;
	same.trace = STR("0123456789abcdef01234567\1");
	uint64_t kind = kind_of(k, &row);
	CHECK(kind != 0);
	CHECK_INT(kind_of(k, &row), kind);
	same.trace = STR_NONE;
	CHECK_INT(kind_of(k, &same), kind);

#define OTHER(change)                                                                    \
	do {                                                                             \
		struct attempt_row other = a_row();                                      \
		other.change;                                                            \
		uint64_t its = kind_of(k, &other);                                       \
		CHECK(its != 0 && its != kind);                                          \
	} while (0)
	OTHER(number = 2);
	OTHER(key = 9);
	OTHER(team = 9);
	OTHER(operation = STR("chaT"));
	OTHER(asked = STR("slow"));
	OTHER(route = STR("slow"));
	OTHER(provider = STR("openaj"));
	OTHER(model = STR("gpu"));
	OTHER(user = STR("bob"));
	OTHER(tags = STR("env=test"));
	OTHER(trial = STR_NONE);
	OTHER(stream = true);
	OTHER(status = 201);
	OTHER(fault = STR("X"));
	OTHER(answered_model = STR("gpt-6"));
	OTHER(finish = STR("stoq"));
	OTHER(usage_kind = USAGE_ESTIMATED);
	OTHER(price = NULL);
	OTHER(price = &another_price);
	OTHER(closes = false);
	OTHER(client_status = 499);
	OTHER(flags = ROW_CUT);
	OTHER(client = STR("::2"));
	OTHER(agent = STR("wget"));
	/* Where one text ends and the next begins. */
	OTHER(finish = STR("stopg"); other.answered_model = STR("pt-5"));
	row.conversation = 1;
	kind = kind_of(k, &row);
	row.conversation = UINT64_MAX;
	CHECK_INT(kind_of(k, &row), kind);
	row.detail = STR("its own");
	CHECK_INT(kind_of(k, &row), 0);
	row_kinds_free(&k);
}

TEST(row_kinds_are_forgotten_one_by_one)
{
	struct row_kinds *k = row_kinds_new();
	uint64_t last = 0;
	char user[16];

	for (int i = 0; i < 300; i++) {
		struct attempt_row row = a_row();

		row.user = str_of(user, (size_t)snprintf(user, sizeof(user), "u%d", i));
		uint64_t kind = kind_of(k, &row);
		CHECK(kind > last);
		CHECK_INT(kind_of(k, &row), kind);
		last = kind;
	}
	row_kinds_free(&k);
}
