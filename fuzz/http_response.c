/* http_response.c - heads of answers, whole and cut where the first byte says, are judged
 * alike, and what the parser says of them holds. */
#include "http/head.h"

#include "base/mem.h"
#include "fuzz/fuzz.h"

static struct http_response res, same;

static fault_t judge(str input, size_t cut, size_t *ret_end)
{
	size_t seen = 0, end = 0;
	/* Copies of exactly their size, so that ASan sees who reads too far. */
	char *first = mem_new(cut + !cut), *all = mem_new(input.len + !input.len);
	fault_t why;

	memcpy(first, input.ptr, cut);
	memcpy(all, input.ptr, input.len);
	why = http_head_end(str_of(first, cut), &http_response_limits, false, &seen,
	                    &end);
	if (!why && end == 0)
		why = http_head_end(str_of(all, input.len), &http_response_limits, false,
		                    &seen, &end);
	if (!why && end > 0)
		why = http_response_parse(str_of(all, end), &res);
	size_t once = 0, from = 0;
	fault_t in_one = http_response_read(str_of(all, input.len), &from, &once, &same);
	assert(cut < input.len || (in_one == why && (why || once == end)));
	free(first);
	free(all);
	*ret_end = why ? 0 : end;
	return why;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = fuzz_input(data, size);
	size_t cuts[] = { min_of(size ? (size_t)data[size - 1] : 0, size), size / 2 };
	size_t want, got;
	fault_t why = judge(input, size, &want);

	if (want > 0) {
		assert(res.status >= 100 && res.status <= 599);
		assert(res.count <= HTTP_FIELDS_MOST && res.minor <= 1);
		assert(res.body != HTTP_BODY_TO_EOF || !res.keep_alive);
		assert(res.body != HTTP_BODY_CHUNKED || res.minor == 1);
	}
	for (size_t i = 0; i < countof(cuts); i++) {
		assert(judge(input, cuts[i], &got) == why);
		assert(got == want);
	}
	return 0;
}
