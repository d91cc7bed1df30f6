/* text.c - what decodes, encodes to the same again; no form of time gives more than a day
 * or less than nothing. */
#include "codec/text.h"

#include "fuzz/fuzz.h"

#include <stdlib.h>

static void check_span(bool parsed, usec span)
{
	assert(!parsed || (span >= 0 && span <= 24 * USEC_HOUR));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = fuzz_input(data, size), got, again;
	struct buf b = BUF_LIMIT(16 * MiB);
	char *room = malloc(size + 1), *more = malloc(3 * size + 1);
	usec span = -1, wall;
	unsigned count;

	if (url_decode(text, room, &got)) {
		url_encode(&b, got);
		assert(url_decode(buf_str(&b), more, &again) && str_eq(again, got));
	}
	if (url_query_get(text, STR("key"), &got, &count))
		assert(count > 0 && got.ptr + got.len <= text.ptr + text.len);
	buf_clear(&b);
	if (base64_decode(text, room, &got)) {
		base64_encode(&b, got);
		assert(str_eq(buf_str(&b), text));
	}
	buf_clear(&b);
	if (hex_decode(text, room, &got)) {
		hex_encode(&b, got);
		assert(b.len == text.len);
	}
	check_span(retry_after_parse(text, 0, &span), span);
	check_span(retry_after_ms_parse(text, &span), span);
	check_span(go_duration_parse(text, &span), span);
	buf_clear(&b);
	if (rfc3339_parse(text, &wall)) {
		rfc3339_write(&b, wall);
		assert(rfc3339_parse(buf_str(&b), &span) && span <= wall);
	}
	free(room);
	free(more);
	buf_free(&b);
	return 0;
}
