#include "base/buf.h"
#include "gateway/prompt_size.h"
#include "tests/check.h"

#include <string.h>

enum { LONG = 200000, SHORT = 4000, LEAP = 4096 };

/* {"before":"text","data":"<prefix>AAAA..."}, the data `len` bytes long with its prefix.
 */
static void body_with(struct buf *b, const char *prefix, size_t len, char c)
{
	buf_clear(b);
	buf_add(b, STR("{\"before\":\"some \\\" text\",\"data\":\""));
	buf_add(b, str_from_z(prefix));
	for (size_t i = strlen(prefix); i < len; i++)
		buf_add(b, str_of(&c, 1));
	buf_add(b, STR("\",\"after\":\"text\"}"));
}

static size_t size_with(const char *prefix, size_t len, char c, size_t *ret_rest)
{
	struct buf b = { .limit = 8 * LONG };
	size_t size;

	body_with(&b, prefix, len, c);
	size = prompt_size(buf_str(&b));
	*ret_rest = b.len - len;
	buf_free(&b);
	return size;
}

static void check_media(const char *prefix, size_t len, size_t tokens)
{
	size_t rest, size = size_with(prefix, len, 'A', &rest);

	CHECK_INT(size - rest, 4 * tokens);
}

TEST(text_counts_as_it_is)
{
	size_t rest;

	CHECK_INT(prompt_size(STR_NONE), 0);
	CHECK_INT(prompt_size(STR("{}")), 2);
	CHECK_INT(size_with("", LONG, ' ', &rest) - rest, LONG);
	CHECK_INT(size_with("", LONG, '\xe4', &rest) - rest, LONG);
	CHECK_INT(size_with("", LONG, '"', &rest) - rest, LONG);
	CHECK_INT(size_with("", SHORT, 'A', &rest) - rest, SHORT);
}

TEST(media_counts_as_its_tokens)
{
	check_media("", LONG, 1000);
	check_media("data:image/png;base64,", LONG, 1000);
	check_media("\\/9j\\/4AAQ", LONG, 1000);
	check_media("UklGR", 6 * LONG, 1200);
	check_media("JVBERi0", LONG, LONG / 50);
	check_media("data:application/pdf;base64,JVBERi0", LONG, LONG / 50);
}

/* Where the leaps fall does not matter, nor where the body ends so far. */
TEST(each_place_and_each_end)
{
	struct buf b = { .limit = 64 * LEAP };

	for (size_t at = 0; at < 2 * LEAP; at += 7) {
		buf_clear(&b);
		buf_add(&b, STR("{\"text\":\""));
		for (size_t i = 0; i < at; i++)
			buf_add(&b, STR(" "));
		buf_add(&b, STR("\",\"a\":\""));
		for (size_t i = 0; i < 2 * LEAP; i++)
			buf_add(&b, STR("x"));
		buf_add(&b, STR("\",\"b\":\""));
		for (size_t i = 0; i < LEAP; i++)
			buf_add(&b, STR("y"));
		CHECK_INT(prompt_size(buf_str(&b)), b.len - 3 * LEAP + 2 * 4000);
		buf_add(&b, STR("\"}"));
		CHECK_INT(prompt_size(buf_str(&b)), b.len - 3 * LEAP + 2 * 4000);
	}
	buf_free(&b);
}
