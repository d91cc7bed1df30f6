/* The watch for stop sequences: what passes, cut at every place, and how it is written.
 */
#include "tests/check.h"
#include "wire/chat_stop.h"

/* What comes out, told as text: pieces, "/" close, ">sequence" finish, "." end. */
struct heard {
	struct chat_sink sink;
	struct buf text;
};

static void hear(struct chat_sink *sink, const struct chat_event *e)
{
	struct heard *h = container_of(sink, struct heard, sink);

	if (e->kind == CHAT_PIECE)
		buf_add(&h->text, e->text);
	else if (e->kind == CHAT_CLOSE)
		buf_add_char(&h->text, '/');
	else if (e->kind == CHAT_FINISH)
		buf_addf(&h->text, ">%.*s",
		         STR_ARG(e->finish == FINISH_SEQUENCE ? e->text : STR("end")));
	else if (e->kind == CHAT_END)
		buf_add_char(&h->text, '.');
}

struct rig {
	struct arena keep;
	struct chat_request r;
	struct heard heard;
	struct chat_stopper *s;
};

static void rig_init(struct rig *g, const char *const *stops)
{
	*g = (struct rig){ .keep = { .ceiling = MiB },
		           .heard = { .sink = { .take = hear },
		                      .text = BUF_LIMIT(MiB) } };
	for (; *stops; stops++)
		g->r.stops[g->r.stop_count++] = str_from_z(*stops);
	g->s = chat_stopper_new(&g->keep, &g->r, (1u << g->r.stop_count) - 1,
	                        &g->heard.sink);
}

static void rig_done(struct rig *g)
{
	chat_stopper_done(g->s);
	buf_free(&g->heard.text);
	arena_done(&g->keep);
}

static void push(struct rig *g, enum chat_event_kind kind, enum chat_kind what,
                 unsigned block, str text)
{
	const struct chat_event e = {
		.kind = kind,
		.what = what,
		.block = block,
		.text = text,
		.finish = kind == CHAT_FINISH ? FINISH_STOP : FINISH_NONE,
	};

	chat_push(chat_stopper_sink(g->s), &e);
}

/* The text in two pieces, the second beginning at `cut`; escapes stay whole, as in JSON.
 */
static void run(struct rig *g, str text, size_t cut)
{
	push(g, CHAT_OPEN, CHAT_TEXT, 0, STR_NONE);
	push(g, CHAT_PIECE, CHAT_TEXT, 0, str_first(text, cut));
	push(g, CHAT_PIECE, CHAT_TEXT, 0, str_from(text, cut));
	push(g, CHAT_CLOSE, CHAT_TEXT, 0, STR_NONE);
	push(g, CHAT_FINISH, CHAT_TEXT, 0, STR_NONE);
	push(g, CHAT_END, CHAT_TEXT, 0, STR_NONE);
}

/* A text that was opened before there was a watch, and one that is none. */
TEST(chat_stop_in_a_text_that_goes_on)
{
	static const char *const stops[] = { "STOP", NULL };

	for (unsigned block = 0; block < 70; block += 3) {
		struct rig g;

		rig_init(&g, stops);
		chat_stopper_goes_on(g.s, block);
		push(&g, CHAT_PIECE, CHAT_TEXT, block + 1, STR("STOP?"));
		push(&g, CHAT_PIECE, CHAT_TEXT, block, STR("one ST"));
		push(&g, CHAT_PIECE, CHAT_TEXT, block, STR("OP two"));
		CHECK(chat_stopper_is_over(g.s));
		CHECK_STR(buf_str(&g.heard.text), "STOP?one >STOP");
		rig_done(&g);
	}
}

static void check_cuts(int line, const char *const *stops, str text, str want)
{
	for (size_t cut = 0; cut <= text.len; cut++) {
		struct rig g;

		if (str_has(str_of(text.ptr + (cut > 11 ? cut - 11 : 0),
		                   min_of(cut, (size_t)11)),
		            STR("\\")))
			continue; /* inside an escape */
		rig_init(&g, stops);
		run(&g, text, cut);
		check_str(__FILE__, line, "cut", buf_str(&g.heard.text), want);
		rig_done(&g);
	}
}
#define CHECK_CUTS(text, want, ...)                                                      \
	check_cuts(__LINE__, (const char *const[]){ __VA_ARGS__, NULL }, STR(text),      \
	           STR(want))

TEST(a_text_ends_before_its_stop_sequence)
{
	CHECK_CUTS("one STOP two", "one >STOP.", "STOP");
	CHECK_CUTS("one STO two", "one STO two/>end.", "STOP");
	CHECK_CUTS("one STO", "one STO/>end.", "STOP");
	CHECK_CUTS("STOP", ">STOP.", "STOP");
	CHECK_CUTS("SSTOP", "S>STOP.", "STOP");
	CHECK_CUTS("aabaabaaab", "aabaab>aaab.", "aaab");
	CHECK_CUTS("\xc3\xa9t\xc3\xa9!", "\xc3\xa9t>\xc3\xa9!.", "\xc3\xa9!");
	CHECK_CUTS("\xc3\xa9\xc3\xaa", "\xc3\xa9\xc3\xaa/>end.", "\xc3\xa9\xc3\xa9");
}

TEST(the_first_to_be_whole_of_several_stop_sequences_counts)
{
	CHECK_CUTS("one abc", "one >ab.", "abc", "ab");
	CHECK_CUTS("one xabc", "one x>ab.", "xabc", "ab");
	CHECK_CUTS("one xab", "one >xab.", "ab", "xab");
	CHECK_CUTS("one xac y", "one xac y/>end.", "xabc", "ab");
	CHECK_CUTS("one xxab2", "one xx>ab2.", "xabc", "ab2");
}

/* A provider escapes otherwise than the client does. */
TEST(stop_sequences_are_compared_as_they_are_meant)
{
	CHECK_CUTS("a\\n\\nHuman: b", "a>\\u000a\\nHuman:.", "\\u000a\\nHuman:");
	CHECK_CUTS("a\\n\\nHumor", "a\\n\\nHumor/>end.", "\\n\\nHuman:");
	CHECK_CUTS("a \\ud83d\\ude42 b", "a >\xf0\x9f\x99\x82.", "\xf0\x9f\x99\x82");
	CHECK_CUTS("a \xf0\x9f\x99\x82 b", "a >\\ud83d\\ude42.", "\\ud83d\\ude42");
	CHECK_CUTS("a \\u0053TOP", "a >STOP.", "STOP");
	CHECK_CUTS("a \\\"b", "a >\\\".", "\\\"");
	/* Half of what the first escape stands for is the beginning of a sequence. */
	CHECK_CUTS("\\u00e9a", "\\u00e9a/>end.",
	           "\xc3\xa9"
	           "b");
}

TEST(only_texts_are_watched_for_stop_sequences)
{
	struct rig g;

	rig_init(&g, (const char *const[]){ "STOP", NULL });
	push(&g, CHAT_OPEN, CHAT_REASONING, 0, STR_NONE);
	push(&g, CHAT_PIECE, CHAT_REASONING, 0, STR("STOP?"));
	push(&g, CHAT_CLOSE, CHAT_REASONING, 0, STR_NONE);
	push(&g, CHAT_OPEN, CHAT_TEXT, 70, STR_NONE);
	push(&g, CHAT_PIECE, CHAT_TEXT, 70, STR("a ST"));
	push(&g, CHAT_OPEN, CHAT_CALL, 71, STR_NONE);
	push(&g, CHAT_PIECE, CHAT_CALL, 71, STR("{\\\"STOP"));
	CHECK_STR(buf_str(&g.heard.text), "STOP?/a ST{\\\"STOP");
	CHECK(!chat_stopper_is_over(g.s));
	push(&g, CHAT_OPEN, CHAT_TEXT, 72, STR("OP STO"));
	push(&g, CHAT_PIECE, CHAT_TEXT, 72, STR("P"));
	CHECK_STR(buf_str(&g.heard.text), "STOP?/a ST{\\\"STOPOP >STOP");
	CHECK(chat_stopper_is_over(g.s));
	chat_stopper_end(g.s, &(struct token_usage){ .output = 3 });
	push(&g, CHAT_FAULT, CHAT_TEXT, 0, STR_NONE);
	CHECK_STR(buf_str(&g.heard.text), "STOP?/a ST{\\\"STOPOP >STOP.");
	rig_done(&g);
}

TEST(a_byte_at_a_time_never_shows_a_stop_sequence)
{
	static const char text[] = "abcabcabcabcabdx";
	struct rig g;

	rig_init(&g, (const char *const[]){ "abcabcabd", NULL });
	push(&g, CHAT_OPEN, CHAT_TEXT, 0, STR_NONE);
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		push(&g, CHAT_PIECE, CHAT_TEXT, 0, str_of(text + i, 1));
	CHECK_STR(buf_str(&g.heard.text), "abcabc>abcabcabd");
	rig_done(&g);
}

TEST(stop_sequences_that_cannot_be_watched_for_are_refused)
{
	static const char text[CHAT_STOP_MOST + 1];
	struct arena keep = { .ceiling = MiB };
	struct chat_request r = { .keep = &keep, .stop_count = 3 };
	struct buf out = BUF_LIMIT(MiB);
	struct json_writer w = { .to = &out };
	str detail = STR_NONE;

	r.stops[0] = STR(" \\n");
	r.stops[1] = STR("a");
	r.stops[2] = STR("b");
	json_open(&w, '{');
	CHECK_OK(chat_write_stops(&r, &w, STR("stop"), 1, false, &detail));
	json_close(&w, '}');
	CHECK_STR(buf_str(&out), "{\"stop\":[\"a\"]}");
	CHECK_INT(r.stops_kept, 5);
	r.stops[2] = str_of(text, sizeof(text));
	CHECK_FAULT(chat_write_stops(&r, &w, STR("stop"), 0, true, &detail),
	            FAULT_NOT_OFFERED);
	r.stops[2] = STR("b");
	r.options[CONCEPT_LOGPROBS].type = JSON_TRUE;
	CHECK_FAULT(chat_write_stops(&r, &w, STR("stop"), 0, true, &detail),
	            FAULT_NOT_OFFERED);
	buf_free(&out);
	arena_done(&keep);
}
