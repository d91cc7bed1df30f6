/* attached.c - pictures, documents and addresses in a body, found by the words that stand
 * before them.  A quote inside a text is escaped, so words in texts are taken for members
 * only where a text begins with one. */
#include "gateway/attached.h"

#include "base/compiler.h"
#include "codec/json.h"
#include "codec/quoted.h"

#include <endian.h>
#include <string.h>

/* What was found so far. Each format says of a picture both that it is one and of which
 * kind (image/png), so the greater number counts. */
struct finding {
	str body;
	uint64_t kinds, blocks, inlines;
};

/* ---- words, as they are read ---- */

enum { NO_LETTER = 0x80 };

static char fold(unsigned c)
{
	if (c <= ' ')
		return ' ';
	return c < NO_LETTER ? char_lower((char)c) : (char)1;
}

/* \uXXXX; an escaped quote ends no word. */
static unsigned unescape(str text)
{
	unsigned c = 0;

	for (size_t i = 2; i < 6 && i < text.len; i++) {
		char digit = char_lower(text.ptr[i]);

		c = c << 4 | (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
	}
	return c == '"' ? NO_LETTER : c;
}

/* The next character of checked JSON text, escapes undone, as a small letter; all blanks
 * and control characters are ' '. 1: one that no word has. 0: the end. */
static char take_char(str *from)
{
	str text = *from;
	bool escapes = text.len > 1 && text.ptr[0] == '\\';

	if (text.len == 0)
		return 0;
	*from = str_from(text, !escapes ? 1 : text.ptr[1] == 'u' ? 6 : 2);
	if (!escapes)
		return fold((unsigned char)text.ptr[0]);
	switch (text.ptr[1]) {
	case 'u':
		return fold(unescape(text));
	case '/':
		return '/';
	case '"':
	case '\\':
		return fold(NO_LETTER);
	default:
		return ' ';
	}
}

/* Providers pass over blanks in and before an address. */
static bool skip_word(str *text, str word)
{
	str rest = *text;

	for (size_t i = 0; i < word.len; i++) {
		char c;

		while ((c = take_char(&rest)) == ' ')
			;
		if (c != word.ptr[i])
			return false;
	}
	*text = rest;
	return true;
}

static bool is_word(str text, str word)
{
	return skip_word(&text, word);
}

/* ---- where they stand ---- */

static bool is_value(const struct finding *f, size_t at)
{
	return str_ends(json_trim(str_first(f->body, at)), STR(":"));
}

static bool is_key(str text, str word)
{
	return skip_word(&text, word) && str_starts(json_trim(text), STR(":"));
}

/* A block of Bedrock's: {"image": {"format": ...}}; another member of that name has
 * another first one. */
static bool is_block(str text, str word)
{
	if (!skip_word(&text, word))
		return false;
	text = json_trim(text);
	if (!str_skip(&text, STR(":")))
		return false;
	text = json_trim(text);
	if (!str_skip(&text, STR("{")))
		return false;
	text = json_trim(text);
	return str_skip(&text, STR("\"")) &&
	       (is_word(text, STR("format\"")) || is_word(text, STR("source\"")) ||
	        is_word(text, STR("name\"")));
}

/* Is it the value of a member which means nothing to a provider, as "$schema" does? */
static bool is_name_of_schema(str body, size_t at)
{
	static const str names[] = { STR_INIT("\"$schema\""), STR_INIT("\"$id\""),
		                     STR_INIT("\"$ref\"") };
	str before = json_trim(str_first(body, at));

	if (!str_ends(before, STR(":")))
		return false;
	before = json_trim(str_first(before, before.len - 1));
	for (size_t i = 0; i < countof(names); i++) {
		if (str_ends(before, names[i]))
			return true;
	}
	return false;
}

/* ---- what they mean ---- */

/* data:image/png;base64,... and other kinds of it; "data: {...}" is a text. */
static bool is_unbounded_data(struct finding *f, str text)
{
	str kind;
	char next;

	if (!skip_word(&text, STR("data:")))
		return false;
	kind = text;
	if (is_word(kind, STR("image/"))) {
		f->kinds++;
		return false;
	}
	next = take_char(&text);
	return (next >= 'a' && next <= 'z') || next == ';' || next == ',';
}

/* Words with an i; counts pictures. */
static bool is_unbounded_input(struct finding *f, str text, size_t at)
{
	if (is_word(text, STR("image/"))) {
		f->kinds++;
	} else if (is_word(text, STR("image\""))) {
		f->blocks += is_value(f, at) || is_block(text, STR("image\""));
	} else if (is_word(text, STR("image_url\"")) ||
	           is_word(text, STR("input_image\""))) {
		f->blocks += is_value(f, at);
	} else if (is_key(text, STR("inlinedata\"")) ||
	           is_key(text, STR("inline_data\""))) {
		f->inlines++;
	} else {
		return is_word(text, STR("input_audio\"")) ||
		       ((is_word(text, STR("input_file\"")) ||
		         is_word(text, STR("item_reference\""))) &&
		        is_value(f, at));
	}
	return false;
}

/* ---- a first look ---- */

#define FOUR(a, b, c, d)                                                                 \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define EACH(byte) FOUR(byte, byte, byte, byte)

/* Is there a backslash, a blank or no ASCII among the four? */
static bool needs_reading(uint32_t four)
{
	uint32_t bar = four ^ EACH('\\');

	return ((four | ((four - EACH('!')) & ~four) | ((bar - EACH(1)) & ~bar)) &
	        EACH(NO_LETTER)) != 0;
}

/* Most quotes begin none of the words, and four letters tell: nothing is refused here
 * that is_unbounded() would take for one. */
static bool may_be_word(str text)
{
	uint32_t four;

	if (text.len <= sizeof(four))
		return true;
	memcpy(&four, text.ptr, sizeof(four));
	four = le32toh(four);
	if (needs_reading(four))
		return true;
	switch (four | EACH(' ')) { /* as small letters */
	case FOUR('h', 't', 't', 'p'):
	case FOUR('f', 'i', 'l', 'e'):
	case FOUR('c', 'a', 'c', 'h'):
	case FOUR('d', 'a', 't', 'a'):
	case FOUR('d', 'o', 'c', 'u'):
	case FOUR('v', 'i', 'd', 'e'):
	case FOUR('i', 'm', 'a', 'g'):
	case FOUR('i', 'n', 'l', 'i'):
	case FOUR('i', 'n', 'p', 'u'):
	case FOUR('i', 't', 'e', 'm'):
		return true;
	case FOUR('c', 'o', 'n', 't'): /* a container, and no content */
		return char_lower(text.ptr[4]) != 'e';
	default:
		return text.ptr[2] == ':'; /* gs: and s3: */
	}
}

/* ---- every word ---- */

/* Does the quote stand within a text? */
static bool is_escaped(str body, size_t at)
{
	size_t first = at;

	while (first > 0 && body.ptr[first - 1] == '\\')
		first--;
	return (at - first) % 2 != 0;
}

/* The word that a quote begins at `at`. */
static bool is_unbounded(struct finding *f, size_t at)
{
	str text = str_from(f->body, at + 1), behind = text;
	char first;

	if (!may_be_word(text) || is_escaped(f->body, at))
		return false;
	while ((first = take_char(&behind)) == ' ')
		;
	switch (first) {
	case 'h':
		return (is_word(text, STR("http:")) || is_word(text, STR("https:"))) &&
		       !is_name_of_schema(f->body, at);
	case 'g':
		return is_word(text, STR("gs:"));
	case 's':
		return is_word(text, STR("s3:"));
	case 'f':
		return is_key(text, STR("file_id\"")) ||
		       is_key(text, STR("file_uri\"")) ||
		       is_key(text, STR("fileuri\"")) || is_key(text, STR("file_data\""));
	case 'c':
		return is_key(text, STR("container\"")) ||
		       is_key(text, STR("cachedcontent\"")) ||
		       is_key(text, STR("cached_content\""));
	case 'd':
		return is_unbounded_data(f, text) ||
		       (is_word(text, STR("document\"")) &&
		        (is_value(f, at) || is_block(text, STR("document\""))));
	case 'v':
		return is_block(text, STR("video\""));
	case 'i':
		return is_unbounded_input(f, text, at);
	default:
		return false;
	}
}

void attached_find(str body, struct attached *ret)
{
	struct finding f = { .body = json_trim(body) };
	struct quoted words;
	size_t at;

	*ret = (struct attached){ 0 };
	/* What is_unbounded's words begin with. */
	quoted_begin(&words, f.body, STR("cdfghisv"));
	while (quoted_next(&words, &at)) {
		ret->is_unbounded = is_unbounded(&f, at);
		if (ret->is_unbounded)
			return;
	}
	/* Data in a Gemini request that is no picture may be a film. */
	ret->is_unbounded = f.inlines > f.kinds;
	ret->pictures = max_of(f.kinds, f.blocks);
}
