/* What the client has been given: the log, once more, and calls that wait. */
#include "tests/check.h"
#include "wire/given.h"

struct rig {
	struct chat_sink sink;
	struct given given;
	struct buf out;
	struct chat_citation cite; /* the last one */
};

static void note(struct chat_sink *sink, const struct chat_event *e)
{
	struct rig *r = container_of(sink, struct rig, sink);

	r->cite = e->cite;
	buf_addf(&r->out, "%d.%u:%.*s%.*s ", e->kind, e->block, STR_ARG(e->name),
	         STR_ARG(e->text));
}

static void begin(struct rig *r, bool follows)
{
	*r = (struct rig){ .sink = { note }, .out = BUF_LIMIT(MiB) };
	given_init(&r->given, follows ? &r->sink : NULL);
	r->given.hold = true;
}

static void done(struct rig *r)
{
	given_done(&r->given);
	buf_free(&r->out);
}

static void open_block(struct rig *r, unsigned block, enum chat_kind what)
{
	struct chat_event e = { .kind = CHAT_OPEN, .block = block, .what = what };

	if (what == CHAT_CALL)
		e.name = STR("f");
	chat_push(&r->given.sink, &e);
}

static void push(struct rig *r, enum chat_event_kind kind, unsigned block,
                 const char *text)
{
	chat_push(&r->given.sink, &(struct chat_event){ .kind = kind,
	                                                .block = block,
	                                                .text = str_from_z(text) });
}

static void check_out(struct rig *r, int line, const char *want)
{
	check_str(__FILE__, line, "out", buf_str(&r->out), str_from_z(want));
	buf_clear(&r->out);
}
#define OUT(want) check_out(&r, __LINE__, want)

TEST(given_pieces_of_a_block_are_one)
{
	struct buf text = BUF_LIMIT(KiB);
	struct given_sum sum;
	struct rig r;

	begin(&r, true);
	open_block(&r, 0, CHAT_TEXT);
	push(&r, CHAT_PIECE, 0, "Hel");
	push(&r, CHAT_PIECE, 0, "lo \\ud83d");
	OUT("1.0: 2.0:Hel 2.0:lo \\ud83d ");
	CHECK_INT(r.given.count, 2);
	given_sum_up(&r.given, &sum, &text);
	CHECK(sum.ends_in_half);
	CHECK(given_more(&r.given, STR("\\ude00")));
	given_replay(&r.given, 0, &r.sink);
	OUT("1.0: 2.0:Hello \\ud83d\\ude00 ");
	buf_clear(&text);
	given_sum_up(&r.given, &sum, &text);
	CHECK_STR(buf_str(&text), "Hello \xf0\x9f\x98\x80");
	CHECK(sum.has_text && sum.text_is_last && !sum.ends_in_half);
	CHECK_INT(sum.text_block, 0);
	CHECK_INT(sum.next_block, 1);
	buf_free(&text);
	done(&r);
}

TEST(given_citations_keep_their_place)
{
	const struct chat_event e = { .kind = CHAT_CITE,
		                      .cite = { .url = STR_INIT("u"),
		                                .title = STR_INIT("t"),
		                                .start = 4,
		                                .end = 1ull << 40 } };
	struct rig r;

	begin(&r, true);
	open_block(&r, 0, CHAT_TEXT);
	push(&r, CHAT_PIECE, 0, "a");
	chat_push(&r.given.sink, &e);
	r.cite = (struct chat_citation){ 0 };
	given_replay(&r.given, 0, &r.sink);
	CHECK_STR(r.cite.url, "u");
	CHECK_STR(r.cite.title, "t");
	CHECK_INT(r.cite.start, 4);
	CHECK(r.cite.end == 1ull << 40);
	done(&r);
}

TEST(given_text_is_measured_as_utf_8)
{
	struct buf text = BUF_LIMIT(KiB);
	struct given_sum sum;
	struct rig r;

	begin(&r, true);
	open_block(&r, 0, CHAT_TEXT);
	push(&r, CHAT_PIECE, 0, "\\u4f60\\u597d \\ud83d\\ude00\\n");
	given_sum_up(&r.given, &sum, &text);
	CHECK_INT(sum.bytes, 12);
	CHECK_INT(text.len, 12);
	buf_free(&text);
	done(&r);
}

TEST(given_calls_wait_until_they_are_whole)
{
	struct given_sum sum;
	struct buf text = BUF_LIMIT(KiB);
	struct rig r;

	begin(&r, true);
	open_block(&r, 0, CHAT_TEXT);
	push(&r, CHAT_PIECE, 0, "I look");
	OUT("1.0: 2.0:I look ");
	open_block(&r, 1, CHAT_CALL);
	push(&r, CHAT_PIECE, 1, "{\\\"a\\\":\\\"}");
	OUT("");
	CHECK(given_is_held(&r.given));
	push(&r, CHAT_PIECE, 1, "\\\"}");
	OUT("1.1:f 2.1:{\\\"a\\\":\\\"}\\\"} ");
	CHECK(!given_is_held(&r.given));
	open_block(&r, 2, CHAT_CALL);
	push(&r, CHAT_PIECE, 2, "{");
	given_cut(&r.given);
	given_sum_up(&r.given, &sum, &text);
	CHECK(sum.has_call);
	CHECK_INT(sum.next_block, 2);
	OUT("");
	buf_free(&text);
	done(&r);
}

TEST(given_calls_of_nothing_end_with_their_block)
{
	struct rig r;

	begin(&r, true);
	open_block(&r, 0, CHAT_CALL);
	OUT("");
	push(&r, CHAT_CLOSE, 0, "");
	OUT("1.0:f 5.0: ");
	open_block(&r, 1, CHAT_CALL);
	open_block(&r, 2, CHAT_CALL);
	push(&r, CHAT_PIECE, 2, "{}");
	OUT("");
	push(&r, CHAT_FINISH, 0, "");
	OUT("1.1:f 1.2:f 2.2:{} 6.0: ");
	push(&r, CHAT_END, 0, "");
	OUT("9.0: ");
	done(&r);
}

TEST(given_long_calls_do_not_wait)
{
	char piece[1024] = { 0 };
	struct rig r;

	memset(piece, 'x', sizeof(piece) - 1);
	begin(&r, true);
	open_block(&r, 0, CHAT_CALL);
	for (int i = 0; i < 70 && given_is_held(&r.given); i++)
		push(&r, CHAT_PIECE, 0, piece);
	CHECK(!given_is_held(&r.given));
	CHECK(r.out.len > 64 * KiB);
	done(&r);
}

TEST(given_failures_stop_here)
{
	struct rig r;

	begin(&r, true);
	chat_push(&r.given.sink,
	          &(struct chat_event){ .kind = CHAT_FAULT, .why = FAULT_UPSTREAM_BUSY });
	chat_push(&r.given.sink,
	          &(struct chat_event){ .kind = CHAT_FINISH, .finish = FINISH_ERROR });
	OUT("");
	CHECK_FAULT(r.given.why, FAULT_UPSTREAM_BUSY);
	done(&r);
}

TEST(given_broken_events_are_undone)
{
	struct given_sum sum;
	struct buf text = BUF_LIMIT(KiB);
	struct rig r;

	begin(&r, false);
	open_block(&r, 0, CHAT_TEXT);
	push(&r, CHAT_PIECE, 0, "Hel");
	given_mark(&r.given);
	push(&r, CHAT_PIECE, 0, "lo");
	open_block(&r, 1, CHAT_CALL);
	given_undo(&r.given);
	given_sum_up(&r.given, &sum, &text);
	CHECK_STR(buf_str(&text), "Hel");
	CHECK(!sum.has_call && !given_is_held(&r.given));
	buf_free(&text);
	done(&r);
}

TEST(given_too_much_is_nothing)
{
	char piece[4096] = { 0 };
	struct rig r;

	memset(piece, 'x', sizeof(piece) - 1);
	begin(&r, true);
	open_block(&r, 0, CHAT_TEXT);
	for (int i = 0; i < 70; i++)
		push(&r, CHAT_PIECE, 0, piece);
	CHECK(r.given.lost);
	CHECK_INT(given_size(&r.given), 0);
	CHECK(r.out.len > 70 * 4095);
	done(&r);
}
