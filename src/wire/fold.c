/* fold.c - JSON values that come piece by piece, put together by rules.
 *
 * The machine does not know what members mean, only how the values that one gets over a
 * stream become one: its rule says so.  Values are neither copied nor decoded; they are
 * kept as lists of places in the stream and put side by side when all is known.  An
 * escape is whole in each piece, so that pieces of a string may be glued as they stand,
 * and the halves of a surrogate pair meet again. */
#include "wire/fold.h"

#include "base/mem.h"

enum { MEMBERS_MOST = 64 }; /* of one object */

struct fold_piece {
	struct fold_piece *next;
	struct json_value value;
};

/* ---- names ---- */

static bool has_escape(str key)
{
	return str_find(key, '\\') < key.len;
}

static struct json_value quoted(str key)
{
	return (struct json_value){ JSON_STRING, str_of(key.ptr - 1, key.len + 2) };
}

bool fold_key_is(str key, str name)
{
	return has_escape(key) ? json_text_is(quoted(key), name) : str_eq(key, name);
}

void fold_write_key(struct json_writer *w, str key)
{
	if (!has_escape(key)) {
		json_key(w, key);
		return;
	}
	char *room = mem_new(key.len + 2);

	json_key(w, json_text(quoted(key), room));
	free(room);
}

/* The row of a member; what nobody knows has the end of the table. */
static const struct fold_rule *rule_of(const struct fold_rule *rules, str key)
{
	while (rules->name.len > 0 && !fold_key_is(key, rules->name))
		rules++;
	return rules;
}

/* ---- what has been seen of a stream ---- */

/* Zeroed; NULL when the stream has more than can be kept. */
static void *keep_new(struct fold *f, size_t size)
{
	void *ptr = arena_try(&f->keep, size);

	if (ptr)
		return memset(ptr, 0, size);
	f->why = FAULT_UPSTREAM_LARGE;
	return NULL;
}

struct fold_member *fold_find(const struct fold_object *o, str name)
{
	struct fold_member *m = o->members;

	while (m && !str_eq(m->name, name))
		m = m->next;
	return m;
}

/* The member of that name, which is new when there was none; NULL, see f->why. */
static struct fold_member *member_of(struct fold *f, struct fold_object *o, str name,
                                     const struct fold_rule *rule)
{
	struct fold_member **at = &o->members;

	for (; *at; at = &(*at)->next) {
		if (str_eq((*at)->name, name))
			return *at;
	}
	if (o->count++ == MEMBERS_MOST) {
		f->why = FAULT_UPSTREAM_MALFORMED;
		return NULL;
	}
	struct fold_member *m = keep_new(f, sizeof(*m));
	if (m) {
		m->name = name;
		m->rule = rule;
		*at = m;
	}
	return m;
}

/* Some providers send empty members until they know better. */
static bool says_something(struct json_value v)
{
	switch (v.type) {
	case JSON_NONE:
	case JSON_NULL:
		return false;
	case JSON_STRING:
		return json_has_text(v);
	case JSON_NUMBER:
		return !str_eq(v.raw, STR("0"));
	case JSON_OBJECT:
	case JSON_ARRAY:
	case JSON_TRUE:
	case JSON_FALSE:
		break;
	}
	return true;
}

/* A zero counts as the last value of a member, but not as the first. */
static void keep_value(struct fold_member *m, struct json_value v)
{
	bool is_first = m->rule->how == FOLD_FIRST;
	bool is_zero = v.type == JSON_NUMBER && !says_something(v);

	if (m->value.type != JSON_NONE && v.type == JSON_NULL)
		return;
	if (!says_something(m->value) || (!is_first && (says_something(v) || is_zero)))
		m->value = v;
}

static void add_piece(struct fold *f, struct fold_member *m, struct json_value v)
{
	struct fold_piece *p;

	if (v.type == JSON_NULL)
		m->value = v;
	if (v.type == JSON_NULL ||
	    (m->first && v.type == JSON_STRING && !json_has_text(v)))
		return;
	p = keep_new(f, sizeof(*p));
	if (!p)
		return;
	p->value = v;
	m->types |= 1U << v.type;
	if (m->last)
		m->last->next = p;
	else
		m->first = p;
	m->last = p;
}

/* ---- objects in lists ---- */

/* The object that item is a piece of; NULL, see f->why. */
static struct fold_object *object_of(struct fold *f, struct fold_member *m,
                                     struct json_value item)
{
	struct json_value place = json_get(item, STR("index"));
	struct fold_object **at = &m->objects, *held = NULL;
	uint64_t index = 0;
	bool has_place = place.type != JSON_NONE && place.type != JSON_NULL;

	if (item.type != JSON_OBJECT || (has_place && !json_u64(place, &index)) ||
	    index >= m->rule->most) {
		f->why = FAULT_UPSTREAM_MALFORMED;
		return NULL;
	}
	for (; *at && (*at)->index <= index; at = &(*at)->next)
		held = *at;
	bool is_held = held && held->index == index;
	if (is_held && !(m->rule->begins_anew && m->rule->begins_anew(held, item)))
		return held;
	if (m->count++ == m->rule->most) {
		f->why = FAULT_UPSTREAM_MALFORMED;
		return NULL;
	}
	struct fold_object *o = keep_new(f, sizeof(*o));
	if (o) {
		o->index = index;
		o->next = *at;
		*at = o;
	}
	return o;
}

static void take_object(struct fold *f, struct fold_object *to, struct json_value from,
                        const struct fold_rule *rules);

static void take_list(struct fold *f, struct fold_member *m, struct json_value items)
{
	struct json_iter it = json_iter(items);
	struct json_member item;

	while (!f->why && json_next(&it, &item)) {
		struct fold_object *o = object_of(f, m, item.value);

		if (o)
			take_object(f, o, item.value, m->rule->inside);
	}
}

/* ---- one value more ---- */

static void take_value(struct fold *f, struct fold_member *m, struct json_value v)
{
	switch (m->rule->how) {
	case FOLD_JOIN:
		add_piece(f, m, v);
		return;
	case FOLD_MERGE:
		if (v.type != JSON_OBJECT)
			break;
		if (!m->objects)
			m->objects = keep_new(f, sizeof(*m->objects));
		if (m->objects)
			take_object(f, m->objects, v, m->rule->inside);
		return;
	case FOLD_LIST:
		if (v.type == JSON_ARRAY)
			take_list(f, m, v);
		break;
	case FOLD_FIRST:
	case FOLD_LAST:
	case FOLD_DROP:
		break;
	}
	keep_value(m, v);
}

static bool has_object(const struct json_member *members, size_t count, str name)
{
	for (size_t i = 0; i < count; i++) {
		if (members[i].value.type == JSON_OBJECT &&
		    fold_key_is(members[i].key, name))
			return true;
	}
	return false;
}

static void take_object(struct fold *f, struct fold_object *to, struct json_value from,
                        const struct fold_rule *rules)
{
	struct json_member members[MEMBERS_MOST];
	size_t count = 0;

	if (json_object_members(from, members, MEMBERS_MOST, &count))
		f->why = FAULT_UPSTREAM_MALFORMED;
	for (size_t i = 0; i < count && !f->why; i++) {
		const struct fold_rule *rule = rule_of(rules, members[i].key);
		str name = rule->as.len ? rule->as : rule->name;

		if (rule->how == FOLD_DROP ||
		    (rule->less.len && has_object(members, count, rule->less)))
			continue;
		struct fold_member *m =
		        member_of(f, to, name.len ? name : members[i].key, rule);
		if (m)
			take_value(f, m, members[i].value);
	}
}

void fold_take(struct fold *f, struct json_value root)
{
	if (!f->why)
		take_object(f, &f->root, root, f->rules);
}

/* ---- the result ---- */

/* Glues the strings from p on; returns the first piece that is none. */
static const struct fold_piece *write_glued(struct json_writer *w,
                                            const struct fold_piece *p)
{
	json_raw(w, STR("\""));
	for (; p && p->value.type == JSON_STRING; p = p->next)
		buf_add(w->to, str_of(p->value.raw.ptr + 1, p->value.raw.len - 2));
	buf_add_char(w->to, '"');
	return p;
}

/* Content that came as parts, or as parts here and as plain text there (Mistral). */
static void write_parts(struct json_writer *w, const struct fold_piece *p)
{
	json_open(w, '[');
	while (p) {
		struct json_iter it = json_iter(p->value);
		struct json_member item;

		if (json_has_text(p->value)) {
			json_open(w, '{');
			json_key_str(w, STR("type"), STR("text"));
			json_key(w, STR("text"));
			p = write_glued(w, p);
			json_close(w, '}');
			continue;
		}
		while (json_next(&it, &item))
			json_raw(w, item.value.raw);
		p = p->next;
	}
	json_close(w, ']');
}

static void write_joined(struct json_writer *w, const struct fold_member *m)
{
	if (m->types & ~(1U << JSON_STRING | 1U << JSON_ARRAY))
		json_raw(w, m->last->value.raw); /* not ours to put together */
	else if (m->types & 1U << JSON_ARRAY)
		write_parts(w, m->first);
	else
		write_glued(w, m->first);
}

static void write_object(struct json_writer *w, const struct fold_object *o,
                         const struct fold_rule *rules);

static void write_value(struct json_writer *w, const struct fold_member *m)
{
	if (m->objects && m->rule->how == FOLD_LIST) {
		json_open(w, '[');
		for (const struct fold_object *o = m->objects; o; o = o->next)
			write_object(w, o, m->rule->inside);
		json_close(w, ']');
	} else if (m->objects) {
		write_object(w, m->objects, m->rule->inside);
	} else if (m->first) {
		write_joined(w, m);
	} else if (m->value.type == JSON_NULL && m->rule->fill.len) {
		json_raw(w, m->rule->fill);
	} else {
		json_raw(w, m->value.raw);
	}
}

static void write_object(struct json_writer *w, const struct fold_object *o,
                         const struct fold_rule *rules)
{
	json_open(w, '{');
	for (const struct fold_member *m = o->members; m; m = m->next) {
		fold_write_key(w, m->name);
		write_value(w, m);
	}
	for (; rules->name.len > 0; rules++) {
		if (rules->fill.len == 0 || fold_find(o, rules->name))
			continue;
		json_key(w, rules->name);
		json_raw(w, rules->fill);
	}
	json_close(w, '}');
}

fault_t fold_write(const struct fold *f, struct buf *to)
{
	struct json_writer w = { .to = to };
	size_t before = to->len;

	write_object(&w, &f->root, f->rules);
	if (!to->over)
		return NULL;
	to->len = before;
	return FAULT_UPSTREAM_LARGE;
}

void fold_done(struct fold *f)
{
	arena_done(&f->keep);
}
