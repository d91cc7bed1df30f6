/* Bodies alone: answers are laxer than requests; content moves together in place. */
#include "http/body.h"

#include "tests/check.h"

/* Takes bytes in two pieces, decoding into one place; what came of it. */
static fault_t take(struct http_body *b, str bytes, size_t cut, struct buf *content)
{
	char room[1024];
	size_t filled = 0, at = 0, len, used;
	fault_t why = NULL;

	CHECK(bytes.len <= sizeof(room));
	memcpy(room, bytes.ptr, bytes.len);
	for (int i = 0; i < 2 && !why; i++) {
		size_t end = i ? bytes.len : cut;

		why = http_body_take(b, room + filled, room + at, end - at, &len, &used);
		filled += len;
		at += used;
		CHECK(why || b->done || at == end);
	}
	buf_set(content, str_of(room, filled));
	return why;
}

static void check(bool is_request, str bytes, fault_t want, const char *content)
{
	struct buf got = BUF_LIMIT(1 * KiB);

	for (size_t cut = 0; cut <= bytes.len; cut++) {
		struct http_body b;

		http_body_init(&b, HTTP_BODY_CHUNKED, 0, is_request);
		CHECK_FAULT(take(&b, bytes, cut, &got), want);
		CHECK_STR_EQ(buf_str(&got), str_from_z(content));
	}
	buf_free(&got);
}

TEST(what_stood_before_a_fault_is_given)
{
	check(true, STR("3\r\nabc\r\n4\r\ndefg\r\nx"), FAULT_HTTP_CHUNK, "abcdefg");
	check(false, STR("3\r\nabc\r\n4\r\ndefg\rx"), FAULT_UPSTREAM_MALFORMED,
	      "abcdefg");
	check(true, STR("3\r\nabc\r\n0\r\n\r\ntrailing"), NULL, "abc");
}

TEST(answers_may_have_more_trailers)
{
	str many = STR("1\r\nx\r\n0\r\na:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\ng:\r\nh:\r\n"
	               "i:\r\ncontent-length: 3\r\n\r\n");

	check(true, many, FAULT_HTTP_CHUNK, "x");
	check(false, many, NULL, "x");
}

TEST(extras_of_an_answer_end_at_64_KiB)
{
	struct http_body b;
	char piece[1024];
	size_t len, used, taken = 0;
	fault_t why;

	http_body_init(&b, HTTP_BODY_CHUNKED, 0, false);
	memcpy(piece, "1;", 2);
	CHECK_OK(http_body_take(&b, piece, piece, 2, &len, &used));
	memset(piece, 'e', sizeof(piece));
	do {
		why = http_body_take(&b, piece, piece, sizeof(piece), &len, &used);
		taken += used;
	} while (!why && taken < 1 * MiB);
	CHECK_FAULT(why, FAULT_UPSTREAM_MALFORMED);
	CHECK_INT(taken, 64 * KiB); /* with the ';' */
}

TEST(a_length_is_not_exceeded)
{
	struct http_body b;
	char bytes[] = "abcdef";
	size_t len, used;

	http_body_init(&b, HTTP_BODY_LENGTH, 4, true);
	CHECK_OK(http_body_take(&b, bytes, bytes, 3, &len, &used));
	CHECK(len == 3 && used == 3 && !b.done && !http_body_ends_with_eof(&b));
	CHECK_OK(http_body_take(&b, bytes + 3, bytes + 3, 3, &len, &used));
	CHECK(len == 1 && used == 1 && b.done && http_body_ends_with_eof(&b));
	CHECK_OK(http_body_take(&b, bytes + 4, bytes + 4, 2, &len, &used));
	CHECK(len == 0 && used == 0);
	CHECK_STR(STR("abcdef"), "abcdef");
	http_body_init(&b, HTTP_BODY_LENGTH, 0, true);
	CHECK(b.done);
	http_body_init(&b, HTTP_BODY_NONE, 9, true);
	CHECK(b.done);
	http_body_init(&b, HTTP_BODY_TO_EOF, 0, false);
	CHECK_OK(http_body_take(&b, bytes, bytes + 2, 3, &len, &used));
	CHECK(len == 3 && used == 3 && !b.done && http_body_ends_with_eof(&b));
	CHECK_STR(str_of(bytes, 3), "cde");
}

/* Content in chunks of `size`, until the rule speaks; how much framing it took. */
static uint64_t overhead_of(size_t size, size_t chunks, fault_t *ret_why)
{
	struct http_body b;
	char chunk[256];
	size_t len, used, n;

	http_body_init(&b, HTTP_BODY_CHUNKED, 0, true);
	*ret_why = NULL;
	while (chunks-- > 0 && !*ret_why) {
		/* Ten digits make twelve bytes of framing before, two behind. */
		memcpy(chunk, "0000000000\r\n", 12);
		chunk[9] = "0123456789"[size];
		memset(chunk + 12, 'x', size);
		memcpy(chunk + 12 + size, "\r\n", 2);
		n = 14 + size;
		*ret_why = http_body_take(&b, chunk, chunk, n, &len, &used);
	}
	return b.overhead;
}

TEST(framing_may_not_outweigh_content)
{
	fault_t why;

	/* 14 of 15 bytes are framing, far over 75 %: refused as soon as it is 64 KiB. */
	uint64_t overhead = overhead_of(1, 100000, &why);
	CHECK_FAULT(why, FAULT_HTTP_OVERHEAD);
	CHECK(overhead > 64 * KiB && overhead <= 64 * KiB + 14);
	/* 4,681 chunks are 65,534 bytes of it: not over 64 KiB. */
	overhead = overhead_of(1, 4681, &why);
	CHECK_OK(why);
	CHECK_INT(overhead, 65534);
	/* 14 of 18 is 77.8 %, 14 of 19 is 73.7 %. */
	overhead_of(4, 100000, &why);
	CHECK_FAULT(why, FAULT_HTTP_OVERHEAD);
	overhead_of(5, 100000, &why);
	CHECK_OK(why);
}
