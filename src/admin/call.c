/* call.c - see call.h. */
#include "admin/call.h"

#include "base/mem.h"
#include "admin/audit.h"
#include "admin/replay.h"
#include "codec/text.h"
#include "config/datadir.h"
#include "http/head.h"

#include <limits.h>
#include <stdio.h>

enum { NOTE_MOST = 64 * KiB }; /* before and after, in the audit log */

static const struct json_limits body_limits = { 8, 4096, 128, 32 };

void admin_house_done(struct admin_house *h)
{
	ledger_close(&h->reader);
}

/* ---- answers ---- */

static void clear_answer(struct admin_call *c)
{
	if (c->out->ptr)
		mem_wipe(c->out->ptr, c->out->len);
	buf_clear(c->out);
	c->to = (struct json_writer){ .to = c->out };
	c->etag[0] = 0;
	c->content_type = STR_NONE;
}

int admin_problem(struct admin_call *c, int status, const char *type, const char *param,
                  const char *fmt, ...)
{
	struct buf text = BUF_LIMIT(16 * KiB), urn = BUF_LIMIT(256);
	struct json_writer *w = &c->to;
	va_list args;

	va_start(args, fmt);
	buf_vaddf(&text, fmt, args);
	va_end(args);
	buf_addf(&urn, "urn:sluice:%s", type);
	clear_answer(c);
	c->content_type = STR("application/problem+json");
	json_open(w, '{');
	json_key_str(w, STR("type"), buf_str(&urn));
	json_key_str(w, STR("title"), http_reason(status));
	json_key_int(w, STR("status"), status);
	json_key_str(w, STR("detail"), buf_str(&text));
	json_key(w, STR("error"));
	json_open(w, '{');
	json_key_str(w, STR("type"), str_from_z(type));
	json_key_str(w, STR("message"), buf_str(&text));
	json_key(w, STR("param"));
	if (param)
		json_str(w, str_from_z(param));
	else
		json_null(w);
	json_close(w, '}');
	json_close(w, '}');
	buf_free(&text);
	buf_free(&urn);
	return status;
}

int admin_not_found(struct admin_call *c, const char *what)
{
	return admin_problem(c, 404, "not_found", NULL, "there is no %s of this id",
	                     what);
}

void admin_write_id(struct json_writer *w, str key, uint64_t id)
{
	char room[32];
	struct buf hex = { room, .cap = sizeof(room), .limit = sizeof(room) };

	json_key(w, key);
	if (id == 0) {
		json_null(w);
		return;
	}
	buf_add_hex(&hex, id, 12);
	json_str(w, buf_str(&hex));
}

void admin_write_time(struct json_writer *w, str key, usec wall)
{
	char room[64];
	struct buf at = { room, .cap = sizeof(room), .limit = sizeof(room) };

	json_key(w, key);
	if (wall == 0) {
		json_null(w);
		return;
	}
	rfc3339_write(&at, wall);
	json_str(w, buf_str(&at));
}

void admin_write_usd(struct json_writer *w, str key, int64_t nano)
{
	char room[64];
	struct buf usd = { room, .cap = sizeof(room), .limit = sizeof(room) };

	json_key(w, key);
	if (nano < 0) {
		json_null(w);
		return;
	}
	buf_add_nano(&usd, (uint64_t)nano);
	json_str(w, buf_str(&usd));
}

/* ---- the query ---- */

str admin_query(const struct admin_call *c, const char *name)
{
	str raw, text;
	char *room;

	if (!url_query_get(c->query, str_from_z(name), &raw, NULL) || raw.len == 0)
		return STR_NONE;
	room = arena_alloc(c->keep, raw.len);
	return url_decode(raw, room, &text) ? text : STR_NONE;
}

uint64_t admin_query_int(const struct admin_call *c, const char *name, uint64_t fallback)
{
	uint64_t value;

	return str_to_u64(admin_query(c, name), &value) ? value : fallback;
}

/* "90m", "24h", "30d", "4w" back from now. */
static bool span_parse(str text, usec *ret)
{
	static const struct {
		char unit;
		usec of;
	} units[] = { { 's', USEC_SEC },
		      { 'm', USEC_MIN },
		      { 'h', USEC_HOUR },
		      { 'd', 24 * USEC_HOUR },
		      { 'w', 7 * 24 * USEC_HOUR } };
	uint64_t count;

	if (text.len < 2 || text.len > 8 ||
	    !str_to_u64(str_first(text, text.len - 1), &count))
		return false;
	for (size_t i = 0; i < countof(units); i++)
		if (text.ptr[text.len - 1] == units[i].unit) {
			*ret = (usec)count * units[i].of;
			return true;
		}
	return false;
}

static bool time_parse(str text, usec wall, usec *ret)
{
	usec span;

	if (rfc3339_parse(text, ret))
		return true;
	if (!span_parse(text, &span))
		return false;
	*ret = wall - span;
	return true;
}

usec admin_query_time(const struct admin_call *c, const char *name, usec fallback)
{
	usec at;

	return time_parse(admin_query(c, name), c->wall, &at) ? at : fallback;
}

static const char *query_trouble(const struct admin_call *c, str type, str value)
{
	uint64_t number;
	usec at;

	if (str_eq(type, STR("int")) && !str_to_u64(value, &number))
		return "is not a number";
	if (str_eq(type, STR("bool")) && !str_eq(value, STR("true")) &&
	    !str_eq(value, STR("false")))
		return "is true or false";
	if (str_eq(type, STR("id")) && (value.len > 16 || !hex_to_u64(value, &number)))
		return "is not an id: 12 or 16 hex digits";
	if (str_eq(type, STR("time")) && !time_parse(value, c->wall, &at))
		return "is no time: 2026-11-26T00:00:00Z, or a span back from now: 24h, "
		       "30d";
	return NULL;
}

/* The declared type of a parameter; empty: there is none of that name. */
static str query_type(const struct admin_route *r, str wanted)
{
	str list = r->query, name, type;
	bool optional;

	while (admin_field_next(&list, &name, &type, &optional))
		if (str_eq(name, wanted))
			return type;
	return STR_NONE;
}

/* 0: all of it is what the route takes. */
static int check_query(struct admin_call *c)
{
	str rest = c->query, decoded;
	unsigned count;

	while (rest.len > 0) {
		str value = str_cut(&rest, '&'), name = str_cut(&value, '='), raw;
		str type = query_type(c->route, name);
		char shown[64];
		const char *trouble;

		snprintf(shown, sizeof(shown), "%.*s", STR_ARG(name));
		if (type.len == 0)
			return admin_problem(c, 400, "unknown_parameter", shown,
			                     "this route takes no such parameter");
		if (!url_query_get(c->query, name, &raw, &count) || count != 1)
			return admin_problem(c, 400, "invalid_parameter", shown,
			                     "a parameter stands once");
		if (!url_decode(raw, arena_alloc(c->keep, raw.len + 1), &decoded))
			return admin_problem(c, 400, "invalid_parameter", shown,
			                     "its value is not well encoded");
		if (raw.len && (trouble = query_trouble(c, type, decoded)))
			return admin_problem(c, 400, "invalid_parameter", shown, "it %s",
			                     trouble);
	}
	return 0;
}

/* ---- pages ---- */

/* The cursor is the id of the last item, so that a page begins where the one before ended
 * whatever was added meanwhile; its form is nobody's business. */
static bool cursor_parse(str text, uint64_t *ret)
{
	char room[32];
	str id;

	return text.len <= 24 && base64_decode(text, room, &id) &&
	       str_skip(&id, STR("p")) && hex_to_u64(id, ret);
}

unsigned admin_page(struct admin_call *c, uint64_t *ret_after)
{
	uint64_t most = admin_query_int(c, "limit", ADMIN_PAGE);
	str cursor = admin_query(c, "cursor");

	*ret_after = 0;
	if (cursor.len && !cursor_parse(cursor, ret_after)) {
		admin_problem(c, 400, "invalid_cursor", "cursor",
		              "this is no cursor that was given here");
		return 0;
	}
	return (unsigned)max_of((uint64_t)1, min_of(most, (uint64_t)ADMIN_PAGE_MOST));
}

void admin_page_end(struct admin_call *c, uint64_t last)
{
	char id_room[32], text_room[64];
	struct buf id = { id_room, .cap = sizeof(id_room), .limit = sizeof(id_room) };
	struct buf text = { text_room, .cap = sizeof(text_room),
		            .limit = sizeof(text_room) };

	json_key(&c->to, STR("next"));
	if (last == 0) {
		json_null(&c->to);
		return;
	}
	buf_add_char(&id, 'p');
	buf_add_hex(&id, last, 16);
	buf_add_char(&id, 0); /* 18 bytes need no padding */
	base64_encode(&text, str_first(buf_str(&id), 17));
	json_str(&c->to, buf_str(&text));
}

/* ---- the body ---- */

struct json_value admin_member(const struct admin_call *c, const char *name)
{
	struct json_value v = json_get(c->object, str_from_z(name));

	return v.type == JSON_NULL ? (struct json_value){ 0 } : v;
}

str admin_member_text(struct admin_call *c, const char *name)
{
	struct json_value v = admin_member(c, name);

	if (v.type != JSON_STRING)
		return STR_NONE;
	return json_text(v, arena_alloc(c->keep, v.raw.len + 1));
}

static bool fits_type(struct json_value v, str type)
{
	struct json_member item;
	int64_t number;

	if (str_starts(type, STR("["))) {
		str inner = str_of(type.ptr + 1, type.len - 2);

		if (v.type != JSON_ARRAY)
			return false;
		for (struct json_iter it = json_iter(v); json_next(&it, &item);)
			if (!fits_type(item.value, inner))
				return false;
		return true;
	}
	if (str_eq(type, STR("int")))
		return json_i64(v, &number);
	if (str_eq(type, STR("bool")))
		return v.type == JSON_TRUE || v.type == JSON_FALSE;
	if (str_eq(type, STR("object")) || admin_schema_find(type))
		return v.type == JSON_OBJECT;
	if (str_eq(type, STR("any")))
		return true;
	return v.type == JSON_STRING;
}

static bool field_find(str fields, str wanted, str *ret_type, bool *ret_optional)
{
	str name;

	while (admin_field_next(&fields, &name, ret_type, ret_optional))
		if (str_eq(name, wanted))
			return true;
	return false;
}

/* Each member is one of the schema, and all that must be there are. */
static int check_members(struct admin_call *c, const struct admin_schema *s,
                         const struct json_member *members, size_t count)
{
	str fields = s->fields, name, type;
	bool optional;
	char shown[64];

	for (size_t i = 0; i < count; i++) {
		const struct json_member *m = &members[i];

		snprintf(shown, sizeof(shown), "%.*s", STR_ARG(m->key));
		if (!field_find(s->fields, m->key, &type, &optional))
			return admin_problem(c, 400, "unknown_member", shown,
			                     "the body has a member which is not known");
		if (!(optional && m->value.type == JSON_NULL) &&
		    !fits_type(m->value, type))
			return admin_problem(c, 400, "invalid_member", shown,
			                     "this member is to be: %.*s", STR_ARG(type));
	}
	while (admin_field_next(&fields, &name, &type, &optional)) {
		bool found = optional;

		for (size_t i = 0; i < count; i++)
			found |= str_eq(members[i].key, name);
		snprintf(shown, sizeof(shown), "%.*s", STR_ARG(name));
		if (!found)
			return admin_problem(c, 400, "missing_member", shown,
			                     "the body lacks this member");
	}
	return 0;
}

enum { MEMBERS_MOST = 64 };

static int check_body(struct admin_call *c)
{
	const struct admin_schema *s = admin_schema_find(c->route->request);
	struct json_member members[MEMBERS_MOST];
	size_t count;
	fault_t why;

	if (!s && str_trim(c->body).len == 0)
		return 0;
	why = json_members(c->body, &body_limits, members, MEMBERS_MOST, &count);
	if (why)
		return admin_problem(c, 400, "invalid_json", NULL,
		                     "%.*s: one JSON object is "
		                     "meant",
		                     STR_ARG(why->text));
	if (!s)
		return count == 0 ? 0
		                  : admin_problem(c, 400, "unknown_member", NULL,
		                                  "this route takes no members");
	c->object = (struct json_value){ JSON_OBJECT, str_trim(c->body) };
	return check_members(c, s, members, count);
}

/* ---- the ledger ---- */

struct ledger *admin_reader(struct admin_call *c)
{
	struct buf why = BUF_LIMIT(4 * KiB);
	struct admin_house *h = c->house;
	char path[PATH_MAX];

	if (h->writer)
		return h->writer;
	if (!h->reader && datadir_path(h->dir, "ledger.db", path, sizeof(path)))
		h->reader = ledger_open_reader(path, &why);
	if (!h->reader)
		admin_problem(c, 503, "ledger_unavailable", NULL,
		              "the ledger cannot be read: %.*s", (int)why.len, why.ptr);
	buf_free(&why);
	return h->reader;
}

void admin_flush(struct admin_call *c)
{
	if (c->house->recorder)
		recorder_flush(c->house->recorder);
}

struct change {
	struct admin_call *call;
	admin_change_fn *run;
	void *arg;
	int status;
};

static bool is_good(int status)
{
	return status >= 200 && status < 300;
}

static bool write_change(void *arg, struct ledger *l, struct buf *why)
{
	struct change *change = arg;
	struct admin_call *c = change->call;

	change->status = change->run(c, l, change->arg);
	if (!is_good(change->status))
		return false;
	if (c->route->trace == ADMIN_TRACE_CHANGE && !audit_call(c, l)) {
		buf_addf(why, "the audit log could not be written: %s",
		         ledger_error(l, NULL));
		return false;
	}
	if (c->idempotency_key.len && !replay_keep(c, l, change->status)) {
		buf_add(why, STR("the answer could not be kept for its Idempotency-Key"));
		return false;
	}
	return true;
}

/* Without a gateway: what recorder_write does. */
static bool write_directly(struct ledger *l, struct change *change, struct buf *why)
{
	bool is_begun = ledger_begin(l);

	if (is_begun && write_change(change, l, why) && ledger_commit(l))
		return true;
	if (why->len == 0)
		buf_add(why, str_from_z(ledger_error(l, NULL)));
	if (is_begun)
		ledger_rollback(l);
	return false;
}

int admin_change(struct admin_call *c, admin_change_fn *run, void *arg)
{
	struct change change = { .call = c, .run = run, .arg = arg };
	struct buf why = BUF_LIMIT(4 * KiB);
	bool is_done =
	        c->house->recorder
	                ? recorder_write(c->house->recorder, write_change, &change, &why)
	                : write_directly(c->house->writer, &change, &why);

	if (!is_done && (is_good(change.status) || change.status == 0))
		change.status =
		        admin_problem(c, 503, "ledger_unavailable", NULL,
		                      "nothing was changed: %.*s", (int)why.len, why.ptr);
	buf_free(&why);
	return change.status;
}

/* ---- ETags ---- */

static void etag_of(struct admin_call *c)
{
	uint8_t hash[AUDIT_HASH];

	if (c->etag[0])
		return;
	audit_digest(buf_str(c->out), hash);
	snprintf(c->etag, sizeof(c->etag), "\"%02x%02x%02x%02x%02x%02x%02x%02x\"",
	         hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]);
}

static bool has_it_already(const struct admin_call *c)
{
	str rest = c->if_none_match;

	while (rest.len > 0) {
		str one = str_trim(str_cut(&rest, ','));

		str_skip(&one, STR("W/"));
		if (str_eq(one, str_from_z(c->etag)) || str_eq(one, STR("*")))
			return true;
	}
	return false;
}

/* ---- one request ---- */

static int trace_access(struct admin_call *c, struct ledger *l, void *arg)
{
	(void)arg;
	return audit_call(c, l) ? 200
	                        : admin_problem(c, 503, "ledger_unavailable", NULL,
	                                        "the audit log could not be written");
}

static int run(struct admin_call *c)
{
	int status = 0;

	if (c->route->method != HTTP_POST)
		c->idempotency_key = STR_NONE;
	if (c->idempotency_key.len > ADMIN_IDEMPOTENCY_MOST)
		return admin_problem(c, 400, "invalid_parameter", "Idempotency-Key",
		                     "an Idempotency-Key has at most %d bytes",
		                     ADMIN_IDEMPOTENCY_MOST);
	if (c->idempotency_key.len && replay_find(c, &status))
		return status;

	if (c->route->trace == ADMIN_TRACE_ACCESS)
		status = admin_change(c, trace_access, NULL);
	if (status == 0 || status == 200)
		status = c->route->run(c);
	return status;
}

int admin_call_run(struct admin_call *c)
{
	int status;

	c->to = (struct json_writer){ .to = c->out };
	c->before.limit = c->after.limit = NOTE_MOST;
	if ((status = check_query(c)) || (status = check_body(c)))
		return status;
	status = run(c);
	buf_free(&c->before);
	buf_free(&c->after);
	if (c->out->over)
		return admin_problem(
		        c, 500, "too_large", NULL,
		        "the answer is over the limit; ask for a shorter list");
	if (status == 200 && c->route->method == HTTP_GET) {
		etag_of(c);
		if (has_it_already(c)) {
			buf_clear(c->out);
			return 304;
		}
	}
	return status;
}
