/* multipart.c - the first line is a Content-Type, the rest a body: what is found lies in
 * it, in whatever pieces it came, and more bytes never make a field of none. */
#include "codec/multipart.h"

#include "fuzz/fuzz.h"

/* However the body is cut. */
static void check_pieces(str body, str boundary, enum multipart_result want, str value)
{
	size_t n = 1 + body.len % 37;
	enum multipart_result got = MULTIPART_MORE;
	struct multipart_scan s;

	multipart_begin(&s, boundary, STR("model"));
	for (str rest = body; rest.len > 0;)
		got = multipart_next(&s, str_take(&rest, n < rest.len ? n : rest.len));
	assert(got == want && s.taken == body.len);
	if (got == MULTIPART_FOUND)
		assert(body.ptr + s.value_at == value.ptr && s.value_len == value.len);
	multipart_done(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str body = fuzz_input(data, size), boundary, value = STR(""), early;
	str type = str_cut(&body, '\n');
	enum multipart_result got, before;

	if (!multipart_boundary(type, &boundary))
		boundary = STR("B");
	got = multipart_find(body, boundary, STR("model"), &value);
	if (got == MULTIPART_FOUND)
		assert(value.ptr >= body.ptr &&
		       value.ptr + value.len <= body.ptr + body.len);
	before = multipart_find(str_first(body, body.len / 2), boundary, STR("model"),
	                        &early);
	if (before == MULTIPART_NONE || before == MULTIPART_BAD ||
	    before == MULTIPART_TWICE)
		assert(got == before);
	if (before == MULTIPART_FOUND && got == MULTIPART_FOUND)
		assert(early.ptr == value.ptr && early.len == value.len);
	assert(before != MULTIPART_FOUND ||
	       (got != MULTIPART_MORE && got != MULTIPART_NONE));
	check_pieces(body, boundary, got, value);
	return 0;
}
