/* chat.c - building the neutral form: messages, parts and tools.
 *
 * Everything lies in the request's arena.  When that is full the request remembers it
 * (r->why) and further parts go to a spare one, so that readers need not look at every
 * step.  What is lost stands in chat_lost.c, how it is said again in chat_say.c, seals in
 * chat_seal.c. */
#include "wire/chat.h"

#include "base/assert.h"
#include "codec/json_text.h"

static void *take(struct chat_request *r, size_t size)
{
	void *taken = arena_try(r->keep, size);

	if (!taken) {
		if (!r->why)
			r->why = FAULT_JSON_LIMIT;
		return NULL;
	}
	return memset(taken, 0, size);
}

struct chat_message *chat_add_message(struct chat_request *r, enum chat_role role)
{
	struct chat_message *m = take(r, sizeof(*m));

	if (!m) {
		r->spare_message = (struct chat_message){ .role = role };
		return &r->spare_message;
	}
	m->role = role;
	if (r->last_message)
		r->last_message->next = m;
	else
		r->messages = m;
	r->last_message = m;
	return m;
}

void chat_results_first(struct chat_request *r)
{
	struct chat_message **at = &r->messages, **place = NULL, *m;

	while ((m = *at)) {
		bool is_result = m->role == CHAT_TOOL && place;

		if (is_result && place != at) {
			*at = m->next;
			m->next = *place;
			*place = m;
			place = &m->next;
			continue;
		}
		if (is_result || m->role == CHAT_ASSISTANT)
			place = &m->next;
		r->last_message = m;
		at = &m->next;
	}
}

static struct chat_part *add_part(struct chat_request *r, struct chat_part **first,
                                  struct chat_part **last, enum chat_kind kind)
{
	struct chat_part *p = take(r, sizeof(*p));

	if (!p) {
		r->spare = (struct chat_part){ .kind = kind };
		return &r->spare;
	}
	p->kind = kind;
	if (*last)
		(*last)->next = p;
	else
		*first = p;
	*last = p;
	return p;
}

struct chat_part *chat_add_part(struct chat_request *r, struct chat_message *m,
                                enum chat_kind kind)
{
	return add_part(r, &m->parts, &m->last_part, kind);
}

struct chat_part *chat_add_text(struct chat_request *r, struct chat_message *m, jstr text)
{
	struct chat_part *p;

	if (text.len == 0)
		return NULL;
	p = chat_add_part(r, m, CHAT_TEXT);
	p->text = text;
	return p;
}

struct chat_part *chat_add_inner(struct chat_request *r, struct chat_part *result,
                                 enum chat_kind kind)
{
	return add_part(r, &result->parts, &result->last_part, kind);
}

struct chat_tool *chat_add_tool(struct chat_request *r, enum chat_tool_kind kind)
{
	struct chat_tool *t = take(r, sizeof(*t));

	if (!t) {
		r->spare_tool = (struct chat_tool){ .kind = kind };
		return &r->spare_tool;
	}
	t->kind = kind;
	if (r->last_tool)
		r->last_tool->next = t;
	else
		r->tools = t;
	r->last_tool = t;
	return t;
}

/* ---- members ---- */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct json_value chat_root(str body)
{
	str text = body;

	while (text.len && is_space(text.ptr[0]))
		text = str_from(text, 1);
	while (text.len && is_space(text.ptr[text.len - 1]))
		text.len--;

	bool is_object = text.len >= 2 && text.ptr[0] == '{' && str_ends(text, STR("}"));

	return is_object ? (struct json_value){ JSON_OBJECT, text }
	                 : (struct json_value){ .type = JSON_NONE };
}

/* No name in a list has a backslash: a key of the same bytes is that name. */
static int find_name(const str *names, unsigned count, const struct json_member *m)
{
	for (unsigned i = 0; i < count; i++) {
		if (str_eq(m->key, names[i]))
			return (int)i;
	}
	if (str_find(m->key, '\\') == m->key.len)
		return -1;
	for (unsigned i = 0; i < count; i++) {
		if (json_inside_is(m->key, names[i]))
			return (int)i;
	}
	return -1;
}

/* Calls back for members without a name in the list; odd may be NULL. */
static void pick(struct chat_request *r, struct json_value object, const str *names,
                 unsigned count, struct json_value *values,
                 void (*odd)(struct chat_request *r, str where, str key), str where)
{
	uint64_t seen = 0;
	struct json_member m;

	assert(count <= 64);
	memset(values, 0, count * sizeof(*values));
	if (object.type != JSON_OBJECT)
		return;
	for (struct json_iter it = json_iter(object); json_next(&it, &m);) {
		int at = find_name(names, count, &m);

		if (at < 0) {
			if (odd && m.value.type != JSON_NULL)
				odd(r, where, m.key);
			continue;
		}
		if (seen >> at & 1 && !r->why)
			r->why = FAULT_JSON_DUPLICATE;
		seen |= (uint64_t)1 << at;
		if (m.value.type != JSON_NULL)
			values[at] = m.value;
	}
}

static void drop_member(struct chat_request *r, str where, str key)
{
	if (where.len)
		chat_dropf(r, "%.*s.%.*s", STR_ARG(where), STR_ARG(str_first(key, 64)));
	else
		chat_drop(r, str_first(key, 64));
}

void chat_pick(struct chat_request *r, struct json_value object, str where,
               const str *names, unsigned count, struct json_value *values)
{
	pick(r, object, names, count, values, drop_member, where);
}

void chat_pick_some(struct chat_request *r, struct json_value object, const str *names,
                    unsigned count, struct json_value *values)
{
	pick(r, object, names, count, values, NULL, STR_NONE);
}

bool chat_says_nothing(struct json_value v)
{
	struct json_iter it = json_iter(v);
	struct json_member m;

	switch (v.type) {
	case JSON_NONE:
	case JSON_NULL:
		return true;
	case JSON_STRING:
		return v.raw.len <= 2;
	case JSON_ARRAY:
	case JSON_OBJECT:
		return !json_next(&it, &m);
	case JSON_NUMBER:
	case JSON_TRUE:
	case JSON_FALSE:
		break;
	}
	return false;
}

bool chat_read_option(struct chat_request *r, enum wire_format format, str path,
                      struct json_value value)
{
	for (unsigned i = 0; i < CONCEPTS; i++) {
		if (concepts[i].kind != SCALAR || !str_eq(concepts[i].path[format], path))
			continue;
		if (!chat_says_nothing(value))
			r->options[i] = value;
		return true;
	}
	return false;
}

/* ---- texts ---- */

/* Copies s to where there is room, and returns the place behind it. */
static char *put(char *to, str s)
{
	if (s.len)
		memcpy(to, s.ptr, s.len);
	return to + s.len;
}

static bool is_surrogate(const char *at, const char *end, char from, char to)
{
	return end - at >= 6 && at[0] == '\\' && at[1] == 'u' &&
	       char_lower(at[2]) == 'd' && char_lower(at[3]) >= from &&
	       char_lower(at[3]) <= to;
}

/* Where the next lone surrogate escape stands, or end. */
static const char *find_lone(const char *at, const char *end)
{
	while (at < end) {
		at = memchr(at, '\\', (size_t)(end - at));
		if (!at)
			return end;
		if (is_surrogate(at, end, '8', 'b')) {
			if (!is_surrogate(at + 6, end, 'c', 'f'))
				return at;
			at += 12;
		} else if (is_surrogate(at, end, 'c', 'f')) {
			return at;
		} else {
			at += 2;
		}
	}
	return end;
}

jstr chat_text_in(struct arena *keep, struct json_value v)
{
	const char *at, *end, *lone;
	char *room, *to;

	if (v.type != JSON_STRING || v.raw.len < 2)
		return STR_NONE;
	at = v.raw.ptr + 1;
	end = at + v.raw.len - 2;
	/* Nearly always so, and seen without a stop at every escape, which was 10 % of
	 * the instructions of an agent's request. */
	if (!json_may_have_u(str_of(at, (size_t)(end - at))))
		return str_of(at, (size_t)(end - at));
	lone = find_lone(at, end);
	if (lone == end)
		return str_of(at, (size_t)(end - at));
	room = arena_try(keep, (size_t)(end - at));
	if (!room)
		return STR_NONE;
	for (to = room;; lone = find_lone(at, end)) {
		memcpy(to, at, (size_t)(lone - at));
		to += lone - at;
		if (lone == end)
			return str_of(room, (size_t)(to - room));
		to = put(to, STR("\\ufffd"));
		at = lone + 6;
	}
}

jstr chat_text(struct chat_request *r, struct json_value v)
{
	jstr text = chat_text_in(r->keep, v);

	if (v.type == JSON_STRING && v.raw.len > 2 && text.len == 0 && !r->why)
		r->why = FAULT_JSON_LIMIT;
	return text;
}

static bool needs_escape(str plain)
{
	for (size_t i = 0; i < plain.len; i++) {
		unsigned char c = (unsigned char)plain.ptr[i];

		if (c < ' ' || c == '"' || c == '\\' || c >= 127)
			return true;
	}
	return false;
}

jstr chat_escape(struct arena *keep, str plain)
{
	struct buf escaped = BUF_LIMIT(plain.len * 6 + 16);
	char *room;
	jstr kept = STR_NONE;

	if (!needs_escape(plain))
		return plain;
	json_escape(&escaped, plain);
	room = arena_try(keep, escaped.len ? escaped.len : 1);
	if (room) {
		memcpy(room, escaped.ptr, escaped.len);
		kept = str_of(room, escaped.len);
	}
	buf_free(&escaped);
	return kept;
}

str chat_plain(struct arena *keep, jstr text)
{
	char *room;

	if (str_find(text, '\\') == text.len)
		return text;
	/* json_text wants the quotes around it, which it does not look at. */
	struct json_value v = { JSON_STRING, str_of(text.ptr - 1, text.len + 2) };
	room = arena_try(keep, text.len + 2);
	return room ? json_text(v, room) : STR_NONE;
}

/* Is it the text of an object, or can it be made one? */
str chat_args(struct chat_request *r, jstr text)
{
	str plain = chat_plain(r->keep, text), trimmed = str_trim(plain);
	struct json_value v;
	char *room, *to;

	if (trimmed.len == 0)
		return STR("{}");
	if (!json_check(trimmed, &json_limits_default, &v) && v.type == JSON_OBJECT)
		return v.raw;
	room = arena_try(r->keep, text.len + 16);
	if (!room)
		return STR("{}");
	to = put(put(put(room, STR("{\"_raw\":\"")), text), STR("\"}"));
	return str_of(room, (size_t)(to - room));
}

/* ---- media ---- */

bool chat_split_data_url(jstr url, jstr *ret_media_type, jstr *ret_data)
{
	str rest = url, head;
	size_t comma;

	if (!str_starts_nocase(rest, STR("data:")))
		return false;
	rest = str_from(rest, 5);
	comma = str_find(rest, ',');
	head = str_first(rest, comma);
	if (comma == rest.len || !str_ends(head, STR(";base64")))
		return false;
	*ret_data = str_from(rest, comma + 1);
	*ret_media_type = str_first(head, str_find(head, ';'));
	return true;
}

void chat_set_url(struct chat_part *p, jstr url)
{
	if (chat_split_data_url(url, &p->media_type, &p->data)) {
		p->source = SOURCE_BASE64;
		return;
	}
	p->source = SOURCE_URL;
	p->data = url;
}
