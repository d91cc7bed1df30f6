/* multipart.c - the first line is a Content-Type, the rest a body: what is found lies in
 * it, and more bytes never make a field of none. */
#include "codec/multipart.h"

#include "fuzz/fuzz.h"

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
	return 0;
}
