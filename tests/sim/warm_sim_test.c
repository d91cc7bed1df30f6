/* warm_sim_test.c - a provider that is in use has a connection ready, and no other has.
 */
#include "tests/sim/gate.h"

static const char config_text[] =
        "version: 1\n"
        "auth: open\n"
        "workers: 1\n"
        "data: /dev/null/none\n"
        "providers:\n"
        "  a: { format: openai-chat, url: \"http://10.0.0.1:80/v1\", key: none }\n"
        "  b: { format: openai-chat, url: \"http://10.0.0.2:80/v1\", key: none }\n"
        "routes:\n"
        "  r: { targets: [a/m, b/m] }\n";

static const str answer = STR_INIT("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                   "Content-Length: 71\r\n\r\n"
                                   "{\"choices\":[{\"message\":{\"content\":\"whole a\"},"
                                   "\"finish_reason\":\"stop\"}]} ");

struct warm {
	struct gate gate;
	struct sim_port *a, *b;
	struct sim_peer *up; /* the connection to a */
};

static bool begin(struct warm *w)
{
	if (!gate_begin(&w->gate, 1, config_text))
		return false;
	w->a = gate_listen("10.0.0.1:80");
	w->b = gate_listen("10.0.0.2:80");
	w->up = NULL;
	return true;
}

/* One request, over the connection there is, or else a new one. */
static void ask(struct warm *w)
{
	struct buf seen = BUF_LIMIT(64 * KiB);
	struct sim_peer *client = gate_client(&w->gate);

	sim_send(client,
	         STR("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
	             "Content-Type: application/json\r\nContent-Length: 27\r\n\r\n"
	             "{\"model\":\"r\",\"messages\":[]}"));
	gate_run(&w->gate, 0);
	if (!w->up)
		w->up = sim_accept(w->a);
	if (CHECK(w->up)) {
		CHECK(sim_recv(w->up, &seen) > 0);
		sim_send(w->up, answer);
		gate_run(&w->gate, USEC_SEC);
		buf_clear(&seen);
		sim_recv(client, &seen);
		CHECK(str_starts(buf_str(&seen), STR("HTTP/1.1 200 OK\r\n")));
	}
	sim_close(client);
	gate_run(&w->gate, 0);
	buf_free(&seen);
}

/* The provider closes the idle connection; is there another one then? */
static bool closes(struct warm *w)
{
	sim_close(w->up);
	gate_run(&w->gate, USEC_MS);
	w->up = sim_accept(w->a);
	return w->up != NULL;
}

static void end(struct warm *w)
{
	CHECK(!sim_accept(w->b)); /* never used, never dialled */
	if (w->up)
		sim_close(w->up);
	gate_end(&w->gate);
}

TEST(an_idle_connection_that_goes_is_replaced)
{
	struct warm w;

	if (!begin(&w))
		return;
	gate_run(&w.gate, 60 * USEC_SEC);
	CHECK(!sim_accept(w.a));
	ask(&w);
	CHECK_INT(sim_count(SIM_CONNECT), 1);
	CHECK(closes(&w));
	ask(&w);
	CHECK_INT(sim_count(SIM_CONNECT), 2);
	/* Our own time for idle connections is over as well now and then. */
	gate_run(&w.gate, 55 * USEC_SEC);
	CHECK(sim_saw_fin(w.up) || sim_saw_rst(w.up));
	sim_close(w.up);
	w.up = sim_accept(w.a);
	ask(&w);
	CHECK_INT(sim_count(SIM_CONNECT), 3);
	end(&w);
}

TEST(a_peer_that_closes_at_once_is_not_dialled_on_and_on)
{
	struct warm w;

	if (!begin(&w))
		return;
	ask(&w);
	CHECK(closes(&w));
	for (int i = 0; i < 5; i++) {
		CHECK(!closes(&w));
		ask(&w);
	}
	CHECK_INT(sim_count(SIM_CONNECT), 2 + 5);
	end(&w);
}

TEST(an_origin_that_is_not_used_any_more_gets_cold)
{
	struct warm w;

	if (!begin(&w))
		return;
	ask(&w);
	gate_run(&w.gate, 290 * USEC_SEC);
	uint64_t dialled = sim_count(SIM_CONNECT);
	CHECK(dialled >= 5 && dialled <= 7);
	gate_run(&w.gate, 3600 * USEC_SEC);
	CHECK(sim_count(SIM_CONNECT) - dialled <= 1);
	end(&w);
}

TEST(a_dead_origin_is_dialled_ahead_once)
{
	static const enum sim_port_does deaths[] = { SIM_REFUSES, SIM_DROPS };

	for (size_t i = 0; i < countof(deaths); i++) {
		struct warm w;

		if (!begin(&w))
			return;
		ask(&w);
		sim_port_set(w.a, deaths[i]);
		CHECK(!closes(&w));
		CHECK_INT(sim_count(SIM_CONNECT), 2);
		gate_run(&w.gate, 3600 * USEC_SEC);
		CHECK_INT(sim_count(SIM_CONNECT), 2);
		end(&w);
	}
}

TEST(a_worker_ends_while_it_dials_ahead)
{
	struct warm w;

	if (!begin(&w))
		return;
	ask(&w);
	sim_port_set(w.a, SIM_DROPS);
	CHECK(!closes(&w));
	CHECK_INT(sim_count(SIM_CONNECT), 2);
	end(&w);
}
