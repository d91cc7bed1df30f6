#include "base/mem.h"
#include "store/ledger.h"
#include "tests/check.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct buf why = BUF_LIMIT(4 * KiB);

static const char *path_in(const char *dir)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/ledger.db", dir);
	return path;
}

static struct ledger *open_fresh(void)
{
	struct ledger *l = ledger_open(path_in(test_dir()), &why);

	if (!CHECK(l))
		printf("%s\n", buf_z(&why));
	return l;
}

static struct attempt_row row_of(uint64_t id)
{
	return (struct attempt_row){
		.id = id << 8,
		.exchange = id << 8,
		.number = 1,
		.key = 0xabcdef012345,
		.began_wall = (usec)id,
		.operation = STR("chat"),
		.asked = STR("fast"),
		.route = STR("fast"),
		.provider = STR("openai"),
		.model = STR("gpt-5-mini"),
		.stream = true,
		.request_bytes = 1000,
		.team = 0xfedcba987654,
		.user = STR("u-17"),
		.tags = STR("env=prod,app=chat"),
		.trial = STR("cheaper"),
		.conversation = UINT64_MAX - id,
		.reserved = 98765432100,
	};
}

static const struct price a_price = { .version = UINT64_MAX,
	                              .since = 20261126,
	                              .above = 200000,
	                              .source = PRICE_OF_CONFIG,
	                              .discount = 100000,
	                              .of = { 1, 2, 3, 4, 5, 6, 7, PRICE_UNKNOWN, 9, 10,
	                                      INT64_MAX } };

static struct attempt_row done_of(uint64_t id)
{
	struct attempt_row row = row_of(id);

	row.state = ROW_DONE;
	row.status = 200;
	row.answered_model = STR("gpt-5-mini-2025");
	row.finish = STR("stop");
	row.connect = 11;
	row.first_byte = 22;
	row.first_token = 33;
	row.total = 44;
	row.answer_bytes = 55;
	row.usage_kind = USAGE_REPORTED;
	row.usage = (struct token_usage){ .input = 1,
		                          .cache_read = 2,
		                          .cache_write = 3,
		                          .output = 4,
		                          .reasoning = 5,
		                          .audio_input = 6,
		                          .audio_output = 7,
		                          .images = 8 };
	row.cost = 123456789;
	row.price = &a_price;
	row.flags = ROW_CUT | ROW_CANDIDATE;
	row.closes = true;
	row.client_status = 200;
	row.exchange_total = 66;
	row.overhead = 77;
	row.attempts = 1;
	row.client = STR("127.0.0.1");
	row.agent = STR("curl/8");
	return row;
}

/* One put in a transaction of its own. */
static bool put(struct ledger *l, struct attempt_row row)
{
	bool changed = false;

	CHECK(ledger_begin(l) && ledger_put(l, &row, &changed) && ledger_commit(l));
	return changed;
}

/* The answer to a query as text, columns separated by '|', rows by ' '. */
static str ask(const char *path, const char *sql)
{
	static char text[8192];
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	size_t len = 0;

	CHECK(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (!CHECK(sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK))
		printf("%s\n", sqlite3_errmsg(db));
	while (sqlite3_step(st) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(st); i++) {
			const char *value = (const char *)sqlite3_column_text(st, i);

			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
			                        i ? "|" : (len ? " " : ""),
			                        value ? value : "NULL");
		}
	}
	sqlite3_finalize(st);
	sqlite3_close(db);
	return str_of(text, len);
}

/* ---- rows ---- */

static bool check_same(void *arg, const struct attempt_row *got)
{
	const struct attempt_row *want = arg;

	CHECK_INT(got->id, want->id);
	CHECK_INT(got->exchange, want->exchange);
	CHECK_INT(got->number, want->number);
	CHECK_INT(got->key, want->key);
	CHECK_INT(got->began_wall, want->began_wall);
	CHECK_STR_EQ(got->operation, want->operation);
	CHECK_STR_EQ(got->asked, want->asked);
	CHECK_STR_EQ(got->route, want->route);
	CHECK_STR_EQ(got->provider, want->provider);
	CHECK_STR_EQ(got->model, want->model);
	CHECK_INT(got->stream, want->stream);
	CHECK_INT(got->request_bytes, want->request_bytes);
	CHECK_INT(got->team, want->team);
	CHECK_STR_EQ(got->user, want->user);
	CHECK_STR_EQ(got->tags, want->tags);
	CHECK_STR_EQ(got->trial, want->trial);
	CHECK(got->conversation == want->conversation);
	CHECK_INT(got->reserved, want->reserved);
	CHECK_INT(got->state, want->state);
	if (got->state != ROW_DONE) {
		CHECK_INT(got->cost, COST_UNKNOWN);
		CHECK_INT(got->usage_kind, USAGE_UNKNOWN);
		CHECK(!got->closes);
		return true;
	}
	CHECK_INT(got->status, want->status);
	CHECK_STR_EQ(got->fault, want->fault);
	CHECK_STR_EQ(got->detail, want->detail);
	CHECK_STR_EQ(got->answered_model, want->answered_model);
	CHECK_STR_EQ(got->finish, want->finish);
	CHECK_INT(got->connect, want->connect);
	CHECK_INT(got->first_byte, want->first_byte);
	CHECK_INT(got->first_token, want->first_token);
	CHECK_INT(got->total, want->total);
	CHECK_INT(got->answer_bytes, want->answer_bytes);
	CHECK_INT(got->usage_kind, want->usage_kind);
	CHECK(memcmp(&got->usage, &want->usage, sizeof(want->usage)) == 0);
	CHECK_INT(got->cost, want->cost);
	CHECK(!got->price == !want->price);
	CHECK(!got->price || memcmp(got->price, want->price, sizeof(*got->price)) == 0);
	CHECK_INT(got->flags, want->flags);
	CHECK_INT(got->closes, want->closes);
	CHECK_INT(got->exchange_total, want->exchange_total);
	CHECK_INT(got->overhead, want->overhead);
	CHECK_INT(got->attempts, want->attempts);
	CHECK_STR_EQ(got->client, want->closes ? want->client : STR_NONE);
	CHECK_STR_EQ(got->agent, want->closes ? want->agent : STR_NONE);
	CHECK_INT(got->client_status, want->client_status);
	return true;
}

static void check_row(struct ledger *l, struct attempt_row want)
{
	CHECK(ledger_attempt(l, want.id, check_same, &want));
}

TEST(ledger_gives_back_what_was_put)
{
	struct ledger *l = open_fresh();
	struct attempt_row row = done_of(1000);

	CHECK_INT(ledger_last_id(l), 0);
	CHECK(put(l, row));
	check_row(l, row);
	row.id = 2000 << 8; /* another exchange's, and a clock that was set back */
	row.began_wall = 1500;
	row.number = 2;
	row.closes = false;
	row.cost = COST_UNKNOWN;
	row.price = NULL;
	row.user = row.tags = STR_NONE;
	row.fault = STR("CONNECT_FAILED");
	row.detail = STR("connection refused");
	row.usage_kind = USAGE_NONE;
	CHECK(put(l, row));
	check_row(l, row);
	CHECK(put(l, row_of(3000)));
	check_row(l, row_of(3000));
	CHECK_INT(ledger_last_id(l), 3000 << 8);
	ledger_close(&l);
}

TEST(ledger_changes_a_row_only_from_open_to_done)
{
	struct ledger *l = open_fresh();
	struct attempt_row open = row_of(1), done = done_of(1), other = done_of(1);

	CHECK(put(l, open));
	CHECK(!put(l, open));
	check_row(l, open);
	CHECK(put(l, done));
	check_row(l, done);
	other.cost = 5;
	CHECK(!put(l, other));
	CHECK(!put(l, open));
	CHECK(!put(l, done));
	check_row(l, done);
	ledger_close(&l);
}

TEST(ledger_marks_open_rows_unknown)
{
	struct ledger *l = open_fresh();
	struct attempt_row unknown = row_of(2);
	uint64_t count;

	CHECK(put(l, done_of(1)) && put(l, row_of(2)) && put(l, row_of(3)));
	CHECK(ledger_close_open_rows(l, &count));
	CHECK_INT(count, 2);
	CHECK(ledger_close_open_rows(l, &count));
	CHECK_INT(count, 0);
	unknown.state = ROW_UNKNOWN;
	check_row(l, unknown);
	CHECK(!put(l, done_of(2))); /* it is settled: as reserved */
	check_row(l, unknown);
	check_row(l, done_of(1));
	ledger_close(&l);
}

/* A stream may have had more set aside for it than when it began. */
TEST(ledger_keeps_what_was_reserved_in_the_end)
{
	struct ledger *l = open_fresh();
	struct attempt_row done = done_of(2);

	CHECK(put(l, row_of(2)));
	done.reserved += 12345;
	CHECK(put(l, done));
	check_row(l, done);
	ledger_close(&l);
}

TEST(ledger_takes_new_rows_in_any_number)
{
	struct ledger *l = open_fresh();
	uint64_t id = 1;

	for (int rows = 0; rows < 20; rows++) {
		uint64_t first = id;

		CHECK(ledger_begin(l));
		for (int i = 0; i < rows; i++) {
			struct attempt_row row = done_of(id++);

			row.detail = i % 5 == 4 ? STR("odd") : STR_NONE;
			CHECK(ledger_put_new(l, &row));
		}
		CHECK(ledger_commit(l));
		for (; first < id; first++) {
			bool changed = true;
			struct attempt_row row = done_of(first);

			CHECK(ledger_put(l, &row, &changed) && !changed);
		}
	}
	ledger_close(&l);
}

/* What the shorter statement leaves out must be told apart field by field. */
TEST(ledger_keeps_each_field_of_a_new_row)
{
	enum { FIELDS = 11 };
	struct ledger *l = open_fresh();

	for (int field = 0; field <= FIELDS; field++) {
		uint64_t id = 100 + (uint64_t)field;
		struct attempt_row row = done_of(id);

		row.usage = (struct token_usage){
			.input = 1, .output = 2, .cache_read = 3, .reasoning = 4
		};
		row.connect = field == 1 ? 5 : 0;
		row.usage.cache_write = field == 2 ? 6 : 0;
		row.usage.audio_input = field == 3 ? 7 : 0;
		row.usage.audio_output = field == 4 ? 8 : 0;
		row.usage.cache_write_1h = field == 5 ? 9 : 0;
		row.usage.searches = field == 6 ? 10 : 0;
		row.number = field == 7 ? 2 : 1;
		row.attempts = field == 8 ? 2 : 1;
		row.exchange = field == 9 ? 1 << 8 : row.exchange;
		row.began_wall += field == 10;
		row.closes = field != 11;
		if (field == 11) { /* they go with it */
			row.exchange_total = row.overhead = 0;
		}
		CHECK(ledger_begin(l) && ledger_put_new(l, &row) && ledger_commit(l));
		check_row(l, row);
	}
	ledger_close(&l);
}

TEST(ledger_refuses_a_new_row_that_is_not_new)
{
	struct ledger *l = open_fresh();
	struct attempt_row row = done_of(5);

	CHECK(put(l, row));
	CHECK(ledger_begin(l));
	struct attempt_row before = done_of(4);
	CHECK(ledger_put_new(l, &before));
	CHECK(ledger_put_new(l, &row));
	CHECK(!ledger_commit(l));
	ledger_rollback(l);
	CHECK(put(l, before)); /* it went with the transaction */
	CHECK(!put(l, row));
	ledger_close(&l);
}

/* ---- labels ---- */

TEST(ledger_keeps_labels_apart)
{
	struct ledger *l = open_fresh();
	char agent[64];

	/* More callers than the cache holds, each twice. */
	for (int round = 0; round < 2; round++) {
		CHECK(ledger_begin(l));
		for (uint64_t i = 0; i < 3000; i++) {
			struct attempt_row row = done_of(1 + i + 3000 * (uint64_t)round);

			snprintf(agent, sizeof(agent), "agent-%d", (int)i);
			row.agent = str_from_z(agent);
			CHECK(ledger_put(l, &row, NULL));
		}
		CHECK(ledger_commit(l));
	}
	for (uint64_t i = 0; i < 6000; i += 7) {
		struct attempt_row row = done_of(1 + i);

		snprintf(agent, sizeof(agent), "agent-%d", (int)(i % 3000));
		row.agent = str_from_z(agent);
		check_row(l, row);
	}
	ledger_close(&l);
}

/* A row is first held against the labels of the one before it. */
TEST(ledger_tells_neighbours_apart_by_each_field)
{
	enum { ROWS = 2 * 15 };
	struct ledger *l = open_fresh();
	struct attempt_row rows[ROWS];

	for (uint64_t i = 0; i < ROWS; i++)
		rows[i] = done_of(1 + i);
	rows[1].key++;
	rows[3].operation = STR("cha");
	rows[5].asked = STR("fas");
	rows[7].route = STR("fass");
	rows[9].stream = false;
	rows[11].provider = STR("openaj");
	rows[13].model = STR_NONE;
	rows[15].status = 201;
	rows[17].fault = STR("X");
	rows[19].answered_model = STR("gpt-5-mini-2026");
	rows[21].finish = STR("length");
	rows[23].usage_kind = USAGE_ESTIMATED;
	rows[25].client_status = 499;
	rows[27].client = STR("127.0.0.2");
	rows[29].agent = STR("curl/9");
	CHECK(ledger_begin(l));
	for (int i = 0; i < ROWS; i++)
		CHECK(ledger_put_new(l, &rows[i]));
	CHECK(ledger_commit(l));
	for (int i = 0; i < ROWS; i++)
		check_row(l, rows[i]);
	ledger_close(&l);
}

TEST(ledger_forgets_labels_with_their_transaction)
{
	const char *path = path_in(test_dir());
	struct ledger *l = ledger_open(path, &why);
	struct attempt_row row = done_of(1);

	CHECK(ledger_begin(l) && ledger_put(l, &row, NULL));
	ledger_rollback(l);
	CHECK(put(l, row));
	check_row(l, row);
	CHECK_STR(ask(path, "SELECT count(*) FROM request"), "1");
	ledger_close(&l);
}

TEST(ledger_stores_only_valid_text)
{
	const char *path = path_in(test_dir());
	struct ledger *l = ledger_open(path, &why);
	struct attempt_row row = done_of(1);

	row.agent = STR("caf\xc3\xa9 \xff\0x");
	row.detail = STR("\xe2\x82");
	row.asked = STR("line\nbreak");
	CHECK(put(l, row));
	row.agent = STR("caf\xc3\xa9 ??x");
	row.detail = STR("??");
	check_row(l, row);
	CHECK(put(l, done_of(2)));
	CHECK_STR(ask(path, "SELECT count(DISTINCT caller) FROM attempt"), "2");
	ledger_close(&l);
}

/* ---- what people and tests read ---- */

TEST(ledger_has_a_view_in_words)
{
	const char *path = path_in(test_dir());
	struct ledger *l = ledger_open(path, &why);
	struct attempt_row none = done_of(3);
	uint64_t count;

	none.number = 0;
	none.provider = none.model = STR_NONE;
	none.usage_kind = USAGE_NONE;
	none.cost = 0;
	none.fault = STR("NO_KEY");
	CHECK(put(l, done_of(1)) && put(l, row_of(2)) && put(l, none));
	CHECK_STR(
	        ask(path,
	            "SELECT id, exchange, number, state, provider, model, status, fault,"
	            " input_tokens, output_tokens, usage_kind, cost_nano, closes"
	            " FROM attempts ORDER BY id"),
	        "256|256|1|done|openai|gpt-5-mini|200||1|4|reported|123456789|1 "
	        "512|512|1|open|openai|gpt-5-mini|0||0|0|unknown|NULL|0 "
	        "768|768|0|done|||200|NO_KEY|1|4|none|0|1");
	CHECK_STR(ask(path, "SELECT key, began, operation, asked, route, stream,"
	                    " request_bytes, detail, answered_model, finish, connect_us,"
	                    " first_byte_us, first_token_us, total_us, answer_bytes,"
	                    " cache_read_tokens, cache_write_tokens, reasoning_tokens,"
	                    " audio_input_tokens, audio_output_tokens, client_status,"
	                    " exchange_total_us, overhead_us, attempts, client, agent"
	                    " FROM attempts WHERE id = 256"),
	          "188900966474565|1|chat|fast|fast|1|1000||gpt-5-mini-2025|stop|11|22|"
	          "33|44|55|"
	          "2|3|5|6|7|200|66|77|1|127.0.0.1|curl/8");
	CHECK(ledger_close_open_rows(l, &count));
	CHECK_STR(ask(path, "SELECT state, usage_kind FROM attempts WHERE id = 512"),
	          "unknown|unknown");
	CHECK_STR(ask(path, "PRAGMA integrity_check"), "ok");
	ledger_close(&l);
}

struct seen {
	uint64_t ids[16];
	unsigned count, enough;
};

static bool see(void *arg, const struct attempt_row *row)
{
	struct seen *s = arg;

	s->ids[s->count++] = row->id >> 8;
	return s->count != s->enough;
}

static void put_exchange(struct ledger *l, uint64_t id, unsigned attempts)
{
	for (unsigned i = 0; i < attempts; i++) {
		struct attempt_row row = done_of(id + i);

		row.exchange = id << 8;
		row.number = i + 1;
		row.closes = i + 1 == attempts;
		CHECK(put(l, row));
	}
}

TEST(ledger_tells_who_is_under_way)
{
	struct ledger *l = ledger_open(path_in(test_dir()), &why);
	uint64_t ids[3] = { 0 };
	unsigned count = 7;

	CHECK(ledger_open_ids(l, ids, countof(ids), &count));
	CHECK_INT(count, 0);
	for (uint64_t id = 5; id > 1; id--)
		CHECK(put(l, row_of(id)));
	CHECK(put(l, done_of(3)));
	CHECK(ledger_open_ids(l, ids, countof(ids), &count));
	CHECK_INT(count, 3);
	CHECK(ids[0] == 2 << 8 && ids[1] == 4 << 8 && ids[2] == 5 << 8);
	CHECK(ledger_open_ids(l, ids, 2, &count));
	CHECK_INT(count, 2);
	ledger_close(&l);
}

/* No row will ever close them. */
TEST(ledger_finds_exchanges_whose_process_died)
{
	struct ledger *l = open_fresh();
	struct seen s = { .count = 0 };
	uint64_t count;

	put_exchange(l, 10, 2);
	CHECK(put(l, row_of(20)));
	CHECK(ledger_exchanges(l, 0, 0, true, 10, see, &s));
	CHECK(s.count == 1 && s.ids[0] == 11); /* it is under way */
	CHECK(ledger_close_open_rows(l, &count));
	for (int newest = 0; newest < 2; newest++) {
		s = (struct seen){ .count = 0 };
		CHECK(ledger_exchanges(l, 0, 0, newest, 10, see, &s));
		CHECK(s.count == 2 && s.ids[newest] == 11 && s.ids[!newest] == 20);
	}
	ledger_close(&l);
}

TEST(ledger_finds_exchanges)
{
	const char *path = path_in(test_dir());
	struct ledger *l = ledger_open(path, &why);
	struct seen s = { .count = 0 };

	put_exchange(l, 10, 1);
	put_exchange(l, 20, 3);
	put_exchange(l, 30, 2);
	struct ledger *reader = ledger_open_reader(path, &why);
	CHECK(reader);
	CHECK(ledger_exchanges(reader, 0, 0, false, 10, see, &s));
	CHECK(s.count == 3 && s.ids[0] == 10 && s.ids[1] == 22 && s.ids[2] == 31);
	s = (struct seen){ .count = 0 };
	CHECK(ledger_exchanges(reader, 0, 0, true, 2, see, &s));
	CHECK(s.count == 2 && s.ids[0] == 31 && s.ids[1] == 22);
	s = (struct seen){ .count = 0 };
	CHECK(ledger_exchanges(reader, 10 << 8, 31 << 8, true, 10, see, &s));
	CHECK(s.count == 1 && s.ids[0] == 22);
	s = (struct seen){ .enough = 1 };
	CHECK(ledger_exchanges(reader, 0, 0, false, 10, see, &s));
	CHECK_INT(s.count, 1);

	s = (struct seen){ .count = 0 };
	CHECK(ledger_exchange(reader, 20 << 8, see, &s));
	CHECK(s.count == 3 && s.ids[0] == 20 && s.ids[1] == 21 && s.ids[2] == 22);
	s = (struct seen){ .count = 0 };
	CHECK(ledger_exchange(reader, 11 << 8, see, &s));
	CHECK_INT(s.count, 0);
	s = (struct seen){ .count = 0 };
	CHECK(ledger_attempt(reader, 999 << 8, see, &s));
	CHECK_INT(s.count, 0);
	/* One that went on for a day, and whose last attempt is not the one that closes
	 * it: it has lost a race. */
	put_exchange(l, 50, 2);
	struct attempt_row late = done_of(51 + 30 * USEC_HOUR);
	late.exchange = 50 << 8;
	late.number = 3;
	late.closes = false;
	CHECK(put(l, late));
	CHECK(ledger_exchange(reader, 50 << 8, see, &s));
	CHECK(s.count == 3 && s.ids[0] == 50 && s.ids[1] == 51);
	s = (struct seen){ .count = 0 };
	/* A reader sees what comes later, and cannot write. */
	put_exchange(l, 40, 1);
	CHECK(ledger_exchange(reader, 40 << 8, see, &s));
	CHECK_INT(s.count, 1);
	CHECK(!ledger_begin(reader));
	ledger_close(&reader);
	ledger_close(&l);
}

/* ---- opening ---- */

TEST(a_conversation_is_kept_of_what_is_part_of_a_trial)
{
	const char *path = path_in(test_dir());
	struct ledger *l = ledger_open(path, &why);
	struct attempt_row rows[4];
	bool changed;

	CHECK(l && ledger_begin(l));
	for (unsigned i = 0; i < countof(rows); i++) {
		rows[i] = i % 2 ? row_of(i + 1) : done_of(i + 1);
		if (i > 1)
			rows[i].conversation = 0;
		CHECK(ledger_put_new(l, &rows[i]));
	}
	CHECK(ledger_commit(l));
	rows[3] = done_of(4); /* of one that was opened without */
	CHECK(ledger_begin(l) && ledger_put_opened(l, &rows[3], &changed) &&
	      ledger_commit(l));
	ledger_close(&l);
	CHECK_STR(ask(path, "SELECT conversation FROM attempt ORDER BY id"),
	          "-2 -3 NULL -5");
}

TEST(ledger_migrates_forward_and_refuses_what_is_newer)
{
	const char *path = path_in(test_dir());
	sqlite3 *db = NULL;
	struct stat st;

	/* Version 0: an empty database of somebody's making. */
	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	CHECK(sqlite3_exec(db, "PRAGMA user_version = 0; CREATE TABLE other (x)", NULL,
	                   NULL, NULL) == SQLITE_OK);
	sqlite3_close(db);
	CHECK(!ledger_open_reader(path, &why));
	CHECK(str_has(buf_str(&why), STR("start the gateway once")));
	struct ledger *l = ledger_open(path, &why);
	CHECK(l && put(l, done_of(1)));
	ledger_close(&l);
	l = ledger_open(path, &why);
	check_row(l, done_of(1));
	ledger_close(&l);

	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	CHECK(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL) ==
	      SQLITE_OK);
	sqlite3_close(db);
	buf_clear(&why);
	CHECK(!ledger_open(path, &why));
	CHECK(str_has(buf_str(&why), STR("newer Sluice")));
	CHECK(str_has(buf_str(&why), STR("99")));
	buf_clear(&why);
	CHECK(!ledger_open_reader(path, &why));
	CHECK(str_has(buf_str(&why), STR("newer Sluice")));
	buf_clear(&why);

	path = path_in(test_dir());
	CHECK(!ledger_open_reader(path, &why) && why.len);
	buf_clear(&why);
	l = ledger_open(path, &why);
	CHECK(l && stat(path, &st) == 0 && (st.st_mode & 077) == 0);
	ledger_close(&l);
}

TEST(ledger_says_what_is_wrong_with_a_file)
{
	const char *path = path_in(test_dir());
	FILE *f = fopen(path, "w");

	for (int i = 0; i < 1000; i++)
		fputs("this is no database ", f);
	fclose(f);
	buf_clear(&why);
	CHECK(!ledger_open(path, &why));
	CHECK(str_has(buf_str(&why), STR("not a database")));
	buf_clear(&why);
	CHECK(!ledger_open("/dev/null/none/ledger.db", &why) && why.len);
	buf_clear(&why);
}

TEST(ledger_survives_damage)
{
	char copy[600];
	const char *path = path_in(test_dir());
	struct ledger *l = ledger_open(path, &why);

	for (uint64_t i = 1; i <= 300; i++)
		CHECK(put(l, done_of(i)));
	ledger_close(&l);
	FILE *f = fopen(path, "r");
	static char bytes[256 * KiB];
	size_t size = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	CHECK(size > 16 * KiB && size < sizeof(bytes));
	snprintf(copy, sizeof(copy), "%s.copy", path);
	srand(7);
	for (int i = 0; i < 300; i++) {
		size_t at = (size_t)rand() % size;
		char was = bytes[at];

		bytes[at] = (char)(was ^ (1 << (rand() % 8)));
		f = fopen(copy, "w");
		fwrite(bytes, 1, size, f);
		fclose(f);
		buf_clear(&why);
		/* Anything but a crash: refused with a text, or what can be read is read.
		 */
		l = ledger_open(copy, &why);
		if (l) {
			struct seen s = { .enough = 15 };
			struct attempt_row row = done_of(500);
			bool changed;

			(void)ledger_exchanges(l, 0, 0, false, 10, see, &s);
			if (!ledger_begin(l) || !ledger_put(l, &row, &changed) ||
			    !ledger_commit(l))
				ledger_rollback(l);
			ledger_close(&l);
		} else {
			CHECK(why.len);
		}
		bytes[at] = was;
		remove(copy);
	}
	buf_free(&why);
}
