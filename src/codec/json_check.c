/* json_check.c - a text from its first byte to its last: is it JSON, and within the
 * limits?
 *
 * One pass, one byte of look-ahead, no recursion: of the containers around a place only
 * their kind has to be known, and 64 kinds are 64 bits.  The functions take the place
 * where they begin and return the place behind what they have read, or NULL with the
 * reason in c->why.
 *
 * Strings end at marks (json_marks.h), sought 64 bytes at a time.  Nearly every text is a
 * container, so that its last byte closes it: a search that comes there has ended, and no
 * other byte has to be compared with the end.  The few others are walked carefully, by
 * the same code with that comparison compiled in. */
#include "codec/json_check.h"

#include "codec/json_marks.h"
#include "codec/utf8.h"

static cold const char *refuse(struct check *c, fault_t why)
{
	c->why = why;
	return NULL;
}

static const char *check_escape(struct check *c, const char *at)
{
	const char *end = c->end;

	if (end - at < 2)
		return refuse(c, FAULT_BAD_JSON);
	if (json_byte_is(at[1], BYTE_ESCAPE))
		return at + 2;
	if (at[1] != 'u' || end - at < 6)
		return refuse(c, FAULT_BAD_JSON);
	for (int i = 2; i < 6; i++) {
		if (!json_byte_is(at[i], BYTE_HEX))
			return refuse(c, FAULT_BAD_JSON);
	}
	return at + 6;
}

/* Text beyond ASCII comes in stretches, so this stays until there is none. */
static const char *check_utf8(struct check *c, const char *at)
{
	while (at < c->end && (unsigned char)*at >= 0x80) {
		size_t n = utf8_quick_length(at, c->end);

		if (n == 0)
			return refuse(c, FAULT_BAD_JSON);
		at += n;
	}
	return at;
}

const char *check_string_rest(struct check *c, const char *at)
{
	for (;; at = json_plain_end(at, c->end)) {
		if (at == c->end)
			return refuse(c, FAULT_BAD_JSON);
		if (*at == '"')
			return at + 1;
		if (*at == '\\')
			at = check_escape(c, at);
		else if ((unsigned char)*at >= 0x80)
			at = check_utf8(c, at);
		else
			return refuse(c, FAULT_BAD_JSON);
		if (!at)
			return NULL;
	}
}

/* At least one digit. */
static const char *check_digits(struct check *c, const char *at)
{
	const char *first = at;

	while (at < c->end && json_byte_is(*at, BYTE_DIGIT))
		at++;
	return at > first ? at : refuse(c, FAULT_BAD_JSON);
}

static const char *check_number(struct check *c, const char *first)
{
	const char *at = first + (*first == '-');

	if (at < c->end && *at == '0')
		at++;
	else
		at = check_digits(c, at);
	if (at && at < c->end && *at == '.')
		at = check_digits(c, at + 1);
	if (at && at < c->end && (*at == 'e' || *at == 'E')) {
		at++;
		if (at < c->end && (*at == '+' || *at == '-'))
			at++;
		at = check_digits(c, at);
	}
	if (at && (size_t)(at - first) > c->limits->number)
		return refuse(c, FAULT_JSON_LIMIT);
	return at;
}

/* ---- the walk ---- */

/* What one walk knows, and the choices it is compiled for.  Everything here ends up in
 * registers or goes away, for this is where a request's user time goes. */
struct walk {
	struct check *c;
	const char *end; /* c->end */
	enum keep keep;
	bool is_careful; /* nothing is read at the end; else a closing bracket is there */
	json_marks_fn *find_marks;
	struct json_marks marks;
	uint64_t is_object; /* one bit per open container, the innermost lowest */
	unsigned depth, nodes;
	struct json_limits limits;
	/* What is kept goes to the next place, if there is one; which of the two lists
	 * they belong to is a matter of `keep`. */
	struct json_member *member, *members_end;
	struct json_node *node, *nodes_end;
	uint32_t kept;
	struct json_node **open; /* of the containers around a place */
};

/* A byte no rule accepts stands for the end. */
inlined char peek(const struct walk *w, const char *at)
{
	return w->is_careful && at == w->end ? '\0' : *at;
}

inlined const char *skip_space(const struct walk *w, const char *at)
{
	while (unlikely(json_byte_is(peek(w, at), BYTE_SPACE)))
		at++;
	return at;
}

/* A value that is a string. */
inlined const char *walk_string(struct walk *w, const char *at)
{
	for (at++;;) {
		char mark;

		at = json_next_mark(&w->marks, at, w->find_marks);
		mark = peek(w, at);
		if (likely(mark == '"'))
			return at + 1;
		if (mark == '\\' && json_byte_is(peek(w, at + 1), BYTE_ESCAPE))
			at += 2;
		else if (mark == '\\')
			at = check_escape(w->c, at);
		else if ((unsigned char)mark >= 0x80)
			at = check_utf8(w->c, at);
		else
			return refuse(w->c, FAULT_BAD_JSON);
		if (!at)
			return NULL;
	}
}

/* A member's name, to where its value begins. */
inlined const char *walk_name(struct walk *w, const char *at, str *ret_name)
{
	const char *name;

	if (unlikely(peek(w, at) != '"')) {
		at = skip_space(w, at);
		if (peek(w, at) != '"')
			return refuse(w->c, FAULT_BAD_JSON);
	}
	name = at + 1;
	at = json_next_mark(&w->marks, name, w->find_marks);
	if (unlikely(peek(w, at) != '"')) {
		w->c->has_odd_name |= w->depth == 1;
		at = check_string_rest(w->c, at);
		if (!at)
			return NULL;
		at--;
	}
	*ret_name = str_of(name, (size_t)(at - name));
	if (ret_name->len > w->limits.key)
		return refuse(w->c, FAULT_JSON_LIMIT);
	at++;
	if (unlikely(peek(w, at) != ':')) {
		at = skip_space(w, at);
		if (peek(w, at) != ':')
			return refuse(w->c, FAULT_BAD_JSON);
	}
	return at + 1;
}

/* Is a value at this depth to be kept?  Items of arrays only when they are containers. */
inlined bool is_kept(const struct walk *w, bool is_item)
{
	switch (w->keep) {
	case KEEP_NOTHING:
		break;
	case KEEP_MEMBERS:
		return w->depth == 1 && !is_item;
	case KEEP_TAPE:
		return w->depth <= w->c->tape_depth;
	}
	return false;
}

inlined bool has_room(const struct walk *w)
{
	return w->keep == KEEP_TAPE ? w->node < w->nodes_end : w->member < w->members_end;
}

/* The place of the value that is next kept. */
inlined struct json_member *kept_place(const struct walk *w)
{
	return w->keep == KEEP_TAPE ? &w->node->m : w->member;
}

/* Notes where a value begins that will be kept; it is in memory from here on, because the
 * registers are needed for what is in it. */
inlined void keep_begin(struct walk *w, str name, const char *at)
{
	struct json_member *m = kept_place(w);

	m->key = name;
	m->value.raw.ptr = at;
}

/* What it is, and where it ends; for a container that is not known yet. */
inlined void keep_value(struct walk *w, enum json_type type, const char *end)
{
	struct json_member *m = kept_place(w);

	m->value.type = type;
	m->value.raw.len = (size_t)(end - m->value.raw.ptr);
	w->kept++;
	if (w->keep == KEEP_TAPE)
		w->node++->next = w->kept;
	else
		w->member++;
}

/* A container ends before `at`; the walk is already outside. */
inlined void keep_end(struct walk *w, const char *at)
{
	struct json_member *m;

	if (!is_kept(w, !(w->is_object & 1)))
		return;
	if (w->keep == KEEP_TAPE) {
		w->open[w->depth]->next = w->kept;
		m = &w->open[w->depth]->m;
	} else {
		m = w->member - 1;
	}
	m->value.raw.len = (size_t)(at - m->value.raw.ptr);
}

/* To the first byte that is no space. */
inlined const char *walk_space(const struct walk *w, const char *at)
{
	if (unlikely((unsigned char)peek(w, at) <= ' '))
		at = skip_space(w, at);
	return at;
}

inlined bool is_word(const struct walk *w, const char *at, str word)
{
	return (size_t)(w->end - at) >= word.len && memcmp(at, word.ptr, word.len) == 0;
}

inlined const char *walk_digits(const struct walk *w, const char *at)
{
	while (char_is_digit(peek(w, at)))
		at++;
	return at;
}

/* Mostly a few digits, with some behind a point; whatever else there is of a number is
 * left to check_number. */
inlined const char *walk_number(struct walk *w, const char *first)
{
	const char *at = first + 1;
	char c;

	if (*first != '0')
		at = walk_digits(w, at);
	c = peek(w, at);
	if (c == '.' && char_is_digit(peek(w, at + 1))) {
		at = walk_digits(w, at + 2);
		c = peek(w, at);
	}
	if (unlikely(*first == '-' || c == '.' || c == 'e' || c == 'E' ||
	             (size_t)(at - first) > w->limits.number))
		return check_number(w->c, first);
	return at;
}

/* A value that is neither container nor string. */
inlined const char *walk_bare(struct walk *w, const char *at, enum json_type *ret)
{
	if (char_is_digit(*at) || *at == '-') {
		*ret = JSON_NUMBER;
		return walk_number(w, at);
	}
	if (is_word(w, at, STR("null"))) {
		*ret = JSON_NULL;
		return at + 4;
	}
	if (is_word(w, at, STR("true"))) {
		*ret = JSON_TRUE;
		return at + 4;
	}
	if (is_word(w, at, STR("false"))) {
		*ret = JSON_FALSE;
		return at + 5;
	}
	return refuse(w->c, FAULT_BAD_JSON);
}

/* The bracket at `at` opens a container. */
inlined bool walk_into(struct walk *w, const char *at)
{
	bool is_object = *at == '{', is_item = !(w->is_object & 1);

	if (is_kept(w, is_item)) {
		if (is_item && !has_room(w)) /* a member has asked for it */
			return refuse(w->c, FAULT_JSON_LIMIT);
		if (is_item)
			keep_begin(w, STR(""), at);
		if (w->keep == KEEP_TAPE)
			w->open[w->depth] = w->node;
		keep_value(w, is_object ? JSON_OBJECT : JSON_ARRAY, at);
	}
	if (++w->depth > w->limits.depth || ++w->nodes > w->limits.nodes)
		return refuse(w->c, FAULT_JSON_LIMIT);
	w->is_object = w->is_object << 1 | is_object;
	return true;
}

/* A container with all that is in it.
 *
 *	+-> member --> behind_member --+       member, item:  `at` is where it begins
 *	|    |  `-- , --'  |           |       behind_...:    where it has ended
 *	open-+            }|           +-> close -> behind_... of what is around
 *	|    |            ]|           |
 *	+-> item ----> behind_item ----+
 */
inlined const char *walk_container(struct walk *w, const char *at)
{
	enum json_type type = JSON_NONE;
	str name;

open:
	if (!walk_into(w, at))
		return NULL;
	at = walk_space(w, at + 1);
	if (!(w->is_object & 1)) {
		if (peek(w, at) == ']')
			goto close;
		goto item;
	}
	if (peek(w, at) == '}')
		goto close;
member:
	at = walk_name(w, at, &name);
	if (!at)
		return NULL;
	if (++w->nodes > w->limits.nodes)
		return refuse(w->c, FAULT_JSON_LIMIT);
	at = walk_space(w, at);
	if (w->is_careful && at == w->end)
		return refuse(w->c, FAULT_BAD_JSON);
	if (is_kept(w, false)) {
		if (!has_room(w))
			return refuse(w->c, FAULT_JSON_LIMIT);
		keep_begin(w, name, at);
	}
	if (likely(*at == '"')) {
		at = walk_string(w, at);
		type = JSON_STRING;
	} else if (is_opening(*at)) {
		goto open;
	} else {
		at = walk_bare(w, at, &type);
	}
	if (!at)
		return NULL;
	if (is_kept(w, false))
		keep_value(w, type, at);
behind_member:
	at = walk_space(w, at);
	if (peek(w, at) == ',') {
		at++;
		goto member;
	}
	if (peek(w, at) == '}')
		goto close;
	return refuse(w->c, FAULT_BAD_JSON);
item:
	at = walk_space(w, at);
	if (w->is_careful && at == w->end)
		return refuse(w->c, FAULT_BAD_JSON);
	if (is_opening(*at))
		goto open;
	at = *at == '"' ? walk_string(w, at) : walk_bare(w, at, &type);
	if (!at)
		return NULL;
behind_item:
	at = walk_space(w, at);
	if (peek(w, at) == ',') {
		at++;
		goto item;
	}
	if (peek(w, at) != ']')
		return refuse(w->c, FAULT_BAD_JSON);
close:
	at++;
	w->depth--;
	w->is_object >>= 1;
	keep_end(w, at);
	if (w->depth == 0)
		return at;
	if (!w->is_careful && at > w->end)
		return refuse(w->c, FAULT_BAD_JSON);
	if (w->is_object & 1)
		goto behind_member;
	goto behind_item;
}

/* A root that is no container. */
inlined const char *walk_bare_root(struct walk *w, const char *at)
{
	enum json_type type = JSON_STRING;

	if (at == w->end)
		return refuse(w->c, FAULT_BAD_JSON);
	if (w->keep == KEEP_TAPE) {
		if (!has_room(w))
			return refuse(w->c, FAULT_JSON_LIMIT);
		keep_begin(w, STR(""), at);
	}
	at = *at == '"' ? walk_string(w, at) : walk_bare(w, at, &type);
	if (at && w->keep == KEEP_TAPE)
		keep_value(w, type, at);
	return at;
}

inlined const char *walk_root(struct walk *w, const char *at)
{
	w->end = w->c->end;
	w->limits = *w->c->limits;
	w->marks = (struct json_marks){ .begin = w->c->begin, .end = w->end };
	json_marks_move(&w->marks, at, w->find_marks);
	if (w->is_careful && !is_opening(peek(w, at)))
		return walk_bare_root(w, at);
	return walk_container(w, at);
}

inlined const char *walk_with(struct check *c, const char *at, json_marks_fn *find_marks,
                              enum keep keep, bool is_careful)
{
	struct json_node *open[TAPE_DEPTH + 1];
	struct walk w = { .c = c,
		          .open = open,
		          .keep = keep,
		          .is_careful = is_careful,
		          .find_marks = find_marks };

	if (keep == KEEP_TAPE) {
		w.node = c->tape->nodes;
		w.nodes_end = w.node + c->tape->most;
	} else {
		w.member = c->members;
		w.members_end = w.member + c->most;
	}
	at = walk_root(&w, at);
	c->kept = w.kept;
	return at;
}

static cold const char *walk_carefully(struct check *c, const char *at)
{
	return walk_with(c, at, json_marks_portable, c->keep, true);
}

/* One walk for each thing to be kept, each with registers of its own. */
#define WALK(name, find_marks, keep, attribute)                                          \
	attribute static apart const char *name(struct check *c, const char *at)         \
	{                                                                                \
		return walk_with(c, at, find_marks, keep, false);                        \
	}
#define WALKS(name, find_marks, attribute)                                               \
	WALK(name##_alone, find_marks, KEEP_NOTHING, attribute)                          \
	WALK(name##_members, find_marks, KEEP_MEMBERS, attribute)                        \
	WALK(name##_tape, find_marks, KEEP_TAPE, attribute)                              \
	static const char *name(struct check *c, const char *at)                         \
	{                                                                                \
		switch (c->keep) {                                                       \
		case KEEP_NOTHING:                                                       \
			break;                                                           \
		case KEEP_MEMBERS:                                                       \
			return name##_members(c, at);                                    \
		case KEEP_TAPE:                                                          \
			return name##_tape(c, at);                                       \
		}                                                                        \
		return name##_alone(c, at);                                              \
	}

#ifdef __SSE2__
WALKS(walk_sse2, json_marks_sse2, )
WALKS(walk_avx2, json_marks_avx2, JSON_AVX2)
#else
WALKS(walk_portable, json_marks_portable, )
#endif

const char *check_root(struct check *c, const char *at, bool is_closed)
{
	if (!is_closed)
		return walk_carefully(c, at);
#ifdef __SSE2__
	if (likely(json_has_avx2()))
		return walk_avx2(c, at);
	return walk_sse2(c, at);
#else
	return walk_portable(c, at);
#endif
}
