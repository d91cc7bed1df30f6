#include "codec/event_stream.h"

#include "codec/text.h"
#include "tests/check.h"

#include <stdlib.h>
#include <zlib.h>

/* One message as Bedrock sent it (wire-formats 1.3). */
static const char vector_hex[] =
        "00000082000000522b610c430b3a6576656e742d7479706507000c6d657373616765537461727"
        "40d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573"
        "736167652d747970650700056576656e747b2270223a226162636465222c22726f6c65223a226"
        "17373697374616e74227d2a2e7318";

static str vector(void)
{
	static char room[sizeof(vector_hex)];
	str bytes;

	CHECK(hex_decode(str_from_z(vector_hex), room, &bytes));
	return bytes;
}

/* In a block of its own, so that a byte too far is seen. */
static bool scan_copy(str bytes, struct aws_scan *s, struct aws_frame *ret)
{
	char *copy = malloc(bytes.len + 1);
	bool found;

	memcpy(copy, bytes.ptr, bytes.len);
	char *tight = realloc(copy, bytes.len ? bytes.len : 1);
	found = aws_scan(s, str_of(tight, bytes.len), ret);
	free(tight);
	return found;
}

TEST(aws_scan_reads_what_bedrock_sent)
{
	struct aws_scan s = { 0 };
	struct aws_frame f;
	str bytes = vector();

	CHECK_INT(bytes.len, 130);
	CHECK(aws_scan(&s, bytes, &f));
	CHECK_STR_EQ(f.raw, bytes);
	CHECK_INT(f.kind, AWS_EVENT);
	CHECK_STR(f.name, "messageStart");
	CHECK_STR(f.payload, "{\"p\":\"abcde\",\"role\":\"assistant\"}");
	CHECK_STR(aws_header(&f, STR(":content-type")), "application/json");
	CHECK_STR(aws_header(&f, STR(":message-type")), "event");
	CHECK_STR(aws_header(&f, STR(":error-code")), "");
}

TEST(aws_scan_waits_at_every_cut)
{
	str bytes = vector();
	struct aws_frame f;

	for (size_t cut = 0; cut < bytes.len; cut++) {
		struct aws_scan s = { 0 };

		CHECK(!scan_copy(str_first(bytes, cut), &s, &f));
		CHECK_OK(s.why);
		CHECK_INT(s.need, cut < 12 ? 0 : 130);
		CHECK(aws_scan(&s, bytes, &f));
		CHECK_INT(f.raw.len, 130);
	}
}

TEST(aws_scan_refuses_every_changed_byte)
{
	str bytes = vector();
	char copy[130];
	struct aws_frame f;

	for (size_t i = 0; i < bytes.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			struct aws_scan s = { 0 };

			memcpy(copy, bytes.ptr, bytes.len);
			copy[i] = (char)(copy[i] ^ 1 << bit);
			CHECK(!scan_copy(str_of(copy, sizeof(copy)), &s, &f));
			CHECK_FAULT(s.why, FAULT_UPSTREAM_MALFORMED);
			/* And stays so. */
			CHECK(!aws_scan(&s, bytes, &f));
		}
	}
}

static void seal(char *bytes, size_t len)
{
	uint32_t crc = (uint32_t)crc32(0, (const Bytef *)bytes, 8);

	for (int i = 0; i < 4; i++)
		bytes[8 + i] = (char)(crc >> (24 - 8 * i));
	crc = (uint32_t)crc32(0, (const Bytef *)bytes, (uInt)(len - 4));
	for (int i = 0; i < 4; i++)
		bytes[len - 4 + (size_t)i] = (char)(crc >> (24 - 8 * i));
}

/* A message of one header whose bytes are given, checksums right. */
static fault_t scan_header(str header, struct aws_frame *ret)
{
	static char bytes[256];
	struct aws_scan s = { 0 };
	size_t len = 16 + header.len;

	memset(bytes, 0, sizeof(bytes));
	bytes[3] = (char)len;
	bytes[7] = (char)header.len;
	memcpy(bytes + 12, header.ptr, header.len);
	seal(bytes, len);
	if (!scan_copy(str_of(bytes, len), &s, ret))
		return s.why;
	CHECK(aws_scan(&s, str_of(bytes, len), ret)); /* bytes that stay */
	return NULL;
}

TEST(aws_headers_of_every_type)
{
	static const struct {
		str bytes;
		bool good;
	} rows[] = {
		{ STR_INIT(""), true },
		{ STR_INIT("\1a\0"), true },
		{ STR_INIT("\1a\1"), true },
		{ STR_INIT("\1a\2x"), true },
		{ STR_INIT("\1a\3xx"), true },
		{ STR_INIT("\1a\4xxxx"), true },
		{ STR_INIT("\1a\5xxxxxxxx"), true },
		{ STR_INIT("\1a\6\0\2xx"), true },
		{ STR_INIT("\1a\7\0\2xx"), true },
		{ STR_INIT("\1a\7\0\0"), true },
		{ STR_INIT("\1a\10xxxxxxxx"), true },
		{ STR_INIT("\1a\11xxxxxxxxxxxxxxxx"), true },
		{ STR_INIT("\1a\0\1b\7\0\1x\1c\1"), true },
		{ STR_INIT("\0\0"), false }, /* no name */
		{ STR_INIT("\1"), false },
		{ STR_INIT("\1a"), false },
		{ STR_INIT("\2a\0"), false },
		{ STR_INIT("\xff"
		           "a\0"),
		  false },
		{ STR_INIT("\1a\12"), false },
		{ STR_INIT("\1a\xff"), false },
		{ STR_INIT("\1a\2"), false },
		{ STR_INIT("\1a\5xxxxxxx"), false },
		{ STR_INIT("\1a\7"), false },
		{ STR_INIT("\1a\7\0"), false },
		{ STR_INIT("\1a\7\0\3xx"), false },
		{ STR_INIT("\1a\7\xff\xffxx"), false },
		{ STR_INIT("\1a\11xxxxxxxxxxxxxxx"), false },
		{ STR_INIT("\1a\7\0\1xy"), false },
	};
	struct aws_frame f;

	for (size_t i = 0; i < countof(rows); i++)
		CHECK_FAULT(scan_header(rows[i].bytes, &f),
		            rows[i].good ? NULL : FAULT_UPSTREAM_MALFORMED);
	CHECK_OK(scan_header(STR("\x0d:message-type\7\0\5event\x0d:message-type\7\0\5"
	                         "error\x0b:event-type\7\0\1x\x0b:error-code\7\0\1y"),
	                     &f));
	CHECK_INT(f.kind, AWS_EVENT); /* the first counts */
	CHECK_STR(f.name, "x");
	CHECK_OK(scan_header(STR("\1a\6\0\2no\1a\7\0\3yes\1a\7\0\2no"), &f));
	CHECK_STR(aws_header(&f, STR("a")), "yes");
	CHECK_INT(f.kind, AWS_OTHER);
	CHECK_STR(f.name, "");
}

TEST(aws_lengths_are_bounded)
{
	static const struct {
		uint32_t total, headers;
		fault_t why;
	} rows[] = {
		{ 0, 0, FAULT_UPSTREAM_MALFORMED },
		{ 15, 0, FAULT_UPSTREAM_MALFORMED },
		{ 16, 1, FAULT_UPSTREAM_MALFORMED },
		{ 20, 5, FAULT_UPSTREAM_MALFORMED },
		{ 1000, UINT32_MAX, FAULT_UPSTREAM_LARGE },
		{ UINT32_MAX, 0, FAULT_UPSTREAM_LARGE },
		{ 16 * MiB + 1, 0, FAULT_UPSTREAM_LARGE },
		{ 16 * MiB, 128 * KiB + 1, FAULT_UPSTREAM_LARGE },
		{ 16 * MiB, 128 * KiB, NULL }, /* but not there yet */
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct aws_scan s = { 0 };
		struct aws_frame f;
		char bytes[16] = { 0 };

		for (int b = 0; b < 4; b++) {
			bytes[b] = (char)(rows[i].total >> (24 - 8 * b));
			bytes[4 + b] = (char)(rows[i].headers >> (24 - 8 * b));
		}
		seal(bytes, sizeof(bytes));
		CHECK(!aws_scan(&s, str_of(bytes, 12), &f));
		CHECK_FAULT(s.why, rows[i].why);
	}
}

TEST(aws_written_is_read_again)
{
	static const struct aws_header headers[] = {
		{ STR_INIT(":exception-type"), STR_INIT("throttlingException") },
		{ STR_INIT(":content-type"), STR_INIT("application/json") },
		{ STR_INIT(":message-type"), STR_INIT("exception") },
	};
	static const struct aws_header error[] = {
		{ STR_INIT(":message-type"), STR_INIT("error") },
		{ STR_INIT(":error-code"), STR_INIT("Gone") },
		{ STR_INIT(":error-message"), STR_INIT("") },
	};
	struct buf b = BUF_LIMIT(4 * KiB);
	struct aws_scan s = { 0 };
	struct aws_frame f;

	buf_add(&b, STR("xyz")); /* what stands before stays */
	aws_write(&b, headers, 3, STR("{\"message\":\"slow\"}"));
	aws_write(&b, error, 3, STR_NONE);
	aws_write(&b, NULL, 0, STR_NONE);
	str rest = str_from(buf_str(&b), 3);
	CHECK(aws_scan(&s, rest, &f));
	CHECK_INT(f.kind, AWS_EXCEPTION);
	CHECK_STR(f.name, "throttlingException");
	CHECK_STR(f.payload, "{\"message\":\"slow\"}");
	rest = str_from(rest, f.raw.len);
	CHECK(aws_scan(&s, rest, &f));
	CHECK_INT(f.kind, AWS_ERROR);
	CHECK_STR(f.name, "Gone");
	CHECK_STR(f.payload, "");
	rest = str_from(rest, f.raw.len);
	CHECK(aws_scan(&s, rest, &f));
	CHECK_INT(f.kind, AWS_OTHER);
	CHECK_INT(f.raw.len, AWS_MESSAGE_LEAST);
	CHECK_INT(rest.len, AWS_MESSAGE_LEAST);
	buf_free(&b);
}

TEST(aws_written_is_what_bedrock_writes)
{
	static const struct aws_header headers[] = {
		{ STR_INIT(":event-type"), STR_INIT("messageStart") },
		{ STR_INIT(":content-type"), STR_INIT("application/json") },
		{ STR_INIT(":message-type"), STR_INIT("event") },
	};
	struct buf b = BUF_LIMIT(4 * KiB);

	aws_write(&b, headers, 3, STR("{\"p\":\"abcde\",\"role\":\"assistant\"}"));
	CHECK_STR_EQ(buf_str(&b), vector());
	buf_free(&b);
}

TEST(aws_write_leaves_nothing_of_what_does_not_fit)
{
	static const struct aws_header header = { STR_INIT("name"), STR_INIT("value") };

	for (size_t limit = 1; limit < 35; limit++) {
		struct buf b = BUF_LIMIT(limit);

		buf_add(&b, STR("xy"));
		aws_write(&b, &header, 1, STR("12"));
		/* 2 + 12 + 13 + 2 + 4 */
		CHECK_INT(b.over, limit < 33);
		CHECK_INT(b.len, limit < 2 ? 0 : limit < 33 ? 2 : 33);
		buf_free(&b);
	}
}

TEST(aws_write_knows_the_limits)
{
	struct buf big = BUF_LIMIT(17 * MiB), b = BUF_LIMIT(18 * MiB);
	struct aws_header header = { STR("name"), STR_NONE };
	struct aws_scan s = { 0 };
	struct aws_frame f;

	buf_reserve(&big, 16 * MiB);
	memset(big.ptr, 'x', 16 * MiB);
	aws_write(&b, NULL, 0, str_of(big.ptr, 16 * MiB - 15));
	CHECK(b.over);
	CHECK_INT(b.len, 0);
	buf_clear(&b);
	aws_write(&b, NULL, 0, str_of(big.ptr, 16 * MiB - 16));
	CHECK(aws_scan(&s, buf_str(&b), &f));
	buf_clear(&b);
	header.value = str_of(big.ptr, 70000);
	aws_write(&b, &header, 1, STR_NONE);
	CHECK(aws_scan(&s, buf_str(&b), &f));
	CHECK_INT(aws_header(&f, STR("name")).len, 32767);
	buf_free(&b);
	buf_free(&big);
}
