/* words.c - tokens as the mock provider counts them, and text to fill an answer with. */
#include "codec/utf8.h"
#include "mock/call.h"

enum { TOKEN_MOST = 32 };

static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

bool words_next(str *text, str *ret)
{
	size_t n = 0, most = min_of(text->len, (size_t)TOKEN_MOST);

	while (n < most && is_blank(text->ptr[n]))
		n++;
	while (n < text->len && !is_blank(text->ptr[n]) &&
	       (n < TOKEN_MOST || !utf8_begins(text->ptr[n])))
		n++;
	if (n == 0)
		return false;
	*ret = str_take(text, n);
	return true;
}

uint64_t words_count(str text)
{
	uint64_t n = 0;
	str token;

	while (words_next(&text, &token))
		n++;
	return n;
}

str words_first(str text, uint64_t most)
{
	str rest = text, token;

	while (most > 0 && words_next(&rest, &token))
		most--;
	return str_first(text, text.len - rest.len);
}

/* Any words will do; these are nobody's. */
static const char *const latin[] = {
	"Lorem",   "ipsum",  "dolor",    "sit",    "amet,",    "vox",   "clara",
	"per",     "montes", "it",       "et",     "flumen",   "lente", "currit.",
	"Nemo",    "scit",   "unde",     "venti",  "veniant,", "sed",   "omnes",
	"audiunt", "ubi",    "noctu",    "silvas", "movent.",  "Tum",   "lux",
	"parva",   "in",     "fenestra", "manet.",
};

/* All of them in order, and then in none, so that no passage comes twice. */
static const char *word_at(uint64_t i)
{
	uint64_t mixed = (i + 1) * 0x9e3779b97f4a7c15u;

	if (i < countof(latin))
		return latin[i];
	mixed = (mixed ^ (mixed >> 29)) * 0xbf58476d1ce4e5b9u;
	return latin[(mixed >> 32) % countof(latin)];
}

str words_lorem(struct arena *keep, uint64_t tokens)
{
	struct buf b = BUF_LIMIT((size_t)tokens * 16);
	str text;

	for (uint64_t i = 0; i < tokens; i++) {
		if (i > 0)
			buf_add_char(&b, ' ');
		buf_add(&b, str_from_z(word_at(i)));
	}
	text = arena_copy(keep, buf_str(&b));
	buf_free(&b);
	return text;
}
