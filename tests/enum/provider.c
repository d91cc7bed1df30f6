/* provider.c - the scripted providers: they know the whole answer, and go on with it well
 * or badly. */
#include "tests/enum/provider.h"

#include "base/mem.h"
#include "tests/enum/model.h"

/* ---- answers ---- */

/* What a provider that knows the whole answer would be asked to repeat: the longest tail
 * of what was given that the instruction quotes, else forty characters. */
static str anchor_of(const struct question *q)
{
	for (size_t n = 200; n >= 12; n--) {
		size_t bytes = last_points(q->given, n);

		if (bytes < q->given.len || n <= q->given.len) {
			str tail = str_from(q->given, q->given.len - bytes);

			if (str_has(q->instruction, tail))
				return tail;
		}
	}
	return str_from(q->given, q->given.len - last_points(q->given, 40));
}

/* What is left of `a` behind `given`, with `before` in front. */
static struct answer rest_of(const struct answer *a, str given, str before,
                             struct arena *keep)
{
	struct answer rest = { .finish = a->finish,
		               .given = a->given + 100,
		               .made = a->made / 2 + 1,
		               .interleaved = a->interleaved,
		               .piece = a->piece };
	size_t skip = given.len;

	for (unsigned i = 0; i < a->count; i++) {
		struct part p = a->parts[i];

		if (p.kind == PART_REASONING)
			continue;
		if (p.kind == PART_TEXT) {
			size_t n = min_of(skip, p.text.len);

			skip -= n;
			p.text = str_from(p.text, n);
			if (before.len) {
				p.text = arena_printf(keep, "%.*s%.*s", STR_ARG(before),
				                      STR_ARG(p.text));
				before = STR_NONE;
			}
			if (!p.text.len)
				continue;
		}
		rest.parts[rest.count++] = p;
	}
	return rest;
}

/* `a` with `given` in front of `rest`. */
static struct answer joined(const struct answer *a, const struct answer *rest, str given,
                            struct arena *keep)
{
	struct answer whole = *rest;

	whole.count = 0;
	for (unsigned i = 0; i < a->count && a->parts[i].kind == PART_REASONING; i++)
		whole.parts[whole.count++] = a->parts[i];
	if (given.len || (rest->count && rest->parts[0].kind == PART_TEXT))
		whole.parts[whole.count++] = (struct part){
			.kind = PART_TEXT,
			.text = rest->count && rest->parts[0].kind == PART_TEXT
			                ? arena_printf(keep, "%.*s%.*s", STR_ARG(given),
			                               STR_ARG(rest->parts[0].text))
			                : given
		};
	for (unsigned i = 0; i < rest->count; i++) {
		if (rest->parts[i].kind != PART_TEXT && whole.count < PARTS_MOST)
			whole.parts[whole.count++] = rest->parts[i];
	}
	return whole;
}

static void accept(struct transcript *t, const struct answer *a)
{
	if (t->accept_count < TARGETS)
		t->accepts[t->accept_count++] = *a;
}

static struct answer one_text(const struct answer *like, str text)
{
	struct answer a = { .count = 1,
		            .given = like->given + 100,
		            .made = like->made / 2 };

	a.parts[0] = (struct part){ .kind = PART_TEXT, .text = text };
	return a;
}

static str tail(str text, size_t points)
{
	return str_from(text, text.len - last_points(text, points));
}

/* The same answer, but for one character of its text. */
static struct answer diverging(const struct answer *a, struct arena *keep)
{
	struct answer other = *a;

	for (unsigned i = 0; i < other.count; i++) {
		struct part *p = &other.parts[i];
		size_t at = code_points(p->text, 12 + p->text.len / 16);

		if (p->kind != PART_TEXT)
			continue;
		p->text = arena_printf(
		        keep, "%.*s@%.*s", STR_ARG(str_first(p->text, at)),
		        STR_ARG(str_from(p->text,
		                         at + code_points(str_from(p->text, at), 1))));
		break;
	}
	return other;
}

static const str otherwise = STR_INIT(" and then, quite otherwise, it ended here.");

/* Asked to go on: the answer to send; what is right to make of it is noted. */
static struct answer continuation(const struct scene *s, enum continuer how,
                                  const struct answer *a, const struct question *q,
                                  struct transcript *t)
{
	struct arena *keep = &t->arena;
	str given = q->given,
	    anchor = q->asked == ASKED_PREFILL ? STR_NONE : anchor_of(q);
	struct answer rest = rest_of(a, given, STR_NONE, keep), say;

	switch (how) {
	case CONTINUE_PERFECT:
	case CONTINUE_REFUSES:
	case CONTINUE_SPLIT:
	case CONTINUE_DIES:
	case CONTINUE_REASONS:
	case CONTINUE_LENGTH:
		say = rest_of(a, given, anchor, keep);
		if (how == CONTINUE_SPLIT)
			say.piece = 1;
		if (how == CONTINUE_LENGTH)
			say.finish = rest.finish = FINISH_LENGTH;
		if (how == CONTINUE_REASONS && say.count < PARTS_MOST) {
			memmove(say.parts + 1, say.parts,
			        say.count++ * sizeof(*say.parts));
			say.parts[0] =
			        (struct part){ .kind = PART_REASONING,
				               .text = STR("Where was I? Ah, there."),
				               .seal = STR("c2VhbA==") };
		}
		break;
	case CONTINUE_PLAIN:
		say = rest;
		break;
	case CONTINUE_LAST12:
	case CONTINUE_LAST39:
	case CONTINUE_LAST41:
		say = rest_of(a, given,
		              tail(given, how == CONTINUE_LAST12   ? 12
		                          : how == CONTINUE_LAST39 ? 39
		                                                   : 41),
		              keep);
		break;
	case CONTINUE_WRONG: {
		char *wrong = arena_alloc(keep, anchor.len + given.len + 1);
		str copy = anchor.len ? anchor : tail(given, 20);

		memcpy(wrong, copy.ptr, copy.len);
		for (size_t i = copy.len / 2; i < copy.len; i++) {
			if ((unsigned char)wrong[i] >= 0x20 &&
			    (unsigned char)wrong[i] < 0x7f) {
				wrong[i] = wrong[i] == 'x' ? 'y' : 'x';
				break;
			}
		}
		say = rest_of(a, given, str_of(wrong, copy.len), keep);
		break;
	}
	case CONTINUE_BLANK:
		say = rest_of(a, given, arena_printf(keep, "\n  %.*s", STR_ARG(anchor)),
		              keep);
		break;
	case CONTINUE_QUOTED:
		say = rest_of(a, given, arena_printf(keep, "\"%.*s\"", STR_ARG(anchor)),
		              keep);
		break;
	case CONTINUE_REPLAY:
		say = *a;
		break;
	case CONTINUE_DIVERGES:
		say = diverging(a, keep);
		break;
	case CONTINUE_OTHERWISE:
		rest = one_text(a, otherwise);
		say = one_text(a, arena_printf(keep, "%.*s%.*s", STR_ARG(anchor),
		                               STR_ARG(otherwise)));
		break;
	case CONTINUE_CHATTY:
		say = rest_of(a, given,
		              arena_printf(keep, "Sure, here is the rest: %.*s",
		                           STR_ARG(anchor)),
		              keep);
		break;
	case CONTINUE_TWICE:
		say = rest_of(
		        a, given,
		        arena_printf(keep, "%.*s%.*s", STR_ARG(anchor), STR_ARG(anchor)),
		        keep);
		break;
	case CONTINUE_CALLS:
		say = *answer_of(CHAT, SHAPE_CALLS, 1);
		break;
	case CONTINUE_DECLINES:
		say = one_text(a, STR("No."));
		say.finish = FINISH_FILTER;
		rest = say;
		break;
	case CONTINUE_LANGUAGE:
		say = one_text(
		        a, STR("Entschuldigung, wo waren wir? Ich weiss es nicht mehr, "
		               "aber ich fange gern noch einmal von vorne an."));
		break;
	case CONTINUE_STOPS:
		say = one_text(a, str_first(anchor, code_points(anchor, 11)));
		break;
	case CONTINUE_EMPTY:
	default:
		say = (struct answer){ .given = a->given + 100 };
		break;
	}
	say.made = answer_tokens(&say);
	/* What was given and what the provider truly means to add: right, if the gateway
	 * has made sure of it. */
	if (how != CONTINUE_CALLS && how != CONTINUE_LANGUAGE && how != CONTINUE_STOPS &&
	    how != CONTINUE_EMPTY &&
	    (how != CONTINUE_DECLINES || q->asked == ASKED_PREFILL)) {
		struct answer whole = joined(a, &rest, given, keep);
		struct buf text = BUF_LIMIT(256 * KiB);

		/* It may diverge only behind what was given. */
		answer_text(&say, &text);
		if (how == CONTINUE_DIVERGES && str_starts(buf_str(&text), given))
			whole = say;
		buf_free(&text);
		if (s->stop_at && s->stop_at == given.len) {
			whole = one_text(a, given);
			whole.given = a->given;
		}
		accept(t, &whole);
	}
	return say;
}

/* ---- the wire ---- */

static void add_head(struct buf *to, int status, str type)
{
	buf_addf(to,
	         "HTTP/1.1 %d %s\r\nContent-Type: %.*s\r\nx-request-id: req_upstream\r\n"
	         "Transfer-Encoding: chunked\r\n\r\n",
	         status, status == 200 ? "OK" : "Error", STR_ARG(type));
}

static void add_chunk(struct buf *to, str bytes)
{
	if (bytes.len)
		buf_addf(to, "%zx\r\n", bytes.len), buf_add(to, bytes),
		        buf_add(to, STR("\r\n"));
}

/* The first `upto` bytes of the body, a chunk for every event. */
static void add_events(struct buf *to, const struct stream *s, size_t upto)
{
	size_t at = 0;

	for (unsigned i = 0; i < s->count && at < upto; i++) {
		size_t end = min_of(s->ends[i], upto);

		add_chunk(to, str_of(s->body.ptr + at, end - at));
		at = end;
	}
}

static const str last_chunk = STR_INIT("0\r\n\r\n");

static void whole_wire(enum format f, const struct stream *s, struct buf *wire)
{
	add_head(wire, 200, stream_type(f));
	add_events(wire, s, s->body.len);
	buf_add(wire, last_chunk);
}

static const struct answer *oracle(const struct scene *s)
{
	if (s->model)
		return model_answer(s->model);
	return answer_of(s->providers[0], s->shape, 0);
}

/* The first answer as a stream, made once. */
static struct stream *oracle_stream(const struct scene *s, bool usage)
{
	static struct stream *all[FORMATS][SHAPES][2][2];
	struct stream **at = &all[s->providers[0]][s->shape][usage][s->ascii];
	const struct manner m = { .attempt = 1, .usage = usage, .ascii = s->ascii };

	if (!*at) {
		*at = new_of(struct stream);
		speak(s->providers[0], oracle(s), &m, *at);
	}
	return *at;
}

const struct stream *scene_wire(const struct scene *s, struct buf *wire, size_t *ret_head)
{
	const struct stream *stream = oracle_stream(s, true);

	wire->limit = 2 * MiB;
	buf_clear(wire);
	add_head(wire, 200, stream_type(s->providers[0]));
	*ret_head = wire->len;
	buf_clear(wire);
	whole_wire(s->providers[0], stream, wire);
	return stream;
}

static void first_reply(const struct scene *s, const struct stream *stream,
                        struct reply *ret)
{
	enum format f = s->providers[0];
	struct buf event = BUF_LIMIT(4 * KiB);
	unsigned number = 0;

	switch (s->cut) {
	case CUT_NONE:
	case CUTS:
		whole_wire(f, stream, &ret->wire);
		break;
	case CUT_FIN:
	case CUT_RST:
		whole_wire(f, stream, &ret->wire);
		ret->wire.len = min_of(ret->wire.len, s->at);
		ret->then = s->cut == CUT_FIN ? THEN_FIN : THEN_RST;
		break;
	case CUT_CORRUPT:
		whole_wire(f, stream, &ret->wire);
		if (s->at < ret->wire.len)
			ret->wire.ptr[s->at] ^= (char)(1 + (s->at * 7) % 127);
		break;
	case CUT_CLEAN:
	case CUT_STALL:
	case CUT_ERROR:
		add_head(&ret->wire, 200, stream_type(f));
		add_events(&ret->wire, stream, s->at);
		ret->pause = ret->wire.len;
		if (s->cut == CUT_ERROR) {
			while (number < stream->count && stream->ends[number] <= s->at)
				number++;
			speak_error(f, number, &event);
			add_chunk(&ret->wire, buf_str(&event));
		}
		if (s->cut != CUT_STALL)
			buf_add(&ret->wire, last_chunk);
		break;
	}
	buf_free(&event);
}

static void status_reply(int status, str body, struct reply *ret)
{
	buf_addf(&ret->wire,
	         "HTTP/1.1 %d Error\r\nContent-Type: application/json\r\n"
	         "Content-Length: %zu\r\n\r\n%.*s",
	         status, body.len, STR_ARG(body));
}

static void error_reply(enum continuer how, enum format f, struct reply *ret)
{
	struct buf event = BUF_LIMIT(4 * KiB);

	if (how == CONTINUE_BREAKS) {
		status_reply(500, STR("{\"message\":\"Internal error\"}"), ret);
		return;
	}
	add_head(&ret->wire, 200, stream_type(f));
	if (how == CONTINUE_ERRS)
		speak_error(f, 0, &event);
	else
		buf_add(&event,
		        f == BEDROCK
		                ? STR("data: {\"error\":{\"message\":\"x\"}}\n\n")
		                : STR("event: error\ndata: {\"message\":\"x\",\"code\":"
		                      "500}\n\n"));
	add_chunk(&ret->wire, buf_str(&event));
	buf_add(&ret->wire, last_chunk);
	buf_free(&event);
}

/* Which of the answers has begun like that? */
static const struct answer *begun(const struct scene *s, str given, struct transcript *t)
{
	struct buf text = BUF_LIMIT(256 * KiB);
	const struct answer *found = NULL;

	if (s->model)
		return oracle(s);
	for (unsigned voice = 0; voice < TARGETS && !found; voice++) {
		const struct answer *a = answer_of(s->providers[0], s->shape, voice);

		buf_clear(&text);
		answer_text(a, &text);
		if (str_starts(buf_str(&text), given))
			found = a;
	}
	buf_free(&text);
	t->lost_track |= !found;
	return found ? found : oracle(s);
}

static void later_reply(const struct scene *s, unsigned attempt, enum format f,
                        const struct question *q, struct transcript *t,
                        struct stream *stream, struct reply *ret)
{
	enum continuer how = attempt == 1 ? s->second : s->third;
	struct manner m = { .attempt = attempt + 1, .usage = q->usage };
	struct answer own = *answer_of(f, s->shape, attempt), say;

	if (how == CONTINUE_BREAKS || how == CONTINUE_ERRS || how == CONTINUE_FOREIGN) {
		error_reply(how, f, ret);
		return;
	}
	if (how == CONTINUE_SILENT) {
		ret->silent = true;
		return;
	}
	if (how == CONTINUE_REFUSES && q->asked == ASKED_PREFILL) {
		struct buf body = BUF_LIMIT(4 * KiB);

		speak_refusal(f, &body);
		status_reply(400, buf_str(&body), ret);
		buf_free(&body);
		return;
	}
	if (q->asked == ASKED_AFRESH) {
		if (how == CONTINUE_REPLAY)
			own = *oracle(s);
		else if (how == CONTINUE_DIVERGES)
			own = diverging(oracle(s), &t->arena);
		if (how == CONTINUE_EMPTY)
			own.count = 0, own.finish = FINISH_STOP;
		else
			accept(t, &own);
		say = own;
	} else {
		say = continuation(s, how, begun(s, q->given, t), q, t);
	}
	speak(f, &say, &m, stream);
	if (how == CONTINUE_DIES) {
		unsigned events = min_of(s->dies_at, stream->count);

		add_head(&ret->wire, 200, stream_type(f));
		add_events(&ret->wire, stream, events ? stream->ends[events - 1] : 0);
		ret->then = THEN_FIN;
	} else {
		whole_wire(f, stream, &ret->wire);
	}
}

void provider_reply(const struct scene *s, unsigned attempt, enum format f,
                    const struct question *q, struct transcript *t, struct reply *ret)
{
	static struct stream stream; /* large, and used by one run at a time */

	*ret = (struct reply){ .wire.limit = 2 * MiB };
	t->continued += q->asked != ASKED_AFRESH;
	if (attempt == 0 && s->model) {
		model_speak(s->model, &stream);
		add_head(&ret->wire, 200, stream_type(f));
		add_events(&ret->wire, &stream, s->at ? stream.ends[s->at - 1] : 0);
		ret->then = THEN_FIN;
	} else if (attempt == 0) {
		if (!s->stop_at)
			accept(t, oracle(s));
		first_reply(s, oracle_stream(s, q->usage), ret);
		if (s->cut == CUT_CORRUPT)
			t->sent = arena_copy(&t->arena, buf_str(&ret->wire));
	} else {
		later_reply(s, attempt, f, q, t, &stream, ret);
	}
}
