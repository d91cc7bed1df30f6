/* tail.c - sluice tail: the last exchanges, and those that come.
 *
 * An exchange is known by the id of its last attempt, which is given when it begins; a
 * long stream therefore comes late, with a low id.  So following does two things, again
 * and again.  It looks at the newest rows, often at a few and now and then at many, and
 * prints those not printed before.  And it knows the attempts that are under way: one
 * that is no longer among them has ended, and is printed however many came behind it. */
#include "main/reading.h"
#include "admin/spend.h"
#include "admin/text.h"

#include "base/mem.h"

#include <stdio.h>
#include <time.h>

enum {
	LINES_MOST = 10000,
	NEAR = 1000,         /* rows looked at every time */
	FAR = 20000,         /* and now and then */
	FAR_EVERY = 20,      /* times */
	SEEN_SLOTS = 131072, /* a power of two, more than twice FAR */
	OPEN_MOST = 65536,   /* attempts under way */
};
static const long look_every_ns = 250 * 1000 * 1000;

/* Ids that were printed or passed over: a hash set.  Half full, it keeps those that may
 * be met again. */
struct seen {
	uint64_t slot[SEEN_SLOTS];
	unsigned count;
};

/* Attempts under way at one look, ascending. */
struct open {
	uint64_t ids[OPEN_MOST];
	unsigned count;
};

struct tail {
	struct command *c;
	struct seen *seen, *old;    /* old: while it is replaced */
	struct open *open, *before; /* now, and one look earlier */
	struct buf *lines;          /* texts of rows to print, newest first */
	struct {
		bool errors;
		uint64_t key;
		str model;
	} only;
	unsigned count, most;  /* beyond `most` rows are only remembered, if that */
	bool remembers;        /* rows will be met again */
	unsigned looked;       /* rows of this look */
	uint64_t oldest;       /* of these */
	struct ledger *ledger; /* that is looked at */
};

/* Where it is, or its place. */
static uint64_t *seen_at(struct seen *s, uint64_t id)
{
	uint64_t at = (id * 0x9e3779b97f4a7c15u) >> 47;

	while (s->slot[at] && s->slot[at] != id)
		at = (at + 1) & (SEEN_SLOTS - 1);
	return &s->slot[at];
}

/* False: it was there. */
static bool seen_add(struct seen *s, uint64_t id)
{
	uint64_t *slot = seen_at(s, id);

	if (*slot == id)
		return false;
	*slot = id;
	s->count++;
	return true;
}

/* By what is asked for: a route, a model, or what the client wrote. */
static bool is_wanted(const struct tail *t, const struct attempt_row *row)
{
	str model = t->only.model;

	if (t->only.errors && row->state == ROW_DONE && row->client_status < 400 &&
	    !row->fault.len && !row->flags)
		return false;
	if (t->only.key && row->key != t->only.key)
		return false;
	return !model.len || str_eq(row->model, model) || str_eq(row->route, model) ||
	       str_eq(row->asked, model);
}

/* ---- what an exchange has used ---- */

struct used {
	struct token_usage usage;
	enum usage_kind kind;
	nanousd cost;
	uint64_t but; /* the row that is known already */
};

static void add_used(struct used *u, const struct attempt_row *row)
{
	nanousd cost = row_cost(row);

	if (row->usage_kind == USAGE_NONE)
		return;
	u->usage.input += row->usage.input;
	u->usage.output += row->usage.output;
	u->kind = u->kind == USAGE_ESTIMATED ? u->kind : row->usage_kind;
	u->cost = u->cost == COST_UNKNOWN || cost == COST_UNKNOWN ? COST_UNKNOWN
	                                                          : u->cost + cost;
}

static bool add_other(void *arg, const struct attempt_row *row)
{
	struct used *u = arg;

	if (row->id != u->but && row->state == ROW_DONE)
		add_used(u, row);
	return true;
}

/* The line of an exchange has what all its attempts have used. */
static void write_line(struct buf *to, struct ledger *l, const struct attempt_row *last)
{
	struct used u = { .kind = USAGE_NONE, .but = last->id };
	struct attempt_row row = *last;

	add_used(&u, last);
	if (last->attempts > 1)
		(void)ledger_exchange(l, last->exchange, add_other, &u);
	row.usage = u.usage;
	row.usage_kind = u.kind;
	row.cost = u.cost;
	row.corrected = 0;
	row.is_corrected = false;
	row_line(to, &row);
}

static bool take_row(void *arg, const struct attempt_row *row)
{
	struct tail *t = arg;
	struct json_writer w = { 0 };

	t->looked++;
	t->oldest = row->id;
	if ((!row->closes && row->state != ROW_UNKNOWN) ||
	    (t->remembers && !seen_add(t->seen, row->id)) || t->count >= t->most ||
	    !is_wanted(t, row))
		return t->remembers || t->count < t->most;
	w.to = &t->lines[t->count++];
	w.to->limit = 64 * KiB;
	if (t->c->json) {
		row_json(&w, row);
		buf_add_char(w.to, '\n');
	} else {
		write_line(w.to, t->ledger, row);
	}
	return true;
}

/* Oldest first. */
static void print_lines(struct tail *t)
{
	while (t->count > 0) {
		struct buf *line = &t->lines[--t->count];

		if (line->len)
			fwrite(line->ptr, 1, line->len, stdout);
		buf_free(line);
	}
	fflush(stdout);
}

/* Who was under way at the last look and is not any more? */
static bool take_ended(struct tail *t, struct ledger *l)
{
	const struct open *now = t->open;
	unsigned at = 0;

	for (unsigned i = 0; i < t->before->count; i++) {
		uint64_t id = t->before->ids[i];

		while (at < now->count && now->ids[at] < id)
			at++;
		if (at < now->count && now->ids[at] == id)
			continue;
		if (!ledger_attempt(l, id, take_row, t))
			return false;
	}
	return true;
}

static bool look_at_open(struct tail *t, struct ledger *l)
{
	struct open *before = t->before;

	t->before = t->open;
	t->open = before;
	return ledger_open_ids(l, t->open->ids, OPEN_MOST, &t->open->count);
}

static bool keep_seen(void *arg, const struct attempt_row *row)
{
	struct tail *t = arg;

	if (*seen_at(t->old, row->id) == row->id)
		seen_add(t->seen, row->id);
	return true;
}

/* Only what lies within sight is met again, and only what was seen is kept: rows that
 * have come since the last look are still to be printed. */
static bool forget_old(struct tail *t, struct ledger *l)
{
	bool is_read;

	t->old = t->seen;
	t->seen = mem_new(sizeof(*t->seen));
	is_read = ledger_exchanges(l, 0, 0, true, FAR, keep_seen, t);
	free(t->old);
	t->old = NULL;
	return is_read;
}

/* Looks at the newest rows and prints the new ones among them, `most` at most; false when
 * they cannot be read. */
static bool look(struct tail *t, struct ledger *l, unsigned rows, unsigned most)
{
	/* First who is under way, so that nobody can end unseen between the two. */
	bool is_read = look_at_open(t, l);

	t->ledger = l;
	t->remembers = true;
	t->most = most;
	is_read = is_read && ledger_exchanges(l, 0, 0, true, rows, take_row, t);
	t->most = FAR + OPEN_MOST;
	is_read = is_read && take_ended(t, l);
	print_lines(t);
	if (is_read && t->seen->count > SEEN_SLOTS / 2)
		is_read = forget_old(t, l);
	return is_read;
}

/* The first look: at `rows`, and at so many again until `most` are found.  `follows`: the
 * first of them are not to be printed by later looks. */
static bool look_back(struct tail *t, struct ledger *l, unsigned rows, unsigned most,
                      bool follows)
{
	bool is_read = look_at_open(t, l);

	t->ledger = l;
	t->most = most;
	t->remembers = follows;
	t->oldest = 0;
	do {
		t->looked = 0;
		is_read = is_read &&
		          ledger_exchanges(l, 0, t->oldest, true, rows, take_row, t);
		t->remembers = false;
	} while (is_read && t->looked == rows && t->count < most);
	print_lines(t);
	return is_read;
}

static int unreadable(void)
{
	return command_failed("the ledger could not be read");
}

/* A key's name is looked up when there is a ledger; without one nothing is printed. */
static int take_filters(struct tail *t, struct ledger *l)
{
	const char *key = command_value(t->c, "key");
	struct spend_names names = { 0 };
	bool found = true;

	t->only.errors = command_has(t->c, "errors");
	t->only.model = str_from_z(command_value(t->c, "model"));
	if (key && l)
		found = spend_names_load(&names, l) &&
		        spend_find(&names, TENANT_KEY, str_from_z(key), &t->only.key);
	spend_names_done(&names);
	return found ? EXIT_OK : command_misused(t->c, "tail: there is no key %s", key);
}

/* There was no ledger yet; the gateway may come. */
static int look_for_ledger(struct tail *t, struct reading *r)
{
	int result;

	reading_done(r);
	result = reading_begin(t->c, r);
	return result == EXIT_OK && r->ledger ? take_filters(t, r->ledger) : result;
}

static int follow(struct tail *t, struct reading *r)
{
	int result;

	for (unsigned i = 1; !ferror(stdout); i++) {
		nanosleep(&(struct timespec){ .tv_nsec = look_every_ns }, NULL);
		if (!r->ledger && (result = look_for_ledger(t, r)) != EXIT_OK)
			return result;
		if (r->ledger && !look(t, r->ledger, i % FAR_EVERY ? NEAR : FAR, FAR))
			return unreadable();
	}
	return EXIT_OK;
}

int tail_command(struct command *c)
{
	struct tail t = { .c = c };
	struct reading r;
	uint64_t lines;
	bool follows = command_has(c, "follow");
	int result;

	/* -n 0 -f: new ones only. */
	if (str_eq(str_from_z(command_value(c, "lines")), STR("0")))
		lines = 0;
	else if (!command_number(c, "lines", LINES_MOST, 10, &lines))
		return EXIT_USAGE;
	result = reading_begin(c, &r);
	if (result == EXIT_OK)
		result = take_filters(&t, r.ledger);
	if (result != EXIT_OK) {
		reading_done(&r);
		return result;
	}
	bool filters = t.only.errors || t.only.key || t.only.model.len;
	t.seen = mem_new(sizeof(*t.seen));
	t.open = mem_new(sizeof(*t.open));
	t.before = mem_new(sizeof(*t.before));
	t.lines = mem_new((FAR + OPEN_MOST) * sizeof(*t.lines));
	unsigned rows = follows || filters ? (unsigned)FAR : (unsigned)lines;
	if (r.ledger && !look_back(&t, r.ledger, rows, (unsigned)lines, follows))
		result = unreadable();
	else if (follows)
		result = follow(&t, &r);
	else if (!r.ledger)
		fprintf(stderr, "nothing was recorded yet in %.*s\n", (int)r.dir.len,
		        r.dir.ptr);
	reading_done(&r);
	free(t.lines);
	free(t.seen);
	free(t.open);
	free(t.before);
	return result;
}
