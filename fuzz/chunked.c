/* chunked.c - a chunked body gives the same content and the same end however it is cut,
 * and whatever a request may send, an answer may. */
#include "http/body.h"

#include "base/mem.h"
#include "fuzz/fuzz.h"

struct outcome {
	fault_t why;
	size_t len, used;
	bool done;
	char *content;
};

/* In pieces of `step`, decoded to the front of one buffer. */
static struct outcome decode(str input, bool is_request, size_t step)
{
	struct http_body b;
	struct outcome o = { .content = mem_new(input.len + 1) };

	http_body_init(&b, HTTP_BODY_CHUNKED, 0, is_request);
	memcpy(o.content, input.ptr, input.len);
	while (o.used < input.len && !b.done && !o.why) {
		size_t len, used, n = min_of(step, input.len - o.used);

		o.why = http_body_take(&b, o.content + o.len, o.content + o.used, n, &len,
		                       &used);
		assert(len <= used && used <= n);
		assert(o.why || b.done || used == n);
		o.len += len;
		o.used += used;
	}
	assert(b.content == o.len);
	o.done = b.done;
	return o;
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
	assert(a->why == b->why && a->done == b->done && a->used == b->used);
	assert(str_eq(str_of(a->content, a->len), str_of(b->content, b->len)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = fuzz_input(data, size);
	size_t steps[] = { 1, 2, 1 + (size ? data[0] % 16u : 0) };
	struct outcome request = decode(input, true, size),
	               answer = decode(input, false, size);

	if (request.done)
		check_same(&request, &answer);
	for (size_t i = 0; i < countof(steps); i++) {
		struct outcome cut = decode(input, true, steps[i]);

		check_same(&request, &cut);
		free(cut.content);
		cut = decode(input, false, steps[i]);
		check_same(&answer, &cut);
		free(cut.content);
	}
	free(request.content);
	free(answer.content);
	return 0;
}
