/* openai_chat.c - whatever comes as a request, as an answer or as a stream: what is
 * written from it is JSON, and what was read once is written the same twice. */
#include "codec/sse.h"
#include "fuzz/fuzz.h"
#include "wire/openai_chat.h"

static void check_json(const struct buf *b)
{
	struct json_value root;
	fault_t why = json_check(buf_str(b), &json_limits_default, &root);

	/* Schemas and calls stand deeper in what is written than in what was read. */
	assert(b->over || !why || why == FAULT_JSON_LIMIT);
}

static void request(str text, const char *provider)
{
	struct arena keep = { .ceiling = 1 * MiB };
	struct chat_request r = { .keep = &keep, .from = WIRE_OPENAI_CHAT };
	struct chat_target t = { .model = STR("m"), .provider = str_from_z(provider) };
	struct buf one = BUF_LIMIT(4 * MiB), two = BUF_LIMIT(4 * MiB);
	struct skimmed s;
	str detail = STR_NONE;

	if (!wire_openai_chat.skim(text, OP_CHAT, &keep, &s, &detail) &&
	    !wire_openai_chat.read_request(text, &r, &detail) &&
	    !wire_openai_chat.write_request(&r, &t, &one, &detail)) {
		check_json(&one);
		assert(!wire_openai_chat.write_request(&r, &t, &two, &detail));
		assert(str_eq(buf_str(&one), buf_str(&two)));
	}
	buf_free(&one);
	buf_free(&two);
	arena_done(&keep);
}

static void emitter(struct emitter *e, struct buf *to, bool streams)
{
	emit_init(e, wire_openai_chat.emit, to, streams);
	e->seed = e->model = STR("x");
	e->wants_usage = true;
}

static void answer(str text, unsigned quirks, bool streams)
{
	struct chat_reader rd = { .operation = OP_CHAT, .quirks = quirks };
	struct buf out = BUF_LIMIT(16 * MiB);
	struct emitter e;

	emitter(&e, &out, streams);
	if (!wire_openai_chat.read_reply(&rd, text, &e.sink) && !e.why && !streams) {
		wire_openai_chat.write_reply(&e);
		check_json(&out);
	}
	emit_done(&e);
	buf_free(&out);
}

static void stream(str text, unsigned quirks)
{
	struct chat_reader rd = { .operation = OP_CHAT, .quirks = quirks };
	struct sse_reader events = { .limit = 64 * KiB }, written = { .limit = 4 * MiB };
	struct buf out = BUF_LIMIT(16 * MiB);
	struct sse_event event;
	struct json_value root;
	struct emitter e;
	str rest;

	emitter(&e, &out, true);
	while (sse_next(&events, &text, &event))
		if (wire_openai_chat.read_event(&rd, event.name, event.data, &e.sink))
			break;
	wire_openai_chat.read_eof(&rd, &e.sink);
	rest = buf_str(&out);
	while (!out.over && sse_next(&written, &rest, &event))
		assert(str_eq(event.data, STR("[DONE]")) ||
		       !json_check(event.data, &json_limits_default, &root));
	sse_done(&events);
	sse_done(&written);
	emit_done(&e);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const providers[] = { "openai",     "mistral",
		                                 "deepseek",   "google",
		                                 "openrouter", "alibaba",
		                                 "vllm",       "" };
	str text = fuzz_input(data, size);
	unsigned pick = size ? data[size - 1] : 0;

	request(text, providers[pick % countof(providers)]);
	answer(text, pick % 64, pick & 1);
	stream(text, pick % 64);
	return 0;
}
