/* responses.c - openai-responses reads anything as a request, an answer and a stream
 * without leaving it; a request that was read can be written, and what is written for a
 * client is JSON. */
#include "wire/responses.h"

#include "fuzz/fuzz.h"
#include "wire/kept.h"

static fault_t take_item(void *arg, enum kept_item how, str id)
{
	assert(id.len > 0 && id.len <= KEPT_NAME && how <= ITEM_BESIDE);
	return NULL;
}

/* What names it has of things a provider keeps. */
static void read_names(str body)
{
	char room[KEPT_ROOM];
	struct kept_files f;
	str name;

	if (kept_items(body, take_item, NULL))
		return;
	kept_files_init(&f, WIRE_OPENAI_RESPONSES, body);
	while (kept_files_next(&f, room, &name))
		assert(name.len > 0 && name.len <= KEPT_NAME);
}

static void read_request(str body)
{
	struct arena keep = { .ceiling = MiB + 4 * body.len };
	struct chat_request r = { .keep = &keep, .from = WIRE_OPENAI_RESPONSES };
	const struct chat_target t = { .model = STR("m"), .provider = STR("openai") };
	struct buf once = BUF_LIMIT(16 * MiB);
	struct json_value root;
	struct skimmed s;
	str detail = STR_NONE;
	fault_t why = wire_openai_responses.skim(body, OP_CHAT, &keep, &s, &detail);

	if (!why)
		read_names(body);
	if (!why && !wire_openai_responses.read_request(body, &r, &detail) &&
	    !wire_openai_responses.write_request(&r, &t, &once, &detail))
		assert(!json_check(buf_str(&once), &json_limits_default, &root) ||
		       body.len > KiB); /* wrapped arguments may pass a limit */
	responses_echo(&keep, body);
	buf_free(&once);
	arena_done(&keep);
}

/* An answer whole, or cut into events at blank lines; what comes out is well-formed. */
static void read_answer(str text, bool in_events, bool streams)
{
	struct chat_reader rd = { .operation = OP_CHAT };
	struct buf out = BUF_LIMIT(64 * MiB);
	struct emitter e;
	fault_t why = NULL;

	emit_init(&e, wire_openai_responses.emit, &out, streams);
	e.seed = STR("5eed");
	e.same_format = true;
	if (!in_events)
		why = wire_openai_responses.read_reply(&rd, text, &e.sink);
	while (in_events && !why && text.len) {
		size_t length = str_find_str(text, STR("\n\n"));

		why = wire_openai_responses.read_event(&rd, STR_NONE,
		                                       str_take(&text, length), &e.sink);
		str_take(&text, 2);
	}
	wire_openai_responses.read_eof(&rd, &e.sink);
	if (!e.ended)
		emit_fault(&e, FAULT_UPSTREAM_CUT, STR("cut"));
	if (!streams && !e.why)
		wire_openai_responses.write_reply(&e);
	for (str rest = buf_str(&out); streams && rest.len;) {
		str block = str_take(&rest, str_find_str(rest, STR("\n\n")));

		str_take(&rest, 2);
		str_cut(&block, '\n');
		assert(str_skip(&block, STR("data: {")) && str_ends(block, STR("}")));
		assert(str_find(block, '\n') == block.len);
	}
	emit_done(&e);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = fuzz_input(data, size);

	read_request(text);
	for (int i = 0; i < 4; i++)
		read_answer(text, i & 1, i & 2);
	return 0;
}
