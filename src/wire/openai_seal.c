/* openai_seal.c - thoughts and their seals in a format that has no place for them.
 *
 * OpenAI's chat format shows no reasoning.  Others added it: the text as
 * reasoning_content or reasoning, and OpenRouter a list, reasoning_details, with a
 * signature or encrypted data beside each text, which clients send back as they got it.
 * We use that list for every vendor's seal: the text stays in reasoning_content, and the
 * id of the detail says which part of it is sealed and where it stood between text and
 * calls.
 *
 * A seal that came from OpenRouter keeps what it needs there (type, format, id) in front
 * of its data: "e.openai-responses-v1.rs_1.gAAA". */
#include "wire/openai_chat.h"

#include <stdio.h>

/* ---- characters ---- */

static bool is_low_surrogate(str text, size_t at)
{
	return at + 6 <= text.len && char_lower(text.ptr[at + 2]) == 'd' &&
	       char_lower(text.ptr[at + 3]) >= 'c';
}

/* Moves over one character, or over bytes that make none of their own. */
static size_t step(jstr text, size_t at, uint64_t *count)
{
	char c = text.ptr[at];

	if (c != '\\') {
		*count += ((unsigned char)c & 0xc0) != 0x80;
		return at + 1;
	}
	if (at + 1 < text.len && text.ptr[at + 1] == 'u') {
		*count += !is_low_surrogate(text, at);
		return min_of(at + 6, text.len);
	}
	++*count;
	return min_of(at + 2, text.len);
}

uint64_t jstr_count(jstr text)
{
	uint64_t count = 0;

	for (size_t at = 0; at < text.len;)
		at = step(text, at, &count);
	return count;
}

size_t jstr_offset(jstr text, uint64_t count)
{
	uint64_t seen = 0;
	size_t at = 0, next;

	/* The character's last bytes belong to it: stop where the next one begins. */
	for (; at < text.len; at = next) {
		next = step(text, at, &seen);
		if (seen > count)
			break;
	}
	return at;
}

/* ---- places ---- */

#define PLACE "think-"

str openai_place_text(char *room, size_t size, const struct openai_place *p)
{
	int n = snprintf(room, size, PLACE "%llu-%llu-%llu", (unsigned long long)p->place,
	                 (unsigned long long)p->start, (unsigned long long)p->count);

	return str_of(room, n > 0 ? min_of((size_t)n, size - 1) : 0);
}

bool openai_place_read(jstr id, struct openai_place *ret)
{
	return str_skip(&id, STR(PLACE)) && str_to_u64(str_cut(&id, '-'), &ret->place) &&
	       str_to_u64(str_cut(&id, '-'), &ret->start) && str_to_u64(id, &ret->count);
}

/* ---- details ---- */

bool openai_read_detail(struct arena *keep, struct json_value item,
                        struct openai_detail *ret)
{
	struct json_value type = json_get(item, STR("type"));

	*ret = (struct openai_detail){ .type = DETAIL_TEXT };
	if (item.type != JSON_OBJECT)
		return false;
	ret->format = chat_text_in(keep, json_get(item, STR("format")));
	ret->id = chat_text_in(keep, json_get(item, STR("id")));
	if (json_text_is(type, STR("reasoning.text"))) {
		ret->text = chat_text_in(keep, json_get(item, STR("text")));
		ret->seal = chat_text_in(keep, json_get(item, STR("signature")));
	} else if (json_text_is(type, STR("reasoning.summary"))) {
		ret->type = DETAIL_SUMMARY;
		ret->text = chat_text_in(keep, json_get(item, STR("summary")));
	} else if (json_text_is(type, STR("reasoning.encrypted"))) {
		ret->type = DETAIL_ENCRYPTED;
		ret->seal = chat_text_in(keep, json_get(item, STR("data")));
	} else {
		return false;
	}
	return true;
}

void openai_write_detail(struct json_writer *w, const struct openai_detail *d,
                         uint64_t index)
{
	static const struct {
		str type, text, seal;
	} names[] = {
		[DETAIL_TEXT] = { STR_INIT("reasoning.text"), STR_INIT("text"),
		                  STR_INIT("signature") },
		[DETAIL_SUMMARY] = { STR_INIT("reasoning.summary"), STR_INIT("summary"),
		                     STR_INIT("") },
		[DETAIL_ENCRYPTED] = { STR_INIT("reasoning.encrypted"), STR_INIT(""),
		                       STR_INIT("data") },
	};

	json_open(w, '{');
	json_key_str(w, STR("type"), names[d->type].type);
	if (names[d->type].text.len)
		json_key_jstr(w, names[d->type].text, d->text);
	if (names[d->type].seal.len && d->seal.len)
		json_key_jstr(w, names[d->type].seal, d->seal);
	if (d->id.len)
		json_key_jstr(w, STR("id"), d->id);
	if (d->format.len)
		json_key_jstr(w, STR("format"), d->format);
	json_key(w, STR("index"));
	json_uint(w, index);
	json_close(w, '}');
}

/* May it stand between the points of a blob? */
static bool is_plain_word(str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = char_lower(s.ptr[i]);

		if (!(c >= 'a' && c <= 'z') && !char_is_digit(c) && c != '_' && c != '-')
			return false;
	}
	return s.len <= 128;
}

struct chat_seal openai_pack_seal(struct arena *keep, const struct openai_detail *d)
{
	struct chat_seal s = { .origin = WIRE_OPENAI_CHAT };
	str format = is_plain_word(d->format) ? d->format : STR_NONE;
	str id = is_plain_word(d->id) ? d->id : STR_NONE;
	struct buf b = BUF_LIMIT(d->seal.len + 512);
	char *room;

	buf_add_char(&b, d->type == DETAIL_ENCRYPTED ? 'e' : 's');
	buf_add_char(&b, '.');
	buf_add(&b, format);
	buf_add_char(&b, '.');
	buf_add(&b, id);
	buf_add_char(&b, '.');
	buf_add(&b, d->seal);
	room = arena_try(keep, b.len);
	if (room) {
		memcpy(room, b.ptr, b.len);
		s.blob = str_of(room, b.len);
	}
	buf_free(&b);
	return s;
}

void openai_unpack_seal(const struct chat_seal *s, struct openai_detail *ret)
{
	str rest = s->blob, kind = str_cut(&rest, '.');

	*ret = (struct openai_detail){ .type = DETAIL_ENCRYPTED };
	if (str_eq(kind, STR("s")))
		ret->type = DETAIL_TEXT;
	else if (!str_eq(kind, STR("e"))) {
		ret->seal = s->blob;
		return;
	}
	ret->format = str_cut(&rest, '.');
	ret->id = str_cut(&rest, '.');
	ret->seal = rest;
}

/* ---- reading a message's thoughts ---- */

struct thoughts {
	struct openai_thought *list;
	unsigned count;
};

static struct openai_thought *add(struct thoughts *t, uint64_t place, jstr text)
{
	/* More than these are one text at the end. */
	if (t->count == OPENAI_THOUGHTS)
		return &t->list[t->count - 1];
	t->list[t->count] = (struct openai_thought){ .place = place, .text = text };
	return &t->list[t->count++];
}

/* Ours: each says which part of the text it seals.  False: the text is not what it was,
 * so the seals are worth nothing. */
static bool read_ours(struct chat_request *r, jstr text, struct json_value details,
                      struct thoughts *t)
{
	uint64_t at = 0, length = jstr_count(text);
	struct openai_place where;
	struct openai_detail d;
	struct json_member m;

	for (struct json_iter it = json_iter(details); json_next(&it, &m);) {
		if (!openai_read_detail(r->keep, m.value, &d) ||
		    !openai_place_read(d.id, &where))
			continue;
		if (where.start < at || where.start > length ||
		    where.count > length - where.start || t->count + 2 > OPENAI_THOUGHTS)
			return false;
		jstr before = str_take(&text, jstr_offset(text, where.start - at));
		if (before.len)
			add(t, 0, before);
		jstr own = str_take(&text, jstr_offset(text, where.count));
		add(t, where.place, own)->seal = chat_seal_read(d.seal, WIRE_OPENAI_CHAT);
		at = where.start + where.count;
	}
	if (text.len)
		add(t, 0, text);
	return true;
}

/* OpenRouter's own: encrypted data belongs to the summary before it. */
static void read_theirs(struct chat_request *r, struct json_value details,
                        struct thoughts *t)
{
	struct openai_thought *last = NULL;
	struct openai_detail d;
	struct json_member m;

	for (struct json_iter it = json_iter(details); json_next(&it, &m);) {
		if (!openai_read_detail(r->keep, m.value, &d))
			continue;
		if (t->count == OPENAI_THOUGHTS) {
			chat_drop(r, STR("messages[].reasoning_details"));
			return;
		}
		if (d.type != DETAIL_ENCRYPTED || !last || last->seal.blob.len)
			last = add(t, 0, d.text);
		if (d.seal.len && !last->seal.blob.len)
			last->seal = openai_pack_seal(r->keep, &d);
	}
}

static bool has_ours(struct chat_request *r, struct json_value details)
{
	struct openai_place where;
	struct openai_detail d;
	struct json_member m;

	for (struct json_iter it = json_iter(details); json_next(&it, &m);) {
		if (openai_read_detail(r->keep, m.value, &d) &&
		    str_starts(d.seal, STR(CHAT_SEAL_MARK)) &&
		    openai_place_read(d.id, &where))
			return true;
	}
	return false;
}

/* ---- all thoughts of a message ---- */

unsigned openai_read_thoughts(struct chat_request *r, struct json_value content,
                              struct json_value reasoning, struct json_value details,
                              struct openai_thought *ret)
{
	jstr text = chat_text(r, json_has_text(content) ? content : reasoning);
	struct thoughts t = { .list = ret };
	bool has_text = false;

	if (has_ours(r, details)) {
		if (read_ours(r, text, details, &t))
			return t.count;
		chat_drop(r, STR("messages[].reasoning_details"));
		t.count = 0;
	} else {
		read_theirs(r, details, &t);
		for (unsigned i = 0; i < t.count; i++)
			has_text |= t.list[i].text.len > 0;
	}
	if (text.len == 0 || has_text)
		return t.count;
	if (t.count)
		t.list[0].text = text;
	else
		add(&t, 0, text);
	return t.count;
}
