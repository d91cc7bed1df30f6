/* api_audit.c - the audit log: read, checked, exported. */
#include "admin/api.h"
#include "admin/audit.h"
#include "admin/config_view.h"
#include "admin/tenant_json.h"
#include "base/mem.h"
#include "codec/text.h"

struct page {
	struct admin_call *c;
	unsigned most, count;
	uint64_t last;
};

static int unreadable(struct admin_call *c)
{
	return admin_problem(c, 503, "ledger_unavailable", NULL,
	                     "the audit log could not be read");
}

static bool take_entry(void *arg, const struct audit_row *row)
{
	struct page *p = arg;
	struct buf line = BUF_LIMIT(4 * MiB);

	if (p->count++ < p->most) {
		audit_line(row, &line);
		json_raw(&p->c->to, buf_str(&line));
		p->last = row->seq;
	}
	buf_free(&line);
	return !p->c->out->over;
}

int api_audit(struct admin_call *c)
{
	struct ledger *l = admin_reader(c);
	struct page p = { .c = c };
	uint64_t before;

	if (!l)
		return 503;
	if (!(p.most = admin_page(c, &before)))
		return 400;
	json_open(&c->to, '{');
	json_key(&c->to, STR("data"));
	json_open(&c->to, '[');
	/* One more tells whether there is another page. */
	if (!ledger_audit(l, true, before, p.most + 1, take_entry, &p))
		return unreadable(c);
	json_close(&c->to, ']');
	admin_page_end(c, p.count > p.most ? p.last : 0);
	json_close(&c->to, '}');
	return 200;
}

/* "seq:hash", as the verdict has it. */
static bool head_parse(str text, struct audit_head *ret)
{
	char room[AUDIT_HASH * 2];
	str seq = str_cut(&text, ':'), hash;

	if (text.len != sizeof(room) || !hex_decode(text, room, &hash) ||
	    !str_to_u64(seq, &ret->seq))
		return false;
	memcpy(ret->hash, hash.ptr, AUDIT_HASH);
	return true;
}

int api_audit_verify(struct admin_call *c)
{
	struct ledger *l = admin_reader(c);
	str expect = admin_query(c, "expect");
	struct audit_head noted = { 0 };
	uint8_t key[AUDIT_KEY];
	struct audit_verdict v;
	bool is_read;

	if (!l)
		return 503;
	if (expect.len && !head_parse(expect, &noted))
		return admin_problem(c, 400, "invalid_parameter", "expect",
		                     "a head that was noted, like 12:0123...");
	audit_key(c->house->pepper, key);
	is_read = audit_verify(l, key, expect.len ? &noted : NULL, &v);
	mem_wipe(key, sizeof(key));
	if (!is_read)
		return unreadable(c);
	audit_verdict_write(&v, &c->to);
	return 200;
}

/* ---- the export ----
 *
 * Made while it goes out (pieces.h), for there may be many entries and more keys: first
 * the entries there were when it began, then who may spend what and what runs, as of
 * their turns. */

enum { PIECE_LINES = 500, PIECE_BYTES = 64 * KiB };

enum part { PART_ENTRIES, PART_NODES, PART_TOKENS, PART_CONFIG };

struct export
{
	enum part part;
	usec since, until, wall;
	uint64_t after, last; /* entries: what has gone, and what is the last to go */
	enum tenant_kind kind;
	usec created; /* of the last node of that kind, as the next one */
	uint64_t node;
	unsigned tokens; /* that have gone */
	unsigned skip;   /* that are still to be passed over in this piece */
	unsigned count;  /* in this piece */
	bool has_more;   /* of this part */
	struct ledger *ledger;
	struct config *config; /* NULL: without a gateway */
	struct buf *to;
};

/* Is there room for another line? */
static bool has_room(struct export *x)
{
	x->has_more = ++x->count >= PIECE_LINES || x->to->len > PIECE_BYTES;
	return !x->has_more;
}

static bool export_entry(void *arg, const struct audit_row *row)
{
	struct export *x = arg;

	if (row->seq > x->last)
		return false;
	x->after = row->seq;
	if (row->wall >= x->since && row->wall < x->until) {
		audit_line(row, x->to);
		buf_add_char(x->to, '\n');
	}
	return has_room(x);
}

static void open_policy(struct json_writer *w)
{
	json_open(w, '{');
	json_key(w, STR("policy"));
	json_open(w, '{');
}

static void close_policy(struct json_writer *w)
{
	json_close(w, '}');
	json_close(w, '}');
	buf_add_char(w->to, '\n');
}

static bool export_node(void *arg, const struct tenant_row *row,
                        const struct key_secret *secret)
{
	struct export *x = arg;
	struct json_writer w = { .to = x->to };

	open_policy(&w);
	tenant_write(&w, row, secret, STR_NONE, x->wall);
	close_policy(&w);
	x->created = row->created_wall;
	x->node = row->id;
	return has_room(x);
}

static bool export_token(void *arg, const struct admin_token_row *token)
{
	struct export *x = arg;
	struct json_writer w = { .to = x->to };

	if (x->skip > 0) {
		x->skip--;
		return true;
	}
	open_policy(&w);
	json_key_str(&w, STR("kind"), STR("token"));
	admin_write_token(&w, token);
	close_policy(&w);
	x->tokens++;
	return has_room(x);
}

static void export_config(struct export *x)
{
	struct json_writer w = { .to = x->to };

	if (!x->config)
		return;
	open_policy(&w);
	json_key_str(&w, STR("kind"), STR("config"));
	json_key(&w, STR("config"));
	config_view_write(x->config, &w);
	close_policy(&w);
}

/* Some of the part at hand; false: it could not be read. */
static bool add_some(struct export *x)
{
	struct ledger *l = x->ledger;

	x->has_more = false;
	switch (x->part) {
	case PART_ENTRIES:
		return ledger_audit(l, false, x->after, PIECE_LINES, export_entry, x);
	case PART_NODES:
		return ledger_tenants_of(l, x->kind, x->created, x->node, PIECE_LINES,
		                         export_node, x);
	case PART_TOKENS:
		x->skip = x->tokens;
		return ledger_tokens(l, 0, export_token, x);
	case PART_CONFIG:
		export_config(x);
	}
	return true;
}

/* Parents before their children: kinds are numbered that way. */
static void go_on(struct export *x)
{
	if (x->part == PART_NODES && x->kind < TENANT_USER) {
		x->kind++;
		x->created = 0;
		x->node = 0;
	} else {
		x->part++;
	}
}

static enum admin_piece next_piece(void *arg, struct buf *to)
{
	struct export *x = arg;

	x->to = to;
	x->count = 0;
	for (;;) {
		if (!add_some(x))
			return ADMIN_PIECE_FAILED;
		if (x->has_more)
			return ADMIN_PIECE_MORE;
		if (x->part == PART_CONFIG)
			return ADMIN_PIECE_LAST;
		go_on(x);
	}
}

static void export_free(void *arg)
{
	struct export *x = arg;

	ledger_close(&x->ledger);
	config_unref(&x->config);
	free(x);
}

static bool take_last(void *arg, const struct audit_row *row)
{
	*(uint64_t *)arg = row->seq;
	return false;
}

int api_audit_export(struct admin_call *c)
{
	struct ledger *reader = admin_new_reader(c);
	struct export *x;

	if (!reader)
		return 503;
	x = new_of(struct export);
	x->since = admin_query_time(c, "since", 0);
	x->until = admin_query_time(c, "until", INT64_MAX);
	x->wall = c->wall;
	x->ledger = reader;
	x->config = c->house->ops ? admin_config(c) : NULL;
	c->content_type = STR("application/x-ndjson");
	c->pieces = (struct admin_pieces){ next_piece, export_free, x };
	return ledger_audit(reader, true, 0, 1, take_last, &x->last) ? 200
	                                                             : unreadable(c);
}
