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

TEST(quoted_finds_every_quote_before_its_letters_and_no_other)
{
	static const char bytes[] = "\"\"\"bcdhisVCI\\|\x80\xe3 ";
	uint64_t state = 1;
	char text[150];

	for (int round = 0; round < 12000; round++) {
		size_t len = (size_t)(round % 150);

		for (size_t i = 0; i < len; i++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			text[i] = bytes[(state >> 33) % (sizeof(bytes) - 1)];
		}
		for (size_t from = 0; from <= len; from++)
			CHECK(quoted_find(str_of(text, len), from, 'c', 'h', "sv") ==
			      plainly(str_of(text, len), from));
	}
	/* The last byte has no next one, whatever lies behind the text. */
	CHECK_INT(quoted_find(str_of("\"h", 1), 0, 'c', 'h', "sv"), 1);
	CHECK_INT(quoted_find(STR_NONE, 0, 'c', 'h', "sv"), 0);
}
