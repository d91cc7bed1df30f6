/* Where two answers meet: what is a proof, what is none, and that nothing is ever lost,
 * doubled or changed. */
#include "tests/check.h"
#include "wire/seam.h"

struct rig {
	struct chat_sink sink; /* what comes out of the seam */
	struct seam seam;
	struct buf out;
	bool ended;
	struct token_usage usage;
};

static void note(struct chat_sink *sink, const struct chat_event *e)
{
	struct rig *r = container_of(sink, struct rig, sink);

	switch (e->kind) {
	case CHAT_OPEN:
		buf_addf(&r->out, "[%u:%d:%.*s]", e->block, e->what, STR_ARG(e->name));
		break;
	case CHAT_PIECE:
		buf_add(&r->out, e->text);
		break;
	case CHAT_CLOSE:
		buf_addf(&r->out, "[/%u]", e->block);
		break;
	case CHAT_FINISH:
		buf_addf(&r->out, "<%d%.*s>", e->finish, STR_ARG(e->text));
		break;
	case CHAT_USAGE:
		r->usage = e->usage;
		break;
	case CHAT_END:
		r->ended = true;
		break;
	case CHAT_BEGIN:
	case CHAT_SEALED:
	case CHAT_CITE:
	case CHAT_FAULT:
	case CHAT_ODD:
		buf_addf(&r->out, "?%d", e->kind);
		break;
	case CHAT_INPUT:
		break;
	}
}

static void begin(struct rig *r, enum seam_method method, const char *p,
                  const jstr *stops, unsigned count)
{
	*r = (struct rig){ .sink = { note }, .out = BUF_LIMIT(64 * KiB) };
	seam_init(&r->seam, method, str_from_z(p), stops, count, &r->sink);
	r->seam.text_block = 0;
	r->seam.shift = 10;
}

static void push(struct rig *r, enum chat_event_kind kind, unsigned block, str text)
{
	chat_push(&r->seam.sink,
	          &(struct chat_event){ .kind = kind, .block = block, .text = text });
}

static void say(struct rig *r, str text)
{
	push(r, CHAT_PIECE, 0, text);
}

static void finish(struct rig *r)
{
	chat_push(&r->seam.sink,
	          &(struct chat_event){ .kind = CHAT_FINISH, .finish = FINISH_STOP });
	push(r, CHAT_END, 0, STR_NONE);
}

static void done(struct rig *r)
{
	seam_done(&r->seam);
	buf_free(&r->out);
}

/* The length of the escape or character at the front of a jstr. */
static size_t unit(str s)
{
	size_t n = 1;

	if (s.ptr[0] == '\\')
		return s.len > 1 && s.ptr[1] == 'u' ? 6 : 2;
	while (n < s.len && !utf8_begins(s.ptr[n]))
		n++;
	return n;
}

/* S in pieces of one character, in one piece, and cut in two at every place: the same. */
static void check_case(int line, enum seam_method method, const char *p, const char *s,
                       const char *want, const jstr *stops, unsigned count)
{
	str all = str_from_z(s);
	unsigned units = 0;

	for (str rest = all; rest.len; rest = str_from(rest, unit(rest)))
		units++;
	for (unsigned cut = 0; cut <= units + 1; cut++) {
		struct rig r;
		str rest = all;
		unsigned at = 0;

		begin(&r, method, p, stops, count);
		push(&r, CHAT_OPEN, 0, STR_NONE);
		if (cut > units) {
			while (rest.len)
				say(&r, str_take(&rest, unit(rest)));
		} else {
			size_t n = 0;

			while (at++ < cut)
				n += unit(str_from(rest, n));
			if (n)
				say(&r, str_take(&rest, n));
			if (rest.len)
				say(&r, rest);
		}
		finish(&r);
		bool is_refused = r.seam.state == SEAM_REFUSED;
		str got = is_refused ? STR("-") : buf_str(&r.out);
		if (is_refused && r.out.len)
			got = buf_str(&r.out);
		if (!check_str(__FILE__, line, s, got, str_from_z(want)))
			check_failed(__FILE__, line, "cut at %u", cut);
		if (is_refused == r.ended)
			check_failed(__FILE__, line, "ended %d", r.ended);
		done(&r);
	}
}

#define CASE(method, p, s, want) check_case(__LINE__, method, p, s, want, NULL, 0)

static const char fox[] =
        "Once there was a quick brown fox, who jumped over the lazy dog";
#define TAIL "quick brown fox, who jumped over the lazy dog"
#define TAIL21 "ped over the lazy dog"

TEST(the_anchor_repeated_is_a_proof)
{
	CASE(SEAM_ANCHOR, fox, TAIL " and slept.", " and slept.<1>");
	CASE(SEAM_ANCHOR, fox, " \\n" TAIL " and slept.", " and slept.<1>");
	/* Shorter or longer ones may be what follows; all of it is no other thing. */
	CASE(SEAM_ANCHOR, fox, TAIL21 ".", "-");
	CASE(SEAM_ANCHOR, fox, "a " TAIL ".", "-");
	CASE(SEAM_ANCHOR, fox,
	     "Once there was a quick brown fox, who jumped over the lazy dog!", "!<1>");
	/* nothing more to say */
	CASE(SEAM_ANCHOR, fox, TAIL, "<1>");
	/* escaped in another way */
	CASE(SEAM_ANCHOR, fox, "\\u0071uick brown fox, who jumped over the lazy dog\\n.",
	     "\\n.<1>");
}

TEST(what_is_no_proof_is_refused)
{
	CASE(SEAM_ANCHOR, fox, " and slept.", "-");
	CASE(SEAM_ANCHOR, fox, "", "-");
	CASE(SEAM_ANCHOR, fox, "\\n  ", "-");
	CASE(SEAM_ANCHOR, fox, "Sure, here it is: " TAIL ".", "-");
	CASE(SEAM_ANCHOR, fox, "over the lazy dog.", "-"); /* too short to be sure */
	CASE(SEAM_ANCHOR, fox, "quick brown fox, who jumped over the lazy cat.", "-");
	CASE(SEAM_ANCHOR, fox, "quick brown  fox, who jumped over the lazy dog.", "-");
	CASE(SEAM_ANCHOR, fox, "Once there was a quick red fox", "-");
	CASE(SEAM_ANCHOR, fox, "\\\"" TAIL "\\\".", "-");
	/* the beginning of it alone */
	CASE(SEAM_ANCHOR, fox, "quick brown fox, who jumped over", "-");
	/* twice, also on a line of its own */
	CASE(SEAM_ANCHOR, fox, TAIL TAIL ".", "-");
	CASE(SEAM_ANCHOR, fox, TAIL "\\n\\n" TAIL ".", "-");
	CASE(SEAM_ANCHOR, fox, TAIL "\\nquick", "\\nquick<1>");
}

TEST(a_tail_that_stands_in_two_places_proves_nothing)
{
	const char rows[] = "Table:\n| one row of many |\n| one row of many |\n";
	const char apart[] = "Table:\n| one row of many that has some length |\n"
	                     "Between\n| one row of many that has some length |\n";

	CASE(SEAM_ANCHOR, rows, "| one row of many |\\n| two |", "-");
	/* repeated, or the next ones? */
	CASE(SEAM_ANCHOR, rows, "| one row of many |\\n| one row of many |\\n| two |",
	     "-");
	CASE(SEAM_ANCHOR, rows,
	     "Table:\\n| one row of many |\\n| one row of many |\\n| two |",
	     "| two |<1>");
	/* the anchor reaches back until it is unique */
	CHECK(str_has(seam_anchor(str_from_z(apart)), STR("Between\n|")));
	/* and out of rows that would begin as the next one does */
	CHECK_STR_EQ(seam_anchor(str_from_z(rows)), str_from_z(rows));
	CHECK_STR_EQ(seam_anchor(str_of(rows, sizeof(rows) - 2)),
	             str_of(rows, sizeof(rows) - 2));
	CHECK_STR(seam_anchor(STR("Table:\n| one row of many |\n| one row of many |\n| "
	                          "one row")),
	          "row of many |\n| one row of many |\n| one row");
	CHECK_INT(
	        seam_anchor(STR("ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha "
	                        "ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha "
	                        "ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha "
	                        "ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha "))
	                .len,
	        0);
	CHECK_INT(seam_anchor(STR("short")).len, 0);
	CHECK_STR(seam_anchor(str_from_z(fox)),
	          "quick brown fox, who jumped over the lazy dog");
}

TEST(the_whole_answer_again)
{
	CASE(SEAM_WHOLE, "Hel", "Hello", "lo<1>");
	CASE(SEAM_WHOLE, "Hel", " \\n Hello", "lo<1>");
	CASE(SEAM_WHOLE, " Hel", "Hello", "lo<1>");
	CASE(SEAM_WHOLE, "Hel", "Hel", "<1>");
	CASE(SEAM_WHOLE, "Hel", "He", "-");
	CASE(SEAM_WHOLE, "Hel", "Hi", "-");
	CASE(SEAM_WHOLE, "Hel", "", "-");
	/* a tail is no proof here */
	CASE(SEAM_WHOLE, fox, TAIL ".", "-");
	CASE(SEAM_WHOLE, "", "Hello", "[10:0:]Hello<1>");
	/* white space alone */
	CASE(SEAM_WHOLE, "\n", "\\n\\nHello", "\\nHello<1>");
	CASE(SEAM_WHOLE, "\n", "Hello", "Hello<1>");
	CASE(SEAM_WHOLE, "\n", " Hello", "-");
}

TEST(a_prefix_goes_on_unless_it_begins_anew)
{
	CASE(SEAM_PREFIX, fox, " and slept.", " and slept.<1>");
	CASE(SEAM_PREFIX, fox, ".", ".<1>");
	CASE(SEAM_PREFIX, fox, "", "-");
	CASE(SEAM_PREFIX, fox, "Once there was a cat", "-");
	CASE(SEAM_PREFIX, fox, "Once", "-");
	CASE(SEAM_PREFIX, fox, "On the other hand", "On the other hand<1>");
	/* some give the prefix back */
	CASE(SEAM_PREFIX, fox,
	     "Once there was a quick brown fox, who jumped over the lazy dog.", ".<1>");
	/* an anchor that nobody asked for */
	CASE(SEAM_PREFIX, fox, TAIL ".", "-");
	CASE(SEAM_PREFIX, fox, "ped over the lazy cat", "ped over the lazy cat<1>");
	/* the prefix was sent without the white space at its end */
	CASE(SEAM_PREFIX, "One two \n", " \\nthree", "three<1>");
	CASE(SEAM_PREFIX, "One two \n", " \\n\\n three", "\\n three<1>");
	CASE(SEAM_PREFIX, "One two \n", "three", "-");
	CASE(SEAM_PREFIX, "One two \n", "One two \\nthree", "three<1>");
}

TEST(characters_are_never_split)
{
	CASE(SEAM_WHOLE, "caf\xc3\xa9 \xf0\x9f\x98\x80", "caf\\u00e9 \\ud83d\\ude00!",
	     "!<1>");
	CASE(SEAM_WHOLE, "caf\xc3\xa9 \xf0\x9f\x98\x80",
	     "caf\xc3\xa9 \xf0\x9f\x98\x80\xf0\x9f\x98\x81", "\xf0\x9f\x98\x81<1>");
	/* another character of the same first bytes */
	CASE(SEAM_WHOLE, "caf\xc3\xa9", "caf\xc3\xa8", "-");
	CASE(SEAM_WHOLE, "\xf0\x9f\x98\x80", "\\ud83d\\ude01", "-");
	CASE(SEAM_PREFIX, fox, "\\ud83d\\ude00!", "\\ud83d\\ude00!<1>");
}

TEST(stop_sequences_lie_across_the_seam)
{
	const jstr stops[] = { STR_INIT("END"), STR_INIT("dog.\\n") };

#define STOPS(method, p, s, want) check_case(__LINE__, method, p, s, want, stops, 2)
	STOPS(SEAM_ANCHOR, fox, TAIL ".\\nMore", "<2dog.\\n>");
	STOPS(SEAM_ANCHOR, fox, TAIL ". More", ". More<1>");
	STOPS(SEAM_ANCHOR, fox, TAIL ".", ".<1>");
	STOPS(SEAM_PREFIX, "This is the E", "ND of it", "<2END>");
	STOPS(SEAM_PREFIX, "This is the EN", "D of it", "<2END>");
	STOPS(SEAM_PREFIX, "This is the EN", "E", "E<1>");
	STOPS(SEAM_WHOLE, "EEN", "EENDE", "<2END>");
#undef STOPS
}

TEST(what_stands_beside_the_text)
{
	struct rig r;

	/* thoughts before the proof are left out, calls are refused */
	begin(&r, SEAM_WHOLE, "Hel", NULL, 0);
	chat_push(&r.seam.sink,
	          &(struct chat_event){ .kind = CHAT_OPEN, .what = CHAT_REASONING });
	push(&r, CHAT_PIECE, 0, STR("Hel hm"));
	push(&r, CHAT_CLOSE, 0, STR_NONE);
	push(&r, CHAT_OPEN, 1, STR_NONE);
	push(&r, CHAT_PIECE, 1, STR("Hello"));
	chat_push(&r.seam.sink, &(struct chat_event){ .kind = CHAT_OPEN,
	                                              .what = CHAT_CALL,
	                                              .block = 2,
	                                              .name = STR_INIT("f") });
	push(&r, CHAT_PIECE, 2, STR("{}"));
	finish(&r);
	CHECK_STR(buf_str(&r.out), "lo[12:7:f]{}<1>");
	done(&r);

	begin(&r, SEAM_WHOLE, "Hel", NULL, 0);
	chat_push(&r.seam.sink,
	          &(struct chat_event){ .kind = CHAT_OPEN, .what = CHAT_CALL });
	push(&r, CHAT_OPEN, 1, STR_NONE);
	push(&r, CHAT_PIECE, 1, STR("Hello"));
	finish(&r);
	CHECK_INT(r.seam.state, SEAM_REFUSED);
	CHECK_STR(buf_str(&r.out), "");
	done(&r);
}

TEST(an_answer_that_does_not_prove_itself_is_not_waited_for)
{
	struct rig r;
	char text[400] = { 0 };

	memset(text, 'x', sizeof(text) - 1);
	begin(&r, SEAM_ANCHOR, text, NULL, 0);
	for (int i = 0; i < 399; i++)
		say(&r, STR("x"));
	CHECK_INT(r.seam.state, SEAM_CLOSED); /* all of it again needs no bound */
	done(&r);

	memset(text, 'x', 200);
	text[0] = 'y';
	begin(&r, SEAM_ANCHOR, text, NULL, 0);
	CHECK(seam_may_wait(&r.seam));
	say(&r, STR("xxx"));
	CHECK(!seam_may_wait(&r.seam));
	for (int i = 0; i < 300; i++)
		say(&r, STR("x"));
	CHECK_INT(r.seam.state, SEAM_REFUSED);
	done(&r);
}

/* The rest may come as late as any other word. */
TEST(behind_the_proof_nothing_has_to_come_soon)
{
	const char *p = "Once there was a quick brown fox, who jumped ";
	const jstr stop = STR("jumped onto");
	struct rig r;

	begin(&r, SEAM_ANCHOR, p, NULL, 0);
	say(&r, STR("there was a quick"));
	CHECK(!seam_may_wait(&r.seam));
	say(&r, STR(" brown fox, who jumped "));
	CHECK_INT(r.seam.state, SEAM_CLOSED);
	CHECK(seam_may_wait(&r.seam)); /* nothing at all behind it */
	say(&r, STR("there"));         /* perhaps the tail once more */
	CHECK(seam_may_wait(&r.seam));
	CHECK_STR(buf_str(&r.out), "");
	say(&r, STR(" it is"));
	CHECK_STR(buf_str(&r.out), "there it is");
	done(&r);

	begin(&r, SEAM_ANCHOR, p, &stop, 1);
	say(&r, seam_anchor(str_from_z(p)));
	say(&r, STR("on")); /* perhaps a stop sequence */
	CHECK_INT(r.seam.state, SEAM_CLOSED);
	CHECK(seam_may_wait(&r.seam));
	CHECK_STR(buf_str(&r.out), "");
	done(&r);
}

TEST(one_usage_of_what_is_visible)
{
	struct rig r;

	begin(&r, SEAM_WHOLE, "Hel", NULL, 0);
	r.seam.base.input = 100;
	r.seam.given_tokens = 1;
	say(&r, STR("Hello"));
	chat_push(&r.seam.sink,
	          &(struct chat_event){ .kind = CHAT_USAGE,
	                                .usage = { .input = 140, .output = 2 } });
	finish(&r);
	CHECK(r.ended);
	CHECK_INT(r.usage.input, 100);
	CHECK_INT(r.usage.output, 2);
	done(&r);
}

/* ---- by chance ---- */

static uint64_t chance(uint64_t *state, uint64_t below)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (*state >> 33) % below;
}

/* Text of few words, so that tails stand in many places. */
static void babble(uint64_t *state, struct buf *to, unsigned words)
{
	static const char *const few[] = {
		"one ", "two ",     "three, ",          "four.\n",
		" ",    "\xc3\xa9", "\xf0\x9f\x98\x80", "five six seven "
	};

	while (words-- > 0)
		buf_add(to, str_from_z(few[chance(state, countof(few))]));
}

static void escape(str plain, uint64_t *state, struct buf *to)
{
	for (size_t i = 0; i < plain.len; i++) {
		char c = plain.ptr[i];

		if (c == '\n')
			buf_add(to, chance(state, 2) ? STR("\\n") : STR("\\u000a"));
		else if ((unsigned char)c < 0x80 && chance(state, 8) == 0)
			buf_addf(to, "\\u%04x", c);
		else
			buf_add_char(to, c);
	}
}

static size_t blanks(str s)
{
	size_t n = 0;

	while (n < s.len && (s.ptr[n] == ' ' || s.ptr[n] == '\n'))
		n++;
	return n;
}

/* Is out what S says behind P, told without the seam's own machinery? */
static bool is_lawful(enum seam_method method, str p, str s, str out)
{
	str front, tail;

	if (s.len < out.len || !str_eq(str_from(s, s.len - out.len), out))
		return false;
	front = str_first(s, s.len - out.len);
	tail = str_from(front, blanks(front));
	if (str_eq(tail, str_from(p, blanks(p))))
		return true; /* all of it */
	if (method == SEAM_PREFIX)
		return str_eq(front, str_from(p, p.len - front.len));
	if (method == SEAM_WHOLE)
		return tail.len == 0 && blanks(p) == p.len;
	return tail.len <= p.len && str_eq(str_from(p, p.len - tail.len), tail) &&
	       utf8_count(tail) >= SEAM_CERTAIN && tail.len >= seam_anchor(p).len &&
	       memmem(p.ptr, p.len, tail.ptr, tail.len) == p.ptr + p.len - tail.len;
}

TEST(whatever_comes_is_cut_lawfully_or_refused)
{
	uint64_t state = 7;
	unsigned closed = 0, refused = 0;

	for (unsigned i = 0; i < 20000; i++) {
		struct buf p = BUF_LIMIT(4 * KiB), s = BUF_LIMIT(4 * KiB),
		           raw = BUF_LIMIT(16 * KiB), out = BUF_LIMIT(16 * KiB);
		enum seam_method method = (enum seam_method)chance(&state, 3);
		struct rig r;
		str rest;

		babble(&state, &p, 1 + (unsigned)chance(&state, 40));
		/* Something of P, from a random place or its anchor, and more. */
		str anchor = seam_anchor(buf_str(&p));
		size_t from = chance(&state, p.len + 1);
		while (from < p.len && !utf8_begins(p.ptr[from]))
			from++;
		if (chance(&state, 4) == 0)
			buf_add(&s, STR("\n "));
		if (chance(&state, 2) && anchor.len)
			buf_add(&s, anchor);
		else if (chance(&state, 3) == 0)
			buf_add(&s, buf_str(&p));
		else if (chance(&state, 2))
			buf_add(&s, str_from(buf_str(&p), from));
		babble(&state, &s, (unsigned)chance(&state, 30));
		escape(buf_str(&s), &state, &raw);
		buf_z(&p);
		begin(&r, method, p.ptr, NULL, 0);
		for (rest = buf_str(&raw); rest.len;) {
			size_t n = 0, want = 1 + chance(&state, 30);

			while (n < rest.len && n < want)
				n += unit(str_from(rest, n));
			say(&r, str_take(&rest, n));
		}
		seam_settle(&r.seam);
		jchars_plain(buf_str(&r.out), &out);
		closed += r.seam.state == SEAM_CLOSED;
		refused += r.seam.state == SEAM_REFUSED;
		if (r.seam.state == SEAM_REFUSED
		            ? out.len > 0
		            : !is_lawful(method, buf_str(&p), buf_str(&s), buf_str(&out)))
			check_failed(__FILE__, __LINE__,
			             "%u, method %d: P '%.*s' S '%.*s' gave '%.*s'", i,
			             method, STR_ARG(buf_str(&p)), STR_ARG(buf_str(&s)),
			             STR_ARG(buf_str(&out)));
		done(&r);
		buf_free(&p);
		buf_free(&s);
		buf_free(&raw);
		buf_free(&out);
	}
	CHECK(closed > 1000 && refused > 1000);
}

/* Where no text may follow, only the proof and what is no text goes through. */
TEST(seam_adds_no_text_to_one_that_was_told_as_a_whole)
{
	static const char p[] = "Once there was a quick brown fox who slept.";
	struct rig r;

	for (int more = 0; more < 3; more++) {
		begin(&r, SEAM_ANCHOR, p, NULL, 0);
		r.seam.is_told = true;
		push(&r, CHAT_OPEN, 0, STR_NONE);
		say(&r, seam_anchor(str_from_z(p)));
		if (more == 1)
			say(&r, STR(" And so on."));
		push(&r, CHAT_CLOSE, 0, STR_NONE);
		if (more == 2)
			push(&r, CHAT_OPEN, 1, STR_NONE);
		finish(&r);
		CHECK_INT(r.seam.state, more ? SEAM_REFUSED : SEAM_CLOSED);
		CHECK_INT(r.ended, !more);
		CHECK(!str_has(buf_str(&r.out), STR("And")));
		done(&r);
	}
}
