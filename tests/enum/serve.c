/* serve.c - what the simulated providers would say, for real ones. */
#include "tests/enum/serve.h"

#include "tests/enum/provider.h"

#include <stdlib.h>

static unsigned pick(uint64_t *random, unsigned below)
{
	*random = *random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(*random >> 33) % below;
}

void serve_sample(unsigned count, unsigned seed)
{
	const struct stream *stream;
	uint64_t random = seed;

	for (unsigned i = 0; i < count; i++) {
		struct buf text = BUF_LIMIT(4 * KiB), wire = BUF_LIMIT(2 * MiB);
		enum format f = pick(&random, FORMATS);
		struct scene s = { .client = f,
			           .providers = { f, f, f },
			           .shape = pick(&random, SHAPES),
			           .cut = 1 + pick(&random, CUT_CORRUPT - 1),
			           .third = CONTINUE_PERFECT };
		size_t head;

		if (pick(&random, 3) == 0) {
			s.providers[1] = pick(&random, FORMATS);
			s.providers[2] = pick(&random, FORMATS);
		}
		if (pick(&random, 2) == 0)
			s.second = pick(&random, CONTINUERS);
		s.dies_at = pick(&random, 12);
		stream = scene_wire(&s, &wire, &head);
		if (s.cut == CUT_ERROR)
			s.at = stream->ends[pick(&random, stream->count)];
		else if (s.cut == CUT_FIN || s.cut == CUT_RST)
			s.at = pick(&random, (unsigned)wire.len);
		else
			s.at = pick(&random, (unsigned)stream->body.len);
		scene_describe(&s, &text);
		printf("%.*s\n", STR_ARG(buf_str(&text)));
		buf_free(&text);
		buf_free(&wire);
	}
}

static void serve_one(const struct scene *s, unsigned attempt, enum format f, str body)
{
	static const char *const then[] = { "keep", "fin", "rst" };
	struct transcript t = { .arena.ceiling = 64 * MiB };
	struct buf json = BUF_LIMIT(MiB);
	struct question q;
	struct reply r;

	question_read(body, &t.arena, &q);
	provider_reply(s, attempt, f, &q, &t, &r);
	buf_addf(&json, "{\"then\":\"%s\",\"silent\":%d,\"pause\":%zu,\"length\":%zu,",
	         then[r.then], r.silent, r.pause, r.wire.len);
	buf_addf(&json,
	         "\"continued\":%u,\"lost\":%d,\"most\":%u,\"oracle\":", t.continued,
	         t.lost_track, (unsigned)q.most);
	answer_describe(answer_of(s->providers[0], s->shape, 0), &json);
	buf_add(&json, STR(",\"accepts\":["));
	for (unsigned i = 0; i < t.accept_count; i++) {
		if (i)
			buf_add_char(&json, ',');
		answer_describe(&t.accepts[i], &json);
	}
	buf_add(&json, STR("]}\n"));
	fwrite(json.ptr, 1, json.len, stdout);
	if (r.wire.len)
		fwrite(r.wire.ptr, 1, r.wire.len, stdout);
	fflush(stdout);
	buf_free(&json);
	buf_free(&r.wire);
	transcript_free(&t);
}

int serve_requests(void)
{
	static char line[2048];
	static char body[2 * MiB];

	while (fgets(line, sizeof(line), stdin)) {
		unsigned attempt, format, length;
		str rest = str_trim(str_first(str_from_z(line), strcspn(line, "\n")));
		str scene = str_cut(&rest, '|');
		struct scene s;

		if (!scene_parse(scene, &s) ||
		    sscanf(rest.ptr, "%u|%u|%u", &attempt, &format, &length) != 3 ||
		    format >= FORMATS || length > sizeof(body) ||
		    fread(body, 1, length, stdin) != length)
			return 1;
		serve_one(&s, attempt, format, str_of(body, length));
	}
	return 0;
}

void serve_question(const struct scene *s)
{
	struct buf text = BUF_LIMIT(16 * KiB);

	scene_request(s, &text);
	printf("%s\n%.*s\n", scene_path(s), STR_ARG(buf_str(&text)));
	buf_free(&text);
}
