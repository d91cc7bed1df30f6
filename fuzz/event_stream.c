/* event_stream.c - what is found lies within the bytes and is found at every cut; written
 * anew with its string headers it is found again. */
#include "codec/event_stream.h"

#include "fuzz/fuzz.h"

#include <zlib.h>

static void put_crc(char *at, const char *from, size_t len)
{
	uint32_t crc = (uint32_t)crc32(0, (const Bytef *)from, (uInt)len);

	for (int i = 0; i < 4; i++)
		at[i] = (char)(crc >> (24 - 8 * i));
}

/* The checksums of the first message made right, or nothing behind them is reached. */
static void mend(char *bytes, size_t len)
{
	size_t total = 0;

	for (size_t i = 0; i < 4 && len >= 12; i++)
		total = total << 8 | (unsigned char)bytes[i];
	if (len < 12)
		return;
	put_crc(bytes + 8, bytes, 8);
	if (total >= 16 && total <= len)
		put_crc(bytes + total - 4, bytes, total - 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf copy = BUF_LIMIT(MiB), again = BUF_LIMIT(MiB);
	struct aws_scan s = { 0 }, half = { 0 };
	struct aws_frame f, g;

	buf_add(&copy, fuzz_input(data, size));
	mend(copy.ptr, copy.len);
	str rest = buf_str(&copy);
	aws_scan(&half, str_first(rest, rest.len / 2), &g);
	while (aws_scan(&s, rest, &f)) {
		assert(f.raw.ptr == rest.ptr && f.raw.len <= rest.len);
		assert(f.headers.len + f.payload.len + 16 == f.raw.len);
		struct aws_header headers[] = {
			{ STR(":message-type"), aws_header(&f, STR(":message-type")) },
			{ STR("a"), aws_header(&f, STR("a")) },
		};
		buf_clear(&again);
		aws_write(&again, headers, countof(headers), f.payload);
		struct aws_scan t = { 0 };
		assert(aws_scan(&t, buf_str(&again), &g));
		assert(g.kind == f.kind && str_eq(g.payload, f.payload));
		rest = str_from(rest, f.raw.len);
	}
	assert(s.why || rest.len < 12 || s.need > rest.len);
	buf_free(&copy);
	buf_free(&again);
	return 0;
}
