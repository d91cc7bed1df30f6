/* call_input.c - what a request says, held against its route's row: the query, the pages
 * of a list, and the members of the body. */
#include "admin/call_private.h"

#include "codec/text.h"

#include <stdio.h>

static const struct json_limits body_limits = { 8, 4096, 128, 32 };

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
	*ret = max_of(wall - span, (usec)0);
	return true;
}

usec admin_query_time(const struct admin_call *c, const char *name, usec fallback)
{
	usec at;

	return time_parse(admin_query(c, name), c->wall, &at) ? at : fallback;
}

/* As they are written everywhere.  None is 0: that is what has no key, or no team. */
static bool is_id(str text)
{
	uint64_t id;

	return (text.len == 12 || text.len == 16) && hex_to_u64(text, &id) && id > 0;
}

static bool is_page(uint64_t count)
{
	return count > 0 && count <= ADMIN_PAGE_MOST;
}

static const char *query_trouble(const struct admin_call *c, str name, str type,
                                 str value)
{
	uint64_t number;
	usec at;

	if (str_eq(type, STR("int")) && !str_to_u64(value, &number))
		return "is not a number";
	if (str_eq(name, STR("limit")) && !is_page(number))
		return "is not from 1 to 1000";
	if (str_eq(type, STR("bool")) && !str_eq(value, STR("true")) &&
	    !str_eq(value, STR("false")))
		return "is true or false";
	if (str_eq(type, STR("id")) && !is_id(value))
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
			return str_cut(&type, '!');
	return STR_NONE;
}

/* 0: all of it is what the route takes. */
int call_check_query(struct admin_call *c)
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
		if (raw.len && (trouble = query_trouble(c, name, type, decoded)))
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

unsigned admin_page_most(const struct admin_call *c)
{
	return (unsigned)admin_query_int(c, "limit", ADMIN_PAGE);
}

unsigned admin_page(struct admin_call *c, uint64_t *ret_after)
{
	str cursor = admin_query(c, "cursor");

	*ret_after = 0;
	if (cursor.len && !cursor_parse(cursor, ret_after)) {
		admin_problem(c, 400, "invalid_cursor", "cursor",
		              "this is no cursor that was given here");
		return 0;
	}
	return admin_page_most(c);
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

int call_check_body(struct admin_call *c)
{
	const struct admin_schema *s = admin_schema_find(c->route->request);
	struct json_member members[MEMBERS_MOST];
	size_t count;
	fault_t why;

	if (s && s->media) /* the handler reads it */
		return 0;
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
