#include "policy/health.h"

#include "base/compiler.h"
#include "policy/breaker.h"
#include "tests/check.h"

#include <pthread.h>
#include <stdio.h>

enum { TOKENS = 100 };

static const struct provider_limits none;

static struct health target(struct board *b, const char *model)
{
	return health_of(b, STR("p"), 7, str_from_z(model), true);
}

/* One attempt from its beginning to its end; what admission said. */
static enum health_answer attempt(const struct health *h, fault_t why, usec retry_after,
                                  usec now)
{
	struct health_run run;
	usec until;
	enum health_answer a = health_admit(h, &none, TOKENS, true, now, &run, &until);

	if (a > HEALTH_PROBE)
		return a;
	if (why != FAULT_CONNECT_FAILED && why != FAULT_CONNECT_TIMEOUT)
		health_connected(&run, true);
	health_ended(&run, why, retry_after, 0, 0, now);
	return a;
}

TEST(the_same_names_are_the_same_cells)
{
	struct board *b = board_new(42);
	struct health one = health_of(b, STR("p"), 1, STR("m"), true);
	struct health same = health_of(b, STR("p"), 1, STR("m"), false);
	struct health key = health_of(b, STR("p"), 2, STR("m"), true);
	struct health model = health_of(b, STR("p"), 1, STR("a-longer-model"), true);
	struct health none_such = health_of(b, STR("p"), 1, STR("zz"), false);

	CHECK(one.provider == same.provider && one.key == same.key);
	CHECK(one.model == same.model && one.target == same.target);
	CHECK(one.provider == key.provider && one.model == key.model);
	CHECK(one.key != key.key && one.target != key.target);
	CHECK(one.key == model.key && one.model != model.model);
	CHECK(none_such.provider && none_such.key);
	CHECK(!none_such.model && !none_such.target);
	struct secret k1 = { STR("sk-1") }, k2 = { STR("sk-2") }, empty = { 0 };
	CHECK(board_mark(b, &k1) != board_mark(b, &k2));
	CHECK_INT(board_mark(b, &empty), 0);
	board_free(&b);
	CHECK(!b);
}

TEST(a_full_board_does_without)
{
	struct board *b = board_new(1);
	unsigned missing = 0;
	char name[32];

	for (int i = 0; i < BOARD_CELLS; i++) {
		int n = snprintf(name, sizeof(name), "model-%d", i);
		struct health h =
		        health_of(b, STR("p"), 0, str_of(name, (size_t)n), true);

		missing += !h.model + !h.target;
		for (int good = 0; good < 3; good++)
			CHECK_INT(attempt(&h, NULL, 0, 1), HEALTH_OK);
		CHECK_INT(attempt(&h, FAULT_FIRST_TOKEN_LATE, 0, 1), HEALTH_OK);
		CHECK_INT(attempt(&h, FAULT_UPSTREAM_LIMITED, 0, 1), HEALTH_OK);
	}
	CHECK(missing >= BOARD_CELLS);
	board_free(&b);
}

TEST(three_failures_to_connect_open_the_provider)
{
	struct board *b = board_new(1);
	struct health h = target(b, "m"), other = target(b, "other");
	struct health_view v;
	struct health_run run, second;
	usec until;

	for (int i = 0; i < 3; i++)
		CHECK_INT(attempt(&h, FAULT_CONNECT_TIMEOUT, 0, 1), HEALTH_OK);
	CHECK_INT(attempt(&h, NULL, 0, 2), HEALTH_DEAD);
	CHECK_INT(attempt(&other, NULL, 0, 2), HEALTH_DEAD);
	health_see(&h, 2, &v);
	CHECK_INT(v.answer, HEALTH_DEAD);
	CHECK_STR(str_from_z(v.scope), "provider");
	CHECK(v.until <= 1 + BREAKER_COOLDOWN + BREAKER_COOLDOWN / 4);
	CHECK_INT(v.failing, 176);
	/* One finds out; a connection is all that was in doubt. */
	CHECK_INT(health_admit(&h, &none, TOKENS, true, v.until, &run, &until),
	          HEALTH_PROBE);
	CHECK_INT(health_admit(&other, &none, TOKENS, true, v.until, &second, &until),
	          HEALTH_DEAD);
	CHECK_INT(until, v.until + USEC_SEC);
	health_connected(&run, true);
	CHECK_INT(attempt(&other, NULL, 0, v.until + 1), HEALTH_OK);
	health_ended(&run, NULL, 0, 0, 0, v.until + 2);
	board_free(&b);
}

TEST(faults_are_held_against_their_owner)
{
	static const struct {
		fault_t why;
		unsigned times; /* until it opens; 0: never */
		bool other_model, other_key;
	} rows[] = {
		{ FAULT_CONNECT_FAILED, 3, true, true },
		{ FAULT_NAME_UNKNOWN, 3, true, true },
		{ FAULT_UPSTREAM_RESET, 3, true, true },
		{ FAULT_FIRST_TOKEN_LATE, 3, false, true },
		{ FAULT_UPSTREAM_IDLE, 3, false, true },
		{ FAULT_UPSTREAM_FAILED, 5, false, true },
		{ FAULT_UPSTREAM_BUSY, 5, false, true },
		{ FAULT_STREAM_ERROR, 5, false, true },
		{ FAULT_UPSTREAM_LARGE, 0, false, false },
		{ FAULT_UPSTREAM_AUTH, 1, true, false },
		{ FAULT_UPSTREAM_QUOTA, 1, true, false },
		{ FAULT_UPSTREAM_NO_MODEL, 1, false, false },
		{ FAULT_UPSTREAM_REFUSED, 0, false, false },
		{ FAULT_UPSTREAM_LACKS, 0, false, false },
		{ FAULT_UPSTREAM_OVER_RATE, 0, false, false },
		{ FAULT_CONTEXT_TOO_LONG, 0, false, false },
		{ FAULT_CLIENT_GONE, 0, false, false },
		{ FAULT_INTERNAL, 0, false, false },
		{ FAULT_TOTAL_TIMEOUT, 0, false, false },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct board *b = board_new(i);
		struct health h = target(b, "m");
		struct health other_model = target(b, "n");
		struct health other_key = health_of(b, STR("p"), 8, STR("m"), true);
		struct health stranger = health_of(b, STR("q"), 7, STR("m"), true);
		unsigned most = rows[i].times ? rows[i].times : 40;
		usec until;

		for (unsigned n = 0; n < most; n++)
			CHECK_INT(attempt(&h, rows[i].why, 0, 1), HEALTH_OK);
		CHECK_INT(health_look(&h, &none, 0, 2, &until) >= HEALTH_ILL,
		          rows[i].times > 0);
		CHECK_INT(health_look(&other_model, &none, 0, 2, &until) >= HEALTH_ILL,
		          rows[i].other_model);
		CHECK_INT(health_look(&other_key, &none, 0, 2, &until) >= HEALTH_ILL,
		          rows[i].other_key);
		CHECK_INT(health_look(&stranger, &none, 0, 2, &until), HEALTH_OK);
		board_free(&b);
	}
}

TEST(a_provider_all_of_whose_models_fail_is_given_up)
{
	struct board *b = board_new(1);
	char name[8] = "model-0";
	usec until;

	for (int i = 0; i < 8; i++) {
		struct health h = target(b, name);

		CHECK_INT(attempt(&h, FAULT_UPSTREAM_FAILED, 0, 1), HEALTH_OK);
		name[6]++;
	}
	struct health fresh = target(b, "fresh");
	CHECK_INT(health_look(&fresh, &none, 0, 2, &until), HEALTH_ILL);
	board_free(&b);
}

TEST(half_of_many_failing_is_too_many)
{
	struct board *b = board_new(1);
	struct health h = target(b, "m");
	int admitted = 0;

	/* Never three in a row. */
	for (int i = 0; i < 200; i++)
		admitted +=
		        attempt(&h, i % 3 ? FAULT_STREAM_ERROR : NULL, 0, 1) == HEALTH_OK;
	CHECK(admitted > 20 && admitted < 40);
	board_free(&b);
}

TEST(a_healthy_primary_is_back_with_one_probe)
{
	struct board *b = board_new(1);
	struct health h = target(b, "m");
	usec now = USEC_SEC, opened;
	int probes = 0, others = 0;

	while (attempt(&h, FAULT_CONNECT_FAILED, 0, now) == HEALTH_OK)
		;
	opened = now;
	for (; now < opened + BREAKER_COOLDOWN * 5 / 4; now += 10 * USEC_MS) {
		enum health_answer a = attempt(&h, NULL, 0, now);

		probes += a == HEALTH_PROBE;
		others += a == HEALTH_OK && probes == 0;
	}
	CHECK_INT(probes, 1);
	CHECK_INT(others, 0);
	CHECK_INT(attempt(&h, NULL, 0, now), HEALTH_OK);
	board_free(&b);
}

TEST(retry_after_is_the_least_cooldown)
{
	struct board *b = board_new(1);
	struct health h = target(b, "m");
	usec until;

	for (int i = 0; i < 5; i++)
		attempt(&h, FAULT_UPSTREAM_BUSY, 30 * USEC_SEC, 1);
	CHECK_INT(health_look(&h, &none, 0, 30 * USEC_SEC, &until), HEALTH_ILL);
	CHECK_INT(until, 1 + 30 * USEC_SEC);
	CHECK_INT(health_look(&h, &none, 0, until, &until), HEALTH_PROBE);
	board_free(&b);
}

TEST(a_429_is_capacity_and_paces)
{
	struct board *b = board_new(1);
	struct health h = target(b, "m");
	struct health_view v;
	usec until, now = USEC_SEC;
	int bounced = 0;

	CHECK_INT(attempt(&h, FAULT_UPSTREAM_LIMITED, 3 * USEC_SEC, now), HEALTH_OK);
	CHECK_INT(health_look(&h, &none, 0, now + 1, &until), HEALTH_PACED);
	CHECK_INT(until, now + 3 * USEC_SEC);
	health_see(&h, now + 1, &v);
	CHECK_INT(v.limited_at, now);
	CHECK_INT(v.failing, 0);
	/* Then one at a time, until one has an answer. */
	struct health_run run;
	CHECK_INT(health_admit(&h, &none, TOKENS, true, until, &run, &now), HEALTH_OK);
	CHECK_INT(attempt(&h, NULL, 0, until), HEALTH_PACED);
	struct http_response ok = { .status = 200 };
	health_head(&run, &ok, 0, until + 1);
	CHECK_INT(attempt(&h, NULL, 0, until + 2), HEALTH_OK);
	health_ended(&run, NULL, 0, 0, 0, until + 3);
	/* Without a word about when, it is asked less and less. */
	for (now = USEC_HOUR; now < USEC_HOUR + 10 * USEC_MIN; now += 50 * USEC_MS)
		bounced += attempt(&h, FAULT_UPSTREAM_LIMITED, 0, now) == HEALTH_OK;
	CHECK(bounced >= 10 && bounced <= 20);
	board_free(&b);
}

static void tell(struct health_run *run, const char *lines, usec now)
{
	struct http_response res;
	char head[512];
	int n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\n%s\r\n", lines);

	CHECK_OK(http_response_parse(str_of(head, (size_t)n), &res));
	health_head(run, &res, 0, now);
}

TEST(headroom_paces_before_the_provider_does)
{
	struct board *b = board_new(1);
	struct health h = target(b, "m");
	struct health_run run, more[2];
	usec until, now = USEC_SEC;

	CHECK_INT(health_admit(&h, &none, TOKENS, true, now, &run, &until), HEALTH_OK);
	tell(&run,
	     "x-ratelimit-limit-requests: 10\r\nx-ratelimit-remaining-requests: 1\r\n"
	     "x-ratelimit-reset-requests: 9s\r\n",
	     now);
	/* One is left; then the next fits after a tenth of the time. */
	CHECK_INT(health_admit(&h, &none, TOKENS, true, now, &more[0], &until),
	          HEALTH_OK);
	CHECK_INT(health_admit(&h, &none, TOKENS, true, now, &more[1], &until),
	          HEALTH_SCARCE);
	CHECK_INT(until, now + 900 * USEC_MS);
	CHECK(health_insist(&h, &none, TOKENS, true, now, &more[1]));
	health_cancelled(&more[1], now);
	tell(&run,
	     "x-ratelimit-limit-tokens: 1000\r\nx-ratelimit-remaining-tokens: 50\r\n"
	     "x-ratelimit-reset-tokens: 19s\r\nx-ratelimit-remaining-requests: 5\r\n",
	     now);
	CHECK_INT(health_look(&h, &none, 50, now, &until), HEALTH_OK);
	CHECK_INT(health_look(&h, &none, 100, now, &until), HEALTH_SCARCE);
	CHECK_INT(until, now + USEC_SEC);
	CHECK_INT(health_look(&h, &none, 100, until, &until), HEALTH_OK);
	health_cancelled(&more[0], now);
	health_ended(&run, NULL, 0, 0, 0, now);
	board_free(&b);
}

TEST(configured_limits_hold)
{
	struct board *b = board_new(1);
	struct health h = target(b, "m"), other = target(b, "n");
	const struct provider_limits two = { .concurrent = 2 };
	const struct provider_limits rpm = { .rpm = 3 };
	const struct provider_limits tpm = { .tpm = 1600 };
	struct health_run runs[3];
	usec until, now = USEC_SEC;

	CHECK_INT(health_admit(&h, &two, 1, true, now, &runs[0], &until), HEALTH_OK);
	CHECK_INT(health_admit(&other, &two, 1, true, now, &runs[1], &until), HEALTH_OK);
	CHECK_INT(health_admit(&h, &two, 1, true, now, &runs[2], &until), HEALTH_FULL);
	CHECK(!health_insist(&h, &two, 1, true, now, &runs[2]));
	health_ended(&runs[0], NULL, 0, 0, 0, now);
	CHECK_INT(health_admit(&h, &two, 1, true, now, &runs[2], &until), HEALTH_OK);
	health_cancelled(&runs[1], now);
	health_cancelled(&runs[2], now);
	health_cancelled(&runs[2], now); /* once is enough */
	for (int i = 0; i < 3; i++) {
		CHECK_INT(health_admit(&h, &rpm, 1, true, now, &runs[0], &until),
		          HEALTH_OK);
		health_ended(&runs[0], NULL, 0, 0, 0, now);
	}
	CHECK_INT(health_admit(&h, &rpm, 1, true, now, &runs[0], &until), HEALTH_FULL);
	CHECK(until > now + USEC_SEC);
	/* Estimated before, settled after. */
	CHECK_INT(health_admit(&h, &tpm, 1600, true, now, &runs[0], &until), HEALTH_OK);
	CHECK_INT(health_admit(&h, &tpm, 16, true, now, &runs[1], &until), HEALTH_FULL);
	health_ended(&runs[0], NULL, 0, 160, 0, now);
	CHECK_INT(health_admit(&h, &tpm, 1440, true, now, &runs[1], &until), HEALTH_OK);
	CHECK_INT(health_admit(&h, &tpm, 16, true, now, &runs[0], &until), HEALTH_FULL);
	health_ended(&runs[1], FAULT_CONNECT_FAILED, 0, 0, 0, now);
	CHECK_INT(health_admit(&h, &tpm, 1440, true, now, &runs[0], &until), HEALTH_OK);
	health_cancelled(&runs[0], now);
	board_free(&b);
}

/* A long answer that took less than was thought gives nothing back to a minute it did not
 * begin in. */
TEST(tokens_are_put_right_in_the_minute_they_were_counted_in)
{
	struct board *b = board_new(1);
	struct health h = target(b, "m");
	const struct provider_limits tpm = { .tpm = 1600 };
	struct health_run old, new;
	usec until, then = 5 * USEC_MIN, now = 7 * USEC_MIN;

	CHECK_INT(health_admit(&h, &tpm, 1600, true, then, &old, &until), HEALTH_OK);
	CHECK_INT(health_admit(&h, &tpm, 1600, true, now, &new, &until), HEALTH_OK);
	health_ended(&old, NULL, 0, 16, 0, now);
	CHECK_INT(health_admit(&h, &tpm, 16, true, now, &old, &until), HEALTH_FULL);
	health_ended(&new, NULL, 0, 16, 0, now);
	CHECK_INT(health_admit(&h, &tpm, 16, true, now, &old, &until), HEALTH_OK);
	health_cancelled(&old, now);
	board_free(&b);
}

TEST(the_last_resort_is_one_probe_of_the_dead_and_all_of_the_ill)
{
	struct board *b = board_new(1);
	struct health dead = health_of(b, STR("dead"), 0, STR("m"), true);
	struct health ill = health_of(b, STR("ill"), 0, STR("m"), true);
	struct health_run runs[3];
	usec until;

	for (int i = 0; i < 3; i++) {
		attempt(&dead, FAULT_CONNECT_FAILED, 0, 1);
		attempt(&ill, FAULT_FIRST_TOKEN_LATE, 0, 1);
	}
	CHECK(health_insist(&dead, &none, 1, true, 2, &runs[0]));
	CHECK(!health_insist(&dead, &none, 1, true, 2, &runs[1]));
	health_ended(&runs[0], FAULT_CONNECT_FAILED, 0, 0, 0, 3);
	CHECK_INT(health_look(&dead, &none, 1, 3 + BREAKER_COOLDOWN / 2, &until),
	          HEALTH_DEAD);
	for (int i = 0; i < 3; i++)
		CHECK(health_insist(&ill, &none, 1, true, 2, &runs[i]));
	/* The first of them was the probe. */
	health_ended(&runs[1], NULL, 0, 0, 0, 3);
	CHECK_INT(health_look(&ill, &none, 1, 4, &until), HEALTH_ILL);
	health_first_token(&runs[0], 4);
	CHECK_INT(health_look(&ill, &none, 1, 4, &until), HEALTH_OK);
	health_ended(&runs[0], NULL, 0, 0, 0, 4);
	health_cancelled(&runs[2], 4);
	board_free(&b);
}

TEST(what_a_429_has_said_holds_for_the_last_resort)
{
	struct board *b = board_new(1);
	struct health h = target(b, "m");
	struct health_run run;

	attempt(&h, FAULT_UPSTREAM_LIMITED, 30 * USEC_SEC, 1);
	for (int i = 0; i < 3; i++) {
		usec now = (40 + 5 * i) * USEC_SEC;

		CHECK(health_insist(&h, &none, TOKENS, true, now, &run));
		health_ended(&run, FAULT_FIRST_TOKEN_LATE, 0, 0, 0, now);
	}
	CHECK(health_insist(&h, &none, TOKENS, true, 60 * USEC_SEC, &run));
	health_ended(&run, FAULT_UPSTREAM_LIMITED, 30 * USEC_SEC, 0, 0, 60 * USEC_SEC);
	CHECK(!health_insist(&h, &none, TOKENS, true, 65 * USEC_SEC, &run));
	CHECK(health_insist(&h, &none, TOKENS, true, 95 * USEC_SEC, &run));
	health_cancelled(&run, 95 * USEC_SEC);
	board_free(&b);
}

TEST(who_is_back_begins_anew)
{
	struct board *b = board_new(1);
	struct health h = target(b, "m");
	usec until, now = 1;

	for (int i = 0; i < 40; i++) {
		attempt(&h, FAULT_CONNECT_FAILED, 0, now);
		if (health_look(&h, &none, TOKENS, now, &until) == HEALTH_DEAD)
			now = until;
	}
	health_checked(&h, NULL, now);
	CHECK_INT(attempt(&h, FAULT_UPSTREAM_FAILED, 0, now + 1), HEALTH_OK);
	CHECK_INT(health_look(&h, &none, TOKENS, now + 2, &until), HEALTH_OK);
	board_free(&b);
}

TEST(who_was_outrun_counts_for_the_first_token)
{
	struct board *b = board_new(1);
	struct health h = target(b, "m");
	struct health_run run;
	usec until, now = 1;

	for (int i = 0; i < 100; i++) {
		bool is_late = i % 10 == 9;

		CHECK_INT(health_admit(&h, &none, TOKENS, true, now, &run, &until),
		          HEALTH_OK);
		health_connected(&run, true);
		now += is_late ? USEC_SEC : 100 * USEC_MS;
		if (is_late)
			health_outrun(&run, now);
		else
			health_first_token(&run, now);
		health_cancelled(&run, now);
	}
	CHECK(health_first_token_quantile(&h, 500) < 200 * USEC_MS);
	CHECK(health_first_token_quantile(&h, 950) > 800 * USEC_MS);
	board_free(&b);
}

TEST(repeats_are_a_fifth_of_the_attempts)
{
	struct board *b = board_new(1);
	struct health h = target(b, "m");
	int repeats = 0;

	while (health_may_repeat(&h))
		repeats++;
	CHECK_INT(repeats, 10);
	repeats = 0;
	for (int i = 0; i < 1000; i++) {
		attempt(&h, NULL, 0, 1);
		repeats += health_may_repeat(&h);
	}
	CHECK_INT(repeats, 200);
	board_free(&b);
}

TEST(who_was_given_up_while_dialling_did_not_answer)
{
	struct board *b = board_new(1);
	struct health h = target(b, "m");
	struct health_run run;
	usec until;

	for (int i = 0; i < 10; i++) {
		health_admit(&h, &none, 1, true, 1, &run, &until);
		health_cancelled(&run, 1 + 600 * USEC_MS);
		health_admit(&h, &none, 1, true, 1, &run, &until);
		health_connected(&run, true);
		health_cancelled(&run, 1 + 30 * USEC_SEC);
	}
	CHECK_INT(health_look(&h, &none, 1, 1, &until), HEALTH_OK);
	for (int i = 0; i < 3; i++) {
		health_admit(&h, &none, 1, true, 1, &run, &until);
		health_cancelled(&run, 1 + 700 * USEC_MS);
	}
	CHECK_INT(health_look(&h, &none, 1, USEC_SEC, &until), HEALTH_DEAD);
	board_free(&b);
}

TEST(a_check_without_a_request_closes_and_opens)
{
	struct board *b = board_new(1);
	struct health h = target(b, "m");
	usec until;

	for (int i = 0; i < 3; i++)
		health_checked(&h, FAULT_CONNECT_FAILED, 1);
	CHECK_INT(health_look(&h, &none, 1, 2, &until), HEALTH_DEAD);
	/* When it is time for a probe, the check is one. */
	health_checked(&h, FAULT_CONNECT_FAILED, until);
	CHECK_INT(health_look(&h, &none, 1, until + USEC_SEC, &until), HEALTH_DEAD);
	health_checked(&h, NULL, 3);
	CHECK_INT(health_look(&h, &none, 1, 4, &until), HEALTH_OK);
	/* Its list of models says nothing about its models. */
	for (int i = 0; i < 3; i++)
		attempt(&h, FAULT_FIRST_TOKEN_LATE, 0, 5);
	health_checked(&h, NULL, 6);
	CHECK_INT(health_look(&h, &none, 1, 7, &until), HEALTH_ILL);
	board_free(&b);
}

TEST(latencies_and_speed_are_learned)
{
	struct board *b = board_new(1);
	struct health h = target(b, "m");
	struct health_view v;
	struct health_run run;
	usec until;

	CHECK_INT(health_first_token_quantile(&h, 950), 0);
	for (int i = 1; i <= 100; i++) {
		usec now = i * USEC_SEC;

		struct histogram_tally gaps = { 0 };

		health_admit(&h, &none, 1, true, now, &run, &until);
		run.gaps = &gaps;
		health_connected(&run, true);
		health_first_token(&run, now + i * 10 * USEC_MS);
		health_gap(&run, 20 * USEC_MS);
		health_gap(&run, i == 50 ? 5 * USEC_SEC : 30 * USEC_MS);
		health_ended(&run, NULL, 0, 120, 100,
		             now + i * 10 * USEC_MS + 2 * USEC_SEC);
		health_admit(&h, &none, 1, false, now, &run, &until);
		health_ended(&run, NULL, 0, 120, 100, now + 7 * USEC_SEC);
	}
	usec median = health_first_token_quantile(&h, 500);
	CHECK(median > 400 * USEC_MS && median < 600 * USEC_MS);
	CHECK(health_gap_quantile(&h, 999) > 4 * USEC_SEC);
	CHECK(health_gap_quantile(&h, 990) < 50 * USEC_MS);
	CHECK(health_answer_quantile(&h, 500) > 6 * USEC_SEC);
	health_see(&h, 0, &v);
	CHECK_INT(v.tokens_per_second, 50);
	CHECK_INT(v.in_flight, 0);
	CHECK_INT(v.attempts, 200);
	health_learn_context(&h, 8192);
	CHECK_INT(health_context(&h), 8192);
	board_free(&b);
}

TEST(a_conversation_is_remembered_for_a_while)
{
	struct board *b = board_new(1);
	struct health one = target(b, "m"), other = target(b, "n");
	struct health nowhere = health_of(b, STR("p"), 7, STR("zz"), false);
	uint64_t session = board_hash(b, 1, STR("session"));

	CHECK(!board_is_warm(b, session, &one, 1));
	board_remember(b, session, &one, USEC_SEC);
	CHECK(board_is_warm(b, session, &one, USEC_MIN));
	CHECK(!board_is_warm(b, session, &other, USEC_MIN));
	CHECK(!board_is_warm(b, session + 4, &one, USEC_MIN));
	CHECK(!board_is_warm(b, session, &one, USEC_SEC + BOARD_WARM_FOR + USEC_SEC));
	board_remember(b, session, &other, 2 * USEC_MIN);
	CHECK(board_is_warm(b, session, &other, 3 * USEC_MIN));
	CHECK(!board_is_warm(b, session, &one, 3 * USEC_MIN));
	board_remember(b, session, &nowhere, 3 * USEC_MIN);
	board_remember(b, 0, &one, 3 * USEC_MIN);
	CHECK(board_is_warm(b, session, &other, 3 * USEC_MIN));
	CHECK(!board_is_warm(b, 0, &one, 3 * USEC_MIN));
	/* Full of others, the eldest goes. */
	for (uint64_t i = 1; i <= 100000; i++)
		board_remember(b, i * 0x9e3779b97f4a7c15, &one, 4 * USEC_MIN);
	CHECK(!board_is_warm(b, session, &other, 4 * USEC_MIN));
	board_free(&b);
}

struct crowd {
	struct board *board;
	struct provider_limits limits;
	_Atomic int in, most;
};

static void *crowd_in(void *arg)
{
	static const fault_t ends[] = {
		NULL,
		NULL,
		NULL,
		FAULT_CONNECT_FAILED,
		FAULT_UPSTREAM_LIMITED,
		FAULT_UPSTREAM_FAILED,
		FAULT_CLIENT_GONE,
		FAULT_UPSTREAM_AUTH,
	};
	struct crowd *c = arg;

	for (int i = 0; i < 20000; i++) {
		char name[] = "model-a";
		struct health_run run;
		usec now = i * 10 * USEC_MS, until;

		name[6] = (char)('a' + i % 8);
		struct health h =
		        health_of(c->board, STR("p"), i % 3, str_of(name, 7), true);
		if (health_admit(&h, &c->limits, 50, true, now, &run, &until) >
		            HEALTH_PROBE &&
		    !health_insist(&h, &c->limits, 50, true, now, &run))
			continue;
		struct histogram_tally gaps = { 0 };

		run.gaps = &gaps;
		int in = atomic_fetch_add(&c->in, 1) + 1;
		if (in > atomic_load(&c->most))
			atomic_store(&c->most, in);
		if (i % 2)
			health_connected(&run, true);
		if (i % 4)
			health_first_token(&run, now + 5);
		health_gap(&run, i);
		atomic_fetch_sub(&c->in, 1);
		health_ended(&run, ends[(i / 8) % 8], 0, 40, 30, now + 10);
		health_may_repeat(&h);
	}
	return NULL;
}

TEST(threads_share_the_board)
{
	struct crowd c = { .board = board_new(9), .limits = { 0, 0, 3 } };
	pthread_t threads[4];
	struct health_view v;

	for (size_t i = 0; i < countof(threads); i++)
		CHECK_INT(pthread_create(&threads[i], NULL, crowd_in, &c), 0);
	for (size_t i = 0; i < countof(threads); i++)
		pthread_join(threads[i], NULL);
	CHECK(atomic_load(&c.most) <= 3);
	for (char name[] = "model-a"; name[6] <= 'h'; name[6]++) {
		struct health h = health_of(c.board, STR("p"), 1, str_of(name, 7), false);

		if (!CHECK(h.model && h.target))
			continue;
		health_see(&h, 0, &v);
		CHECK_INT(v.in_flight, 0);
	}
	board_free(&c.board);
}

TEST(reported_usage_teaches_what_tokens_are)
{
	struct board *b = board_new(42);
	struct health h = target(b, "m"), other = target(b, "n"), nothing = { 0 };

	for (int i = 0; i < 30; i++)
		health_learn_usage(&h, 5000, 1000, 300, 100, 1);
	CHECK_INT(health_prompt_tokens(&h, 500), 100);
	CHECK_INT(health_text_tokens(&h, 300), 100);
	CHECK_INT(health_prompt_tokens(&other, 400), 100);
	CHECK_INT(health_text_tokens(&nothing, 400), 100);
	uint64_t p99 = health_length_quantile(&h, 990);
	CHECK(p99 >= 96 && p99 <= 129);
	CHECK_INT(health_length_quantile(&other, 990), 0);
	health_learn_usage(&nothing, 1, 1, 1, 1, 1);
	/* more tokens than bytes, as where files are only named: never more than bytes */
	health_learn_usage(&other, 10, 1000, 0, 0, 1);
	CHECK_INT(health_prompt_tokens(&other, 10), 10);
	board_free(&b);
}
