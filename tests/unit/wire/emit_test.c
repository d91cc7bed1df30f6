/* The order of an answer, told by hooks that write down what they are called for:
 * "<" start, "T0(" open, text, ")" close, ">" end. */
#include "tests/check.h"
#include "wire/emit.h"

static void add(struct emitter *e, const char *text)
{
	buf_add(e->to, str_from_z(text));
}

static void on_start(struct emitter *e)
{
	add(e, "<");
}

static void on_open(struct emitter *e, struct emit_block *b)
{
	static const char names[] = "TRMIAVFC?X";

	buf_addf(e->to, "%c%u:%.*s(", names[b->what], b->index, STR_ARG(b->name));
}

static void on_piece(struct emitter *e, struct emit_block *b, jstr text,
                     struct json_value logprobs)
{
	buf_addf(e->to, "%.*s|", STR_ARG(text));
}

static void on_close(struct emitter *e, struct emit_block *b)
{
	buf_addf(e->to, "%.*s)", STR_ARG(b->seal.blob));
}

static void on_end(struct emitter *e)
{
	buf_addf(e->to, ">%d", e->choices[0].finish);
}

static void on_fault(struct emitter *e, fault_t why, str message)
{
	add(e, "!");
}

static const struct emit_ops plain = {
	.kinds = ~0u,
	.start = on_start,
	.open = on_open,
	.piece = on_piece,
	.close = on_close,
	.end = on_end,
	.fault = on_fault,
};

struct rig {
	struct emitter e;
	struct buf out;
	struct chat_reader rd;
};

static void rig_init(struct rig *r, const struct emit_ops *ops, bool streams)
{
	*r = (struct rig){ .out = BUF_LIMIT(64 * KiB) };
	emit_init(&r->e, ops, &r->out, streams);
	r->e.seed = STR("abc");
}

static void rig_done(struct rig *r)
{
	emit_done(&r->e);
	buf_free(&r->out);
}

static void push(struct rig *r, enum chat_event_kind kind, unsigned block,
                 enum chat_kind what, const char *text)
{
	struct chat_event e = { .kind = kind, .block = block, .what = what };

	e.text = str_from_z(text);
	if (what == CHAT_CALL) {
		e.name = e.text;
		e.id = STR("id");
		e.text = kind == CHAT_OPEN ? STR_NONE : e.text;
	}
	e.finish = kind == CHAT_FINISH ? FINISH_STOP : FINISH_NONE;
	if (kind == CHAT_SEALED)
		e.seal = (struct chat_seal){ .origin = WIRE_GEMINI, .blob = e.text };
	r->e.sink.take(&r->e.sink, &e);
}

static void finish(struct rig *r)
{
	push(r, CHAT_FINISH, 0, CHAT_TEXT, "");
	push(r, CHAT_END, 0, CHAT_TEXT, "");
}

TEST(blocks_follow_one_another)
{
	struct rig r;

	rig_init(&r, &plain, true);
	push(&r, CHAT_OPEN, 0, CHAT_REASONING, "");
	push(&r, CHAT_PIECE, 0, CHAT_REASONING, "hm");
	push(&r, CHAT_SEALED, 0, CHAT_REASONING, "sig");
	push(&r, CHAT_OPEN, 1, CHAT_TEXT, "");
	push(&r, CHAT_PIECE, 1, CHAT_TEXT, "a");
	push(&r, CHAT_PIECE, 1, CHAT_TEXT, "b");
	finish(&r);
	CHECK_STR(buf_str(&r.out), "<M0:(hm|sig)T1:(a|b|)>1");
	rig_done(&r);
}

TEST(empty_texts_never_show)
{
	struct rig r;

	rig_init(&r, &plain, true);
	push(&r, CHAT_OPEN, 0, CHAT_TEXT, "");
	push(&r, CHAT_OPEN, 1, CHAT_REASONING, "");
	push(&r, CHAT_SEALED, 1, CHAT_REASONING, "s");
	push(&r, CHAT_CLOSE, 1, CHAT_REASONING, "");
	push(&r, CHAT_OPEN, 2, CHAT_TEXT, "");
	finish(&r);
	CHECK_STR(buf_str(&r.out), "<M0:(s)>1");
	rig_done(&r);
}

TEST(calls_that_interleave_wait_for_their_turn)
{
	struct rig r;

	rig_init(&r, &plain, true);
	push(&r, CHAT_OPEN, 0, CHAT_CALL, "f");
	push(&r, CHAT_OPEN, 1, CHAT_CALL, "g");
	push(&r, CHAT_PIECE, 0, CHAT_TEXT, "{\\\"a\\\":\\\"}\\\"");
	push(&r, CHAT_PIECE, 1, CHAT_TEXT, "{\\\"b\\\":");
	push(&r, CHAT_PIECE, 0, CHAT_TEXT, "}");
	push(&r, CHAT_PIECE, 1, CHAT_TEXT, "2}");
	push(&r, CHAT_OPEN, 2, CHAT_TEXT, "");
	push(&r, CHAT_PIECE, 2, CHAT_TEXT, "t");
	finish(&r);
	CHECK_STR(buf_str(&r.out),
	          "<C0:f({\\\"a\\\":\\\"}\\\"|}|)C1:g({\\\"b\\\":2}|)T2:(t|)>5");
	rig_done(&r);
}

TEST(an_answer_of_what_cannot_be_said_is_no_empty_one)
{
	struct emit_ops ops = plain;
	struct rig r;

	ops.kinds = 1 << CHAT_TEXT | 1 << CHAT_CALL;
	for (int streams = 0; streams < 2; streams++) {
		rig_init(&r, &ops, streams);
		push(&r, CHAT_OPEN, 0, CHAT_IMAGE, "AAAA");
		push(&r, CHAT_CLOSE, 0, CHAT_IMAGE, "");
		finish(&r);
		CHECK_FAULT(r.e.why, FAULT_ANSWER_UNSAID);
		CHECK(!r.out.len);
		rig_done(&r);
		/* Beside a text it is left out, which is remembered. */
		rig_init(&r, &ops, streams);
		push(&r, CHAT_OPEN, 0, CHAT_IMAGE, "AAAA");
		push(&r, CHAT_OPEN, 1, CHAT_TEXT, "");
		push(&r, CHAT_PIECE, 1, CHAT_TEXT, "a");
		finish(&r);
		CHECK_OK(r.e.why);
		CHECK_INT(r.e.lost, 1 << CHAT_IMAGE);
		rig_done(&r);
		/* An answer that its limit has cut may be empty. */
		rig_init(&r, &ops, streams);
		push(&r, CHAT_OPEN, 0, CHAT_FOREIGN, "");
		r.e.sink.take(&r.e.sink, &(struct chat_event){ .kind = CHAT_FINISH,
		                                               .finish = FINISH_LENGTH });
		push(&r, CHAT_END, 0, CHAT_TEXT, "");
		CHECK_OK(r.e.why);
		rig_done(&r);
	}
}

TEST(a_call_without_arguments_gets_some)
{
	struct rig r;

	rig_init(&r, &plain, true);
	push(&r, CHAT_OPEN, 0, CHAT_CALL, "f");
	push(&r, CHAT_CLOSE, 0, CHAT_CALL, "");
	push(&r, CHAT_OPEN, 1, CHAT_CALL, "g");
	finish(&r);
	CHECK_STR(buf_str(&r.out), "<C0:f({}|)C1:g({}|)>5");
	rig_done(&r);
}

TEST(text_that_goes_on_after_another_block_opens_anew)
{
	struct rig r;

	rig_init(&r, &plain, true);
	push(&r, CHAT_OPEN, 0, CHAT_REASONING, "");
	push(&r, CHAT_PIECE, 0, CHAT_REASONING, "x");
	push(&r, CHAT_OPEN, 1, CHAT_TEXT, "");
	push(&r, CHAT_PIECE, 1, CHAT_TEXT, "a");
	push(&r, CHAT_PIECE, 0, CHAT_REASONING, "y");
	push(&r, CHAT_PIECE, 1, CHAT_TEXT, "b");
	finish(&r);
	CHECK_STR(buf_str(&r.out), "<M0:(x|)T1:(a|)M2:(y|)T3:(b|)>1");
	rig_done(&r);
}

/* Some providers send white space behind the last call. */
TEST(white_space_behind_a_call_is_let_pass)
{
	static const char *const late[] = { "\\n\\n", "\\r\\n", "\\t", " \\u000a ", "" };
	struct rig r;

	for (size_t i = 0; i <= countof(late); i++) {
		rig_init(&r, &plain, true);
		push(&r, CHAT_OPEN, 0, CHAT_CALL, "f");
		push(&r, CHAT_PIECE, 0, CHAT_CALL, "{}");
		push(&r, CHAT_CLOSE, 0, CHAT_CALL, "");
		push(&r, CHAT_PIECE, 0, CHAT_CALL,
		     i < countof(late) ? late[i] : "\\n\\\"");
		CHECK_FAULT(r.e.why, i < countof(late) ? NULL : FAULT_UPSTREAM_MALFORMED);
		rig_done(&r);
	}
}

TEST(whole_kinds_come_in_one_piece)
{
	struct emit_ops ops = plain;
	struct rig r;

	ops.whole_kinds = 1u << CHAT_CALL;
	rig_init(&r, &ops, true);
	push(&r, CHAT_OPEN, 0, CHAT_CALL, "f");
	push(&r, CHAT_PIECE, 0, CHAT_TEXT, "{");
	push(&r, CHAT_PIECE, 0, CHAT_TEXT, "}");
	finish(&r);
	CHECK_STR(buf_str(&r.out), "<C0:f({}|)>5");
	rig_done(&r);
}

TEST(a_whole_reply_keeps_its_texts)
{
	struct rig r;

	rig_init(&r, &plain, false);
	chat_push_block(&r.e.sink, 0, 0, CHAT_TEXT, STR("hello"));
	push(&r, CHAT_OPEN, 1, CHAT_CALL, "f");
	finish(&r);
	CHECK_STR(buf_str(&r.out), "");
	CHECK(r.e.ended);
	CHECK_STR(buf_str(&r.e.choices[0].first->text), "hello");
	CHECK_STR(buf_str(&r.e.choices[0].first->next->text), "{}");
	CHECK_INT(r.e.choices[0].finish, FINISH_CALLS);
	rig_done(&r);
}

TEST(what_the_format_cannot_say_is_counted)
{
	struct emit_ops ops = plain;
	struct rig r;

	ops.kinds = 1u << CHAT_TEXT;
	rig_init(&r, &ops, true);
	push(&r, CHAT_OPEN, 0, CHAT_REASONING, "");
	push(&r, CHAT_PIECE, 0, CHAT_REASONING, "x");
	push(&r, CHAT_OPEN, 1, CHAT_TEXT, "");
	push(&r, CHAT_PIECE, 1, CHAT_TEXT, "a");
	finish(&r);
	CHECK_STR(buf_str(&r.out), "<T0:(a|)>1");
	CHECK_INT(r.e.left_out, 1);
	rig_done(&r);
}

TEST(nothing_follows_a_failure)
{
	struct rig r;

	rig_init(&r, &plain, true);
	push(&r, CHAT_OPEN, 0, CHAT_TEXT, "");
	push(&r, CHAT_PIECE, 0, CHAT_TEXT, "a");
	push(&r, CHAT_FAULT, 0, CHAT_TEXT, "broken");
	push(&r, CHAT_PIECE, 0, CHAT_TEXT, "b");
	CHECK(r.e.why == FAULT_STREAM_ERROR);
	emit_fault(&r.e, r.e.why, STR("broken"));
	finish(&r);
	CHECK_STR(buf_str(&r.out), "<T0:(a|!");
	rig_done(&r);
}

/* A custom tool for a client, a function for the provider (chat_custom.c). */
TEST(a_custom_tool_that_was_a_function_gets_its_text_back)
{
	struct arena keep = { 0 };
	struct chat_request request = { .keep = &keep };
	struct chat_tool *tool = chat_add_tool(&request, TOOL_CUSTOM);
	struct chat_written written;
	struct rig r;

	tool->name = STR("patch");
	chat_wrap_custom(&request, true);
	CHECK_INT(tool->kind, TOOL_FUNCTION);
	CHECK_INT(tool->schema.type, JSON_OBJECT);
	chat_uncross(&request, &written);
	CHECK_INT(tool->kind, TOOL_CUSTOM);
	rig_init(&r, &plain, true);
	r.e.written = &written;
	push(&r, CHAT_OPEN, 0, CHAT_CALL, "patch");
	push(&r, CHAT_PIECE, 0, CHAT_TEXT, "{\\\"input\\\":");
	push(&r, CHAT_PIECE, 0, CHAT_TEXT, "\\\"a\\\\n\\\\\\\"b\\\"}");
	finish(&r);
	CHECK_STR(buf_str(&r.out), "<C0:patch(a\\n\\\"b|)>5");
	rig_done(&r);
	arena_done(&keep);
}

TEST(emit_adopts_the_places_of_another)
{
	const struct emit_mark mark = { 0 };
	struct rig r;
	struct chat_event e = { .kind = CHAT_OPEN, .what = CHAT_TEXT, .place = 3 };

	rig_init(&r, &plain, true);
	r.e.adopts = true;
	chat_push(&r.e.sink, &e);
	CHECK_STR(buf_str(&r.out), "<T2:("); /* it was announced */
	push(&r, CHAT_PIECE, 0, CHAT_TEXT, "a");
	CHECK(emit_adopted(&r.e, &mark));
	buf_clear(&r.out);
	/* From here on places are ours. */
	e.block = 1;
	e.place = 9;
	push(&r, CHAT_PIECE, 0, CHAT_TEXT, "b");
	chat_push(&r.e.sink, &e);
	push(&r, CHAT_PIECE, 1, CHAT_TEXT, "c");
	CHECK_STR(buf_str(&r.out), "b|)T3:(c|");
	rig_done(&r);
}
