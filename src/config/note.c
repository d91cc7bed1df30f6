/* note.c - findings: kept while reading, printed for people and for programs.
 *
 * A note has its place, a code, a sentence, a hint, and the line it is about.  Notes are
 * bounded in number and length whatever the file contains; beyond the bound they are only
 * counted, and a warning gives its place to an error.  What may be shown of the line is
 * veil.c's to say. */
#include "codec/json_write.h"
#include "codec/utf8.h"
#include "config/reader.h"
#include "config/veil.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	KEPT_MOST = 64,
	SHOWN_MOST = 20,
	TEXT_MOST = 480,
	SOURCE_MOST = 110, /* characters of a line that are shown */
	SOURCE_LEFT = 40,  /* of these before the place, in a long line */
	AROUND_MOST =
	        1 * KiB, /* bytes of the line that are looked at before and behind */
	EXCERPT_MOST = 2 * AROUND_MOST + 4 * SOURCE_MOST,
};

const struct note_row note_rows[NOTE_IDS] = {
#define NOTE(id, code, text) [NOTE_##id] = { code, text },
#include "config/note.def"
#undef NOTE
};

/* ---- collecting ---- */

/* Room for one more note, NULL when it is only to be counted. */
static struct config_note *place_for(struct config_notes *notes, bool is_error)
{
	if (!notes->list)
		notes->list = arena_array(notes->arena, struct config_note, KEPT_MOST);
	if (notes->count < KEPT_MOST)
		return &notes->list[notes->count++];
	for (unsigned i = KEPT_MOST; is_error && i > 0; i--)
		if (!notes->list[i - 1].is_error)
			return &notes->list[i - 1];
	return NULL;
}

/* Nothing of the file may steer a terminal or begin a second line. */
static void make_printable(char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
}

static str line_of_text(str text, unsigned line)
{
	while (line-- > 1 && text.len > 0)
		str_cut(&text, '\n');
	text = str_first(text, str_find(text, '\n'));
	return str_ends(text, STR("\r")) ? str_first(text, text.len - 1) : text;
}

/* A part of the file's line that a note is about, and the same as it may be shown. */
struct excerpt {
	char raw[EXCERPT_MOST], veiled[EXCERPT_MOST];
	size_t len;
	size_t from, to; /* of it is shown */
	size_t skip;     /* characters of the line before that */
};

/* The veil needs more of a long line than is shown: names before, ends of words behind.
 */
static void take_excerpt(const struct reader *r, const struct config_note *n,
                         struct excerpt *ret)
{
	str line = line_of_text(r->source->text, n->line);
	size_t column = n->column - 1, from, to, begin;

	ret->skip = 0;
	if (utf8_offset(line, SOURCE_MOST) < line.len && column > SOURCE_LEFT)
		ret->skip = column - SOURCE_LEFT;
	from = utf8_offset(line, ret->skip);
	to = from + utf8_offset(str_from(line, from), SOURCE_MOST);
	begin = from > AROUND_MOST ? from - AROUND_MOST : 0;
	line = str_first(str_from(line, begin), to - begin + AROUND_MOST);
	ret->len = line.len;
	ret->from = from - begin;
	ret->to = to - begin;
	if (line.len == 0)
		return;
	memcpy(ret->raw, line.ptr, line.len);
	make_printable(ret->raw, line.len);
	memcpy(ret->veiled, ret->raw, line.len);
	veil_line(r->source->text, n->line, begin > 0, ret->veiled, line.len);
}

static void show_source(struct reader *r, struct config_note *n, const struct excerpt *e)
{
	size_t column = n->column - 1;

	if (e->to == e->from)
		return;
	n->source =
	        arena_copy(r->notes->arena, str_of(e->veiled + e->from, e->to - e->from));
	n->indent = (unsigned)(column - e->skip);
	n->indent = min_of(n->indent, (unsigned)SOURCE_MOST);
	n->width = min_of(n->width, SOURCE_MOST - n->indent);
	n->width = max_of(n->width, 1u);
}

/* n is what vsnprintf said; more than there is room for is cut. */
static str keep_text(struct reader *r, char text[TEXT_MOST], int n,
                     const struct excerpt *e)
{
	size_t len = n < 0 ? 0 : min_of((size_t)n, (size_t)TEXT_MOST - 1);

	make_printable(text, len);
	veil_words(text, len, str_of(e->raw, e->len), str_of(e->veiled, e->len));
	return arena_copy(r->notes->arena, str_of(text, len));
}

void note(struct reader *r, enum note_id id, const struct tree_node *at, const char *fmt,
          ...)
{
	struct config_notes *notes = r->notes;
	bool is_error = note_rows[id].code[0] == 'E';
	struct config_note *n = place_for(notes, is_error);
	char text[TEXT_MOST];
	struct excerpt e;
	va_list args;
	int len;

	if (is_error)
		notes->errors++;
	else
		notes->warnings++;
	r->last = n;
	if (!n)
		return;
	*n = (struct config_note){ .is_error = is_error, .code = note_rows[id].code };
	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	e.len = 0;
	if (at && at->line > 0) {
		n->line = at->line;
		n->column = at->column;
		n->width = at->width;
		take_excerpt(r, n, &e);
		show_source(r, n, &e);
	}
	n->text = keep_text(r, text, len, &e);
}

void note_hint(struct reader *r, const char *fmt, ...)
{
	char text[TEXT_MOST];
	struct excerpt e;
	va_list args;
	int len;

	if (!r->last)
		return;
	e.len = 0;
	if (r->last->line > 0)
		take_excerpt(r, r->last, &e);
	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	r->last->hint = keep_text(r, text, len, &e);
}

str nearest_name(str written, const str *names, unsigned count)
{
	unsigned most = written.len < 4 ? 1 : 2, best = most + 1;
	str ret = STR_NONE;

	for (unsigned i = 0; i < count; i++) {
		unsigned distance = str_distance(written, names[i], most);

		if (distance >= best)
			continue;
		best = distance;
		ret = names[i];
	}
	return ret;
}

/* ---- printing ---- */

/* Errors first, then by place. */
static bool is_before(const struct config_note *a, const struct config_note *b)
{
	if (a->is_error != b->is_error)
		return a->is_error;
	if (a->line != b->line)
		return a->line < b->line;
	return a->column < b->column;
}

/* The order of the notes, as indices; an insertion sort keeps equal ones as found. */
static unsigned sort_notes(const struct config_notes *notes, unsigned *order)
{
	unsigned count = 0;

	for (unsigned i = 0; i < notes->count; i++) {
		unsigned at = count++;

		for (; at > 0 && is_before(&notes->list[i], &notes->list[order[at - 1]]);
		     at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
	return count;
}

static void print_note(const struct config_note *n, str path, struct buf *to)
{
	buf_add(to, path.len ? path : STR("(no file)"));
	if (n->line)
		buf_addf(to, ":%u:%u", n->line, n->column);
	buf_addf(to, ": %s[%s]: %.*s\n", n->is_error ? "error" : "warning", n->code,
	         STR_ARG(n->text));
	if (n->source.len > 0) {
		buf_addf(to, "%4u | %.*s\n     | %*s", n->line, STR_ARG(n->source),
		         (int)n->indent, "");
		for (unsigned i = 0; i < n->width; i++)
			buf_add_char(to, '^');
		if (n->hint.len > 0)
			buf_addf(to, " %.*s", STR_ARG(n->hint));
		buf_add_char(to, '\n');
	} else if (n->hint.len > 0) {
		buf_addf(to, "     = %.*s\n", STR_ARG(n->hint));
	}
}

static void print_total(struct buf *to, unsigned count, const char *what)
{
	buf_addf(to, "%u %s%s", count, what, count == 1 ? "" : "s");
}

void config_notes_print(const struct config_notes *notes, str path, struct buf *to)
{
	unsigned order[KEPT_MOST], total = notes->errors + notes->warnings;
	unsigned count = min_of(sort_notes(notes, order), (unsigned)SHOWN_MOST);

	for (unsigned i = 0; i < count; i++)
		print_note(&notes->list[order[i]], path, to);
	if (total > count)
		buf_addf(to, "... and %u more\n", total - count);
	if (notes->errors)
		print_total(to, notes->errors, "error");
	if (notes->errors && notes->warnings)
		buf_add(to, STR(", "));
	if (notes->warnings)
		print_total(to, notes->warnings, "warning");
	if (total)
		buf_add_char(to, '\n');
}

void config_notes_brief(const struct config_notes *notes, unsigned most, struct buf *to)
{
	unsigned order[KEPT_MOST], shown = min_of(sort_notes(notes, order), most);

	shown = min_of(shown, notes->errors);
	for (unsigned i = 0; i < shown; i++) {
		const struct config_note *n = &notes->list[order[i]];

		buf_add(to, i ? STR("; ") : STR_NONE);
		if (n->line)
			buf_addf(to, "line %u: ", n->line);
		buf_addf(to, "%.*s [%s]", STR_ARG(n->text), n->code);
		if (n->hint.len)
			buf_addf(to, " (%.*s)", STR_ARG(n->hint));
	}
	if (notes->errors > shown)
		buf_addf(to, "; and %u more", notes->errors - shown);
}

/* One that may not be read: where a sandbox is closed it may well be there. */
bool config_notes_miss_file(const struct config_notes *notes)
{
	for (unsigned i = 0; i < notes->count; i++) {
		const struct config_note *n = &notes->list[i];
		str code = str_from_z(n->code);

		if (n->is_error &&
		    (str_eq(code, STR("E100")) || str_eq(code, STR("E119"))) &&
		    str_has(n->text, str_from_z(strerror(EACCES))))
			return true;
	}
	return false;
}

static void write_note(struct json_writer *w, const struct config_note *n)
{
	json_open(w, '{');
	json_key_str(w, STR("severity"), n->is_error ? STR("error") : STR("warning"));
	json_key_str(w, STR("code"), str_from_z(n->code));
	if (n->line) {
		json_key_int(w, STR("line"), n->line);
		json_key_int(w, STR("column"), n->column);
	}
	json_key_str(w, STR("message"), n->text);
	if (n->hint.len > 0)
		json_key_str(w, STR("suggestion"), n->hint);
	if (n->source.len > 0)
		json_key_str(w, STR("source"), n->source);
	json_close(w, '}');
}

void config_notes_json(const struct config_notes *notes, str path, struct buf *to)
{
	struct json_writer w = { .to = to };
	unsigned order[KEPT_MOST], count = sort_notes(notes, order);

	json_open(&w, '{');
	json_key_str(&w, STR("file"), path);
	json_key_int(&w, STR("errors"), notes->errors);
	json_key_int(&w, STR("warnings"), notes->warnings);
	json_key(&w, STR("notes"));
	json_open(&w, '[');
	for (unsigned i = 0; i < count; i++)
		write_note(&w, &notes->list[order[i]]);
	json_close(&w, ']');
	json_close(&w, '}');
	buf_add_char(to, '\n');
}
