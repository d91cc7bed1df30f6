/* speak.c - what the six formats of streams have in common, and their errors. */
#include "tests/enum/speech.h"

#include "base/assert.h"

#include <zlib.h>

void speech_end_event(struct stream *to, const char *type)
{
	uint32_t hash = (uint32_t)str_hash(str_from_z(type));

	assert(to->count < EVENTS_MOST);
	to->is_new[to->count] = true;
	for (unsigned i = 0; i < to->type_count; i++) {
		if (to->types[i] == hash)
			to->is_new[to->count] = false;
	}
	if (to->is_new[to->count] && to->type_count < 64)
		to->types[to->type_count++] = hash;
	to->ends[to->count++] = to->body.len;
}

static void add_be(struct buf *to, uint32_t n, int bytes)
{
	while (bytes-- > 0)
		buf_add_char(to, (char)(n >> (8 * bytes)));
}

static void add_header(struct buf *to, str name, str value)
{
	buf_add_char(to, (char)name.len);
	buf_add(to, name);
	buf_add_char(to, 7);
	add_be(to, (uint32_t)value.len, 2);
	buf_add(to, value);
}

static uint32_t crc_of(const char *bytes, size_t len)
{
	return (uint32_t)crc32(0, (const unsigned char *)bytes, (unsigned)len);
}

void speech_frame(struct buf *to, str kind, str what, str type, str payload)
{
	struct buf headers = BUF_LIMIT(4 * KiB);
	size_t at = to->len;

	add_header(&headers, what, type);
	add_header(&headers, STR(":content-type"), STR("application/json"));
	add_header(&headers, STR(":message-type"), kind);
	add_be(to, (uint32_t)(16 + headers.len + payload.len), 4);
	add_be(to, (uint32_t)headers.len, 4);
	add_be(to, crc_of(to->ptr + at, 8), 4);
	buf_add(to, buf_str(&headers));
	buf_add(to, payload);
	add_be(to, crc_of(to->ptr + at, to->len - at), 4);
	buf_free(&headers);
}

/* The event whose JSON stands in s->json. */
void speech_event(struct speech *s, const char *name, const char *type)
{
	struct buf *body = &s->to->body;

	if (name)
		buf_addf(body, "event: %s\n", name);
	buf_addf(body, "data: %.*s\n\n", STR_ARG(buf_str(&s->json)));
	speech_end_event(s->to, type);
	buf_clear(&s->json);
}

/* The next piece of a text, whole code points. */
str speech_piece(struct speech *s, str *text)
{
	unsigned most = s->a->piece ? s->a->piece : 9;

	s->random = s->random * 1103515245 + 12345;
	return str_take(text, code_points(*text, 1 + (s->random >> 16) % (2 * most - 1)));
}

void speech_text(struct speech *s, str text)
{
	add_escaped(&s->json, text, s->m->ascii);
}

/* ---- all of them ---- */

static void (*const speakers[FORMATS])(struct speech *s) = {
	[CHAT] = speak_chat,           [RESPONSES] = speak_responses,
	[ANTHROPIC] = speak_anthropic, [GEMINI] = speak_gemini,
	[BEDROCK] = speak_bedrock,     [COHERE] = speak_cohere,
};

void speak(enum format f, const struct answer *a, const struct manner *m,
           struct stream *to)
{
	struct speech s = { .to = to, .a = a, .m = m, .json = BUF_LIMIT(256 * KiB) };

	s.random = 7 + m->attempt;
	buf_clear(&to->body);
	to->body.limit = MiB;
	to->count = to->type_count = 0;
	speakers[f](&s);
	assert(!to->body.over);
	buf_free(&s.json);
}

void stream_free(struct stream *s)
{
	buf_free(&s->body);
}

void speak_error(enum format f, unsigned number, struct buf *to)
{
	switch (f) {
	case CHAT:
		buf_add(to,
		        STR("data: {\"error\":{\"message\":\"The engine is overloaded\","
		            "\"type\":\"server_error\",\"param\":null,\"code\":null}}"
		            "\n\n"));
		break;
	case RESPONSES:
		buf_addf(to,
		         "event: error\ndata: {\"type\":\"error\",\"sequence_number\":%u,"
		         "\"error\":{\"type\":\"server_error\",\"code\":\"server_error\","
		         "\"message\":\"The engine is overloaded\",\"param\":null}}\n\n",
		         number);
		break;
	case ANTHROPIC:
		buf_add(to,
		        STR("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
		            "\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"));
		break;
	case GEMINI:
		buf_add(to,
		        STR("data: {\"error\":{\"code\":503,\"message\":\"The model is "
		            "overloaded\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n"));
		break;
	case BEDROCK:
		speech_frame(to, STR("exception"), STR(":exception-type"),
		             STR("serviceUnavailableException"),
		             STR("{\"message\":\"The service is unavailable\"}"));
		break;
	case COHERE:
		buf_add(to, STR("event: message-end\ndata: "
		                "{\"type\":\"message-end\",\"delta\":{"
		                "\"finish_reason\":\"ERROR\",\"error\":\"overloaded\"}}"
		                "\n\n"));
		break;
	case FORMATS:
		break;
	}
}

void speak_refusal(enum format f, struct buf *to)
{
	str what = STR("This model does not support assistant message prefill. The "
	               "conversation must end with a user message.");

	switch (f) {
	case CHAT:
	case RESPONSES:
		buf_addf(to,
		         "{\"error\":{\"message\":\"%.*s\",\"type\":\"invalid_request_"
		         "error\","
		         "\"param\":\"messages\",\"code\":null}}",
		         STR_ARG(what));
		break;
	case ANTHROPIC:
		buf_addf(to,
		         "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_"
		         "error\","
		         "\"message\":\"%.*s\"}}",
		         STR_ARG(what));
		break;
	case GEMINI:
		buf_addf(to,
		         "{\"error\":{\"code\":400,\"message\":\"%.*s\",\"status\":"
		         "\"INVALID_ARGUMENT\"}}",
		         STR_ARG(what));
		break;
	case BEDROCK:
	case COHERE:
		buf_addf(to, "{\"message\":\"%.*s\"}", STR_ARG(what));
		break;
	case FORMATS:
		break;
	}
}

str stream_type(enum format f)
{
	return f == BEDROCK ? STR("application/vnd.amazon.eventstream")
	                    : STR("text/event-stream; charset=utf-8");
}
