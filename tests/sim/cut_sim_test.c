/* cut_sim_test.c - a provider dies at every byte of its answer; what does the client see?
 *
 * The whole worker runs on the simulated machine.  Provider `a` sends the first n bytes
 * of its answer and dies, by FIN or RST; provider `b` answers in full.  Whatever n is,
 * the client sees one of three things: b's whole answer, a's whole answer, or a beginning
 * of a's answer with an error event behind it and no end mark.  Never a short "success".
 */
#include "codec/sse.h"
#include "gateway/worker.h"
#include "http/body.h"
#include "tests/check.h"
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

struct world {
	struct gateway gateway;
	struct worker worker;
	struct journal *journal;
	struct sim_port *a, *b;
	struct sim_peer *client;
	struct buf seen; /* by the client, as it came over the wire */
};

static const char config_text[] =
        "version: 1\n"
        "auth: open\n"
        "workers: 1\n"
        "data: /dev/null/none\n"
        "providers:\n"
        "  a: { format: openai-chat, url: \"http://10.0.0.1:80/v1\", key: none }\n"
        "  b: { format: openai-chat, url: \"http://10.0.0.2:80/v1\", key: none }\n"
        "routes:\n"
        "  r: { targets: [a/m, b/m], retry: { same_target: 0 }, comments: off }\n";

static struct net_addr address(const char *text)
{
	struct net_addr a = { 0 };

	CHECK(net_parse(str_from_z(text), &a));
	return a;
}

static bool world_begin(struct world *w, uint64_t seed)
{
	struct arena keep = { .ceiling = 4 * MiB };
	struct config_notes notes = { .arena = &keep };
	struct config_source source = { .path = STR("test"),
		                        .text = str_from_z(config_text) };
	struct net_addr at;

	sim_begin(seed);
	*w = (struct world){ .seen = BUF_LIMIT(1 * MiB) };
	pthread_mutex_init(&w->gateway.lock, NULL);
	w->gateway.config = config_read(&source, &notes);
	arena_done(&keep);
	if (!CHECK(w->gateway.config))
		return false;
	w->gateway.keys = keyring_new();
	w->gateway.board = board_new(1);
	w->gateway.resolver = resolver_new();
	w->journal = journal_open_memory(4);
	at = address("10.0.0.1:80");
	w->a = sim_listen(&at);
	at = address("10.0.0.2:80");
	w->b = sim_listen(&at);
	return CHECK(worker_init(&w->worker, &w->gateway, 0, w->journal));
}

static void world_end(struct world *w)
{
	worker_done(&w->worker);
	journal_close(&w->journal);
	resolver_free(&w->gateway.resolver);
	keyring_free(&w->gateway.keys);
	board_free(&w->gateway.board);
	config_unref(&w->gateway.config);
	pthread_mutex_destroy(&w->gateway.lock);
	buf_free(&w->seen);
	CHECK_INT(sim_finish(), 0);
}

static void run(struct world *w, usec span)
{
	sim_run(&w->worker.loop, span);
}

static void connect_client(struct world *w)
{
	struct net_addr peer = address("127.0.0.1:5555");
	int fd;

	w->client = sim_pair(&fd);
	http_server_add(&w->worker.server, fd, &peer, NULL);
}

static void send_request(struct world *w, bool stream)
{
	char text[512];
	const char *body = stream ? "{\"model\":\"r\",\"stream\":true,\"messages\":[]}"
	                          : "{\"model\":\"r\",\"messages\":[]}";
	int n = snprintf(
	        text, sizeof(text),
	        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
	        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
	        strlen(body), body);

	sim_send(w->client, str_of(text, (size_t)n));
	run(w, 0);
}

/* The journal is memory here; nobody reads it, so it is emptied now and then. */
static void drain_journal(struct world *w)
{
	struct journal_record record;

	while (journal_next(w->journal, &record))
		;
	journal_retire(w->journal);
	(void)journal_prepare(w->journal); /* recycles what was retired */
}

/* ---- answers ---- */

#define CHUNK(text) "{\"choices\":[{\"index\":0,\"delta\":{" text "}}]}"
#define EVENT(json) "data: " json "\n\n"
#define FINISH "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}"

static const char *const events_a[] = {
	EVENT(CHUNK("\"role\":\"assistant\",\"content\":\"\"")),
	EVENT(CHUNK("\"content\":\"AB\"")),
	EVENT(CHUNK("\"content\":\"C\\u00e9\"")),
	EVENT(CHUNK("\"content\":\"DE\"")),
	EVENT(FINISH),
	EVENT("[DONE]"),
};
static const char *const events_b[] = { EVENT(CHUNK("\"content\":\"xyz\"")),
	                                EVENT(FINISH), EVENT("[DONE]") };

static void add_stream(struct buf *to, const char *const *events, size_t count)
{
	buf_add(to, STR("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	                "Transfer-Encoding: chunked\r\n\r\n"));
	for (size_t i = 0; i < count; i++)
		buf_addf(to, "%zx\r\n%s\r\n", strlen(events[i]), events[i]);
	buf_add(to, STR("0\r\n\r\n"));
}

/* ---- what the client makes of it ---- */

struct message {
	bool is_200, has_end, has_error, is_whole; /* chunked to its proper end */
	char text[64];
	size_t len;
};

static void fold_event(struct message *m, const struct sse_found *e)
{
	static const struct {
		str mark;
		const char *text;
	} contents[] = {
		{ STR_INIT("\"AB\""), "AB" },
		{ STR_INIT("\"C\\u00e9\""), "C" },
		{ STR_INIT("\"DE\""), "DE" },
		{ STR_INIT("\"xyz\""), "xyz" },
	};

	m->has_end |= str_eq(e->data, STR("[DONE]"));
	m->has_error |= str_has(e->data, STR("\"error\""));
	for (size_t i = 0; i < countof(contents); i++) {
		if (str_has(e->data, contents[i].mark))
			m->len += (size_t)snprintf(m->text + m->len,
			                           sizeof(m->text) - m->len, "%s",
			                           contents[i].text);
	}
}

static struct message fold(struct world *w)
{
	struct message m = { 0 };
	struct http_response res;
	struct http_body body;
	struct sse_scan scan = { 0 };
	struct sse_found event;
	size_t seen = 0, head = 0, len = 0, used = 0;
	char *bytes = w->seen.ptr;

	if (!CHECK_OK(http_head_end(buf_str(&w->seen), &http_limits_default, false, &seen,
	                            &head)) ||
	    !head || !CHECK_OK(http_response_parse(str_of(bytes, head), &res)))
		return m;
	m.is_200 = res.status == 200;
	http_body_init(&body, res.body, res.length, false);
	CHECK_OK(http_body_take(&body, bytes + head, bytes + head, w->seen.len - head,
	                        &len, &used));
	m.is_whole = body.done;
	for (str rest = str_of(bytes + head, len); sse_scan(&scan, rest, &event);) {
		fold_event(&m, &event);
		rest = str_from(rest, event.raw.len);
		scan.seen = 0;
	}
	return m;
}

static bool text_is(const struct message *m, const char *text)
{
	return str_eq(str_of(m->text, m->len), str_from_z(text));
}

static bool is_honest(const struct message *m)
{
	if (!m->is_200 || !m->is_whole)
		return false;
	if (m->has_error)
		return !m->has_end && str_starts(STR("ABCDE"), str_of(m->text, m->len));
	return text_is(m, "xyz") ? m->has_end : text_is(m, "ABCDE");
}

/* ---- the enumeration ---- */

static void die(struct sim_peer *p, bool by_rst)
{
	if (by_rst)
		sim_rst(p);
	sim_close(p);
}

static void try_cut(struct world *w, str answer, str other, size_t cut, bool by_rst,
                    struct message *ret)
{
	struct buf request = BUF_LIMIT(64 * KiB);
	struct sim_peer *a, *b;

	connect_client(w);
	send_request(w, true);
	run(w, USEC_SEC);
	a = sim_accept(w->a);
	if (CHECK(a)) {
		sim_recv(a, &request);
		sim_send(a, str_first(answer, cut));
		run(w, 0);
		die(a, by_rst);
		run(w, USEC_SEC);
	}
	b = sim_accept(w->b);
	if (b) {
		sim_recv(b, &request);
		sim_send(b, other);
		run(w, USEC_SEC);
		sim_close(b);
	}
	buf_clear(&w->seen);
	sim_recv(w->client, &w->seen);
	*ret = fold(w);
	sim_close(w->client);
	run(w, 2 * USEC_SEC);
	drain_journal(w);
	buf_free(&request);
}

static void enumerate(bool by_rst, size_t read_most)
{
	struct buf answer = BUF_LIMIT(16 * KiB), other = BUF_LIMIT(16 * KiB);
	struct sim_line line = { .read_most = read_most };
	unsigned from_b = 0, broken = 0, whole = 0;
	struct world w;

	add_stream(&answer, events_a, countof(events_a));
	add_stream(&other, events_b, countof(events_b));
	if (!world_begin(&w, 1))
		return;
	sim_set_line(&line);
	for (size_t cut = 0; cut <= answer.len; cut++) {
		struct message m;

		board_clear(w.gateway.board); /* else nobody would ask the first */
		try_cut(&w, buf_str(&answer), buf_str(&other), cut, by_rst, &m);
		if (!is_honest(&m)) {
			check_failed(__FILE__, __LINE__, "cut %zu of %zu (%s): %.*s", cut,
			             answer.len, by_rst ? "RST" : "FIN",
			             STR_ARG(buf_str(&w.seen)));
			break;
		}
		from_b += text_is(&m, "xyz");
		broken += m.has_error;
		whole += !m.has_error && text_is(&m, "ABCDE");
	}
	/* All three happen, or the enumeration has missed its point. */
	CHECK(from_b > 100 && broken > 100 && whole > 10);
	world_end(&w);
	buf_free(&answer);
	buf_free(&other);
}

TEST(a_stream_that_ends_at_any_byte_is_replaced_whole_or_honest)
{
	enumerate(false, 0);
	enumerate(false, 1);
	enumerate(false, 7);
}

TEST(a_stream_that_is_reset_at_any_byte_is_replaced_whole_or_honest)
{
	enumerate(true, 0);
	enumerate(true, 1);
}

/* A unary answer is held whole: the client never notices. */
TEST(a_unary_answer_that_dies_at_any_byte_is_replaced)
{
	str answer = STR("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	                 "Content-Length: 71\r\n\r\n"
	                 "{\"choices\":[{\"message\":{\"content\":\"whole a\"},"
	                 "\"finish_reason\":\"stop\"}]} ");
	struct world w;

	if (!world_begin(&w, 1))
		return;
	for (size_t cut = 0; cut < answer.len; cut++) {
		struct buf request = BUF_LIMIT(64 * KiB);
		struct sim_peer *a, *b;

		board_clear(w.gateway.board);
		connect_client(&w);
		send_request(&w, false);
		run(&w, USEC_SEC);
		a = sim_accept(w.a);
		sim_recv(a, &request);
		sim_send(a, str_first(answer, cut));
		run(&w, 0);
		die(a, cut & 1);
		run(&w, USEC_SEC);
		b = sim_accept(w.b);
		if (CHECK(b)) {
			sim_recv(b, &request);
			sim_send(b, answer);
			run(&w, USEC_SEC);
			sim_close(b);
		}
		buf_clear(&w.seen);
		sim_recv(w.client, &w.seen);
		if (!CHECK(str_starts(buf_str(&w.seen), STR("HTTP/1.1 200 OK\r\n"))) ||
		    !CHECK(str_has(buf_str(&w.seen), STR("whole a"))) ||
		    !CHECK(str_has(buf_str(&w.seen), STR("x-sluice-attempts: 2")))) {
			printf("at cut %zu: %.*s\n", cut, STR_ARG(buf_str(&w.seen)));
			break;
		}
		sim_close(w.client);
		run(&w, USEC_SEC);
		drain_journal(&w);
		buf_free(&request);
	}
	world_end(&w);
}

/* Nobody who asked for events gets a whole answer instead, however large it is. */
TEST(a_whole_answer_that_is_too_large_for_a_stream_is_replaced)
{
	static const char piece[32 * KiB] = {
		"{\"choices\":[{\"message\":{\"content\":\""
	};
	struct buf request = BUF_LIMIT(64 * KiB), other = BUF_LIMIT(4 * KiB);
	struct sim_peer *a, *b;
	struct message m;
	struct world w;

	if (!world_begin(&w, 1))
		return;
	add_stream(&other, events_b, countof(events_b));
	connect_client(&w);
	send_request(&w, true);
	a = sim_accept(w.a);
	sim_recv(a, &request);
	sim_send(a, STR("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	                "Content-Length: 9437184\r\n\r\n"));
	for (unsigned i = 0; i < 9 * MiB / sizeof(piece) && !sim_saw_rst(a); i++) {
		sim_send(a, str_of(piece, sizeof(piece)));
		run(&w, 0);
	}
	b = sim_accept(w.b);
	if (CHECK(b)) {
		sim_recv(b, &request);
		sim_send(b, buf_str(&other));
		run(&w, USEC_SEC);
		sim_close(b);
	}
	sim_recv(w.client, &w.seen);
	m = fold(&w);
	CHECK(m.is_200 && m.is_whole && m.has_end && text_is(&m, "xyz"));
	sim_close(a);
	sim_close(w.client);
	run(&w, USEC_SEC);
	buf_free(&request);
	buf_free(&other);
	world_end(&w);
}

/* ---- clocks ---- */

TEST(a_silent_provider_is_replaced_when_its_first_token_is_late)
{
	struct buf other = BUF_LIMIT(16 * KiB), request = BUF_LIMIT(64 * KiB);
	struct world w;

	add_stream(&other, events_b, countof(events_b));
	if (!world_begin(&w, 1))
		return;
	connect_client(&w);
	send_request(&w, true);
	run(&w, 29 * USEC_SEC);
	struct sim_peer *a = sim_accept(w.a);
	CHECK(a && !sim_accept(w.b));
	/* After eight seconds the client has its head and comments, nothing of the
	 * format. */
	sim_recv(w.client, &w.seen);
	CHECK(str_starts(buf_str(&w.seen), STR("HTTP/1.1 200 OK\r\n")));
	CHECK(!str_has(buf_str(&w.seen), STR("data:")));
	run(&w, 2 * USEC_SEC);
	struct sim_peer *b = sim_accept(w.b);
	if (CHECK(b)) {
		sim_recv(b, &request);
		sim_send(b, buf_str(&other));
		run(&w, USEC_SEC);
	}
	sim_recv(w.client, &w.seen);
	struct message m = fold(&w);
	CHECK(is_honest(&m) && text_is(&m, "xyz"));
	sim_close(a);
	sim_close(b);
	sim_close(w.client);
	run(&w, USEC_SEC);
	world_end(&w);
	buf_free(&other);
	buf_free(&request);
}

TEST(pings_and_comments_are_no_progress)
{
	struct buf request = BUF_LIMIT(64 * KiB), head = BUF_LIMIT(4 * KiB);
	struct world w;

	if (!world_begin(&w, 1))
		return;
	connect_client(&w);
	send_request(&w, true);
	run(&w, USEC_SEC);
	struct sim_peer *a = sim_accept(w.a);
	sim_recv(a, &request);
	buf_add(&head, STR("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"));
	buf_addf(&head, "%s%s", events_a[0], events_a[1]);
	sim_send(a, buf_str(&head));
	for (int i = 0; i < 40; i++) {
		run(&w, USEC_SEC);
		sim_send(a, STR(": keep-alive\n\n"));
	}
	run(&w, 0);
	sim_recv(w.client, &w.seen);
	struct message m = fold(&w);
	CHECK(m.has_error && !m.has_end && m.is_whole && text_is(&m, "AB"));
	CHECK(str_has(buf_str(&w.seen), STR("fell silent")));
	sim_close(a);
	sim_close(w.client);
	run(&w, USEC_SEC);
	world_end(&w);
	buf_free(&request);
	buf_free(&head);
}

TEST(a_client_that_goes_cancels_its_provider)
{
	struct buf request = BUF_LIMIT(64 * KiB);
	struct world w;

	if (!world_begin(&w, 1))
		return;
	for (int phase = 0; phase < 3; phase++) {
		connect_client(&w);
		send_request(&w, true);
		run(&w, USEC_SEC);
		struct sim_peer *a = sim_accept(w.a);
		sim_recv(a, &request);
		if (phase > 0)
			sim_send(a, STR("HTTP/1.1 200 OK\r\nContent-Type: "
			                "text/event-stream\r\n\r\n"));
		if (phase > 1)
			sim_send(a, str_from_z(events_a[1]));
		run(&w, USEC_SEC);
		sim_close(w.client);
		run(&w, USEC_MS);
		CHECK(sim_saw_fin(a) || sim_saw_rst(a));
		sim_close(a);
		run(&w, USEC_SEC);
		CHECK_INT(w.worker.live, 0);
	}
	world_end(&w);
	buf_free(&request);
}

/* Its connection is closed when it has been sent everything, however little it takes. */
TEST(a_closing_client_that_reads_slowly_gets_all_of_its_answer)
{
	struct sim_line line = { .room = 50 };
	struct world w;

	if (!world_begin(&w, 1))
		return;
	connect_client(&w);
	sim_send(w.client, STR("GET /nothing HTTP/1.1\r\nHost: localhost\r\n"
	                       "Connection: close\r\n\r\n"));
	sim_set_peer_line(w.client, &line);
	do
		run(&w, USEC_MS);
	while (sim_recv_some(w.client, &w.seen, 30) > 0);
	CHECK(str_has(buf_str(&w.seen), STR("\"unknown_url\"}}")));
	CHECK(sim_saw_fin(w.client));
	sim_close(w.client);
	world_end(&w);
}
