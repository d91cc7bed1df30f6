#include "codec/redact_private.h"

#include "base/mem.h"

#include <regex.h>

enum { PATTERNS_MOST = 64, ROOM = 512 };

struct redact {
	unsigned classes;
	unsigned count;
	regex_t patterns[PATTERNS_MOST];
};

/* ---- all of it ---- */

unsigned redact_class_find(str name)
{
	static const str names[] = { STR_INIT("email"), STR_INIT("phone"),
		                     STR_INIT("card"), STR_INIT("iban"),
		                     STR_INIT("secret") };

	for (unsigned i = 0; i < countof(names); i++)
		if (str_eq(names[i], name))
			return 1u << i;
	return 0;
}

struct redact *redact_new(unsigned classes, const char *const *patterns, struct buf *why)
{
	struct redact *r = new_of(struct redact);

	r->classes = classes;
	for (; patterns && *patterns; patterns++) {
		char text[ROOM];
		int error;

		if (r->count == PATTERNS_MOST) {
			buf_addf(why, "more than %d patterns", PATTERNS_MOST);
			redact_free(&r);
			return NULL;
		}
		error = regcomp(&r->patterns[r->count], *patterns,
		                REG_EXTENDED | REG_NEWLINE);
		if (error == 0) {
			r->count++;
			continue;
		}
		regerror(error, NULL, text, sizeof(text));
		buf_addf(why, "\"%s\": %s", *patterns, text);
		redact_free(&r);
		return NULL;
	}
	return r;
}

void redact_free(struct redact **at)
{
	struct redact *r = move(*at);

	for (unsigned i = 0; r && i < r->count; i++)
		regfree(&r->patterns[i]);
	free(r);
}

/* ---- finds, in ascending order ---- */

struct finds {
	struct find *list;
	size_t count, room;
};

static void add(struct finds *f, struct find one)
{
	if (f->count == f->room) {
		f->room = f->room ? f->room * 2 : 64;
		f->list = mem_resize(f->list, f->room * sizeof(*f->list));
	}
	f->list[f->count++] = one;
}

static void find_classes(const struct redact *r, str text, struct finds *to)
{
	size_t done = 0;

	for (size_t at = 0; at < text.len;) {
		struct find f;

		if (!redact_look(r->classes, text, at, &f) || f.from < done) {
			at++;
			continue;
		}
		add(to, f);
		done = at = f.from + f.len;
	}
}

static void find_pattern(const regex_t *pattern, str text, struct finds *to)
{
	for (size_t at = 0; at < text.len;) {
		regmatch_t m = { .rm_so = (regoff_t)at, .rm_eo = (regoff_t)text.len };

		if (regexec(pattern, text.ptr, 1, &m,
		            REG_STARTEND | (at ? REG_NOTBOL : 0)) != 0)
			return;
		if (m.rm_eo > m.rm_so)
			add(to, (struct find){ (size_t)m.rm_so,
			                       (size_t)(m.rm_eo - m.rm_so), "redacted" });
		/* Of nothing: step on. */
		at = (size_t)max_of(m.rm_eo, m.rm_so + 1);
	}
}

static int by_place(const void *a, const void *b)
{
	const struct find *one = a, *two = b;

	if (one->from != two->from)
		return one->from < two->from ? -1 : 1;
	return one->len > two->len ? -1 : one->len < two->len;
}

/* Sorted; what begins inside another is a part of that. */
static void settle(struct finds *f)
{
	size_t count = 0;

	if (f->count)
		qsort(f->list, f->count, sizeof(*f->list), by_place);
	for (size_t i = 0; i < f->count; i++) {
		struct find *last = count ? &f->list[count - 1] : NULL;

		if (last && f->list[i].from < last->from + last->len)
			last->len = max_of(last->len,
			                   f->list[i].from + f->list[i].len - last->from);
		else
			f->list[count++] = f->list[i];
	}
	f->count = count;
}

static void find_all(const struct redact *r, str text, struct finds *to)
{
	char *ended;

	if (r->classes)
		find_classes(r, text, to);
	if (r->count) {
		/* REG_STARTEND is an extension; that there is an end is none. */
		ended = mem_new(text.len + 1);
		if (text.len)
			memcpy(ended, text.ptr, text.len);
		for (unsigned i = 0; i < r->count; i++)
			find_pattern(&r->patterns[i], str_of(ended, text.len), to);
		mem_wipe(ended, text.len);
		free(ended);
	}
	settle(to);
}

static bool cut_out(const struct finds *f, str text, struct buf *to)
{
	size_t done = 0;

	for (size_t i = 0; i < f->count; i++) {
		buf_add(to, str_of(text.ptr + done, f->list[i].from - done));
		if (f->list[i].name)
			buf_addf(to, "[%s]", f->list[i].name);
		done = f->list[i].from + f->list[i].len;
	}
	return buf_add(to, str_from(text, done)) && !to->over;
}

bool redact_text(const struct redact *r, str text, struct buf *to, unsigned *count)
{
	struct finds f = { 0 };
	bool fits;

	find_all(r, text, &f);
	fits = cut_out(&f, text, to);
	if (count)
		*count += (unsigned)f.count;
	free(f.list);
	return fits;
}

/* ---- streams: a text in many pieces ---- */

/* Members of events that carry a piece of what is said. */
static const str piece_names[] = {
	STR_INIT("\"content\""),      STR_INIT("\"text\""),
	STR_INIT("\"delta\""),        STR_INIT("\"thinking\""),
	STR_INIT("\"arguments\""),    STR_INIT("\"refusal\""),
	STR_INIT("\"partial_json\""), STR_INIT("\"reasoning_content\""),
	STR_INIT("\"reasoning\""),    STR_INIT("\"input\""),
};

/* Where in the whole a piece of the joined text comes from. */
struct piece {
	size_t joined, at, len;
};

struct pieces {
	struct piece *list;
	size_t count, room;
	struct buf joined;
};

/* The value of the next string member of that name behind *at. */
static bool next_piece(str text, str name, size_t *at, size_t *ret_from, size_t *ret_len)
{
	for (;;) {
		str rest = str_from(text, *at);
		size_t i = str_find_str(rest, name);

		if (i == rest.len)
			return false;
		i += *at + name.len;
		while (i < text.len && str_find(STR(" :"), text.ptr[i]) < 2)
			i++;
		*at = i;
		if (i >= text.len || text.ptr[i] != '"')
			continue;
		*ret_from = ++i;
		while (i < text.len && text.ptr[i] != '"')
			i += text.ptr[i] == '\\' ? 2 : 1;
		i = min_of(i, text.len);
		*ret_len = i - *ret_from;
		*at = i;
		return true;
	}
}

static void join(str text, str name, struct pieces *to)
{
	size_t at = 0, from, len;

	to->count = 0;
	to->joined.limit = text.len + 1;
	buf_clear(&to->joined);
	while (next_piece(text, name, &at, &from, &len)) {
		if (to->count == to->room) {
			to->room = to->room ? to->room * 2 : 256;
			to->list = mem_resize(to->list, to->room * sizeof(*to->list));
		}
		to->list[to->count++] = (struct piece){ to->joined.len, from, len };
		buf_add(&to->joined, str_of(text.ptr + from, len));
	}
}

/* A find in the joined text as finds in the whole: its name at its beginning, the rest of
 * it goes without. */
static void spread(const struct pieces *p, const struct find *f, size_t *from_piece,
                   struct finds *to)
{
	size_t left = f->len, at = f->from;
	const char *name = f->name;

	for (size_t i = *from_piece; i < p->count && left > 0; i++) {
		const struct piece *one = &p->list[i];

		if (at >= one->joined + one->len)
			continue;
		*from_piece = i;
		size_t skip = at - one->joined;
		size_t len = min_of(left, one->len - skip);

		add(to, (struct find){ one->at + skip, len, name });
		name = NULL;
		at += len;
		left -= len;
	}
}

bool redact_stream(const struct redact *r, str text, struct buf *to, unsigned *count)
{
	struct buf whole = { .limit = 2 * text.len + KiB };
	struct pieces p = { 0 };
	struct finds all = { 0 };
	bool fits;

	for (size_t n = 0; n < countof(piece_names); n++) {
		struct finds f = { 0 };
		size_t piece = 0;

		join(text, piece_names[n], &p);
		if (p.count)
			find_all(r, buf_str(&p.joined), &f);
		for (size_t i = 0; i < f.count; i++)
			spread(&p, &f.list[i], &piece, &all);
		if (count)
			*count += (unsigned)f.count;
		free(f.list);
	}
	if (all.count)
		qsort(all.list, all.count, sizeof(*all.list), by_place);
	fits = cut_out(&all, text, &whole) && redact_text(r, buf_str(&whole), to, count);
	if (whole.ptr)
		mem_wipe(whole.ptr, whole.cap);
	if (p.joined.ptr)
		mem_wipe(p.joined.ptr, p.joined.cap);
	buf_free(&whole);
	buf_free(&p.joined);
	free(p.list);
	free(all.list);
	return fits;
}
