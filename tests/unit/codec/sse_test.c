#include "codec/sse.h"
#include "tests/check.h"

#include <stdlib.h>

/* ---- what both readers find, as [name|data][name|data] ---- */

static void add_event(struct buf *to, str name, str data)
{
	buf_addf(to, "[%.*s|", STR_ARG(name));
	buf_add(to, data);
	buf_add_char(to, ']');
}

/* The events of sse_next when the bytes come in pieces that end at the given cuts. */
static str read_in_pieces(struct buf *to, str text, const size_t *cuts, size_t count)
{
	struct sse_reader r = { .limit = 64 * KiB };
	struct sse_event event;
	size_t begin = 0;

	buf_clear(to);
	for (size_t i = 0; i <= count; i++) {
		size_t end = i < count ? cuts[i] : text.len;
		str bytes = str_of(text.ptr + begin, end - begin);

		while (sse_next(&r, &bytes, &event))
			add_event(to, event.name, event.data);
		CHECK(bytes.len == 0 && !r.why);
		begin = end;
	}
	sse_done(&r);
	return buf_str(to);
}

/* The same of sse_scan, whose bytes lie somewhere else in each call, as they do when a
 * buffer grows.  What has no data is left out unless `all`. */
static str scan_in_pieces(struct buf *to, str text, const size_t *cuts, size_t count,
                          bool all)
{
	struct sse_scan s = { .seen = 0 };
	struct buf data = BUF_LIMIT(64 * KiB);
	struct sse_found found;
	size_t begin = 0;

	buf_clear(to);
	for (size_t i = 0; i <= count; i++) {
		size_t end = i < count ? cuts[i] : text.len;
		char *copy = malloc(end - begin + 1);
		str bytes = str_of(copy, end - begin);

		memcpy(copy, text.ptr + begin, end - begin);
		while (sse_scan(&s, bytes, &found)) {
			CHECK(found.raw.ptr == bytes.ptr && found.raw.len > 0);
			CHECK(found.several <= found.has_data);
			sse_join(&found, &data);
			CHECK(found.several || str_eq(buf_str(&data), found.data));
			if (found.has_data || all)
				add_event(to, found.name,
				          found.has_data ? buf_str(&data) : STR("-"));
			bytes = str_from(bytes, found.raw.len);
			begin += found.raw.len;
		}
		CHECK(s.seen + 1 >= bytes.len); /* or looking again would not be linear */
		free(copy);
	}
	buf_free(&data);
	return buf_str(to);
}

static void check_events(str text, str want)
{
	struct buf b = BUF_LIMIT(64 * KiB);

	CHECK_STR_EQ(read_in_pieces(&b, text, NULL, 0), want);
	CHECK_STR_EQ(scan_in_pieces(&b, text, NULL, 0, false), want);
	for (size_t i = 0; i <= text.len; i++) {
		CHECK_STR_EQ(read_in_pieces(&b, text, &i, 1), want);
		CHECK_STR_EQ(scan_in_pieces(&b, text, &i, 1, false), want);
	}
	buf_free(&b);
}

static const struct {
	str text, want;
} streams[] = {
	{ STR_INIT(""), STR_INIT("") },
	{ STR_INIT("data: a\n\n"), STR_INIT("[|a]") },
	{ STR_INIT("data:a\r\n\r\n"), STR_INIT("[|a]") },
	{ STR_INIT("data: a\r\rx"), STR_INIT("[|a]") },
	{ STR_INIT("data:  a \n\n"), STR_INIT("[| a ]") },
	{ STR_INIT("data: a\n"), STR_INIT("") },
	{ STR_INIT("data: a\n\ndata: b"), STR_INIT("[|a]") },
	{ STR_INIT("data: a\n\ndata: b\n\n"), STR_INIT("[|a][|b]") },
	{ STR_INIT("data: a\r\n\ndata: b\n\r\ndata: c\r\n\r\n"),
	  STR_INIT("[|a][|b][|c]") },
	{ STR_INIT("data: a\rdata: b\r\ndata: c\n\r\n"), STR_INIT("[|a\nb\nc]") },
	{ STR_INIT("data: a\n\rdata: b\n\n"), STR_INIT("[|a][|b]") },
	{ STR_INIT("\n\n\r\n\rdata: a\n\n\n\n"), STR_INIT("[|a]") },
	{ STR_INIT("event: e\ndata: a\n\n"), STR_INIT("[e|a]") },
	{ STR_INIT("data: a\nevent: e\n\n"), STR_INIT("[e|a]") },
	{ STR_INIT("event: e\n\ndata: a\n\n"), STR_INIT("[|a]") },
	{ STR_INIT("event: e\nevent: f\ndata: a\n\n"), STR_INIT("[f|a]") },
	{ STR_INIT("event: e\nevent\ndata: a\n\n"), STR_INIT("[|a]") },
	{ STR_INIT("data\n\n"), STR_INIT("[|]") },
	{ STR_INIT("data:\n\n"), STR_INIT("[|]") },
	{ STR_INIT("data: \n\n"), STR_INIT("[|]") },
	{ STR_INIT("data\ndata\n\n"), STR_INIT("[|\n]") },
	{ STR_INIT("data: a\ndata:\ndata: b\n\n"), STR_INIT("[|a\n\nb]") },
	{ STR_INIT(": ping\n\n"), STR_INIT("") },
	{ STR_INIT(": ping\ndata: a\n:\n\n"), STR_INIT("[|a]") },
	{ STR_INIT("id: 1\nretry: 5\ndata: a\nfoo: bar\nfoo\n\n"), STR_INIT("[|a]") },
	{ STR_INIT("Data: a\ndatax: b\n data: c\ndat: d\n\n"), STR_INIT("") },
	{ STR_INIT("data: {\"x\":\"a:b\"}\n\n"), STR_INIT("[|{\"x\":\"a:b\"}]") },
	{ STR_INIT("data: a\xe2\x80\xa8"
	           "b\xc2\x85\xff\n\n"),
	  STR_INIT("[|a\xe2\x80\xa8"
	           "b\xc2\x85\xff]") },
	{ STR_INIT("\xef\xbb\xbf"
	           "data: a\n\n"),
	  STR_INIT("[|a]") },
	{ STR_INIT("\xef\xbb\xbf\ndata: a\n\n"), STR_INIT("[|a]") },
	{ STR_INIT("\xef\xbb\xbf\xef\xbb\xbf"
	           "data: a\n\ndata: b\n\n"),
	  STR_INIT("[|b]") },
	{ STR_INIT("data: a\n\n\xef\xbb\xbf"
	           "data: b\n\ndata: c\n\n"),
	  STR_INIT("[|a][|c]") },
	{ STR_INIT("data: a\n\n\xef\xbb\xbf"
	           "data: b\ndata: c\n\n"),
	  STR_INIT("[|a][|c]") },
	{ STR_INIT("\n\xef\xbb\xbf"
	           "data: a\n\n"),
	  STR_INIT("") },
	{ STR_INIT("data: a\0b\n\n"), STR_INIT("[|a\0b]") },
};

TEST(sse_follows_the_standard_at_every_cut)
{
	for (size_t i = 0; i < countof(streams); i++)
		check_events(streams[i].text, streams[i].want);
}

static const str sample =
        STR_INIT("\xef\xbb\xbf: ping\r\n\r\nevent: a\r\ndata: {\"x\":1}\r\n"
                 "data: two\r\n\r\ndata:3\revent\r\rdata: [DONE]\n\n");

TEST(sse_is_the_same_for_every_pair_of_cuts)
{
	struct buf b = BUF_LIMIT(4 * KiB);

	for (size_t i = 0; i <= sample.len; i++) {
		for (size_t j = i; j <= sample.len; j++) {
			size_t cuts[] = { i, j };

			CHECK_STR(read_in_pieces(&b, sample, cuts, 2),
			          "[a|{\"x\":1}\ntwo][|3][|[DONE]]");
			CHECK_STR(scan_in_pieces(&b, sample, cuts, 2, true),
			          "[|-][a|{\"x\":1}\ntwo][|3][|[DONE]]");
		}
	}
	buf_free(&b);
}

TEST(sse_scan_loses_no_byte)
{
	struct sse_scan s = { .seen = 0 };
	struct sse_found found;
	struct buf all = BUF_LIMIT(4 * KiB);
	str bytes = STR(
	            "\xef\xbb\xbf\n: c\n\r\nid: 7\n\nevent: e\n\ndata: a\n\ndata: b\n"),
	    rest = bytes;
	size_t count = 0;

	for (; sse_scan(&s, rest, &found); count++) {
		buf_add(&all, found.raw);
		rest = str_from(rest, found.raw.len);
		CHECK_INT(found.has_data, count == 4);
		CHECK_STR_EQ(found.name, count == 3 ? STR("e") : STR(""));
	}
	CHECK_INT(count, 5);
	CHECK_STR(rest, "data: b\n");
	buf_add(&all, rest);
	CHECK_STR_EQ(buf_str(&all), bytes);
	buf_free(&all);
}

TEST(sse_scan_waits_behind_a_cr)
{
	struct sse_scan s = { .seen = 0 };
	struct sse_found found;

	CHECK(!sse_scan(&s, STR("data: a\r\n\r"), &found));
	CHECK(sse_scan(&s, STR("data: a\r\n\r\ndata"), &found));
	CHECK_STR(found.raw, "data: a\r\n\r\n");
	CHECK(!sse_scan(&s, STR("data: a\r\r"), &found));
	CHECK(sse_scan(&s, STR("data: a\r\rd"), &found));
	CHECK_STR(found.raw, "data: a\r\r");
	CHECK(!sse_scan(&s, STR_NONE, &found));
}

/* ---- limits ---- */

TEST(sse_events_end_at_their_limit)
{
	static const str texts[] = { STR_INIT("data: 0123456789\n\n"),
		                     STR_INIT(":234567890123456\n\n"),
		                     STR_INIT("event: 890123456\n\n"),
		                     STR_INIT("data: 789\ndata: 4\n\n") };
	struct sse_event event;

	for (size_t i = 0; i < countof(texts); i++) {
		for (size_t limit = 9; limit <= 17; limit++) {
			for (size_t cut = 0; cut <= texts[i].len; cut++) {
				struct sse_reader r = { .limit = limit };
				str bytes = str_first(texts[i], cut);
				/* Of the last, 3 bytes of data stand beside a line of 7.
				 */
				size_t needed = i < 3 ? 16 : 10;

				while (sse_next(&r, &bytes, &event))
					continue;
				bytes = str_from(texts[i], cut);
				while (sse_next(&r, &bytes, &event))
					continue;
				CHECK_FAULT(r.why,
				            limit < needed ? FAULT_UPSTREAM_LARGE : NULL);
				sse_done(&r);
			}
		}
	}
}

TEST(sse_next_of_an_endless_line_holds_no_more_than_its_limit)
{
	struct sse_reader r = { .limit = 10 * KiB };
	struct sse_event event;
	char piece[KiB];

	memset(piece, 'x', sizeof(piece));
	for (int i = 0; i < 100; i++) {
		str bytes = str_of(piece, sizeof(piece));

		CHECK(!sse_next(&r, &bytes, &event));
	}
	CHECK_FAULT(r.why, FAULT_UPSTREAM_LARGE);
	CHECK(r.line.cap <= 10 * KiB && r.data.cap <= 10 * KiB);
	sse_done(&r);
}

TEST(sse_join_is_bounded_by_its_buffer)
{
	struct sse_scan s = { .seen = 0 };
	struct sse_found found;
	struct buf b = BUF_LIMIT(4);

	CHECK(sse_scan(&s, STR("data: ab\ndata: cdef\n\n"), &found));
	CHECK(found.several);
	sse_join(&found, &b);
	CHECK(b.over);
	buf_free(&b);
}

/* ---- writing ---- */

TEST(sse_write_keeps_lines_apart)
{
	struct buf b = BUF_LIMIT(4 * KiB);

	sse_write(&b, STR(""), STR("{}"));
	sse_write(&b, STR("ping"), STR("{}"));
	sse_write(&b, STR(""), STR(""));
	sse_write(&b, STR("a\ndata: forged"), STR("x\ny\r\nz\r\n"));
	sse_write(&b, STR(""), STR_NONE);
	CHECK_STR(buf_str(&b),
	          "data: {}\n\nevent: ping\ndata: {}\n\ndata: \n\n"
	          "event: a\ndata: x\ndata: y\ndata: z\ndata: \n\ndata: \n\n");
	buf_free(&b);
}

TEST(sse_written_is_read_again)
{
	static const str texts[] = { STR_INIT("a"),    STR_INIT("a\nb"), STR_INIT(" a "),
		                     STR_INIT("\n\n"), STR_INIT(":a"),   STR_INIT("") };
	struct buf b = BUF_LIMIT(4 * KiB);

	for (size_t i = 0; i < countof(texts); i++) {
		struct sse_reader r = { .limit = KiB };
		struct sse_event event;

		buf_clear(&b);
		sse_write(&b, STR("n"), texts[i]);
		str bytes = buf_str(&b);
		CHECK(sse_next(&r, &bytes, &event));
		CHECK_STR(event.name, "n");
		CHECK_STR_EQ(event.data, texts[i]);
		sse_done(&r);
	}
	buf_free(&b);
}

/* ---- both readers, on whatever comes ---- */

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

static void make_stream(struct buf *to, uint64_t *seed)
{
	static const str pieces[] = {
		STR_INIT("\n"),     STR_INIT("\n"),
		STR_INIT("\r"),     STR_INIT("\r\n"),
		STR_INIT("\n\n"),   STR_INIT("data"),
		STR_INIT("data: "), STR_INIT("data:x"),
		STR_INIT("event"),  STR_INIT(": "),
		STR_INIT(":"),      STR_INIT("event: e"),
		STR_INIT(" "),      STR_INIT("y"),
		STR_INIT("\0"),     STR_INIT("\xef\xbb\xbf"),
	};

	buf_clear(to);
	for (uint32_t n = next_random(seed) % 24; n > 0; n--)
		buf_add(to, pieces[next_random(seed) % countof(pieces)]);
	/* Behind a CR as last byte one reader waits and the other need not. */
	buf_add(to, STR("\n"));
}

TEST(sse_scan_finds_what_sse_next_finds)
{
	struct buf text = BUF_LIMIT(KiB), a = BUF_LIMIT(4 * KiB), b = BUF_LIMIT(4 * KiB);
	size_t every[KiB];
	uint64_t seed = 20261123;

	for (size_t i = 0; i < KiB; i++)
		every[i] = i;
	for (int i = 0; i < 20000; i++) {
		make_stream(&text, &seed);
		str s = buf_str(&text);
		str want = read_in_pieces(&a, s, NULL, 0);
		size_t cut = next_random(&seed) % (s.len + 1);
		bool same = str_eq(scan_in_pieces(&b, s, NULL, 0, false), want);

		same &= str_eq(scan_in_pieces(&b, s, every, s.len, false), want);
		same &= str_eq(scan_in_pieces(&b, s, &cut, 1, false), want);
		same &= str_eq(read_in_pieces(&b, s, every, s.len), want);
		same &= str_eq(read_in_pieces(&b, s, &cut, 1), want);
		if (!same)
			check_failed(__FILE__, __LINE__, "input %d: \"%.*s\"", i,
			             STR_ARG(s));
	}
	buf_free(&text);
	buf_free(&a);
	buf_free(&b);
}
