/* prompt_size.c - pictures and documents in a body, found by the length of their base64.
 *
 * Between two quotes that are near each other stands no picture.  So the search leaps:
 * where the next 4 KiB have a quote, it goes on behind the last of them, and only where
 * they have none it looks at what stands there. */
#include "gateway/prompt_size.h"

#include "base/compiler.h"
#include "policy/ratio.h"
#include "wire/count.h"

#include <string.h>

enum {
	LEAP = 4096,
	SAMPLE = 256,
	/* Sounds are some ten to thirty tokens a second, and 20 KB. */
	SOUND_BYTES = 1000,
	/* A page is one or two thousand tokens, and 50 to 100 KB. */
	DOCUMENT_BYTES = 50,
};

/* By some bytes of its middle: a data: address stands before it, and an = behind.  Some
 * write \/ or break lines. */
static bool is_base64(str text)
{
	str some = str_first(str_from(text, (text.len - SAMPLE) / 2), SAMPLE);

	for (size_t i = 0; i < some.len; i++) {
		char c = char_lower(some.ptr[i]);

		if ((c < 'a' || c > 'z') && !char_is_digit(c) &&
		    str_find(STR("+/-_\\"), c) == STR("+/-_\\").len)
			return false;
	}
	return true;
}

/* As many bytes as text of its tokens has. */
static uint64_t size_of(str base64)
{
	bool is_pdf = str_has(str_first(base64, SAMPLE), STR("JVBERi0"));
	uint64_t tokens = is_pdf ? base64.len / DOCUMENT_BYTES : base64.len / SOUND_BYTES;

	return min_of(max_of(tokens, (uint64_t)COUNT_MEDIA_TOKENS) * RATIO_DEFAULT,
	              (uint64_t)base64.len);
}

uint64_t prompt_size(str body)
{
	uint64_t size = body.len;
	str rest = body;

	while (rest.len >= LEAP) {
		const char *quote = memrchr(rest.ptr, '"', LEAP);

		if (quote) {
			rest = str_from(rest, (size_t)(quote - rest.ptr) + 1);
			continue;
		}
		quote = memchr(rest.ptr + LEAP, '"', rest.len - LEAP);
		str text = quote ? str_first(rest, (size_t)(quote - rest.ptr)) : rest;

		if (is_base64(text))
			size -= text.len - size_of(text);
		rest = str_from(rest, text.len);
	}
	return size;
}
