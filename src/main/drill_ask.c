/* drill_ask.c - one request as a client of some format sends it, and the answer as it
 * reads it: with the format's own reader, but without any of the gateway. */
#include "main/drill.h"

#include "base/mem.h"
#include "codec/event_stream.h"
#include "codec/json_write.h"
#include "codec/sse.h"
#include "loop/sys.h"
#include "main/post.h"
#include "wire/tap.h"
#include "wire/translate.h"

enum { ANSWER_MOST = 16 * MiB, ERROR_MOST = 4 * KiB, CALLS = 8 };

/* An answer coming in. */
struct reading_answer {
	struct chat_sink sink; /* first */
	const struct drill_ask *ask;
	struct drill_answer *to;
	struct buf body; /* what was not read yet */
	struct sse_reader sse;
	struct aws_scan aws;
	struct chat_reader reader;
	struct tap tap;
	usec began;
	bool is_stream, is_broken, has_end;
	unsigned call_block; /* of the call that is open, + 1 */
	bool is_text[64];    /* by block */
};

/* ---- what it is asked ---- */

/* As OpenAI's clients write it; others are made from it. */
static void write_chat(const struct drill_ask *ask, struct buf *to)
{
	static const char schema[] =
	        "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"},"
	        "\"country\":{\"type\":\"string\"},\"days\":{\"type\":\"integer\"}},"
	        "\"required\":[\"city\",\"country\",\"days\"],"
	        "\"additionalProperties\":false}";
	bool has_tools = str_eq(ask->says, STR("tools"));

	struct json_writer w = { .to = to };

	buf_add(to, STR("{\"model\":"));
	json_str(&w, ask->model);
	buf_addf(to,
	         ",\"stream\":%s,\"max_tokens\":1000,\"messages\":[{\"role\":\"user\","
	         "\"content\":\"This is a drill. What comes is made up.\"}]",
	         ask->stream ? "true" : "false");
	if (has_tools)
		buf_addf(to,
		         ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
		         "\"forecast\",\"description\":\"A drill.\",\"parameters\":%s}}]",
		         schema);
	if (str_eq(ask->says, STR("json")))
		buf_addf(
		        to,
		        ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
		        "\"name\":\"trip\",\"strict\":true,\"schema\":%s}}",
		        schema);
	buf_add(to, STR("}"));
}

static bool write_body(const struct drill_ask *ask, struct buf *to, struct buf *why)
{
	struct buf chat = BUF_LIMIT(64 * KiB);
	struct translation t = { .from = &wire_openai_chat,
		                 .to = ask->wire,
		                 .model = ask->model,
		                 .stream = ask->stream,
		                 .out = to,
		                 .detail = why };
	bool done = true;

	write_chat(ask, &chat);
	if (ask->wire == &wire_openai_chat)
		buf_add(to, buf_str(&chat));
	else
		done = !translate_request(&t, buf_str(&chat));
	buf_free(&chat);
	return done;
}

static void write_path(const struct drill_ask *ask, struct buf *to)
{
	buf_add(to, drill_base_path(ask->wire->format));
	if (ask->wire->write_path)
		ask->wire->write_path(OP_CHAT, ask->model, ask->stream, to);
	else
		buf_add(to, operations[OP_CHAT].path);
}

/* ---- what comes back ---- */

static void open_block(struct reading_answer *in, const struct chat_event *e)
{
	if (e->block < countof(in->is_text))
		in->is_text[e->block] = e->what == CHAT_TEXT;
	if (e->what != CHAT_CALL)
		return;
	buf_addf(&in->to->calls, "%.*s ", STR_ARG(e->name));
	in->call_block = e->block + 1;
}

static void take(struct chat_sink *sink, const struct chat_event *e)
{
	struct reading_answer *in = (struct reading_answer *)sink;

	if (e->choice != 0)
		return;
	switch (e->kind) {
	case CHAT_OPEN:
		open_block(in, e);
		break;
	case CHAT_PIECE:
		if (in->call_block == e->block + 1)
			buf_add(&in->to->calls, e->text);
		else if (e->block < countof(in->is_text) && in->is_text[e->block])
			buf_add(&in->to->text, e->text);
		if (!in->to->first)
			in->to->first = sys_now() - in->began;
		break;
	case CHAT_FINISH:
		in->to->finish = e->finish;
		break;
	case CHAT_FAULT:
		in->to->told = true;
		break;
	case CHAT_END:
		in->has_end = true;
		break;
	default:
		break;
	}
}

static void read_one(struct reading_answer *in, str name, str data)
{
	struct tap_event found;

	wire_tap_event(in->ask->wire, &in->tap, name, data, &found, &in->sink);
	in->is_broken |= found.is_broken;
	in->to->told |= found.is_error;
	if (found.is_error && in->to->error.len == 0)
		buf_add(&in->to->error, str_first(found.message, 512));
}

static void read_events(struct reading_answer *in, str bytes)
{
	struct sse_event event;
	struct aws_frame frame;

	if (in->ask->wire->frames == FRAMES_SSE) {
		while (sse_next(&in->sse, &bytes, &event))
			read_one(in, event.name, event.data);
		return;
	}
	buf_add(&in->body, bytes);
	while (aws_scan(&in->aws, buf_str(&in->body), &frame)) {
		read_one(in, frame.name, frame.payload);
		buf_drop(&in->body, frame.raw.len);
	}
	in->is_broken |= in->aws.why != NULL;
}

static void on_head(void *arg, const struct http_response *head)
{
	struct reading_answer *in = arg;
	str type = http_response_get(head, STR("content-type"));

	in->to->status = head->status;
	in->is_stream = str_starts_nocase(type, STR("text/event-stream")) ||
	                str_starts_nocase(type, STR("application/vnd.amazon"));
}

static void on_body(void *arg, str bytes)
{
	struct reading_answer *in = arg;

	if (in->is_stream)
		read_events(in, bytes);
	else
		buf_add(&in->body, bytes);
}

static void read_whole(struct reading_answer *in)
{
	struct drill_answer *a = in->to;
	str body = buf_str(&in->body), message = STR_NONE;

	if (a->status != 200) {
		message = in->ask->wire->error_message(body);
		buf_add(&a->error, str_first(message, 512));
		a->told = message.len > 0;
		return;
	}
	if (!wire_tap_answer(in->ask->wire, &in->tap, body, &message, &in->sink))
		in->has_end = true;
}

/* The end the format wants, and nothing that says otherwise. */
static void judge(struct reading_answer *in, bool is_whole)
{
	struct drill_answer *a = in->to;

	a->cut = !is_whole;
	if (in->is_stream && is_whole && !in->has_end && !a->told)
		in->has_end = wire_tap_eof(in->ask->wire, &in->tap, &in->sink);
	a->ended = a->status == 200 && in->has_end && !a->told && !in->is_broken &&
	           is_whole && a->finish != FINISH_NONE && a->finish != FINISH_ERROR;
}

static void run(struct reading_answer *in, const struct net_addr *gateway, str path,
                str body)
{
	const struct drill_ask *ask = in->ask;
	struct buf lines = BUF_LIMIT(16 * KiB), why = BUF_LIMIT(ERROR_MOST);
	struct post post = { .to = gateway,
		             .path = path,
		             .body = body,
		             .on_head = on_head,
		             .on_body = on_body,
		             .arg = in };
	bool is_whole;

	buf_addf(&lines, "x-mock-model: %.*s\r\nx-mock-tokens: 120\r\n",
	         STR_ARG(ask->says));
	if (ask->faults.len)
		buf_addf(&lines, "x-mock-fault: %.*s\r\n", STR_ARG(ask->faults));
	if (ask->wire->needed_header.len)
		buf_addf(&lines, "%.*s\r\n", STR_ARG(ask->wire->needed_header));
	post.lines = buf_str(&lines);
	in->began = sys_now();
	is_whole = post_run(&post, &why);
	in->to->total = sys_now() - in->began;
	if (!in->is_stream)
		read_whole(in);
	judge(in, is_whole);
	if (!is_whole && in->to->error.len == 0)
		buf_add(&in->to->error, buf_str(&why));
	buf_free(&lines);
	buf_free(&why);
}

void drill_ask(const struct drill_ask *ask, const struct net_addr *gateway,
               struct drill_answer *ret)
{
	struct buf body = BUF_LIMIT(MiB), path = BUF_LIMIT(4 * KiB);
	struct reading_answer *in = new_of(struct reading_answer);

	*ret = (struct drill_answer){ .text = BUF_LIMIT(ANSWER_MOST),
		                      .calls = BUF_LIMIT(ANSWER_MOST),
		                      .error = BUF_LIMIT(ERROR_MOST) };
	*in = (struct reading_answer){ .sink = { take },
		                       .ask = ask,
		                       .to = ret,
		                       .body = BUF_LIMIT(ANSWER_MOST),
		                       .sse = { .limit = ANSWER_MOST },
		                       .tap = { .choices = 1 } };
	in->reader.operation = in->tap.operation = OP_CHAT;
	in->tap.reader = &in->reader;
	write_path(ask, &path);
	if (write_body(ask, &body, &ret->error))
		run(in, gateway, buf_str(&path), buf_str(&body));
	sse_done(&in->sse);
	buf_free(&in->body);
	buf_free(&body);
	buf_free(&path);
	free(in);
}

void drill_answer_done(struct drill_answer *a)
{
	buf_free(&a->text);
	buf_free(&a->calls);
	buf_free(&a->error);
}

bool drill_same(const struct drill_answer *a, const struct drill_answer *b)
{
	return a->ended && b->ended && a->finish == b->finish &&
	       str_eq(buf_str(&a->text), buf_str(&b->text)) &&
	       str_eq(buf_str(&a->calls), buf_str(&b->calls));
}
