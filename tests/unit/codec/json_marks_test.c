#include "codec/json_marks.h"
#include "tests/check.h"

#include <stdlib.h>

/* What a mark is, said once more, and slowly. */
static uint64_t marks_of(const char *at)
{
	uint64_t marks = 0;

	for (int i = 0; i < BLOCK; i++) {
		unsigned char c = (unsigned char)at[i];

		if (c < ' ' || c == '"' || c == '\\' || c >= 0x80)
			marks |= (uint64_t)1 << i;
	}
	return marks;
}

static void check_block(const char *at)
{
	uint64_t want = marks_of(at);

	CHECK(json_marks_portable(at) == want);
#ifdef __SSE2__
	CHECK(json_marks_sse2(at) == want);
	if (json_has_avx2())
		CHECK(json_marks_avx2(at) == want);
#endif
}

TEST(json_marks_are_the_same_in_every_way)
{
	char block[BLOCK];
	uint32_t random = 1;

	for (int c = 0; c < 256; c++) {
		for (int i = 0; i < BLOCK; i++) {
			memset(block, 'x', sizeof(block));
			block[i] = (char)c;
			check_block(block);
			memset(block, c, sizeof(block));
			block[i] = 'x';
			check_block(block);
		}
	}
	for (int round = 0; round < 10000; round++) {
		for (int i = 0; i < BLOCK; i++) {
			random = random * 1664525 + 1013904223;
			block[i] = (char)(random >> 24);
		}
		check_block(block);
	}
}

/* Texts of all lengths, so that the last marks come from a copy, from bytes looked at
 * twice, and from a whole block. */
TEST(json_next_mark_stops_at_the_end)
{
	char text[200];

	memset(text, 'x', sizeof(text));
	for (size_t len = 0; len < sizeof(text); len++) {
		char *tight = malloc(len + 1);
		struct json_marks m = { .begin = tight, .end = tight + len };

		memcpy(tight, text, len);
		tight[len] =
		        '"'; /* behind the end nothing is a mark but the end itself */
		json_marks_move(&m, tight, json_marks_portable);
		CHECK(json_next_mark(&m, tight, json_marks_portable) == m.end);
		CHECK(json_next_mark(&m, m.end, json_marks_portable) == m.end);
		free(tight);
	}
}

TEST(json_next_mark_finds_each)
{
	char text[200];

	for (size_t first = 0; first < 140; first++) {
		for (size_t second = first + 1; second < sizeof(text); second += 7) {
			struct json_marks m = { text, text + sizeof(text), NULL, 0 };
			const char *at = text;

			memset(text, 'x', sizeof(text));
			text[first] = text[second] = '"';
			json_marks_move(&m, at, json_marks_portable);
			at = json_next_mark(&m, at, json_marks_portable);
			CHECK(at == text + first);
			at = json_next_mark(&m, at + 1, json_marks_portable);
			CHECK(at == text + second);
			CHECK(json_next_mark(&m, at + 1, json_marks_portable) == m.end);
		}
	}
}
