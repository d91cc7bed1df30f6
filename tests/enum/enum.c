/* enum.c - the enumeration: streams of every format and shape, cut at every byte in every
 * way, continued in every manner.
 *
 *	enum [--few | --night] [--part I/N]    plays, and writes what came of it
 *	enum --scene "client=anthropic ..."    plays one and shows it (record.h)
 *
 * It judges nothing but what needs no reading; tests/enum/judge.py does the rest. */
#include "tests/check.h"
#include "tests/enum/model.h"
#include "tests/enum/serve.h"
#include "tests/sim/gate.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdlib.h>

/* gate.c checks; a failure here is ours. */
void check_failed(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	abort();
}

bool check_int(const char *file, int line, const char *what, int64_t got, int64_t want)
{
	if (got != want)
		check_failed(file, line, "%s is %lld, not %lld", what, (long long)got,
		             (long long)want);
	return true;
}

static struct record record;
static bool is_few, is_night;

static struct transcript run(const struct scene *s)
{
	struct transcript t;

	scene_play(s, &t);
	record_run(&record, s, &t);
	if (t.unsettled)
		record_wrong(&record, s, "an exchange has not ended");
	if (t.rows != t.attempts || t.open)
		record_wrong(&record, s, "F13: attempts and journal rows differ");
	if (t.lost_track)
		record_wrong(&record, s, "F1: asked to continue what was not said");
	if (t.garbled)
		record_wrong(
		        &record, s,
		        "F4: a provider is asked what is no JSON or no whole character");
	if (t.odd_limit)
		record_wrong(&record, s,
		             "F15: the limit of tokens is not what is left of it");
	if (t.continued > 2)
		record_wrong(&record, s, "F12: more than two continuations");
	return t;
}

static void run_one(const struct scene *s)
{
	struct transcript t = run(s);

	transcript_free(&t);
}

/* ---- offsets ---- */

struct offsets {
	size_t *at;
	unsigned count, room;
};

static void add_offset(struct offsets *o, size_t at, size_t most)
{
	if (at > most)
		return;
	if (o->count == o->room) {
		o->room = o->room ? o->room * 2 : 256;
		o->at = realloc(o->at, o->room * sizeof(*o->at));
		if (!o->at)
			abort();
	}
	o->at[o->count++] = at;
}

static int by_size(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return x < y ? -1 : x > y;
}

static void sort(struct offsets *o)
{
	unsigned n = 0;

	if (!o->count)
		return;
	qsort(o->at, o->count, sizeof(*o->at), by_size);
	for (unsigned i = 1; i < o->count; i++) {
		if (o->at[i] != o->at[n])
			o->at[++n] = o->at[i];
	}
	o->count = n + 1;
}

/* The length of a chunk's size line. */
static size_t size_line(size_t n)
{
	size_t digits = 1;

	while (n >>= 4)
		digits++;
	return digits + 2;
}

/* Around the ends of events, and each byte of the first of each type; of the response
 * (raw) or of its body. */
static void choose(const struct scene *s, struct offsets *o)
{
	bool raw = s->cut == CUT_FIN || s->cut == CUT_RST || s->cut == CUT_CORRUPT;
	bool only_ends =
	        s->cut == CUT_ERROR; /* who can say so finishes the event before */
	const struct stream *stream;
	struct buf wire = BUF_LIMIT(2 * MiB);
	size_t head, at, most, from = 0;

	stream = scene_wire(s, &wire, &head);
	o->count = 0;
	at = raw ? head : 0;
	most = raw ? wire.len : stream->body.len;
	for (size_t i = 0; is_night && !only_ends && i <= most; i++)
		add_offset(o, i, most);
	add_offset(o, 0, most);
	for (size_t i = 1; raw && i < head; i += 7)
		add_offset(o, i, most);
	for (unsigned i = 0; i < stream->count; i++) {
		size_t len = stream->ends[i] - from;
		size_t all = raw ? size_line(len) + len + 2 : len;

		for (size_t n = 0; stream->is_new[i] && !only_ends && n < all;
		     n += is_few ? 17 : 1)
			add_offset(o, at + n, most);
		at += all;
		from = stream->ends[i];
		for (size_t d = only_ends ? 2 : 0; d < (only_ends ? 3 : 5); d++)
			add_offset(o, at + d - 2, most);
	}
	sort(o);
	buf_free(&wire);
}

/* ---- the parts ---- */

static struct scene same_format(enum format f, enum shape shape)
{
	return (struct scene){ .client = f,
		               .providers = { f, f, f },
		               .shape = shape,
		               .ascii = shape == SHAPE_EMOJI && f == CHAT };
}

/* Every cut, and a provider that continues well. */
static void enumerate_cuts(struct scene s)
{
	struct offsets o = { 0 };

	run_one(&s);
	for (s.cut = CUT_FIN; s.cut < CUTS; s.cut++) {
		unsigned step =
		        is_night || s.cut == CUT_FIN || s.cut == CUT_ERROR ? 1 : 10;

		choose(&s, &o);
		for (unsigned i = (unsigned)s.cut % step; i < o.count; i += step) {
			s.at = o.at[i];
			run_one(&s);
		}
	}
	free(o.at);
}

/* Every manner of continuing, at some offsets of every stream-> */
static void enumerate_continuers(struct scene s, unsigned places)
{
	struct offsets o = { 0 };

	s.cut = CUT_FIN;
	choose(&s, &o);
	for (s.second = 0; s.second < CONTINUERS; s.second++) {
		for (unsigned n = 0; n < places; n++) {
			unsigned step = is_night ? 1 : 3;

			s.at = o.at[(o.count - 1) * (2 * n + 1) / (2 * places)];
			s.third = n % 2 ? CONTINUE_BREAKS : CONTINUE_PERFECT;
			if (s.second != CONTINUE_DIES) {
				run_one(&s);
				continue;
			}
			if (n % 4 == 3)
				s.third = CONTINUE_DIES;
			for (s.dies_at = n % step; s.dies_at < 24; s.dies_at += step)
				run_one(&s);
			s.dies_at = 0;
		}
	}
	free(o.at);
}

/* However the bytes come in, the client gets the same (F19). */
static void enumerate_deliveries(struct scene s, unsigned places)
{
	struct offsets o = { 0 };

	s.cut = CUT_FIN;
	choose(&s, &o);
	for (unsigned n = 0; n < places; n++) {
		unsigned seeds = is_night ? 20 : 2;

		s.at = o.at[(o.count - 1) * (2 * n + 1) / (2 * places)];
		s.read_most = s.seed = 0;
		struct transcript whole = run(&s);
		for (unsigned i = 0; i <= seeds; i++) {
			s.read_most = i ? 2 + 37 * i : 1;
			s.seed = i;
			struct transcript other = run(&s);
			if (other.status != whole.status ||
			    other.ending != whole.ending ||
			    !str_eq(other.body, whole.body))
				record_wrong(&record, &s,
				             "F19: it depends on how the bytes came");
			transcript_free(&other);
		}
		transcript_free(&whole);
	}
	free(o.at);
}

/* A client whose queue is full when the provider dies. */
static void enumerate_slow(struct scene s, unsigned places)
{
	struct offsets o = { 0 };

	s.slow = true;
	for (s.cut = CUT_FIN; s.cut <= CUT_CLEAN; s.cut++) {
		choose(&s, &o);
		for (unsigned n = 0; n < places; n++) {
			s.at = o.at[(o.count - 1) * (2 * n + 1) / (2 * places)];
			run_one(&s);
		}
	}
	free(o.at);
}

/* A stop sequence that lies across the seam. */
static void enumerate_stops(struct scene s, unsigned places)
{
	struct offsets o = { 0 };

	s.cut = CUT_FIN;
	choose(&s, &o);
	for (unsigned n = 0; n < places; n++) {
		s.stop_at = 0;
		s.at = o.at[(o.count - 1) * (2 * n + 1) / (2 * places)];
		struct transcript t = run(&s);
		s.stop_at = t.given >= STOP_BYTES ? t.given : 0;
		transcript_free(&t);
		if (s.stop_at)
			run_one(&s);
	}
	free(o.at);
}

/* A model that goes on from a prefix, as it should or not. */
static void enumerate_prefills(struct scene s, unsigned places)
{
	static const enum continuer kinds[] = { CONTINUE_PERFECT,  CONTINUE_REFUSES,
		                                CONTINUE_REPLAY,   CONTINUE_DIVERGES,
		                                CONTINUE_DIES,     CONTINUE_EMPTY,
		                                CONTINUE_DECLINES, CONTINUE_BREAKS };
	struct offsets o = { 0 };

	s.cut = CUT_FIN;
	s.prefills = true;
	choose(&s, &o);
	for (unsigned k = 0; k < countof(kinds); k++) {
		s.second = kinds[k];
		for (unsigned n = 0; n < places; n++) {
			s.dies_at = n;
			s.at = o.at[(o.count - 1) * (2 * n + 1) / (2 * places)];
			run_one(&s);
		}
	}
	free(o.at);
}

/* Other formats for each of the targets. */
static void enumerate_pairs(enum format f, enum shape shape, unsigned places)
{
	for (unsigned first = 0; first < FORMATS; first++) {
		for (unsigned second = 0; second < FORMATS; second++) {
			struct scene s = same_format(f, shape);
			struct offsets o = { 0 };

			if (first == f && second == f)
				continue;
			s.providers[0] = first;
			s.providers[1] = second;
			s.providers[2] = (first + second) % FORMATS;
			for (s.cut = CUT_FIN; s.cut < CUT_CORRUPT; s.cut++) {
				choose(&s, &o);
				for (unsigned n = 0; n < places; n++) {
					s.at = o.at[(o.count - 1) * (2 * n + 1) /
					            (2 * places)];
					run_one(&s);
				}
			}
			free(o.at);
		}
	}
}

static void enumerate(enum format f, enum shape shape)
{
	struct scene s = same_format(f, shape);

	enumerate_cuts(s);
	enumerate_continuers(s, is_night ? 50 : is_few ? 2 : 5);
	enumerate_deliveries(s, is_night ? 40 : is_few ? 2 : 4);
	enumerate_slow(s, is_night ? 60 : is_few ? 2 : 5);
	if (f == ANTHROPIC || f == GEMINI)
		enumerate_prefills(s, is_night ? 60 : is_few ? 4 : 12);
	if (shape == SHAPE_PLAIN && f != RESPONSES)
		enumerate_stops(s, is_night ? 100 : is_few ? 4 : 12);
	enumerate_pairs(f, shape, is_night ? 20 : is_few ? 0 : 1);
}

static int show(const char *text)
{
	struct scene s;
	struct transcript t;

	if (!scene_parse(str_from_z(text), &s)) {
		fprintf(stderr, "not a scene: %s\n", text);
		return 2;
	}
	scene_play(&s, &t);
	fprintf(stderr,
	        "status %d, ending %d, %u attempts, %u of them to continue, %u rows, %u "
	        "open\n",
	        t.status, t.ending, t.attempts, t.continued, t.rows, t.open);
	fprintf(stderr, "%.*s\n", STR_ARG(t.head));
	fwrite(t.body.ptr, 1, t.body.len, stdout);
	transcript_free(&t);
	return 0;
}

static int ask(const char *text)
{
	struct scene s;

	if (!scene_parse(str_from_z(text), &s))
		return 2;
	serve_question(&s);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned part = 0, parts = 1;

	/* What is large comes zeroed from the kernel, a run touches little of it. */
	mallopt(M_MMAP_THRESHOLD, 256 * KiB);
	mallopt(M_TRIM_THRESHOLD, 64 * MiB);
	gate_keep_tables();
	record.to = stdout;
	for (int i = 1; i < argc; i++) {
		str arg = str_from_z(argv[i]);

		if (str_eq(arg, STR("--few")))
			is_few = true;
		else if (str_eq(arg, STR("--night")))
			is_night = true;
		else if (str_eq(arg, STR("--scene")) && i + 1 < argc)
			return show(argv[++i]);
		else if (str_eq(arg, STR("--model")))
			return model_run();
		else if (str_eq(arg, STR("--serve")))
			return serve_requests();
		else if (str_eq(arg, STR("--ask")) && i + 1 < argc)
			return ask(argv[++i]);
		else if (str_eq(arg, STR("--sample")) && i + 2 < argc)
			return serve_sample((unsigned)atoi(argv[i + 1]),
			                    (unsigned)atoi(argv[i + 2])),
			       0;
		else if (str_eq(arg, STR("--part")) && i + 1 < argc &&
		         sscanf(argv[++i], "%u/%u", &part, &parts) == 2 && parts > 0)
			continue;
		else
			return fprintf(stderr, "what is %s?\n", argv[i]), 2;
	}
	for (unsigned f = 0; f < FORMATS; f++) {
		for (unsigned s = 0; s < SHAPES; s++) {
			if ((f * SHAPES + s) % parts == part)
				enumerate(f, s);
		}
	}
	record_end(&record);
	return 0;
}
