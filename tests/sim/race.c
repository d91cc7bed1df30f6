#include "tests/sim/race.h"

#include <stdio.h>

static const char top[] =
        "version: 1\n"
        "auth: open\n"
        "workers: 1\n"
        "data: /dev/null/none\n"
        "providers:\n"
        "  a: { format: openai-chat, url: \"http://10.0.0.1:80/v1\", key: none }\n"
        "  b: { format: openai-chat, url: \"http://10.0.0.2:80/v1\", key: none }\n"
        "  c: { format: openai-chat, url: \"http://10.0.0.3:80/v1\", key: none }\n"
        "  d: { format: anthropic, url: \"http://10.0.0.4:80/v1\", key: none }\n"
        "  anthropic: { url: \"http://10.0.0.5:80/v1\", key: aaaaaaaaaaaa }\n"
        "routes:\n";

const char race_head[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
const char race_role[] = "data: "
                         "{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
                         "\"content\":\"\"}}]}\n\n";
const char race_unary[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                          "Content-Length: 70\r\n\r\n"
                          "{\"choices\":[{\"message\":{\"content\":\"unary\"},"
                          "\"finish_reason\":\"stop\"}]}  ";

bool race_begin(struct race *r, const char *route)
{
	struct buf config = BUF_LIMIT(16 * KiB);
	bool ok;

	*r = (struct race){ .seen = BUF_LIMIT(MiB), .keep = { .ceiling = MiB } };
	buf_addf(&config, "%s  r: %s\n", top, route);
	ok = gate_begin(&r->gate, 1, buf_z(&config));
	buf_free(&config);
	for (unsigned i = 0; i < RACE_PROVIDERS; i++) {
		char at[16];

		snprintf(at, sizeof(at), "10.0.0.%u:80", i + 1);
		r->ports[i] = gate_listen(at);
	}
	return ok;
}

void race_end(struct race *r)
{
	if (r->client)
		sim_close(r->client);
	race_run(r, USEC_SEC);
	CHECK_INT(r->gate.worker.live, 0);
	gate_end(&r->gate);
	buf_free(&r->seen);
	arena_done(&r->keep);
}

void race_run(struct race *r, usec span)
{
	gate_run(&r->gate, span);
}

void race_ask(struct race *r, bool stream, const char *headers)
{
	const char *body =
	        stream ? "{\"model\":\"r\",\"stream\":true,\"max_tokens\":9,"
	                 "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
	               : "{\"model\":\"r\",\"max_tokens\":9,"
	                 "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";

	race_ask_with(r, body, headers);
}

void race_ask_with(struct race *r, const char *body, const char *headers)
{
	struct buf text = BUF_LIMIT(4 * KiB);

	r->client = gate_client(&r->gate);
	buf_addf(&text,
	         "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n%s"
	         "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
	         headers, strlen(body), body);
	sim_send(r->client, buf_str(&text));
	buf_free(&text);
	race_run(r, 0);
}

struct sim_peer *race_accept(struct race *r, unsigned provider)
{
	struct sim_peer *p = sim_accept(r->ports[provider]);
	struct buf request = BUF_LIMIT(64 * KiB);

	if (p)
		sim_recv(p, &request);
	buf_free(&request);
	return p;
}

str race_see(struct race *r)
{
	sim_recv(r->client, &r->seen);
	return buf_str(&r->seen);
}

static struct attempt_row *row_of(struct race *r, uint64_t id)
{
	for (unsigned i = 0; i < r->count; i++) {
		if (r->rows[i].id == id)
			return &r->rows[i];
	}
	if (!CHECK(r->count < RACE_ROWS))
		return &r->rows[0];
	return &r->rows[r->count++];
}

void race_read_rows(struct race *r)
{
	struct journal_record record;

	while (journal_next(r->gate.journal, &record)) {
		struct attempt_row *row;

		/* Texts point into the payload, which will be gone. */
		record.payload = arena_copy(&r->keep, record.payload);
		row = row_of(r, record_id(&record));
		CHECK(record_read(&record, row, arena_new(&r->keep, struct price)));
		r->opened += record.kind == RECORD_OPEN;
		r->closed += record.kind == RECORD_CLOSE;
		r->closing += row->closes && record.kind != RECORD_OPEN;
	}
	journal_retire(r->gate.journal);
	(void)journal_prepare(r->gate.journal);
}

void race_say(struct sim_peer *p, const char *text)
{
	char event[256];
	int n = snprintf(
	        event, sizeof(event),
	        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"}}]}\n\n",
	        text);

	sim_send(p, str_of(event, (size_t)n));
}

void race_finish(struct sim_peer *p)
{
	sim_send(p, STR("data: {\"choices\":[{\"index\":0,\"delta\":{},"
	                "\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"));
}
