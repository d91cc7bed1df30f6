#include "check.h"
#include "codec/quoted.h"

static size_t plainly(str text, size_t from)
{
	for (size_t at = from; at + 1 < text.len; at++)
		if (text.ptr[at] == '"' &&
		    strchr("cdefghsvCDEFGHSV \\|", text.ptr[at + 1]))
			return at;
	return text.len;
}

typedef bool next_fn(struct quoted *q, size_t *ret_at);

/* All of them, from the first to the last. */
static void check_way(str text, next_fn *next)
{
	struct quoted q;
	size_t at, expected = plainly(text, 0);

	quoted_begin(&q, text, STR("cdefghsv"));
	while (next(&q, &at)) {
		CHECK_INT(at, expected);
		expected = plainly(text, at + 1);
	}
	CHECK_INT(expected, text.len);
	CHECK(!next(&q, &at));
}

static void check_all(str text)
{
	check_way(text, quoted_next);
	check_way(text, quoted_next_portable);
}

TEST(quoted_finds_every_quote_before_its_letters_and_no_other)
{
	static const char bytes[] = "\"\"\"bcdhisVCI\\|\x80\xe3 ";
	uint64_t state = 1;
	char text[300];

	for (int round = 0; round < 12000; round++) {
		size_t len = (size_t)(round % 300);

		for (size_t i = 0; i < len; i++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			text[i] = bytes[(state >> 33) % (sizeof(bytes) - 1)];
		}
		check_all(str_of(text, len));
	}
	/* The last byte has no next one, whatever lies behind the text. */
	check_all(str_of("\"h", 1));
	check_all(STR_NONE);
}

TEST(quoted_tells_every_byte_that_is_wanted_behind_a_quote)
{
	char text[2] = { '"' };

	for (int c = 1; c < 256; c++) {
		text[1] = (char)c;
		check_all(str_of(text, 2));
	}
}
