#include "meter/record.h"
#include "tests/check.h"

#include <stdlib.h>

static const struct price a_price = { .version = UINT64_MAX,
	                              .since = 20261126,
	                              .above = 200000,
	                              .source = PRICE_OF_CONFIG,
	                              .discount = 100000,
	                              .of = { 1, 2, 3, 4, 5, 6, 7, PRICE_UNKNOWN, 9, 10,
	                                      INT64_MAX } };

static struct attempt_row full_row(void)
{
	return (struct attempt_row){
		.id = 0x0123456789abcd00,
		.exchange = 0x0123456789ab0000,
		.number = 3,
		.key = 0xabcdef012345,
		.began_wall = 1795441077790763,
		.operation = STR("chat"),
		.asked = STR("fast"),
		.route = STR("a route"),
		.provider = STR("openai"),
		.model = STR("gpt-5-mini"),
		.stream = true,
		.request_bytes = 1234567890123,
		.team = 0xfedcba987654,
		.user = STR("u-17"),
		.tags = STR("env=prod,app=chat"),
		.trial = STR("cheaper"),
		.conversation = 0x8000000000000001,
		.trace = STR("0123456789abcdef01234567\1"), /* TRACE_PARENT bytes */
		.endpoint = 7,
		.reserved = 1LL << 50,
		.state = ROW_DONE,
		.status = 529,
		.fault = STR("CUT_MID_STREAM"),
		.detail = STR("the provider broke off"),
		.answered_model = STR("gpt-5-mini-2025"),
		.finish = STR("length"),
		.connect = 1,
		.first_byte = 2,
		.first_token = 3,
		.total = 1LL << 40,
		.answer_bytes = 5,
		.usage_kind = USAGE_ESTIMATED,
		.usage = { .input = 1ULL << 40,
		           .cache_read = 2,
		           .cache_write = 4,
		           .cache_write_1h = 3,
		           .output = 1ULL << 41,
		           .reasoning = 5,
		           .audio_input = 6,
		           .audio_output = 7,
		           .images = 9,
		           .searches = 8 },
		.cost = INT64_MAX,
		.price = &a_price,
		.flags = ROW_CUT | ROW_CANDIDATE,
		.closes = true,
		.client_status = 499,
		.exchange_total = 1LL << 41,
		.overhead = 9,
		.attempts = 10,
		.client = STR("2001:db8::1"),
		.agent = STR("OpenAI/JS"),
	};
}

static void check_open_part(const struct attempt_row *a, const struct attempt_row *b)
{
	CHECK_INT(a->id, b->id);
	CHECK_INT(a->exchange, b->exchange);
	CHECK_INT(a->number, b->number);
	CHECK_INT(a->key, b->key);
	CHECK_INT(a->began_wall, b->began_wall);
	CHECK_STR_EQ(a->operation, b->operation);
	CHECK_STR_EQ(a->asked, b->asked);
	CHECK_STR_EQ(a->route, b->route);
	CHECK_STR_EQ(a->provider, b->provider);
	CHECK_STR_EQ(a->model, b->model);
	CHECK_INT(a->stream, b->stream);
	CHECK_INT(a->request_bytes, b->request_bytes);
	CHECK_INT(a->team, b->team);
	CHECK_STR_EQ(a->user, b->user);
	CHECK_STR_EQ(a->tags, b->tags);
	CHECK_STR_EQ(a->trial, b->trial);
	CHECK(a->conversation == b->conversation);
	CHECK_STR_EQ(a->trace, b->trace);
	CHECK_INT(a->endpoint, b->endpoint);
	CHECK_INT(a->reserved, b->reserved);
}

static void check_close_part(const struct attempt_row *a, const struct attempt_row *b)
{
	CHECK_INT(a->id, b->id);
	CHECK_INT(a->state, b->state);
	CHECK_INT(a->status, b->status);
	CHECK_STR_EQ(a->fault, b->fault);
	CHECK_STR_EQ(a->detail, b->detail);
	CHECK_STR_EQ(a->answered_model, b->answered_model);
	CHECK_STR_EQ(a->finish, b->finish);
	CHECK_INT(a->connect, b->connect);
	CHECK_INT(a->first_byte, b->first_byte);
	CHECK_INT(a->first_token, b->first_token);
	CHECK_INT(a->total, b->total);
	CHECK_INT(a->answer_bytes, b->answer_bytes);
	CHECK_INT(a->usage_kind, b->usage_kind);
	CHECK(memcmp(&a->usage, &b->usage, sizeof(a->usage)) == 0);
	CHECK_INT(a->cost, b->cost);
	CHECK_INT(a->reserved, b->reserved);
	CHECK(!a->price == !b->price);
	CHECK(!a->price || memcmp(a->price, b->price, sizeof(*a->price)) == 0);
	CHECK_INT(a->flags, b->flags);
	CHECK_INT(a->closes, b->closes);
	CHECK_INT(a->client_status, b->client_status);
	CHECK_INT(a->exchange_total, b->exchange_total);
	CHECK_INT(a->overhead, b->overhead);
	CHECK_INT(a->attempts, b->attempts);
	CHECK_STR_EQ(a->client, b->client);
	CHECK_STR_EQ(a->agent, b->agent);
}

static struct journal_record next(struct journal *j)
{
	struct journal_record record = { .kind = 0 };

	CHECK(journal_next(j, &record));
	return record;
}

TEST(record_carries_a_row_in_two_parts_or_one)
{
	struct journal *j = journal_open_memory(2);
	struct attempt_row row = full_row(), read = { .state = ROW_UNKNOWN };
	struct price price;

	CHECK(record_write(j, RECORD_OPEN, &row));
	CHECK(record_write(j, RECORD_CLOSE, &row));
	CHECK(record_write(j, RECORD_WHOLE, &row));
	struct journal_record record = next(j);
	CHECK_INT(record.kind, RECORD_OPEN);
	CHECK_INT(record_id(&record), row.id);
	CHECK(record_read(&record, &read, &price));
	CHECK_INT(read.state, ROW_OPEN);
	check_open_part(&read, &row);
	record = next(j);
	CHECK_INT(record.kind, RECORD_CLOSE);
	CHECK_INT(record_id(&record), row.id);
	CHECK(record_read(&record, &read, &price));
	check_open_part(&read, &row);
	check_close_part(&read, &row);
	record = next(j);
	struct attempt_row whole = { .state = ROW_OPEN };
	CHECK_INT(record_id(&record), row.id);
	CHECK(record_read(&record, &whole, &price));
	check_open_part(&whole, &row);
	check_close_part(&whole, &row);
	journal_close(&j);
}

TEST(record_hides_keys_in_every_text)
{
	static const str key = STR_INIT("sk-sl-0123456789ab-secret"),
	                 hidden = STR_INIT("sk-sl-0123456789ab-******");
	struct journal *j = journal_open_memory(2);
	struct attempt_row row = full_row(), read = { .state = ROW_UNKNOWN };
	struct price price;

	row.asked = row.route = row.user = row.tags = row.detail = row.answered_model =
	        row.agent = key;
	CHECK(record_write(j, RECORD_WHOLE, &row));
	struct journal_record record = next(j);

	CHECK(record_read(&record, &read, &price));
	row.asked = row.route = row.user = row.tags = row.detail = row.answered_model =
	        row.agent = hidden;
	check_open_part(&row, &read);
	check_close_part(&row, &read);
	journal_close(&j);
}

TEST(record_cuts_long_texts_and_large_parts)
{
	struct journal *j = journal_open_memory(2);
	struct attempt_row row = full_row(), read = { 0 };
	struct price price;
	char text[2000];

	memset(text, 'x', sizeof(text));
	row.agent = row.model = row.detail = str_of(text, sizeof(text));
	row.usage.cache_read = UINT64_MAX;
	row.connect = INT64_MAX;
	row.first_byte = -5;
	row.cost = -1;
	row.fault = STR_NONE;
	CHECK(record_write(j, RECORD_WHOLE, &row));
	struct journal_record record = next(j);
	CHECK(record_read(&record, &read, &price));
	CHECK(read.agent.len == 512 && read.model.len == 512 && read.detail.len == 512);
	CHECK_INT(read.usage.cache_read, UINT32_MAX);
	CHECK_INT(read.connect, UINT32_MAX);
	CHECK_INT(read.first_byte, 0);
	CHECK_INT(read.cost, COST_UNKNOWN);
	CHECK_INT(read.fault.len, 0);
	CHECK_STR(read.client, "2001:db8::1");
	journal_close(&j);
}

TEST(record_is_refused_when_it_is_cut_or_of_another_version)
{
	struct journal *j = journal_open_memory(2);
	struct attempt_row row = full_row(), read = { 0 };
	struct price price;

	CHECK(record_write(j, RECORD_WHOLE, &row));
	struct journal_record record = next(j);
	char *copy = malloc(record.payload.len + 1);
	for (size_t len = 0; len < record.payload.len; len++) {
		/* A block of its own, so that ASan sees a step too far. */
		char *cut = malloc(len + 1);

		memcpy(cut, record.payload.ptr, len);
		for (uint32_t kind = 0; kind < 5; kind++) {
			struct journal_record r = { kind, str_of(cut, len) };

			/* Its front part alone may look like a record of another kind. */
			CHECK(!record_read(&r, &read, &price) || kind != RECORD_WHOLE);
			(void)record_id(&r);
		}
		free(cut);
	}
	memcpy(copy, record.payload.ptr, record.payload.len);
	struct journal_record same = { RECORD_WHOLE, str_of(copy, record.payload.len) };
	CHECK(record_read(&same, &read, &price));
	same.payload.len++;
	CHECK(!record_read(&same, &read, &price));
	same.payload.len--;
	copy[0] = 2;
	CHECK(!record_read(&same, &read, &price));
	CHECK_INT(record_id(&same), 0);
	free(copy);
	journal_close(&j);
}

TEST(record_close_always_finds_room)
{
	struct journal *j = journal_open_memory(2);
	struct attempt_row row = full_row(), read = { 0 };
	struct price price;
	unsigned opened = 0, closed = 0;
	struct journal_record record;

	while (record_write(j, RECORD_OPEN, &row))
		opened++;
	CHECK(opened > 3000);
	for (unsigned i = 0; i < opened; i++)
		CHECK(record_write(j, RECORD_CLOSE, &row));
	/* Not one that nobody promised. */
	while (closed < 10000 && record_write(j, RECORD_WHOLE, &row))
		closed++;
	CHECK(closed < 10000);
	for (closed = 0; journal_next(j, &record);) {
		CHECK(record_read(&record, &read, &price));
		closed += record.kind == RECORD_CLOSE;
	}
	CHECK_INT(closed, opened);
	/* The last ones were shortened: the money is there, the detail is not. */
	CHECK_INT(read.cost, row.cost);
	CHECK_INT(read.price->of[0], row.price->of[0]);
	journal_close(&j);
}
