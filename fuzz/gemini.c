/* gemini.c - requests and answers from outside are read to their end or refused; what was
 * read is written, and what was written is JSON. */
#include "wire/gemini.h"

#include "fuzz/fuzz.h"

static void read_request(str body)
{
	struct arena keep = { .ceiling = 4 * MiB };
	struct chat_request r = { .keep = &keep, .from = WIRE_GEMINI };
	struct chat_target t = { .model = STR("gemini-3-flash") };
	struct buf out = BUF_LIMIT(4 * MiB);
	struct skimmed s;
	str detail = STR_NONE;

	if (!wire_gemini.skim(body, OP_CHAT, &keep, &s, &detail) &&
	    !wire_gemini.read_request(body, &r, &detail) &&
	    !wire_gemini.write_request(&r, &t, &out, &detail))
		assert(!json_check(buf_str(&out), &json_limits_default, NULL));
	buf_free(&out);
	arena_done(&keep);
}

static void read_answer(str body, bool streams)
{
	struct chat_reader rd = { 0 };
	struct buf out = BUF_LIMIT(16 * MiB);
	struct emitter e;

	emit_init(&e, wire_gemini.emit, &out, streams);
	e.array = e.same_format = true;
	if (!streams && !wire_gemini.read_reply(&rd, body, &e.sink) && e.ended) {
		wire_gemini.write_reply(&e);
	} else if (streams) {
		while (body.len)
			(void)!wire_gemini.read_event(&rd, STR_NONE, str_cut(&body, '\n'),
			                              &e.sink);
		wire_gemini.read_eof(&rd, &e.sink);
		emit_fault(&e, FAULT_UPSTREAM_CUT, STR_NONE);
	}
	if (e.ended && !out.over)
		assert(!json_check(buf_str(&out), &json_limits_default, NULL));
	emit_done(&e);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = fuzz_input(data, size);

	read_request(text);
	read_answer(text, false);
	read_answer(text, true);
	return 0;
}
