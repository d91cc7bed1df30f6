/* http_request.c - requests, whole and cut where the first byte says, are judged alike,
 * and what the parser says of them holds. */
#include "http/body.h"

#include "base/mem.h"
#include "fuzz/fuzz.h"

/* What became of the bytes: a verdict for comparison. */
struct verdict {
	fault_t why;
	size_t requests, content, left;
	uint64_t hash;
};

static void check(const struct http_request *r, str head)
{
	assert(r->count <= http_limits_default.fields);
	for (unsigned i = 0; i < r->count; i++) {
		str name = r->fields[i].name, value = r->fields[i].value;

		assert(name.len > 0 && name.ptr > head.ptr);
		assert(value.ptr + value.len <= head.ptr + head.len - 4);
		assert(http_value_is_safe(value) && str_eq(value, str_trim(value)));
	}
	assert(http_value_is_safe(r->target) &&
	       str_find(r->target, ' ') == r->target.len);
	assert(r->minor == 0 || r->host.len > 0);
	assert(!http_request_get(r, STR("transfer_encoding")).ptr);
	if (r->body == HTTP_BODY_CHUNKED)
		assert(!http_request_get(r, STR("content-length")).ptr && r->minor == 1);
	if (r->method == HTTP_GET)
		assert(r->body != HTTP_BODY_CHUNKED && r->length == 0);
}

/* One step with [*at, end) of bytes; false: more bytes are needed, or v->why. */
static bool step(struct verdict *v, struct http_body *b, char *bytes, size_t *at,
                 size_t end, size_t *seen)
{
	static struct http_request r, same;
	size_t len, used, head = 0, once = 0, from = *seen;

	if (!b->done) {
		v->why = http_body_take(b, bytes + *at, bytes + *at, end - *at, &len,
		                        &used);
		for (size_t i = 0; i < len; i++)
			v->hash = v->hash * 31 + (uint8_t)bytes[*at + i];
		v->content += len;
		*at += used;
		return !v->why && b->done && *at < end;
	}
	str rest = str_of(bytes + *at, end - *at);
	fault_t in_one =
	        http_request_read(rest, &http_limits_default, &from, &once, &same);
	v->why = http_head_end(rest, &http_limits_default, true, seen, &head);
	if (!v->why && head > 0)
		v->why = http_request_parse(str_first(rest, head), &http_limits_default,
		                            &r);
	assert(in_one == v->why && (v->why || (once == head && from == *seen)));
	if (v->why || head == 0)
		return false;
	check(&r, str_first(rest, head));
	http_body_init(b, r.body, r.length, true);
	v->requests++;
	*at += head;
	*seen = 0;
	return true;
}

static struct verdict judge(str input, size_t cut)
{
	struct verdict v = { .hash = 1 };
	struct http_body body = { .done = true };
	char *bytes = mem_new(input.len + !input.len);
	size_t at = 0, seen = 0, ends[2] = { min_of(cut, input.len), input.len };

	memcpy(bytes, input.ptr, input.len);
	for (int i = 0; i < 2 && !v.why; i++)
		while (step(&v, &body, bytes, &at, ends[i], &seen))
			;
	v.left = v.why ? 0 : input.len - at;
	free(bytes);
	return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = fuzz_input(data, size);
	size_t cuts[] = { size ? data[0] : 0, size / 2, size ? size - 1 : 0 };
	struct verdict whole = judge(input, size);

	for (size_t i = 0; i < countof(cuts); i++) {
		struct verdict cut = judge(input, cuts[i]);

		assert(cut.why == whole.why && cut.requests == whole.requests);
		assert(cut.content == whole.content && cut.hash == whole.hash);
		assert(cut.left == whole.left);
	}
	return 0;
}
