/* ledger_attempts.c - attempt rows, into the database and out of it.
 *
 * Writing is idempotent by id: what is there is left alone, but for an open row that is
 * settled.  Numbers that follow from the id are not stored: the exchange when it is the
 * row's own id, and the beginning when the id was made from it.  New rows go many to a
 * statement (ledger_queue.c). */
#include "store/ledger_private.h"

#include "base/mem.h"
#include "store/sums.h"

enum { DETAIL_MOST = 512 };

/* ---- rows as values ---- */

/* What most rows have first: see the table. */
enum {
	AT_ID,
	AT_REQUEST,
	AT_REQUEST_BYTES,
	AT_OUTCOME,
	AT_CALLER,
	AT_FIRST_BYTE,
	AT_TOTAL,
	AT_ANSWER_BYTES,
	AT_INPUT,
	AT_OUTPUT,
	AT_EXCHANGE_TOTAL,
	AT_OVERHEAD,
	PLAIN_VALUES,
	AT_COST = PLAIN_VALUES,
	AT_PRICE,
	AT_RESERVED,
	PRICED_VALUES,
	AT_FIRST_TOKEN = PRICED_VALUES,
	AT_CACHE_READ,
	AT_REASONING,
	AT_SUBJECT,
	AT_BEGAN,
	USUAL_VALUES,
	AT_EXCHANGE = USUAL_VALUES,
	AT_NUMBER,
	AT_STATE,
	AT_DETAIL, /* the only text */
	AT_CONNECT,
	AT_CACHE_WRITE,
	AT_AUDIO_INPUT,
	AT_AUDIO_OUTPUT,
	AT_CACHE_WRITE_1H,
	AT_SEARCHES,
	AT_IMAGES,
	AT_ATTEMPTS,
	AT_CONVERSATION,
	VALUES,
};
_Static_assert((int)VALUES == (int)LEDGER_ROW_VALUES, "as many as the statements have");

static void set_null(struct row_values *v, int at, bool is_null)
{
	v->nulls |= (uint64_t)is_null << at;
}

/* For what is zero in nearly every row, and then reads as zero all the same. */
static void set_unless_zero(struct row_values *v, int at, int64_t value)
{
	v->number[at] = value;
	set_null(v, at, value == 0);
}

static void take_open(const struct attempt_row *row, const struct row_labels *labels,
                      struct row_values *v)
{
	v->nulls = 0;
	v->number[AT_ID] = (int64_t)row->id;
	v->number[AT_EXCHANGE] = (int64_t)row->exchange;
	set_null(v, AT_EXCHANGE, row->exchange == row->id);
	v->number[AT_NUMBER] = row->number;
	v->number[AT_STATE] = row->state;
	v->number[AT_BEGAN] = row->began_wall;
	set_null(v, AT_BEGAN, row->began_wall == (usec)(row->id >> 8));
	v->number[AT_REQUEST_BYTES] = (int64_t)row->request_bytes;
	set_unless_zero(v, AT_RESERVED, row->reserved);
	set_unless_zero(v, AT_SUBJECT, labels->subject);
	v->number[AT_REQUEST] = labels->request;
	set_unless_zero(v, AT_CONVERSATION, (int64_t)row->conversation);
}

static void take_close(const struct attempt_row *row, const struct row_labels *labels,
                       struct row_values *v)
{
	const struct token_usage *usage = &row->usage;

	v->number[AT_OUTCOME] = labels->outcome;
	set_unless_zero(v, AT_CALLER, labels->caller);
	set_unless_zero(v, AT_PRICE, labels->price);
	set_null(v, AT_DETAIL, true);
	set_unless_zero(v, AT_CONNECT, row->connect);
	v->number[AT_FIRST_BYTE] = row->first_byte;
	set_unless_zero(v, AT_FIRST_TOKEN, row->first_token);
	v->number[AT_TOTAL] = row->total;
	v->number[AT_ANSWER_BYTES] = (int64_t)row->answer_bytes;
	v->number[AT_INPUT] = (int64_t)usage->input;
	v->number[AT_OUTPUT] = (int64_t)usage->output;
	set_unless_zero(v, AT_CACHE_READ, (int64_t)usage->cache_read);
	set_unless_zero(v, AT_CACHE_WRITE, (int64_t)usage->cache_write);
	set_unless_zero(v, AT_REASONING, (int64_t)usage->reasoning);
	set_unless_zero(v, AT_AUDIO_INPUT, (int64_t)usage->audio_input);
	set_unless_zero(v, AT_AUDIO_OUTPUT, (int64_t)usage->audio_output);
	set_unless_zero(v, AT_CACHE_WRITE_1H, (int64_t)usage->cache_write_1h);
	set_unless_zero(v, AT_SEARCHES, (int64_t)usage->searches);
	set_unless_zero(v, AT_IMAGES, (int64_t)usage->images);
	v->number[AT_COST] = row->cost;
	set_null(v, AT_COST, row->cost == COST_UNKNOWN);
	v->number[AT_EXCHANGE_TOTAL] = row->exchange_total;
	v->number[AT_OVERHEAD] = row->overhead;
	v->number[AT_ATTEMPTS] = row->attempts;
}

static uint64_t bits(int from, int to)
{
	return ((uint64_t)1 << to) - ((uint64_t)1 << from);
}

/* An exchange of one attempt, on a connection that stood, with nothing special, needs no
 * more than what stands first: most are. */
static enum queue_kind kind_of(const struct row_values *v)
{
	const uint64_t ones = 1u << AT_NUMBER | 1u << AT_STATE | 1u << AT_ATTEMPTS;

	if (~v->nulls & bits(USUAL_VALUES, VALUES) & ~ones || v->number[AT_NUMBER] != 1 ||
	    v->number[AT_STATE] != ROW_DONE || v->number[AT_ATTEMPTS] != 1)
		return QUEUE_ANY;
	if (~v->nulls & bits(PRICED_VALUES, USUAL_VALUES))
		return QUEUE_USUAL;
	return ~v->nulls & bits(PLAIN_VALUES, PRICED_VALUES) ? QUEUE_PRICED : QUEUE_PLAIN;
}

static void bind_one(sqlite3_stmt *st, const struct row_values *v, int at)
{
	if (v->nulls >> at & 1)
		sqlite3_bind_null(st, at + 1);
	else
		sqlite3_bind_int64(st, at + 1, v->number[at]);
}

/* ---- writing ---- */

/* Who reads a span of time has to know how far ids may be off, either way. */
static bool note_clock(struct ledger *l, const struct attempt_row *row)
{
	usec ahead = (usec)(row->id >> 8) - row->began_wall;
	sqlite3_stmt *st;

	if (likely(ahead <= l->ahead && -ahead <= l->behind))
		return true;
	st = ledger_get(l, LEDGER_CLOCK_PUT);
	if (!st)
		return false;
	l->ahead = max_of(l->ahead, ahead);
	l->behind = max_of(l->behind, -ahead);
	sqlite3_bind_int64(st, 1, l->ahead);
	sqlite3_bind_int64(st, 2, l->behind);
	return ledger_run(st);
}

static bool put_open(struct ledger *l, const struct attempt_row *row, bool *ret_changed)
{
	static const int open_values[] = { AT_ID,          AT_REQUEST, AT_REQUEST_BYTES,
		                           AT_RESERVED,    AT_SUBJECT, AT_EXCHANGE,
		                           AT_NUMBER,      AT_STATE,   AT_BEGAN,
		                           AT_CONVERSATION };
	sqlite3_stmt *st = ledger_get(l, LEDGER_PUT_OPEN);
	struct row_labels labels;
	struct row_values v;

	if (!st || !note_clock(l, row) || !labels_get(l, row, &labels))
		return false;
	take_open(row, &labels, &v);
	for (unsigned i = 0; i < countof(open_values); i++)
		bind_one(st, &v, open_values[i]);
	if (!ledger_run(st))
		return false;
	*ret_changed = sqlite3_changes(l->db) > 0;
	return true;
}

static bool put_values(struct ledger *l, enum ledger_statement which,
                       const struct row_values *v, str detail, bool *ret_changed)
{
	sqlite3_stmt *st = ledger_get(l, which);

	if (!st)
		return false;
	for (int i = 0; i < VALUES; i++)
		bind_one(st, v, i);
	if (detail.len)
		ledger_bind_str(st, AT_DETAIL + 1, detail);
	if (!ledger_run(st))
		return false;
	*ret_changed = sqlite3_changes(l->db) > 0;
	return true;
}

/* The open row of that id, if there is one, gets its second half, and what was reserved
 * for it in the end; otherwise the row is put if there is none.  What is likelier is
 * tried first. */
static bool put_done(struct ledger *l, const struct attempt_row *row, bool was_opened,
                     bool *ret_changed)
{
	static const enum ledger_statement ways[] = { LEDGER_PUT_DONE, LEDGER_SETTLE };
	char room[DETAIL_MOST];
	str detail = label_clean(str_first(row->detail, DETAIL_MOST), room);
	struct row_labels labels;
	struct row_values v;
	bool changed = false;

	if (!note_clock(l, row) || !labels_get(l, row, &labels))
		return false;
	take_open(row, &labels, &v);
	take_close(row, &labels, &v);
	if (!put_values(l, ways[was_opened], &v, detail, &changed) ||
	    (!changed && !put_values(l, ways[!was_opened], &v, detail, &changed)))
		return false;
	*ret_changed = changed;
	return !changed || rollup_add(l, row, &labels);
}

bool ledger_put(struct ledger *l, const struct attempt_row *row, bool *ret_changed)
{
	bool changed;

	if (!(row->state == ROW_OPEN ? put_open(l, row, &changed)
	                             : put_done(l, row, false, &changed)))
		return false;
	if (ret_changed)
		*ret_changed = changed;
	return true;
}

bool ledger_put_opened(struct ledger *l, const struct attempt_row *row, bool *ret_changed)
{
	return put_done(l, row, true, ret_changed);
}

bool ledger_put_new(struct ledger *l, const struct attempt_row *row)
{
	bool is_open = row->state == ROW_OPEN;
	struct row_labels labels;
	struct row_values *v;

	if (row->state == ROW_UNKNOWN || row->detail.len)
		return ledger_put(l, row, NULL);
	v = ledger_queue_place(l, is_open);
	if (!v || !note_clock(l, row) || !labels_get(l, row, &labels))
		return false;
	take_open(row, &labels, v);
	if (is_open)
		return ledger_queue_add(l, QUEUE_OPEN);
	take_close(row, &labels, v);
	return rollup_add(l, row, &labels) && ledger_queue_add(l, kind_of(v));
}

uint64_t ledger_last_id(struct ledger *l)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_LAST_ID);
	uint64_t id = 0;

	if (!st)
		return 0;
	if (sqlite3_step(st) == SQLITE_ROW)
		id = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return id;
}

/* ---- reading ---- */

/* The columns of a row, one after another. */
struct columns {
	sqlite3_stmt *st;
	int at;
};

static int64_t next_number(struct columns *c)
{
	return sqlite3_column_int64(c->st, c->at++);
}

static uint64_t next_count(struct columns *c)
{
	return (uint64_t)next_number(c);
}

static str next_text(struct columns *c)
{
	return ledger_str(c->st, c->at++);
}

static void read_open_half(struct columns *c, struct attempt_row *row)
{
	row->id = next_count(c);
	row->exchange = next_count(c);
	row->number = (uint32_t)next_number(c);
	row->state = (enum row_state)next_number(c);
	row->began_wall = next_number(c);
	row->request_bytes = next_count(c);
	row->key = next_count(c);
	row->operation = next_text(c);
	row->asked = next_text(c);
	row->route = next_text(c);
	row->stream = next_number(c) != 0;
	row->provider = next_text(c);
	row->model = next_text(c);
	row->team = next_count(c);
	row->trial = next_text(c);
	row->conversation = next_count(c);
	row->user = next_text(c);
	row->tags = next_text(c);
	row->reserved = next_number(c);
	row->is_corrected = sqlite3_column_type(c->st, c->at) != SQLITE_NULL;
	row->corrected = next_number(c);
}

static void read_price(struct columns *c, struct attempt_row *row, struct price *room)
{
	bool is_known = sqlite3_column_type(c->st, c->at) != SQLITE_NULL;

	room->version = next_count(c);
	room->since = (uint32_t)next_number(c);
	room->above = (uint32_t)next_number(c);
	room->source = (enum price_source)next_number(c);
	room->discount = (uint32_t)next_number(c);
	for (int i = 0; i < PRICE_CLASSES; i++)
		room->of[i] = ledger_price(c->st, c->at++);
	row->price = is_known ? room : NULL;
}

static void read_done_half(struct columns *c, struct attempt_row *row, struct price *room)
{
	row->status = (int32_t)next_number(c);
	row->fault = next_text(c);
	row->answered_model = next_text(c);
	row->finish = next_text(c);
	row->usage_kind = (enum usage_kind)next_number(c);
	row->client_status = (int32_t)next_number(c);
	row->detail = next_text(c);
	row->connect = next_number(c);
	row->first_byte = next_number(c);
	row->first_token = next_number(c);
	row->total = next_number(c);
	row->answer_bytes = next_count(c);
	row->usage.input = next_count(c);
	row->usage.output = next_count(c);
	row->usage.cache_read = next_count(c);
	row->usage.cache_write = next_count(c);
	row->usage.reasoning = next_count(c);
	row->usage.audio_input = next_count(c);
	row->usage.audio_output = next_count(c);
	row->usage.cache_write_1h = next_count(c);
	row->usage.searches = next_count(c);
	row->usage.images = next_count(c);
	row->cost = sqlite3_column_type(c->st, c->at) == SQLITE_NULL
	                    ? COST_UNKNOWN
	                    : sqlite3_column_int64(c->st, c->at);
	c->at++;
	row->closes = next_number(c) != 0;
	row->exchange_total = next_number(c);
	row->overhead = next_number(c);
	row->attempts = (uint32_t)next_number(c);
	row->client = next_text(c);
	row->agent = next_text(c);
	row->flags = (unsigned)next_number(c);
	read_price(c, row, room);
}

static void read_row(sqlite3_stmt *st, struct attempt_row *row, struct price *room)
{
	struct columns c = { .st = st };

	*row = (struct attempt_row){ .cost = COST_UNKNOWN, .usage_kind = USAGE_UNKNOWN };
	read_open_half(&c, row);
	if (row->state == ROW_DONE)
		read_done_half(&c, row, room);
}

/* Steps through the rows until `each` has enough. */
bool ledger_read_rows(struct ledger *l, sqlite3_stmt *st, ledger_row_fn *each, void *arg)
{
	struct attempt_row row;
	struct price price;

	ledger_forget_error(l);
	while (sqlite3_step(st) == SQLITE_ROW) {
		read_row(st, &row, &price);
		if (!each(arg, &row)) {
			ledger_keep_error(l);
			break;
		}
	}
	return sqlite3_reset(st) == SQLITE_OK;
}

struct closing {
	struct ledger *l;
	uint64_t count;
	bool ok;
};

static bool count_unknown(void *arg, const struct attempt_row *found)
{
	struct closing *c = arg;
	struct attempt_row row = *found;
	struct sums sums = { 0 };

	row.state = ROW_UNKNOWN;
	sums_add_row(&sums, &row);
	c->ok = rollup_add_sums(c->l, &row, &sums);
	c->count++;
	return c->ok;
}

static bool close_open_rows(struct ledger *l, uint64_t *ret_count)
{
	struct closing c = { .l = l, .ok = true };
	sqlite3_stmt *st = ledger_get(l, LEDGER_OPEN_ROWS);

	if (!st || !ledger_read_rows(l, st, count_unknown, &c) || !c.ok)
		return false;
	*ret_count = c.count;
	return ledger_run(ledger_get(l, LEDGER_CLOSE_OPEN_ROWS));
}

bool ledger_close_open_rows(struct ledger *l, uint64_t *ret_count)
{
	return ledger_begin(l) && close_open_rows(l, ret_count) && ledger_commit(l);
}

bool ledger_open_ids(struct ledger *l, uint64_t *ret_ids, unsigned most,
                     unsigned *ret_count)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_OPEN_IDS);
	unsigned count = 0;

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, most);
	while (count < most && sqlite3_step(st) == SQLITE_ROW)
		ret_ids[count++] = (uint64_t)sqlite3_column_int64(st, 0);
	*ret_count = count;
	return sqlite3_reset(st) == SQLITE_OK;
}

bool ledger_attempt(struct ledger *l, uint64_t id, ledger_row_fn *each, void *arg)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_ATTEMPT);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, (int64_t)id);
	return ledger_read_rows(l, st, each, arg);
}

bool ledger_exchange(struct ledger *l, uint64_t exchange, ledger_row_fn *each, void *arg)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_EXCHANGE);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, (int64_t)exchange);
	return ledger_read_rows(l, st, each, arg);
}

bool ledger_exchanges(struct ledger *l, uint64_t after, uint64_t before, bool newest,
                      unsigned most, ledger_row_fn *each, void *arg)
{
	sqlite3_stmt *st =
	        ledger_get(l, newest ? LEDGER_EXCHANGES_NEWEST : LEDGER_EXCHANGES);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, (int64_t)after);
	sqlite3_bind_int64(st, 2, before ? (int64_t)before : INT64_MAX);
	sqlite3_bind_int64(st, 3, most);
	return ledger_read_rows(l, st, each, arg);
}
