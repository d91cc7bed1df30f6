/* api_bodies.c - what was said, where `log.bodies` has kept it: who looks is written down
 * before he sees anything. */
#include "admin/api.h"
#include "admin/stored.h"
#include "base/mem.h"
#include "codec/text.h"
#include "codec/utf8.h"
#include "config/datadir.h"
#include "store/bodies.h"

#include <limits.h>

enum { LOOKED_AT = 20000 };

static void write_exchange(struct json_writer *w, uint64_t exchange)
{
	char room[32];
	struct buf hex = { room, .cap = sizeof(room), .limit = sizeof(room) };

	buf_add_hex(&hex, exchange, 16);
	json_key_str(w, STR("id"), buf_str(&hex));
}

static int unreadable(struct admin_call *c, const struct buf *why)
{
	return admin_problem(c, 503, "bodies_unavailable", NULL, "%.*s", (int)why->len,
	                     why->ptr);
}

/* ---- which there are ---- */

struct page {
	struct admin_call *c;
	uint64_t key; /* 0: any */
	unsigned most, count, seen;
	struct body_place last;
	bool has_more;
};

static bool take_entry(void *arg, const struct body_entry *e, const struct body_place *at)
{
	struct json_writer *w = &((struct page *)arg)->c->to;
	struct page *p = arg;

	if (p->count == p->most || p->seen == LOOKED_AT) {
		p->has_more = true;
		return false;
	}
	p->seen++;
	p->last = *at;
	if (p->key && e->key != p->key)
		return true;
	p->count++;
	json_open(w, '{');
	write_exchange(w, e->exchange);
	admin_write_id(w, STR("key"), e->key);
	admin_write_time(w, STR("at"), e->wall);
	json_key_uint(w, STR("bytes"), e->bytes);
	json_close(w, '}');
	return true;
}

/* Files by their time, records by their number in it. */
static bool place_parse(str text, struct body_place *ret)
{
	str begun = str_cut(&text, '-');
	uint64_t at;

	if (begun.len != 16 || !hex_to_u64(begun, &at) || at > INT64_MAX ||
	    !str_to_u64(text, &ret->number))
		return false;
	ret->begun = (usec)at;
	return true;
}

static void write_next(struct page *p)
{
	char room[64];
	struct buf text = { room, .cap = sizeof(room), .limit = sizeof(room) };

	json_key(&p->c->to, STR("next"));
	if (!p->has_more) {
		json_null(&p->c->to);
		return;
	}
	buf_add_hex(&text, (uint64_t)p->last.begun, 16);
	buf_add_char(&text, '-');
	buf_add_u64(&text, p->last.number);
	json_str(&p->c->to, buf_str(&text));
}

int api_bodies(struct admin_call *c)
{
	str cursor = admin_query(c, "cursor");
	struct page p = { .c = c, .most = admin_page_most(c) };
	struct buf why = BUF_LIMIT(4 * KiB);
	struct body_place behind;
	char dir[PATH_MAX];
	int status;

	if (cursor.len && !place_parse(cursor, &behind))
		return admin_problem(c, 400, "invalid_cursor", "cursor",
		                     "this is no cursor that was given here");
	if ((status = admin_find_key(c, admin_query(c, "key"), &p.key)))
		return status;
	json_open(&c->to, '{');
	json_key(&c->to, STR("data"));
	json_open(&c->to, '[');
	status = 200;
	if (datadir_path(c->house->dir, "bodies", dir, sizeof(dir)) &&
	    !bodies_list(str_from_z(dir), cursor.len ? &behind : NULL, take_entry, &p,
	                 &why)) {
		status = unreadable(c, &why);
	} else {
		json_close(&c->to, ']');
		write_next(&p);
		json_close(&c->to, '}');
	}
	buf_free(&why);
	return status;
}

/* ---- what was said ---- */

static bool is_text(str bytes)
{
	const char *at = bytes.ptr, *end = bytes.ptr + bytes.len;
	size_t n = 1;

	for (; at < end && n; at += n)
		n = utf8_length(at, end);
	return n > 0;
}

/* Bytes that are no text stand in base64, so that all of them come through. */
static void write_bytes(struct json_writer *w, const char *name, str bytes)
{
	struct buf key = BUF_LIMIT(64),
	           text = { .limit = 2 * (size_t)BODIES_RECORD_MOST };

	if (is_text(bytes)) {
		json_key_str(w, str_from_z(name), bytes);
		return;
	}
	buf_addf(&key, "%s_base64", name);
	base64_encode(&text, bytes);
	json_key_str(w, buf_str(&key), buf_str(&text));
	if (text.ptr)
		mem_wipe(text.ptr, text.cap);
	buf_free(&text);
	buf_free(&key);
}

static void write_row(struct json_writer *w, const struct body_row *row)
{
	json_open(w, '{');
	write_exchange(w, row->exchange);
	admin_write_id(w, STR("key"), row->key);
	admin_write_time(w, STR("at"), row->wall);
	if (!(row->flags & BODY_NO_REQUEST))
		write_bytes(w, "request", row->request);
	if (!(row->flags & BODY_NO_ANSWER))
		write_bytes(w, "answer", row->answer);
	json_key_bool(w, STR("stream"), row->flags & BODY_STREAM);
	json_key_bool(w, STR("cut"), row->flags & BODY_CUT);
	json_key_bool(w, STR("redacted"), row->flags & BODY_REDACTED);
	json_close(w, '}');
}

static int nothing(struct admin_call *c)
{
	return admin_problem(c, 404, "not_found", NULL,
	                     "nothing was kept of what was said there");
}

static int find(struct admin_call *c, const struct master *masters, uint64_t id)
{
	struct body_keys keys = { masters->keys, masters->count };
	struct buf why = BUF_LIMIT(4 * KiB), keep = { 0 };
	struct body_row row;
	char dir[PATH_MAX];
	int status = 200;

	if (!datadir_path(c->house->dir, "bodies", dir, sizeof(dir)) ||
	    !bodies_find(str_from_z(dir), &keys, id, &keep, &row, &why)) {
		status = why.len ? unreadable(c, &why) : nothing(c);
	} else {
		c->out->limit = ADMIN_BODIES_MOST;
		write_row(&c->to, &row);
	}
	if (keep.ptr)
		mem_wipe(keep.ptr, keep.cap);
	buf_free(&keep);
	buf_free(&why);
	return status;
}

int api_exchange_body(struct admin_call *c)
{
	const struct admin_house *h = c->house;
	struct buf why = BUF_LIMIT(4 * KiB);
	struct config *config = admin_config(c);
	struct master_place at = stored_place(config ? config->key_file : NULL, h->dir);
	struct master masters = { 0 };
	int status = 404;
	uint64_t id;

	if (c->params[0].len != 16 || !hex_to_u64(c->params[0], &id)) {
		status = admin_not_found(c, "exchange");
	} else {
		if (h->ops)
			h->ops->body_look(h->arg, id);
		switch (master_find(&at, &masters, &why)) {
		case MASTER_BAD:
			status = unreadable(c, &why);
			break;
		case MASTER_MISSING: /* nothing was ever sealed */
			status = nothing(c);
			break;
		case MASTER_FOUND:
			status = find(c, &masters, id);
			break;
		}
	}
	if (masters.count)
		master_done(&masters);
	config_unref(&config);
	buf_free(&why);
	return status;
}
