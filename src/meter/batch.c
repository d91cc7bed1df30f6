/* batch.c - joins CLOSE to OPEN and writes rows in the order of their ids.
 *
 * The order matters for speed only: rows that are appended to the table cost half of rows
 * that are inserted between others.  A CLOSE whose OPEN is of an earlier process, or
 * found no place in the table, is joined to the open row in the ledger.  The lines of a
 * batch go out before its commit: a crash between the two repeats lines, which have ids,
 * and loses none. */
#include "meter/batch.h"

#include "base/mem.h"
#include "meter/access_log.h"
#include "meter/pin_record.h"
#include "meter/record.h"
#include "meter/row_kinds.h"

#include <sched.h>

enum {
	ROWS_MOST = 8 * KiB,
	YIELD_ROWS = 128,     /* as many are applied, or */
	YIELD_RECORDS = 1024, /* read, in some 200 us */
};

/* Where a worker shares our core it has requests waiting, and the kernel would let us
 * work for milliseconds.  With a core of our own this costs nothing.  A full batch means
 * that we are late, and then we do not wait for others. */
static void give_way(const struct batch *b, unsigned done, unsigned every)
{
	if (done % every == 0 && b->count < ROWS_MOST)
		sched_yield();
}

/* ---- reading ---- */

static str open_of(const struct batch_row *row)
{
	return str_of(row->open, row->open_len);
}

static void add_row(struct batch *b, const struct batch_row *row)
{
	b->rows[b->count++] = *row;
}

static void add_open(struct batch *b, uint64_t id, str payload)
{
	if (open_table_put(&b->open, id, payload))
		b->opened[b->opened_count++] = id;
	else
		add_row(b, &(struct batch_row){ .id = id,
		                                .open = payload.ptr,
		                                .open_len = (uint16_t)payload.len });
}

static void add_close(struct batch *b, uint64_t id, const struct journal_record *record)
{
	struct batch_row row = { .id = id,
		                 .kind = (uint8_t)record->kind,
		                 .close = record->payload.ptr,
		                 .close_len = (uint16_t)record->payload.len };
	struct open_entry e;

	if (record->kind == RECORD_CLOSE && open_table_take(&b->open, id, &e)) {
		row.open = e.bytes;
		row.open_len = (uint16_t)e.len;
		row.open_is_owned = e.owned;
		row.in_ledger = e.in_ledger;
	}
	add_row(b, &row);
}

static void add(struct batch *b, const struct journal_record *record)
{
	uint64_t id;

	if (record->kind == RECORD_PIN) {
		b->pins[b->pin_count++] = record->payload;
		return;
	}
	id = record_id(record);
	if (!id)
		b->unreadable++;
	else if (id < b->pruned_below && record->place <= b->pruned_place)
		return;
	else if (record->kind == RECORD_OPEN)
		add_open(b, id, record->payload);
	else
		add_close(b, id, record);
}

bool batch_read(struct batch *b, struct journal *j)
{
	struct journal_record record;

	while (b->count < ROWS_MOST && b->opened_count < ROWS_MOST &&
	       b->pin_count < ROWS_MOST) {
		if (!journal_next(j, &record))
			return true;
		if (!b->rows) {
			b->rows = mem_new(ROWS_MOST * sizeof(*b->rows));
			b->opened = mem_new(ROWS_MOST * sizeof(*b->opened));
			b->pins = mem_new(ROWS_MOST * sizeof(*b->pins));
			if (!b->kinds)
				b->kinds = row_kinds_new();
		}
		add(b, &record);
		give_way(b, b->count + b->opened_count + 1, YIELD_RECORDS);
	}
	return false;
}

/* ---- applying ---- */

struct target {
	struct batch *batch;
	struct ledger *ledger;
	struct access_log *log;
	struct batch_row *from;
	struct price price; /* of the row at hand */
	bool is_careful;    /* new rows may be old ones */
	bool found, ok;
};

static bool read_into(struct target *t, uint32_t kind, str payload,
                      struct attempt_row *row)
{
	struct journal_record record = { .kind = kind, .payload = payload };

	return record_read(&record, row, &t->price);
}

static void tell(struct target *t, const struct attempt_row *row)
{
	struct batch *b = t->batch;

	if (!b->on_row || b->is_replay || t->from->is_told)
		return;
	b->on_row(b->on_row_arg, row);
	t->from->is_told = true;
}

static void put(struct target *t, struct attempt_row *row)
{
	bool changed = true;

	ledger_row_forget(t->ledger, row);
	if (t->from->in_ledger)
		t->ok = ledger_put_opened(t->ledger, row, &changed);
	else if (t->is_careful || !t->from->open || !t->from->close)
		t->ok = ledger_put(t->ledger, row, &changed);
	else
		t->ok = ledger_put_new(t->ledger, row);
	if (!t->ok || !changed || row->state == ROW_OPEN)
		return;
	tell(t, row);
	/* Of a trial's shadow there was no request. */
	if (!row->closes || t->from->is_logged || !t->log || row->flags & ROW_SHADOW)
		return;
	access_log_add(t->log, row);
	t->from->is_logged = true;
}

static void read_close(struct target *t, struct attempt_row *row)
{
	const struct batch_row *from = t->from;

	str close = str_of(from->close, from->close_len);

	/* Damage of a kind that no CRC sees leaves a row that says what it can. */
	if (!read_into(t, from->kind, close, row))
		row->state = ROW_DONE;
	else if (from->open)
		row->kind = row_kind(t->batch->kinds, open_of(from), close);
}

/* The OPEN of this CLOSE is an open row of the ledger. */
static bool join(void *arg, const struct attempt_row *found)
{
	struct target *t = arg;
	struct attempt_row row = *found;

	t->found = true;
	if (found->state != ROW_OPEN)
		return false;
	read_close(t, &row);
	if (ledger_is_tombstone(row.user))
		row_forget(&row);
	put(t, &row);
	return false;
}

/* Its OPEN was in a segment that cannot be read: the costs are worth a row. */
static void put_orphan(struct target *t)
{
	struct attempt_row row = { .exchange = t->from->id,
		                   .number = 1,
		                   .began_wall = (usec)(t->from->id >> 8),
		                   .cost = COST_UNKNOWN };

	read_close(t, &row);
	if (!row.detail.len)
		row.detail = STR("the record of its beginning is lost");
	put(t, &row);
}

static bool apply_row(struct target *t)
{
	struct batch_row *from = t->from;
	struct attempt_row row = { .cost = COST_UNKNOWN };

	t->ok = t->found = true;
	if (from->open && !read_into(t, RECORD_OPEN, open_of(from), &row))
		return true; /* record_id has looked at it: does not happen */
	if (!from->close) {
		put(t, &row);
	} else if (from->open || from->kind == RECORD_WHOLE) {
		read_close(t, &row);
		put(t, &row);
	} else {
		t->found = false;
		t->ok = ledger_attempt(t->ledger, from->id, join, t) && t->ok;
		if (t->ok && !t->found)
			put_orphan(t);
	}
	return t->ok;
}

static bool apply_open(struct batch *b, struct target *t)
{
	struct attempt_row row = { .cost = COST_UNKNOWN };

	for (unsigned i = 0; i < b->opened_count; i++) {
		struct open_entry *e = open_table_find(&b->open, b->opened[i]);

		if (!e || e->in_ledger ||
		    !read_into(t, RECORD_OPEN, str_of(e->bytes, e->len), &row))
			continue;
		ledger_row_forget(t->ledger, &row);
		if (!(t->is_careful ? ledger_put(t->ledger, &row, NULL)
		                    : ledger_put_new(t->ledger, &row)))
			return false;
	}
	return true;
}

static int by_id(const void *a, const void *b)
{
	const struct batch_row *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	/* An open row before the one that settles it. */
	return (x->close != NULL) - (y->close != NULL);
}

static void sort(struct batch *b)
{
	for (unsigned i = 1; i < b->count; i++) {
		if (by_id(&b->rows[i - 1], &b->rows[i]) > 0) {
			qsort(b->rows, b->count, sizeof(*b->rows), by_id);
			return;
		}
	}
}

static bool apply_pins(struct batch *b, struct ledger *l)
{
	struct pin_row pin;

	for (unsigned i = 0; i < b->pin_count; i++) {
		struct journal_record record = { .kind = RECORD_PIN,
			                         .payload = b->pins[i] };

		if (!pin_record_read(&record, &pin))
			b->unreadable++;
		else if (!ledger_pin_put(l, &pin))
			return false;
	}
	return true;
}

static bool apply_all(struct batch *b, struct ledger *l, struct access_log *log)
{
	struct target t = { .batch = b,
		            .ledger = l,
		            .log = log,
		            .is_careful = b->is_replay || b->is_retry };

	for (unsigned i = 0; i < b->count; i++) {
		t.from = &b->rows[i];
		give_way(b, i + 1, YIELD_ROWS);
		if (!apply_row(&t))
			return false;
	}
	return apply_open(b, &t) && apply_pins(b, l);
}

static void empty(struct batch *b)
{
	for (unsigned i = 0; i < b->count; i++) {
		struct open_entry e = { .bytes = b->rows[i].open,
			                .owned = b->rows[i].open_is_owned };

		open_entry_done(&e);
	}
	b->count = b->opened_count = b->pin_count = 0;
}

/* Nothing may point into the journals when they retire. */
static void keep_open(struct batch *b)
{
	for (unsigned i = 0; i < b->opened_count; i++) {
		struct open_entry *e = open_table_find(&b->open, b->opened[i]);

		if (!e)
			continue;
		open_entry_own(e);
		e->in_ledger = true;
	}
}

bool batch_apply(struct batch *b, struct ledger *l, struct access_log *log)
{
	sort(b);
	bool ok = ledger_begin(l) && apply_all(b, l, log);
	if (ok && log)
		access_log_write(log);
	b->is_retry = !ok || !ledger_commit(l);
	if (b->is_retry)
		return false;
	keep_open(b);
	empty(b);
	return true;
}

/* ---- memory ---- */

void batch_forget_open(struct batch *b)
{
	open_table_clear(&b->open);
}

void batch_rest(struct batch *b)
{
	if (!batch_is_empty(b))
		return;
	free(b->rows);
	free(b->opened);
	free(b->pins);
	b->pins = NULL;
	b->rows = NULL;
	b->opened = NULL;
	open_table_shrink(&b->open);
}

void batch_done(struct batch *b)
{
	empty(b);
	batch_rest(b);
	row_kinds_free(&b->kinds);
	batch_forget_open(b);
}
