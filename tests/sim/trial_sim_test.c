/* trial_sim_test.c - a trial on a route: who is asked, what the client sees of it, and
 * what it never sees. */
#include "gateway/trial.h"
#include "tests/sim/race.h"

#include <stdio.h>

#define SPLIT                                                                            \
	"{ targets: [a/m], retry: { same_target: 0 } }\n"                                \
	"  c: { targets: [b/m], retry: { same_target: 0 } }\n"                           \
	"trials:\n  t: { route: r, candidate: c, share: 100% }"
#define HALF                                                                             \
	"{ targets: [a/m] }\n"                                                           \
	"  c: { targets: [b/m], retry: { same_target: 0 } }\n"                           \
	"trials:\n  t: { route: r, candidate: c, share: 50% }"
#define SHADOW                                                                           \
	"{ targets: [a/m] }\n"                                                           \
	"  c: { targets: [b/m], retry: { same_target: 0 } }\n"                           \
	"trials:\n  t: { route: r, candidate: c, share: shadow }"
#define NO_TRIAL "{ targets: [a/m] }\n  c: { targets: [b/m] }"

static const char error_500[] = "HTTP/1.1 500 Internal Server Error\r\n"
                                "Content-Type: application/json\r\n"
                                "Content-Length: 2\r\n\r\n{}";

/* A request on a connection of its own. */
static void ask(struct race *r, const char *path, const char *headers, const char *body)
{
	struct buf text = BUF_LIMIT(64 * KiB);

	if (r->client)
		sim_close(r->client);
	buf_clear(&r->seen);
	r->client = gate_client(&r->gate);
	buf_addf(&text,
	         "POST %s HTTP/1.1\r\nHost: localhost\r\n%s"
	         "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
	         path, headers, strlen(body), body);
	sim_send(r->client, buf_str(&text));
	buf_free(&text);
	race_run(r, 0);
}

static const char chat[] = "{\"model\":\"r\",\"messages\":[{\"role\":\"user\","
                           "\"content\":\"hi\"}]}";

/* Answers whatever that provider is asked. False: it was not. */
static bool answer(struct race *r, unsigned provider, const char *with)
{
	struct sim_peer *p = race_accept(r, provider);

	if (!p)
		return false;
	sim_send(p, str_from_z(with));
	race_run(r, USEC_MS);
	sim_close(p);
	race_run(r, USEC_MS);
	return true;
}

TEST(the_candidate_answers_its_share)
{
	struct race r;

	if (!race_begin(&r, SPLIT))
		return;
	race_ask(&r, false, "");
	CHECK(answer(&r, 1, race_unary));
	CHECK(!race_accept(&r, 0));
	CHECK(str_has(race_see(&r), STR("x-sluice-provider: b\r\n")));
	CHECK(str_has(race_see(&r), STR("x-sluice-trial: t/candidate\r\n")));
	race_end(&r);
}

TEST(a_candidate_that_fails_hurts_nobody)
{
	struct race r;

	if (!race_begin(&r, SPLIT))
		return;
	race_ask(&r, false, "");
	CHECK(answer(&r, 1, error_500));
	CHECK(answer(&r, 0, race_unary));
	CHECK(str_has(race_see(&r), STR("HTTP/1.1 200 ")));
	CHECK(str_has(race_see(&r), STR("x-sluice-provider: a\r\n")));
	CHECK(str_has(race_see(&r), STR("x-sluice-trial: t/candidate\r\n")));
	CHECK_INT(r.gate.gateway.trials.list[0].candidates, 1);
	race_end(&r);
}

TEST(a_conversation_stays_on_its_side)
{
	struct race r;
	unsigned candidates = 0;

	if (!race_begin(&r, HALF))
		return;
	for (unsigned i = 0; i < 40; i++) {
		char line[64];
		bool was = false;

		snprintf(line, sizeof(line), "x-session-id: conversation %u\r\n", i);
		for (unsigned turn = 0; turn < 3; turn++) {
			char body[256];

			/* The request grows, the conversation is the same. */
			snprintf(body, sizeof(body),
			         "{\"model\":\"r\",\"messages\":[{\"role\":\"user\","
			         "\"content\":\"turn %u\"}]}",
			         turn);
			ask(&r, "/v1/chat/completions", line, body);
			bool is = answer(&r, 1, race_unary);
			if (!is)
				CHECK(answer(&r, 0, race_unary));
			CHECK(turn == 0 || is == was);
			was = is;
			CHECK(str_has(race_see(&r),
			              is ? STR("x-sluice-trial: t/candidate\r\n")
			                 : STR("x-sluice-trial: t/control\r\n")));
		}
		candidates += was;
		race_read_rows(&r);
		r.count = 0;
	}
	CHECK(candidates > 8 && candidates < 32);
	race_end(&r);
}

/* Without a name for it, its beginning tells a conversation. */
TEST(a_conversation_is_known_by_its_beginning)
{
	struct race r;
	unsigned candidates = 0;

	if (!race_begin(&r, HALF))
		return;
	for (unsigned i = 0; i < 20; i++) {
		bool was = false;

		for (unsigned turn = 0; turn < 2; turn++) {
			char body[512];

			snprintf(body, sizeof(body),
			         "{\"model\":\"r\",\"messages\":[{\"role\":\"user\","
			         "\"content\":\"I am number %u\"}%s]}",
			         i,
			         turn ? ",{\"role\":\"assistant\",\"content\":\"ah\"},"
			                "{\"role\":\"user\",\"content\":\"so?\"}"
			              : "");
			ask(&r, "/v1/chat/completions", "", body);
			bool is = answer(&r, 1, race_unary);
			if (!is)
				CHECK(answer(&r, 0, race_unary));
			CHECK(turn == 0 || is == was);
			was = is;
		}
		candidates += was;
		race_read_rows(&r);
		r.count = 0;
	}
	CHECK(candidates > 2 && candidates < 18);
	race_end(&r);
}

/* An application may name one user for all its conversations. */
TEST(a_user_has_conversations_on_both_sides)
{
	struct race r;
	unsigned candidates = 0;

	if (!race_begin(&r, HALF))
		return;
	for (unsigned i = 0; i < 30; i++) {
		char body[256];

		snprintf(body, sizeof(body),
		         "{\"model\":\"r\",\"user\":\"app\",\"messages\":[{\"role\":"
		         "\"user\",\"content\":\"I am number %u\"}]%s%u\"}",
		         i % 10, i < 10 ? ",\"prompt_cache_key\":\"" : ",\"x\":\"", i);
		ask(&r, "/v1/chat/completions", "", body);
		if (answer(&r, 1, race_unary))
			candidates++;
		else
			CHECK(answer(&r, 0, race_unary));
		race_read_rows(&r);
		r.count = 0;
	}
	CHECK(candidates > 3 && candidates < 27);
	race_end(&r);
}

/* The answer without what differs from request to request. */
static str without_ids(struct race *r, struct buf *to)
{
	str rest = race_see(r), line;

	buf_clear(to);
	while (rest.len) {
		size_t at = str_find(rest, '\n');

		line = str_take(&rest, at + 1);
		if (!str_starts(line, STR("x-request-id:")) &&
		    !str_starts(line, STR("x-sluice-trial:")) &&
		    !str_starts(line, STR("x-sluice-overhead-us:")))
			buf_add(to, line);
	}
	return buf_str(to);
}

TEST(a_shadow_changes_no_byte_and_delays_nothing)
{
	struct buf plain = BUF_LIMIT(64 * KiB), shadowed = BUF_LIMIT(64 * KiB);

	for (int stream = 0; stream < 2; stream++) {
		for (int with = 0; with < 2; with++) {
			struct race r;
			struct sim_peer *a, *b;

			if (!race_begin(&r, with ? SHADOW : NO_TRIAL))
				return;
			race_ask(&r, stream, "");
			a = race_accept(&r, 0);
			if (!CHECK(a))
				return;
			race_run(&r, USEC_MS);
			b = race_accept(&r, 1);
			CHECK(!!b == !!with);
			/* The candidate says nothing: nobody waits for it. */
			if (stream) {
				sim_send(a, str_from_z(race_head));
				race_say(a, "from a");
				race_finish(a);
			} else {
				sim_send(a, str_from_z(race_unary));
			}
			race_run(&r, 0);
			CHECK(str_has(race_see(&r),
			              stream ? STR("[DONE]") : STR("unary")));
			if (with)
				CHECK(str_has(race_see(&r),
				              STR("x-sluice-trial: t/control\r\n")));
			without_ids(&r, with ? &shadowed : &plain);
			sim_close(a);
			if (b) {
				/* It goes on by itself, and dies unseen. */
				CHECK_INT(r.gate.worker.shadows, 1);
				sim_send(b, str_from_z(error_500));
				sim_close(b);
				race_run(&r, 30 * USEC_SEC);
			}
			CHECK_INT(r.gate.worker.shadows, 0);
			CHECK_INT(r.gate.worker.counts.failed, 0);
			race_end(&r);
		}
		CHECK(plain.len > 100 && str_eq(buf_str(&plain), buf_str(&shadowed)));
	}
	buf_free(&plain);
	buf_free(&shadowed);
}

TEST(a_shadows_answer_is_read_to_its_end)
{
	struct race r;
	struct sim_peer *a, *b;

	for (int stream = 0; stream < 2; stream++) {
		if (!race_begin(&r, SHADOW))
			return;
		race_ask(&r, stream, "");
		race_run(&r, USEC_MS);
		a = race_accept(&r, 0);
		b = race_accept(&r, 1);
		if (!CHECK(a) || !CHECK(b))
			return;
		/* The client has left; its shadow has not. */
		sim_close(r.client);
		r.client = NULL;
		race_run(&r, USEC_MS);
		CHECK_INT(r.gate.worker.live, 1);
		if (stream) {
			sim_send(b, str_from_z(race_head));
			for (int i = 0; i < 100; i++)
				race_say(b, "much is said, and nobody listens");
			race_run(&r, USEC_MS);
			race_finish(b);
		} else {
			sim_send(b, str_from_z(race_unary));
		}
		race_run(&r, USEC_MS);
		sim_close(a);
		sim_close(b);
		race_run(&r, USEC_MS);
		CHECK_INT(r.gate.worker.live, 0);
		race_read_rows(&r);
		CHECK_INT(r.opened, 2);
		CHECK_INT(r.closed, 2);
		CHECK_INT(r.closing, 2); /* an exchange each */
		race_end(&r);
	}
}

TEST(what_has_effects_has_no_shadow)
{
	static const char *const bodies[] = {
		"{\"model\":\"r\",\"store\":true,\"messages\":[{\"role\":\"user\","
		"\"content\":\"hi\"}]}",
		"{\"model\":\"r\",\"messages\":[{\"role\":\"user\",\"content\":[{"
		"\"type\":\"file\",\"file\":{\"file_id\":\"f-1\"}}]}]}",
		/* Gemini's other spelling */
		"{\"model\":\"r\",\"cached_content\":\"c-1\",\"messages\":[{\"role\":"
		"\"user\",\"content\":\"hi\"}]}",
		"{\"model\":\"r\",\"messages\":[{\"role\":\"user\",\"content\":[{"
		"\"type\":\"text\",\"text\":\"hi\",\"file_data\":{\"file_uri\":\"f\"}}]}"
		"]}",
	};
	struct race r;

	for (size_t i = 0; i < countof(bodies); i++) {
		if (!race_begin(&r, SHADOW))
			return;
		ask(&r, "/v1/chat/completions", "", bodies[i]);
		race_run(&r, USEC_MS);
		CHECK(answer(&r, 0, race_unary));
		CHECK(!race_accept(&r, 1));
		CHECK(str_has(race_see(&r), STR("200 OK")));
		CHECK(!str_has(race_see(&r), STR("x-sluice-trial")));
		race_end(&r);
	}
}

TEST(shadows_are_bounded)
{
	struct race r;
	struct sim_peer *clients[SHADOWS_MOST + 6], *p;
	unsigned shadows = 0;

	if (!race_begin(&r, SHADOW))
		return;
	for (unsigned i = 0; i < countof(clients); i++) {
		r.client = NULL;
		ask(&r, "/v1/chat/completions", "", chat);
		clients[i] = r.client;
		if ((p = race_accept(&r, 0))) {
			sim_send(p, str_from_z(race_unary));
			race_run(&r, USEC_MS);
			sim_close(p);
		}
		race_run(&r, USEC_MS);
		race_read_rows(&r);
		r.count = 0;
	}
	CHECK_INT(r.gate.worker.shadows, SHADOWS_MOST);
	CHECK_INT(r.gate.gateway.trials.list[0].skipped, 6);
	r.client = NULL;
	/* Draining does not wait for them. */
	worker_drain(&r.gate.worker);
	race_run(&r, USEC_SEC);
	CHECK_INT(r.gate.worker.live, 0);
	while ((p = race_accept(&r, 1))) {
		sim_close(p);
		shadows++;
	}
	CHECK_INT(shadows, SHADOWS_MOST);
	for (unsigned i = 0; i < countof(clients); i++)
		sim_close(clients[i]);
	race_end(&r);
}

TEST(a_trial_ends_with_its_last_day)
{
	struct race r;

	if (!race_begin(&r, "{ targets: [a/m] }\n  c: { targets: [b/m] }\n"
	                    "trials:\n  t: { route: r, candidate: c, share: 100%, "
	                    "until: 2026-03-04 }"))
		return;
	sim_set_wall(1772668799 * USEC_SEC); /* 2026-03-04T23:59:59Z */
	race_run(&r, 0);
	ask(&r, "/v1/chat/completions", "", chat);
	CHECK(answer(&r, 1, race_unary));
	sim_set_wall(1772668800 * USEC_SEC);
	race_run(&r, 2 * USEC_SEC);
	ask(&r, "/v1/chat/completions", "", chat);
	CHECK(answer(&r, 0, race_unary));
	CHECK(!str_has(race_see(&r), STR("x-sluice-trial")));
	race_end(&r);
}

TEST(a_trial_can_be_stopped)
{
	struct race r;

	if (!race_begin(&r, SPLIT))
		return;
	atomic_store(&r.gate.gateway.trials.list[0].end, (int)TRIAL_BY_HAND);
	race_ask(&r, false, "");
	CHECK(answer(&r, 0, race_unary));
	CHECK(!str_has(race_see(&r), STR("x-sluice-trial")));
	race_end(&r);
}
