/* ledger_label.c - what repeats from row to row, written once.
 *
 * A label (who asked for what; what came of it; who called) is packed into bytes, and its
 * id is a hash of them, or one of the next few ids while that one is taken: so a table of
 * labels is its own hash table and needs no index.  A cache answers nearly always, and
 * the row before often has the same ones: then nothing is packed or hashed.  Labels
 * that find no place, which takes somebody who constructs collisions, get a fresh id each
 * time and are merely not shared. */
#include "store/ledger_private.h"

#include "base/mem.h"
#include "codec/crc32c.h"
#include "codec/utf8.h"

enum {
	SLOTS = 1024,
	TRIES = 8,
	TEXT_MOST = 512, /* what a record can carry */
	TEXTS_MOST = 8,  /* of one label */
	PACKED_MOST = 1 + TEXTS_MOST * (2 + TEXT_MOST) + (5 + PRICE_CLASSES) * 8,
	KINDS = 64,
	HASH_BITS = 23, /* such an id takes 3 bytes in a row */
};

struct packed {
	size_t len;
	char bytes[PACKED_MOST];
};

struct label_slot {
	uint32_t hash;
	uint32_t len; /* 0: empty */
	int64_t id;
	char *bytes;
};

/* What rows of one kind have. */
struct kind_slot {
	uint64_t kind; /* 0: empty */
	struct row_labels labels;
};

struct label_cache {
	struct kind_slot kinds[KINDS];
	struct label_slot slots[SLOTS];
	const struct label_slot *last[LABEL_KINDS]; /* where the last row's were found */
};

struct label_cache *label_cache_new(void)
{
	return new_of(struct label_cache);
}

void label_cache_clear(struct label_cache *c)
{
	memset(c->kinds, 0, sizeof(c->kinds));
	for (int i = 0; i < SLOTS; i++) {
		free(c->slots[i].bytes);
		c->slots[i] = (struct label_slot){ .len = 0 };
	}
}

void label_cache_free(struct label_cache **c)
{
	if (!*c)
		return;
	label_cache_clear(*c);
	free(*c);
	*c = NULL;
}

str label_clean(str text, char *room)
{
	size_t len = 0;

	if (text.len == 0)
		return str_of(room, 0);
	const char *end = text.ptr + text.len;
	for (const char *at = text.ptr; at < end;) {
		size_t n = *at ? utf8_length(at, end) : 0;

		if (n == 0)
			room[len++] = '?';
		for (size_t i = 0; i < n; i++)
			room[len++] = at[i];
		at += n ? n : 1;
	}
	return str_of(room, len);
}

/* ---- packing ---- */

static void put_number(struct packed *p, int64_t value)
{
	memcpy(p->bytes + p->len, &value, sizeof(value));
	p->len += sizeof(value);
}

static void put_text(struct packed *p, str text)
{
	uint16_t len = (uint16_t)min_of(text.len, (size_t)TEXT_MOST);

	memcpy(p->bytes + p->len, &len, sizeof(len));
	if (len)
		memcpy(p->bytes + p->len + sizeof(len), text.ptr, len);
	p->len += sizeof(len) + len;
}

static void put_price(struct packed *p, const struct price *price)
{
	put_number(p, (int64_t)price->version);
	put_number(p, price->since);
	put_number(p, price->above);
	put_number(p, price->source);
	put_number(p, price->discount);
	for (int i = 0; i < PRICE_CLASSES; i++)
		put_number(p, price->of[i]);
}

static void put_group(struct packed *p, const struct attempt_row *row)
{
	put_number(p, (int64_t)row->key);
	put_number(p, (int64_t)row->team);
	put_text(p, row->user);
	put_text(p, row->provider);
	put_text(p, row->model);
	put_text(p, row->route);
	put_text(p, row->operation);
	put_text(p, row->tags);
	put_text(p, row->agent);
	put_text(p, row->trial);
}

/* In the order of the columns; columns_of says the same for the way to the database. */
static void pack(struct packed *p, enum label_kind kind, const struct attempt_row *row)
{
	p->bytes[0] = (char)kind;
	p->len = 1;
	switch (kind) {
	case LABEL_REQUEST:
		put_number(p, (int64_t)row->key);
		put_text(p, row->operation);
		put_text(p, row->asked);
		put_text(p, row->route);
		put_number(p, row->stream);
		put_text(p, row->provider);
		put_text(p, row->model);
		put_number(p, (int64_t)row->team);
		put_text(p, row->trial);
		break;
	case LABEL_OUTCOME:
		put_number(p, row->status);
		put_text(p, row->fault);
		put_text(p, row->answered_model);
		put_text(p, row->finish);
		put_number(p, row->usage_kind);
		put_number(p, row->client_status);
		put_number(p, row->flags);
		break;
	case LABEL_CALLER:
		put_text(p, row->client);
		put_text(p, row->agent);
		break;
	case LABEL_SUBJECT:
		put_text(p, row->user);
		put_text(p, row->tags);
		break;
	case LABEL_PRICE:
		put_price(p, row->price);
		break;
	case LABEL_GROUP:
		put_group(p, row);
		break;
	case LABEL_KINDS:
		break;
	}
}

/* n: a number, p: a price, NULL where it is not known, t: a text. */
static const char columns_of[LABEL_KINDS][20] = {
	[LABEL_REQUEST] = "ntttnttnt",
	[LABEL_OUTCOME] = "ntttnnn",
	[LABEL_CALLER] = "tt",
	[LABEL_SUBJECT] = "tt",
	[LABEL_PRICE] = "nnnnnppppppppppp",
	[LABEL_GROUP] = "nntttttttt",
};
_Static_assert(PRICE_CLASSES == 11, "as many as LABEL_PRICE has columns for");

static int64_t take_number(const char **at)
{
	int64_t value;

	memcpy(&value, *at, sizeof(value));
	*at += sizeof(value);
	return value;
}

static str take_text(const char **at)
{
	uint16_t len;

	memcpy(&len, *at, sizeof(len));
	str text = str_of(*at + sizeof(len), len);
	*at += sizeof(len) + len;
	return text;
}

static enum label_kind kind_of(const struct packed *p)
{
	return (enum label_kind)p->bytes[0];
}

static void clean(struct packed *to, const struct packed *from)
{
	const char *at = from->bytes + 1;
	char room[TEXT_MOST];

	to->bytes[0] = from->bytes[0];
	to->len = 1;
	for (const char *c = columns_of[kind_of(from)]; *c; c++) {
		if (*c == 't')
			put_text(to, label_clean(take_text(&at), room));
		else
			put_number(to, take_number(&at));
	}
}

/* ---- the way to the database ---- */

static void pack_found(struct packed *p, enum label_kind kind, sqlite3_stmt *st)
{
	int column = 0;

	p->bytes[0] = (char)kind;
	p->len = 1;
	for (const char *c = columns_of[kind]; *c; c++, column++) {
		if (*c == 't')
			put_text(p, ledger_str(st, column));
		else
			put_number(p, *c == 'p' ? ledger_price(st, column)
			                        : sqlite3_column_int64(st, column));
	}
}

static bool is_same(const struct packed *a, const struct packed *b)
{
	return str_eq(str_of(a->bytes, a->len), str_of(b->bytes, b->len));
}

/* False: the statement failed. */
static bool look(struct ledger *l, const struct packed *p, int64_t id, bool *ret_taken,
                 bool *ret_same)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_FIND_REQUEST + kind_of(p));
	struct packed found;

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, id);
	*ret_taken = sqlite3_step(st) == SQLITE_ROW;
	*ret_same = false;
	if (*ret_taken) {
		pack_found(&found, kind_of(p), st);
		*ret_same = is_same(&found, p);
	}
	return sqlite3_reset(st) == SQLITE_OK;
}

/* A figure of a price that is not known is NULL. */
static void bind_number(sqlite3_stmt *st, int column, int64_t value, bool is_price)
{
	if (is_price && value == PRICE_UNKNOWN)
		sqlite3_bind_null(st, column);
	else
		sqlite3_bind_int64(st, column, value);
}

/* id 0: SQLite chooses one. */
static bool add(struct ledger *l, const struct packed *p, int64_t *id)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_ADD_REQUEST + kind_of(p));
	const char *at = p->bytes + 1;
	int column = 2;

	if (!st)
		return false;
	if (*id)
		sqlite3_bind_int64(st, 1, *id);
	else
		sqlite3_bind_null(st, 1);
	for (const char *c = columns_of[kind_of(p)]; *c; c++, column++) {
		if (*c == 't')
			ledger_bind_str(st, column, take_text(&at));
		else
			bind_number(st, column, take_number(&at), *c == 'p');
	}
	if (!ledger_run(st))
		return false;
	*id = sqlite3_last_insert_rowid(l->db);
	return true;
}

static bool find_or_add(struct ledger *l, const struct packed *raw, int64_t *ret_id)
{
	struct packed p;

	clean(&p, raw);
	uint32_t hash = crc32c(0, str_of(p.bytes, p.len));
	for (unsigned i = 0; i < TRIES; i++) {
		int64_t id = 1 + ((hash + i) & ((1u << HASH_BITS) - 1));
		bool taken, same;

		if (!look(l, &p, id, &taken, &same))
			return false;
		if (taken && !same)
			continue;
		*ret_id = id;
		return (taken || add(l, &p, ret_id)) &&
		       sweep_mark(l, kind_of(&p), *ret_id);
	}
	*ret_id = 0;
	return add(l, &p, ret_id) && sweep_mark(l, kind_of(&p), *ret_id);
}

/* ---- is it the one of the row before? ---- */

static bool is_number(const char **at, int64_t value)
{
	return take_number(at) == value;
}

static bool is_text(const char **at, str text)
{
	return str_eq(take_text(at), str_first(text, TEXT_MOST));
}

/* In the order of pack. */
static bool says_the_same(const struct label_slot *slot, enum label_kind kind,
                          const struct attempt_row *row)
{
	const char *at = slot->bytes + 1;

	switch (kind) {
	case LABEL_REQUEST:
		return is_number(&at, (int64_t)row->key) &&
		       is_text(&at, row->operation) && is_text(&at, row->asked) &&
		       is_text(&at, row->route) && is_number(&at, row->stream) &&
		       is_text(&at, row->provider) && is_text(&at, row->model) &&
		       is_number(&at, (int64_t)row->team) && is_text(&at, row->trial);
	case LABEL_OUTCOME:
		return is_number(&at, row->status) && is_text(&at, row->fault) &&
		       is_text(&at, row->answered_model) && is_text(&at, row->finish) &&
		       is_number(&at, row->usage_kind) &&
		       is_number(&at, row->client_status) && is_number(&at, row->flags);
	case LABEL_CALLER:
		return is_text(&at, row->client) && is_text(&at, row->agent);
	case LABEL_SUBJECT:
		return is_text(&at, row->user) && is_text(&at, row->tags);
	case LABEL_PRICE:
		return is_number(&at, (int64_t)row->price->version) &&
		       is_number(&at, row->price->since) &&
		       is_number(&at, row->price->above) &&
		       is_number(&at, row->price->source);
	case LABEL_GROUP: /* rollup_add knows the last ones itself */
		return false;
	case LABEL_KINDS:
		break;
	}
	return false;
}

bool label_get(struct ledger *l, enum label_kind kind, const struct attempt_row *row,
               int64_t *ret_id)
{
	const struct label_slot *last = l->labels->last[kind];
	struct packed p;

	/* The slot may have been emptied, or be another label's by now. */
	if (last && last->len && last->bytes[0] == (char)kind &&
	    says_the_same(last, kind, row)) {
		*ret_id = last->id;
		return true;
	}
	pack(&p, kind, row);
	uint32_t hash = crc32c(0, str_of(p.bytes, p.len));
	struct label_slot *slot = &l->labels->slots[hash % SLOTS];
	l->labels->last[kind] = slot;
	if (likely(slot->hash == hash && slot->len == p.len &&
	           memcmp(slot->bytes, p.bytes, p.len) == 0)) {
		*ret_id = slot->id;
		return true;
	}
	if (!find_or_add(l, &p, ret_id))
		return false;
	slot->bytes = mem_resize(slot->bytes, p.len);
	memcpy(slot->bytes, p.bytes, p.len);
	slot->hash = hash;
	slot->len = (uint32_t)p.len;
	slot->id = *ret_id;
	return true;
}

/* ---- all of a row ---- */

static bool get_all(struct ledger *l, const struct attempt_row *row,
                    struct row_labels *ret)
{
	bool ok = label_get(l, LABEL_REQUEST, row, &ret->request);

	if (ok && (row->user.len || row->tags.len))
		ok = label_get(l, LABEL_SUBJECT, row, &ret->subject);
	if (!ok || row->state == ROW_OPEN)
		return ok;
	ok = label_get(l, LABEL_OUTCOME, row, &ret->outcome);
	if (ok && row->price)
		ok = label_get(l, LABEL_PRICE, row, &ret->price);
	if (ok && row->closes)
		ok = label_get(l, LABEL_CALLER, row, &ret->caller);
	return ok;
}

bool labels_get(struct ledger *l, const struct attempt_row *row, struct row_labels *ret)
{
	struct kind_slot *slot = &l->labels->kinds[row->kind % KINDS];

	if (row->kind && slot->kind == row->kind) {
		*ret = slot->labels;
		return true;
	}
	*ret = (struct row_labels){ 0 };
	if (!get_all(l, row, ret))
		return false;
	if (row->kind)
		*slot = (struct kind_slot){ row->kind, *ret };
	return true;
}
