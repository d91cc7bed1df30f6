/* anthropic.c - whatever skim accepts is read and written as valid JSON, for clients of
 * the same format and of another; answers and streams of any bytes are read to an end,
 * and what is emitted of them is whole. */
#include "fuzz/fuzz.h"
#include "wire/emit.h"
#include "wire/wire.h"

enum { MOST = 16 * MiB };

static void check_json(struct buf *b)
{
	struct json_value root;

	assert(b->over || !json_check(buf_str(b), &json_limits_default, &root));
	buf_free(b);
}

static void try_request(str body, enum wire_format as)
{
	static const char *const models[] = { "claude-opus-4-8", "claude-sonnet-4-5",
		                              "m" };
	struct arena keep = { .ceiling = 4 * MiB };
	struct chat_request r = { .keep = &keep, .from = WIRE_ANTHROPIC };
	struct chat_target t = { .model = str_from_z(models[body.len % 3]) };
	struct buf b = BUF_LIMIT(MOST);
	struct skimmed s;
	str detail = STR_NONE;

	if (!wire_anthropic.skim(body, OP_CHAT, &keep, &s, &detail) &&
	    !wire_anthropic.read_request(body, &r, &detail)) {
		r.from = as;
		if (!wire_anthropic.write_request(&r, &t, &b, &detail))
			check_json(&b);
	}
	buf_free(&b);
	arena_done(&keep);
}

static void try_answer(str text, bool is_stream, bool streams)
{
	struct chat_reader rd = { .operation = OP_CHAT };
	struct sse_reader sse = { .limit = MiB };
	struct buf b = BUF_LIMIT(MOST);
	struct sse_event event;
	struct emitter e;

	emit_init(&e, wire_anthropic.emit, &b, streams);
	e.same_format = true;
	e.seed = STR("0");
	if (!is_stream && wire_anthropic.read_reply(&rd, text, &e.sink))
		e.why = FAULT_UPSTREAM_MALFORMED;
	while (is_stream && sse_next(&sse, &text, &event)) {
		if (wire_anthropic.read_event(&rd, event.name, event.data, &e.sink))
			e.why = FAULT_UPSTREAM_MALFORMED;
	}
	if (is_stream && !wire_anthropic.read_eof(&rd, &e.sink))
		e.why = FAULT_UPSTREAM_CUT;
	if (!streams && !e.why) {
		wire_anthropic.write_reply(&e);
		check_json(&b);
	}
	emit_done(&e);
	sse_done(&sse);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = fuzz_input(data, size);

	if (size > 64 * KiB)
		return 0;
	try_request(text, WIRE_ANTHROPIC);
	try_request(text, WIRE_OPENAI_CHAT);
	for (unsigned way = 0; way < 4; way++)
		try_answer(text, way & 1, way & 2);
	return 0;
}
