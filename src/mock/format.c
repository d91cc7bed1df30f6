/* format.c - the mock provider in the other five formats.
 *
 * It thinks in one format, OpenAI's chat.  A request in another becomes one of these, and
 * what is answered becomes that other format again, by the same code that stands between
 * a gateway's clients and providers.  So every model, and all that goes wrong with it, is
 * there in every format. */
#include "base/mem.h"
#include "codec/text.h"
#include "mock/call.h"
#include "wire/emit.h"
#include "wire/tap.h"
#include "wire/translate.h"

struct turning {
	more_fn *more; /* of the chat stream */
	void *state;
	struct emitter e;
	struct buf piece, out;
	struct sse_reader sse;
	struct chat_reader reader;
	struct tap tap;
};

static const struct {
	str before, after; /* of a model in the path; after empty: no model in it */
	const struct wire *wire;
	enum operation op;
	bool stream;
} paths[] = {
	{ STR_INIT("/responses"), STR_INIT(""), &wire_openai_responses, OP_CHAT, false },
	{ STR_INIT("/messages"), STR_INIT(""), &wire_anthropic, OP_CHAT, false },
	{ STR_INIT("/models/"), STR_INIT(":generateContent"), &wire_gemini, OP_CHAT,
	  false },
	{ STR_INIT("/models/"), STR_INIT(":streamGenerateContent"), &wire_gemini, OP_CHAT,
	  true },
	{ STR_INIT("/models/"), STR_INIT(":embedContent"), &wire_gemini, OP_EMBEDDINGS,
	  false },
	{ STR_INIT("/models/"), STR_INIT(":batchEmbedContents"), &wire_gemini,
	  OP_EMBEDDINGS, false },
	{ STR_INIT("/model/"), STR_INIT("/converse"), &wire_bedrock, OP_CHAT, false },
	{ STR_INIT("/model/"), STR_INIT("/converse-stream"), &wire_bedrock, OP_CHAT,
	  true },
	{ STR_INIT("/model/"), STR_INIT("/invoke"), &wire_bedrock, OP_EMBEDDINGS, false },
	{ STR_INIT("/chat"), STR_INIT(""), &wire_cohere, OP_CHAT, false },
	{ STR_INIT("/embed"), STR_INIT(""), &wire_cohere, OP_EMBEDDINGS, false },
	{ STR_INIT("/v2/rerank"), STR_INIT(""), &wire_cohere, OP_RERANK, false },
};

const struct wire *format_find(str path, enum operation *ret_op, str *ret_model,
                               bool *ret_stream)
{
	for (size_t i = 0; i < countof(paths); i++) {
		str before = paths[i].before, after = paths[i].after;

		*ret_op = paths[i].op;
		*ret_stream = paths[i].stream;
		*ret_model = STR_NONE;
		if (!after.len && str_eq(path, before))
			return paths[i].wire;
		if (!after.len || !str_starts(path, before) || !str_ends(path, after) ||
		    path.len <= before.len + after.len)
			continue;
		*ret_model =
		        str_of(path.ptr + before.len, path.len - before.len - after.len);
		return paths[i].wire;
	}
	return NULL;
}

/* ---- the request ---- */

/* What is no chat: read here, kept for the answer, and asked in OpenAI's way. */
static fault_t turn_work(struct call *c, const struct translation *t, str *ret_detail)
{
	struct chat_request *r = arena_new(&c->arena, struct chat_request);
	struct chat_target target = { .model = t->model };
	str body = arena_copy(&c->arena, buf_str(&c->body));
	fault_t why;

	*r = (struct chat_request){ .keep = &c->arena, .from = c->wire->format };
	why = c->wire->work[c->op]->read(body, r, ret_detail);
	if (!why)
		why = wire_openai_chat.work[c->op]->write(r, &target, t->out, ret_detail);
	c->asked = r;
	return why;
}

refusal_t format_request(struct call *c)
{
	struct buf body = BUF_LIMIT(4 * BODY_MOST), detail = BUF_LIMIT(KiB);
	struct skimmed skim = { 0 };
	struct translation t = { .from = c->wire,
		                 .to = &wire_openai_chat,
		                 .model = c->path_model,
		                 .stream = c->path_stream,
		                 .provider = STR("mock"),
		                 .out = &body,
		                 .detail = &detail };
	str words = STR_NONE;
	fault_t why;

	if (c->wire == &wire_openai_chat)
		return NULL;
	why = c->wire->skim(buf_str(&c->body), c->op, &c->arena, &skim, &words);
	if (!why && !t.model.len)
		t.model = skim.model;
	if (!why && c->op == OP_CHAT)
		why = translate_request(&t, buf_str(&c->body));
	else if (!why)
		why = turn_work(c, &t, &words);
	if (words.len)
		buf_set(&detail, words);
	if (!why) {
		c->mock->bodies += body.len;
		c->mock->bodies -= c->body.len;
		buf_free(&c->body);
		c->body = body;
		body = (struct buf){ 0 };
	} else {
		c->detail =
		        arena_copy(&c->arena, detail.len ? buf_str(&detail) : why->text);
	}
	buf_free(&body);
	buf_free(&detail);
	return why ? REFUSE_BAD_VALUE : NULL;
}

/* ---- the answer ---- */

static struct turning *turning_new(struct call *c, bool streams)
{
	struct turning *t = new_of(struct turning);

	t->out.limit = t->piece.limit = ANSWER_MOST;
	t->sse.limit = ANSWER_MOST;
	emit_init(&t->e, c->wire->emit, &t->out, streams);
	t->e.format = c->wire->format;
	t->e.seed = call_id(c, "");
	t->e.model = chat_escape(&c->arena, c->model->id);
	t->e.created = (uint64_t)c->created;
	t->e.array = c->as_array;
	t->e.wants_usage = true;
	t->e.input_estimate = c->given;
	t->tap.reader = &t->reader;
	c->turning = t;
	return t;
}

void format_free(struct call *c)
{
	struct turning *t = c->turning;

	if (!t)
		return;
	emit_done(&t->e);
	buf_free(&t->piece);
	buf_free(&t->out);
	sse_done(&t->sse);
	free(t);
	c->turning = NULL;
}

static void take(struct turning *t, str bytes)
{
	struct sse_event event;
	struct tap_event found;

	while (sse_next(&t->sse, &bytes, &event))
		wire_tap_event(&wire_openai_chat, &t->tap, event.name, event.data, &found,
		               &t->e.sink);
}

static bool more(struct call *c, struct buf *to)
{
	struct turning *t = c->turning;
	bool goes_on;

	buf_clear(&t->piece);
	buf_clear(&t->out);
	c->state = t->state;
	goes_on = t->more(c, &t->piece);
	t->state = c->state;
	take(t, buf_str(&t->piece));
	buf_add(to, buf_str(&t->out));
	return goes_on;
}

static void turn_whole(struct call *c)
{
	struct turning *t = turning_new(c, false);
	str message;

	if (!wire_tap_answer(&wire_openai_chat, &t->tap, buf_str(&c->out), &message,
	                     &t->e.sink))
		c->wire->write_reply(&t->e);
	buf_clear(&c->out);
	buf_add(&c->out, buf_str(&t->out));
}

static void answer_work(struct call *c)
{
	struct buf out = BUF_LIMIT(ANSWER_MOST);
	struct work_answer a = { .keep = &c->arena,
		                 .id = call_id(c, ""),
		                 .model = chat_escape(&c->arena, c->model->id) };

	if (work_reply(&wire_openai_chat, c->wire, c->op, c->asked, buf_str(&c->out), &a,
	               &out))
		out.over = true;
	buf_free(&c->out);
	c->out = out;
}

void format_answer(struct call *c)
{
	struct turning *t;

	if (c->wire == &wire_openai_chat)
		return;
	if (c->asked) {
		answer_work(c);
		return;
	}
	if (!c->is_stream) {
		turn_whole(c);
		return;
	}
	t = turning_new(c, true);
	t->more = c->more;
	t->state = c->state;
	c->more = more;
	if (c->as_array)
		c->type = STR("application/json");
	else if (c->wire->frames == FRAMES_AWS)
		c->type = STR("application/vnd.amazon.eventstream");
}

void format_break(struct call *c)
{
	struct turning *t = c->turning;

	if (!t) {
		buf_add(&c->out, STR("data: "));
		wire_openai_chat.write_fault(&c->out, FAULT_UPSTREAM_BUSY,
		                             REFUSE_BUSY->text, STR_NONE);
		buf_add(&c->out, STR("\n\n"));
		return;
	}
	buf_clear(&t->out);
	emit_fault(&t->e, FAULT_UPSTREAM_BUSY, REFUSE_BUSY->text);
	buf_add(&c->out, buf_str(&t->out));
}

/* ---- refusals ---- */

static fault_t fault_of(int status)
{
	switch (status) {
	case 401:
		return FAULT_BAD_KEY;
	case 404:
		return FAULT_NO_SUCH_MODEL;
	case 429:
		return FAULT_UPSTREAM_LIMITED;
	case 500:
		return FAULT_INTERNAL;
	case 503:
	case 529:
		return FAULT_UPSTREAM_BUSY;
	default:
		return FAULT_BAD_REQUEST;
	}
}

void format_refusal(const struct call *c, refusal_t why, struct buf *to)
{
	c->wire->write_fault(to, fault_of(why->status),
	                     c->detail.len ? c->detail : why->text, STR_NONE);
}
