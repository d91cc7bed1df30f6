/* resume_formats_sim_test.c - whatever the client speaks, whoever dies, whoever goes on.
 *
 * For each format of the client, of the provider that dies and of the one that goes on: a
 * cut behind every event.  The client's transcript is folded by the reader of its format,
 * and what must be true of any stream of that format is checked beside it, event by
 * event. */
#include "codec/event_stream.h"
#include "http/body.h"
#include "tests/sim/gate.h"
#include "wire/emit.h"
#include "wire/seam.h"
#include "wire/wire.h"

#include <stdio.h>

enum { FORMATS = 6, PIECES = 4 };

static const enum wire_format formats[FORMATS] = {
	WIRE_OPENAI_CHAT, WIRE_OPENAI_RESPONSES, WIRE_ANTHROPIC,
	WIRE_GEMINI,      WIRE_BEDROCK,          WIRE_COHERE
};
static const char *const pieces[PIECES] = { "Once there was a quick ", "brown fox, ",
	                                    "who jumped \\u00fc", "ber the lazy dog." };
static const char plain[] = "Once there was a quick brown fox, who jumped \xc3\xbc"
                            "ber the lazy dog.";

/* ---- streams ---- */

struct stream {
	struct buf bytes;
	size_t ends[64]; /* of its events */
	unsigned count;
};

static void stream_done(struct stream *s)
{
	buf_free(&s->bytes);
}

static void find_events(struct stream *s, bool is_aws)
{
	str rest = buf_str(&s->bytes);

	while (rest.len && s->count < countof(s->ends)) {
		size_t n;

		if (is_aws) {
			const unsigned char *b = (const unsigned char *)rest.ptr;

			n = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 |
			    b[3];
		} else {
			n = str_find_str(rest, STR("\n\n")) + 2;
		}
		rest = str_from(rest, n);
		s->ends[s->count++] = (size_t)(rest.ptr - s->bytes.ptr);
	}
}

/* An answer of these texts, as a provider of that format would say it. */
static void make_stream(struct stream *s, const struct wire *wire, const char *seed,
                        const str *texts, unsigned count, bool finishes)
{
	struct emitter e;
	struct chat_event ev = { .kind = CHAT_OPEN, .what = CHAT_TEXT };

	*s = (struct stream){ .bytes = BUF_LIMIT(MiB) };
	emit_init(&e, wire->emit, &s->bytes, true);
	e.format = wire->format;
	e.seed = str_from_z(seed);
	e.model = STR("the-model");
	e.created = 1700000000;
	chat_push(&e.sink, &ev);
	for (unsigned i = 0; i < count; i++) {
		ev = (struct chat_event){ .kind = CHAT_PIECE, .text = texts[i] };
		chat_push(&e.sink, &ev);
	}
	if (finishes) {
		ev = (struct chat_event){ .kind = CHAT_FINISH, .finish = FINISH_STOP };
		chat_push(&e.sink, &ev);
		ev = (struct chat_event){ .kind = CHAT_USAGE,
			                  .usage = { .input = 40, .output = 20 } };
		chat_push(&e.sink, &ev);
		ev = (struct chat_event){ .kind = CHAT_END };
		chat_push(&e.sink, &ev);
	}
	emit_done(&e);
	find_events(s, wire->frames == FRAMES_AWS);
}

/* ---- a transcript ---- */

struct judged {
	struct chat_sink sink;
	struct buf text;
	unsigned finishes, ends, faults, usages;
	struct token_usage usage;
	/* of the format */
	int64_t number; /* the next one */
	int open;       /* index of the open block, or -1 */
	int next;       /* index of the next block */
	unsigned starts;
	char id[80], item[80];
	bool is_broken, is_cut;
	char why[80];
};

static void take(struct chat_sink *sink, const struct chat_event *e)
{
	struct judged *j = container_of(sink, struct judged, sink);

	if (e->kind == CHAT_PIECE)
		jchars_plain(e->text, &j->text);
	j->finishes += e->kind == CHAT_FINISH;
	j->ends += e->kind == CHAT_END;
	j->faults += e->kind == CHAT_FAULT;
	if (e->kind == CHAT_USAGE) {
		j->usages++;
		j->usage = e->usage;
	}
}

static void broken(struct judged *j, const char *why)
{
	if (!j->is_broken)
		snprintf(j->why, sizeof(j->why), "%s", why);
	j->is_broken = true;
}

/* The same in every event that has it. */
static void same(struct judged *j, char *kept, struct json_value v, const char *why)
{
	char text[80] = { 0 };

	if (v.type != JSON_STRING)
		return;
	snprintf(text, sizeof(text), "%.*s", (int)v.raw.len, v.raw.ptr);
	if (kept[0] && strcmp(kept, text))
		broken(j, why);
	memcpy(kept, text, sizeof(text));
}

static void look_at_block(struct judged *j, str type, struct json_value index)
{
	uint64_t n = 0;

	json_u64(index, &n);
	if (str_eq(type, STR("start"))) {
		if (j->open >= 0 || (int)n != j->next)
			broken(j, "a block begins out of turn");
		j->open = (int)n;
		j->next = (int)n + 1;
	} else if (str_eq(type, STR("delta"))) {
		if (j->open != (int)n)
			broken(j, "a delta of no open block");
	} else {
		if (j->open != (int)n)
			broken(j, "a block ends that is not open");
		j->open = -1;
	}
}

static void look_at_openai(struct judged *j, str name, struct json_value root)
{
	(void)name;
	if (json_get(root, STR("error")).type != JSON_NONE)
		return;
	if (json_get(root, STR("id")).type != JSON_STRING)
		broken(j, "no id");
	same(j, j->id, json_get(root, STR("id")), "another id");
	same(j, j->item, json_get(root, STR("model")), "another model");
}

static void look_at_responses(struct judged *j, str name, struct json_value root)
{
	uint64_t number = 0, item = 0;
	struct json_value type = json_get(root, STR("type"));

	json_u64(json_get(root, STR("sequence_number")), &number);
	if ((int64_t)number != j->number)
		broken(j, "numbers are not in order");
	j->number = (int64_t)number + 1;
	same(j, j->id, json_path(root, "response.id"), "another id");
	j->starts += json_text_is(type, STR("response.created"));
	if (!json_text_is(type, STR("response.output_item.added")) &&
	    !json_text_is(type, STR("response.output_item.done")) &&
	    json_get(root, STR("output_index")).type == JSON_NONE)
		return;
	json_u64(json_get(root, STR("output_index")), &item);
	if (json_text_is(type, STR("response.output_item.added"))) {
		if ((int)item != j->next || j->open >= 0)
			broken(j, "an item begins out of turn");
		j->open = (int)item;
		j->next = (int)item + 1;
		j->item[0] = 0;
		same(j, j->item, json_path(root, "item.id"), "");
		return;
	}
	if (j->open != (int)item)
		broken(j, "an event of no open item");
	same(j, j->item, json_get(root, STR("item_id")), "another item id");
	same(j, j->item, json_path(root, "item.id"), "another item's end");
	if (json_text_is(type, STR("response.output_item.done")))
		j->open = -1;
}

static void look_at_anthropic(struct judged *j, str name, struct json_value root)
{
	struct json_value type = json_get(root, STR("type"));

	j->starts += json_text_is(type, STR("message_start"));
	if (!json_text_is(type, name))
		broken(j, "the name is not the type");
	if (json_text_is(type, STR("message_stop")) && j->open >= 0)
		broken(j, "a block is open at the end");
	if (json_text_is(type, STR("content_block_start")))
		look_at_block(j, STR("start"), json_get(root, STR("index")));
	else if (json_text_is(type, STR("content_block_delta")))
		look_at_block(j, STR("delta"), json_get(root, STR("index")));
	else if (json_text_is(type, STR("content_block_stop")))
		look_at_block(j, STR("stop"), json_get(root, STR("index")));
}

static void look_at_gemini(struct judged *j, str name, struct json_value root)
{
	if (json_get(root, STR("error")).type != JSON_NONE)
		return;
	if (json_get(root, STR("responseId")).type != JSON_STRING)
		broken(j, "no id");
	same(j, j->id, json_get(root, STR("responseId")), "another id");
	same(j, j->item, json_get(root, STR("modelVersion")), "another model");
}

static void look_at_bedrock(struct judged *j, str name, struct json_value root)
{
	struct json_value index = json_get(root, STR("contentBlockIndex"));
	uint64_t n = 0;

	json_u64(index, &n);
	j->starts += str_eq(name, STR("messageStart"));
	if (str_eq(name, STR("messageStop")) && j->open >= 0)
		broken(j, "a block is open at the end");
	/* Texts have no start of their own. */
	if (str_eq(name, STR("contentBlockDelta")) && j->open < 0)
		look_at_block(j, STR("start"), index);
	if (str_eq(name, STR("contentBlockDelta")))
		look_at_block(j, STR("delta"), index);
	else if (str_eq(name, STR("contentBlockStop")))
		look_at_block(j, STR("stop"), index);
}

static void look_at_cohere(struct judged *j, str name, struct json_value root)
{
	struct json_value type = json_get(root, STR("type"));

	j->starts += json_text_is(type, STR("message-start"));
	if (json_text_is(type, STR("message-end")) && j->open >= 0 &&
	    !json_text_is(json_path(root, "delta.finish_reason"), STR("ERROR")))
		broken(j, "a block is open at the end");
	if (json_text_is(type, STR("content-start")))
		look_at_block(j, STR("start"), json_get(root, STR("index")));
	else if (json_text_is(type, STR("content-delta")))
		look_at_block(j, STR("delta"), json_get(root, STR("index")));
	else if (json_text_is(type, STR("content-end")))
		look_at_block(j, STR("stop"), json_get(root, STR("index")));
}

static void (*const look_at[])(struct judged *j, str name, struct json_value root) = {
	[WIRE_OPENAI_CHAT] = look_at_openai,  [WIRE_OPENAI_RESPONSES] = look_at_responses,
	[WIRE_ANTHROPIC] = look_at_anthropic, [WIRE_GEMINI] = look_at_gemini,
	[WIRE_BEDROCK] = look_at_bedrock,     [WIRE_COHERE] = look_at_cohere,
};

static void judge_event(struct judged *j, const struct wire *wire, struct chat_reader *rd,
                        str name, str data)
{
	struct json_value root;

	if (str_eq(data, STR("[DONE]"))) {
		if (wire->format == WIRE_OPENAI_CHAT)
			wire->read_event(rd, name, data, &j->sink);
		return;
	}
	if (json_check(data, &json_limits_default, &root)) {
		broken(j, "no JSON");
		return;
	}
	if (wire->read_event(rd, name, data, &j->sink))
		broken(j, "not of its format");
	look_at[wire->format](j, name, root);
}

static void judge(struct judged *j, const struct wire *wire, struct buf *seen)
{
	struct chat_reader rd = { .operation = OP_CHAT };
	struct http_response res;
	struct http_body body;
	size_t looked = 0, head = 0, len = 0, used = 0;
	str rest;

	*j = (struct judged){ .sink = { take }, .text = BUF_LIMIT(MiB), .open = -1 };
	if (http_head_end(buf_str(seen), &http_limits_default, false, &looked, &head) ||
	    !head || http_response_parse(str_of(seen->ptr, head), &res)) {
		broken(j, "no head");
		return;
	}
	http_body_init(&body, res.body, res.length, false);
	if (http_body_take(&body, seen->ptr + head, seen->ptr + head, seen->len - head,
	                   &len, &used) ||
	    !body.done)
		j->is_cut = true;
	rest = str_of(seen->ptr + head, len);
	if (wire->format == WIRE_GEMINI && str_starts(rest, STR("["))) {
		struct json_value root = { 0 };
		struct json_member m;

		if (json_check(rest, &json_limits_default, &root))
			broken(j, "no JSON array");
		for (struct json_iter it = json_iter(root); json_next(&it, &m);)
			judge_event(j, wire, &rd, STR_NONE, m.value.raw);
		rest = STR_NONE;
	} else if (wire->frames == FRAMES_AWS) {
		struct aws_scan scan = { 0 };
		struct aws_frame frame;

		while (aws_scan(&scan, rest, &frame)) {
			judge_event(j, wire, &rd, frame.name, frame.payload);
			rest = str_from(rest, frame.raw.len);
		}
	} else {
		struct sse_scan scan = { 0 };
		struct sse_found event;

		while (sse_scan(&scan, rest, &event)) {
			if (event.has_data)
				judge_event(j, wire, &rd, event.name, event.data);
			rest = str_from(rest, event.raw.len);
			scan.seen = 0;
		}
	}
	if (rest.len)
		broken(j, "half an event");
	if (!j->faults && !j->ends && wire->read_eof(&rd, &j->sink))
		j->ends += j->ends == 0;
}

/* ---- the world ---- */

struct world {
	struct gate gate;
	struct sim_port *first[FORMATS], *second[FORMATS];
};

static bool world_begin(struct world *w)
{
	struct buf config = BUF_LIMIT(64 * KiB);
	bool ok;

	*w = (struct world){ 0 };
	buf_add(&config, STR("version: 1\nauth: open\nworkers: 1\ndata: /dev/null/none\n"
	                     "providers:\n"));
	for (unsigned i = 0; i < FORMATS; i++) {
		str name = wire_format_name(formats[i]);

		for (unsigned n = 1; n <= 2; n++)
			buf_addf(&config,
			         "  p%u%u: { format: %.*s, url: "
			         "\"http://10.0.%u.%u:80/v1\", "
			         "auth: bearer, key: aaaaaaaaaaaaaaaa }\n",
			         i, n, STR_ARG(name), i, n);
	}
	buf_add(&config, STR("routes:\n"));
	for (unsigned a = 0; a < FORMATS; a++) {
		for (unsigned b = 0; b < FORMATS; b++)
			buf_addf(&config, "  r%u%u: { targets: [p%u1/m, p%u2/m] }\n", a,
			         b, a, b);
	}
	ok = gate_begin(&w->gate, 1, buf_z(&config));
	buf_free(&config);
	for (unsigned i = 0; i < FORMATS; i++) {
		char at[32];

		snprintf(at, sizeof(at), "10.0.%u.1:80", i);
		w->first[i] = gate_listen(at);
		snprintf(at, sizeof(at), "10.0.%u.2:80", i);
		w->second[i] = gate_listen(at);
	}
	return ok;
}

static struct sim_peer *ask(struct world *w, enum wire_format format, unsigned a,
                            unsigned b, bool as_array, const char *headers)
{
	static const struct {
		const char *path, *body;
	} asks[] = {
		[WIRE_OPENAI_CHAT] = { "/v1/chat/completions",
		                       "{\"model\":\"r%u%u\",\"stream\":true,"
		                       "\"messages\":[{"
		                       "\"role\":\"user\",\"content\":\"tell me\"}]}" },
		[WIRE_OPENAI_RESPONSES] = { "/v1/responses", "{\"model\":\"r%u%u\","
		                                             "\"stream\":true,\"input\":"
		                                             "\"tell me\"}" },
		[WIRE_ANTHROPIC] = { "/v1/messages", "{\"model\":\"r%u%u\",\"stream\":"
		                                     "true,\"max_tokens\":1000,"
		                                     "\"messages\":[{\"role\":\"user\","
		                                     "\"content\":\"tell "
		                                     "me\"}]}" },
		[WIRE_GEMINI] = { "/v1beta/models/r%u%u:streamGenerateContent?alt=sse",
		                  "{\"contents\":[{\"role\":\"user\",\"parts\":[{"
		                  "\"text\":\"tell "
		                  "me\"}]}]}" },
		[WIRE_BEDROCK] = { "/model/r%u%u/converse-stream",
		                   "{\"messages\":[{\"role\":\"user\",\"content\":[{"
		                   "\"text\":"
		                   "\"tell me\"}]}]}" },
		[WIRE_COHERE] = { "/v2/chat",
		                  "{\"model\":\"r%u%u\",\"stream\":true,\"messages\":[{"
		                  "\"role\":\"user\",\"content\":\"tell me\"}]}" },
	};
	struct sim_peer *client = gate_client(&w->gate);
	struct buf text = BUF_LIMIT(8 * KiB), body = BUF_LIMIT(4 * KiB);
	char path[100];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(path, sizeof(path), asks[format].path, a, b);
	buf_addf(&body, asks[format].body, a, b);
	if (as_array)
		*strchr(path, '?') = 0;
#pragma GCC diagnostic pop
	buf_addf(&text,
	         "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
	         "application/json\r\n%s"
	         "Content-Length: %zu\r\n\r\n",
	         path, headers, body.len);
	buf_add(&text, buf_str(&body));
	sim_send(client, buf_str(&text));
	gate_run(&w->gate, USEC_SEC);
	buf_free(&text);
	buf_free(&body);
	return client;
}

/* How a stream that is cut ends. */
enum death { BY_FIN, BY_RST, BY_ERROR, BY_SILENCE, DEATHS };

static void answer(struct world *w, struct sim_peer *p, const struct wire *wire,
                   str bytes, enum death how)
{
	struct buf request = BUF_LIMIT(MiB), error = BUF_LIMIT(16 * KiB);

	sim_recv(p, &request);
	sim_send(p, STR("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: "));
	sim_send(p, wire->frames == FRAMES_AWS
	                    ? STR("application/vnd.amazon.eventstream\r\n\r\n")
	                    : STR("text/event-stream\r\n\r\n"));
	sim_send(p, bytes);
	gate_run(&w->gate, 0);
	if (how == BY_ERROR) {
		wire->write_stream_fault(&error, FAULT_UPSTREAM_BUSY, STR("busy"));
		sim_send(p, buf_str(&error));
	}
	gate_run(&w->gate, how == BY_SILENCE ? 30 * USEC_SEC : 0);
	if (how == BY_RST)
		sim_rst(p);
	sim_close(p);
	gate_run(&w->gate, USEC_SEC);
	buf_free(&request);
	buf_free(&error);
}

struct combination {
	unsigned client, a, b;
	bool is_wrong; /* the other one says something else */
	bool as_array; /* Gemini's other stream */
	unsigned resumed, failed;
};

static void drain(struct world *w)
{
	struct journal_record record;

	while (journal_next(w->gate.journal, &record))
		;
	journal_retire(w->gate.journal);
	(void)journal_prepare(w->gate.journal);
}

/* b's answer to the request for the rest. */
static void make_rest(struct stream *s, const struct wire *wire, str p, bool is_wrong)
{
	char rest[400], tail[400];
	str anchor = seam_anchor(p), texts[2];

	if (is_wrong)
		anchor = STR("Sure, here is the rest: ");
	else if (!anchor.len)
		anchor = p;
	snprintf(tail, sizeof(tail), "%.*s", (int)anchor.len, anchor.ptr);
	snprintf(rest, sizeof(rest), "%s", plain + p.len);
	texts[0] = str_from_z(tail);
	texts[1] = str_from_z(rest);
	make_stream(s, wire, "bbbbbbbb", texts, 2, true);
}

static void check(const struct combination *c, unsigned cut, const struct judged *j,
                  bool fails, str p, str seen)
{
	/* Gemini's clients do not read error events: an answer that failed has no end. */
	bool is_ok = !j->is_broken && j->starts <= 1 &&
	             j->is_cut == (fails && formats[c->client] == WIRE_GEMINI);

	if (fails)
		is_ok &= j->faults == 1 && j->finishes == 0 &&
		         str_eq(buf_str(&j->text), p);
	else
		is_ok &= j->faults == 0 && j->finishes == 1 && j->ends == 1 &&
		         str_eq(buf_str(&j->text), str_from_z(plain));
	if (!is_ok)
		check_failed(
		        __FILE__, __LINE__,
		        "client %u, %u then %u, cut %u%s: %s, text '%.*s', finishes %u, "
		        "ends %u, faults %u, starts %u\n%.*s",
		        c->client, c->a, c->b, cut, c->is_wrong ? ", wrong" : "",
		        j->is_broken ? j->why : "", STR_ARG(buf_str(&j->text)),
		        j->finishes, j->ends, j->faults, j->starts, STR_ARG(seen));
}

/* Whoever has been dialled. */
static struct sim_peer *accept_any(struct world *w, const struct wire **ret_wire)
{
	for (unsigned i = 0; i < FORMATS; i++) {
		struct sim_peer *p = sim_accept(w->first[i]);

		if (!p)
			p = sim_accept(w->second[i]);
		*ret_wire = wire_of(formats[i]);
		if (p)
			return p;
	}
	return NULL;
}

/* The text the client has so far. */
static void text_so_far(const struct wire *client, const struct buf *seen, struct buf *to)
{
	struct buf copy = BUF_LIMIT(MiB);
	struct judged j;

	buf_add(&copy, buf_str(seen));
	buf_clear(to);
	if (copy.len) {
		judge(&j, client, &copy);
		buf_add(to, buf_str(&j.text));
		buf_free(&j.text);
	}
	buf_free(&copy);
}

/* The first dies behind `cut` events; the next one, if `again` is not 0, behind so many.
 */
static void try_cut_in(struct world *w, struct combination *c, const struct stream *s,
                       unsigned cut, unsigned again)
{
	const struct wire *client = wire_of(formats[c->client]), *wire;
	struct buf p = BUF_LIMIT(KiB), seen = BUF_LIMIT(MiB), copy = BUF_LIMIT(MiB);
	str bytes = str_first(buf_str(&s->bytes), cut ? s->ends[cut - 1] : 0);
	struct sim_peer *from = ask(w, client->format, c->a, c->b, c->as_array, ""),
	                *peer;
	enum death how = (enum death)((cut + again + c->a + c->b) % DEATHS);
	unsigned attempts = 0;
	struct stream rest;
	struct judged j;

	while ((peer = accept_any(w, &wire)) && CHECK(attempts < 5)) {
		if (++attempts == 1) {
			answer(w, peer, wire, bytes, how);
			continue;
		}
		sim_recv(from, &seen);
		text_so_far(client, &seen, &p);
		make_rest(&rest, wire, buf_str(&p), c->is_wrong && p.len);
		if (attempts == 2 && again && again < rest.count)
			answer(w, peer, wire,
			       str_first(buf_str(&rest.bytes), rest.ends[again - 1]),
			       how);
		else
			answer(w, peer, wire, buf_str(&rest.bytes), BY_FIN);
		stream_done(&rest);
	}
	sim_recv(from, &seen);
	text_so_far(client, &seen, &p);
	buf_add(&copy, buf_str(&seen));
	judge(&j, client, &seen);
	c->resumed += attempts > 1 && p.len && !j.faults;
	c->failed += j.faults > 0;
	check(c, cut, &j, c->is_wrong && attempts > 1 && j.faults, buf_str(&p),
	      buf_str(&copy));
	/* Who says something else is never believed. */
	if (c->is_wrong && attempts > 1 && !j.faults)
		CHECK_STR_EQ(buf_str(&j.text), str_from_z(plain));
	sim_close(from);
	gate_run(&w->gate, 2 * USEC_SEC);
	CHECK_INT(w->gate.worker.live, 0);
	drain(w);
	buf_free(&j.text);
	buf_free(&p);
	buf_free(&seen);
	buf_free(&copy);
}

/* Providers remember how they failed, so each time it is a world of its own. */
static void try_cut(struct combination *c, const struct stream *s, unsigned cut,
                    unsigned again)
{
	struct world w;

	if (world_begin(&w)) {
		try_cut_in(&w, c, s, cut, again);
		gate_end(&w.gate);
	}
}

static void enumerate(unsigned client, bool is_wrong)
{
	struct combination c = { .client = client, .is_wrong = is_wrong };
	str texts[PIECES];

	for (unsigned i = 0; i < PIECES; i++)
		texts[i] = str_from_z(pieces[i]);
	for (c.a = 0; c.a < FORMATS; c.a++) {
		struct stream s;

		make_stream(&s, wire_of(formats[c.a]), "aaaaaaaa", texts, PIECES, true);
		for (c.b = 0; c.b < FORMATS; c.b++) {
			for (unsigned cut = 0; cut <= s.count; cut++)
				try_cut(&c, &s, cut, 0);
			for (unsigned again = 1; !is_wrong && again < 12; again++)
				try_cut(&c, &s, s.count / 2, again);
		}
		stream_done(&s);
	}
	/* Both happen, or the enumeration has missed its point. */
	CHECK(is_wrong ? c.failed > 100 : c.resumed > 100);
}

TEST(resume_for_a_client_of_gemini_arrays)
{
	struct combination c = { .client = 3, .as_array = true };
	str texts[PIECES];

	for (unsigned i = 0; i < PIECES; i++)
		texts[i] = str_from_z(pieces[i]);
	for (c.a = 2; c.a < 4; c.a++) {
		struct stream s;

		make_stream(&s, wire_of(formats[c.a]), "aaaaaaaa", texts, PIECES, true);
		for (c.b = 0; c.b < FORMATS; c.b++) {
			for (unsigned cut = 0; cut <= s.count; cut++)
				try_cut(&c, &s, cut, 0);
		}
		stream_done(&s);
	}
	CHECK(c.resumed > 30);
}

/* Nobody goes on and no log is kept: the error is still of that answer, and the next. */
TEST(an_error_in_responses_has_the_next_number)
{
	const struct wire *wire = wire_of(WIRE_OPENAI_RESPONSES);
	str text = str_from_z(pieces[0]);
	struct stream s;

	make_stream(&s, wire, "aaaaaaaa", &text, 1, true);
	for (unsigned cut = 5; cut < s.count; cut++) {
		/* An error of its own has its own number. */
		enum death how = cut % 2 ? BY_FIN : BY_SILENCE;
		struct buf seen = BUF_LIMIT(MiB);
		const struct wire *asked;
		struct sim_peer *from, *peer;
		struct judged j;
		struct world w;

		if (!world_begin(&w))
			break;
		from = ask(&w, wire->format, 1, 1, false, "x-sluice-resume: off\r\n");
		peer = accept_any(&w, &asked);
		if (CHECK(peer))
			answer(&w, peer, wire,
			       str_first(buf_str(&s.bytes), s.ends[cut - 1]), how);
		CHECK(!accept_any(&w, &asked));
		sim_recv(from, &seen);
		judge(&j, wire, &seen);
		CHECK_STR_EQ(str_from_z(j.why), STR_NONE);
		CHECK_INT(j.faults, 1);
		sim_close(from);
		gate_run(&w.gate, 2 * USEC_SEC);
		buf_free(&j.text);
		buf_free(&seen);
		gate_end(&w.gate);
	}
	stream_done(&s);
}

#define FORMAT_TEST(name, n)                                                             \
	TEST(resume_for_a_client_of_##name)                                              \
	{                                                                                \
		enumerate(n, false);                                                     \
	}                                                                                \
	TEST(resume_not_proven_for_a_client_of_##name)                                   \
	{                                                                                \
		enumerate(n, true);                                                      \
	}

FORMAT_TEST(openai_chat, 0)
FORMAT_TEST(openai_responses, 1)
FORMAT_TEST(anthropic, 2)
FORMAT_TEST(gemini, 3)
FORMAT_TEST(bedrock, 4)
FORMAT_TEST(cohere, 5)
