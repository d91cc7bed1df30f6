/* script_other.c - the same answers in two other formats, for what is translated: server-
 * sent events with names, and the binary frames of Bedrock.  Texts are numbered as in
 * script.c, so the client finds what was lost on the way through another format. */
#include "script.h"

#include <stdarg.h>

struct text {
	size_t len;
	char ptr[8192];
};

static const char answer[] =
        "The lock raises the boat by letting water in from above until both levels "
        "agree;\\nthen the upper gate opens without effort. \\\"Patience\\\" is the "
        "whole "
        "mechanism.";

static void add_bytes(struct text *to, const void *ptr, size_t len)
{
	if (len > sizeof to->ptr - to->len)
		die_usage("a text of the script is longer than its buffer");
	memcpy(to->ptr + to->len, ptr, len);
	to->len += len;
}

/* clang-format off */
__attribute__((format(printf, 2, 3)))
static void add(struct text *to, const char *format, ...)
/* clang-format on */
{
	char text[4096];
	va_list values;

	va_start(values, format);
	int len = vsnprintf(text, sizeof text, format, values);
	va_end(values);
	if (len < 0 || (size_t)len >= sizeof text)
		die_usage("a text of the script is longer than its buffer");
	add_bytes(to, text, (size_t)len);
}

static struct bytes keep(const struct text *text)
{
	char *copy = malloc(text->len);

	if (!copy)
		die("malloc");
	memcpy(copy, text->ptr, text->len);
	return (struct bytes){ copy, text->len };
}

static void add_head(struct text *to, const char *type, size_t length)
{
	add(to,
	    "HTTP/1.1 200 OK\r\nDate: Thu, 09 Oct 2025 12:00:00 GMT\r\nContent-Type: "
	    "%s\r\n",
	    type);
	if (length)
		add(to, "Content-Length: %zu\r\n", length);
	else
		add(to, "Transfer-Encoding: chunked\r\n");
	add(to, "Connection: keep-alive\r\nrequest-id: req_011CTxYzBenchBenchBenchQ\r\n"
	        "server: bench\r\nvia: 1.1 bench\r\nx-should-retry: false\r\n\r\n");
}

static void add_chunk(struct text *to, const struct text *data)
{
	add(to, "%zx\r\n", data->len);
	add_bytes(to, data->ptr, data->len);
	add(to, "\r\n");
}

/* ---- frames ---- */

static uint32_t crc32_of(const char *ptr, size_t len)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < len; i++) {
		crc ^= (unsigned char)ptr[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static void add_u32(struct text *to, uint32_t value)
{
	value = htonl(value);
	add_bytes(to, &value, 4);
}

static void add_header(struct text *to, const char *name, const char *value)
{
	size_t len = strlen(value);

	add(to, "%c%s%c%c%c", (char)strlen(name), name, 7, (char)(len >> 8), (char)len);
	add_bytes(to, value, len);
}

static void add_frame(struct text *to, const char *event, const char *payload)
{
	struct text frame = { 0 }, headers = { 0 };

	add_header(&headers, ":event-type", event);
	add_header(&headers, ":content-type", "application/json");
	add_header(&headers, ":message-type", "event");
	add_u32(&frame, (uint32_t)(16 + headers.len + strlen(payload)));
	add_u32(&frame, (uint32_t)headers.len);
	add_u32(&frame, crc32_of(frame.ptr, 8));
	add_bytes(&frame, headers.ptr, headers.len);
	add_bytes(&frame, payload, strlen(payload));
	add_u32(&frame, crc32_of(frame.ptr, frame.len));
	add_chunk(to, &frame);
}

/* ---- the two formats ---- */

static void add_named(struct text *to, const char *event, const char *payload)
{
	struct text data = { 0 };

	add(&data, "event: %s\ndata: %s\n\n", event, payload);
	add_chunk(to, &data);
}

/* The pattern with a text for '@' and a number for '#'. */
static void add_filled(struct text *to, const char *pattern, const char *text,
                       const char *number)
{
	for (; *pattern; pattern++) {
		if (*pattern == '@')
			add_bytes(to, text, strlen(text));
		else if (*pattern == '#')
			add_bytes(to, number, strlen(number));
		else
			add_bytes(to, pattern, 1);
	}
}

static struct bytes write_unary(const char *pattern)
{
	struct text body = { 0 }, all = { 0 };

	add_filled(&body, pattern, answer, "37");
	add_head(&all, "application/json", body.len);
	add_bytes(&all, body.ptr, body.len);
	return keep(&all);
}

/* One format: how an event is framed, and what stands in its events. */
struct said {
	const char *type; /* of a stream's body */
	void (*add_event)(struct text *to, const char *event, const char *payload);
	const char *unary; /* the text goes in for '@' */
	struct {
		const char *event, *payload;
	} begin[2], piece, end[3]; /* a piece's number goes in for '#' */
};

static const struct said dialects[SCRIPTS] = {
	[SCRIPT_ANTHROPIC] = {
		.type = "text/event-stream; charset=utf-8",
		.add_event = add_named,
		.unary = "{\"id\":\"msg_01Bench4nR7mKdVwCQx8T2bE\",\"type\":\"message\","
		         "\"role\":\"assistant\",\"model\":\"claude-haiku-4-5-20251001\","
		         "\"content\":[{\"type\":\"text\",\"text\":\"@\"}],"
		         "\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{"
		         "\"input_tokens\":312,\"cache_creation_input_tokens\":0,"
		         "\"cache_read_input_tokens\":0,\"output_tokens\":#,"
		         "\"service_tier\":\"standard\"}}",
		.begin = {
			{ "message_start",
			  "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_01Bench4nR7m"
			  "KdVwCQx8T2bE\",\"type\":\"message\",\"role\":\"assistant\","
			  "\"model\":\"claude-haiku-4-5-20251001\",\"content\":[],"
			  "\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{"
			  "\"input_tokens\":312,\"cache_creation_input_tokens\":0,"
			  "\"cache_read_input_tokens\":0,\"output_tokens\":1}}}" },
			{ "content_block_start",
			  "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{"
			  "\"type\":\"text\",\"text\":\"\"}}" },
		},
		.piece = { "content_block_delta",
			   "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
			   "\"type\":\"text_delta\",\"text\":\"t# \"}}" },
		.end = {
			{ "content_block_stop",
			  "{\"type\":\"content_block_stop\",\"index\":0}" },
			{ "message_delta",
			  "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
			  "\"end_turn\",\"stop_sequence\":null},\"usage\":{"
			  "\"output_tokens\":37}}" },
			{ "message_stop", "{\"type\":\"message_stop\"}" },
		},
	},
	[SCRIPT_BEDROCK] = {
		.type = "application/vnd.amazon.eventstream",
		.add_event = add_frame,
		.unary = "{\"metrics\":{\"latencyMs\":411},\"output\":{\"message\":{"
		         "\"content\":[{\"text\":\"@\"}],\"role\":\"assistant\"}},"
		         "\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":312,"
		         "\"outputTokens\":37,\"totalTokens\":999}}",
		.begin = {
			{ "messageStart",
			  "{\"p\":\"abcdefghijklmnopq\",\"role\":\"assistant\"}" },
			{ NULL, NULL },
		},
		.piece = { "contentBlockDelta",
			   "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"t# \"},"
			   "\"p\":\"abcdefghijklmnopqrstuvwxyzABCDEF\"}" },
		.end = {
			{ "contentBlockStop",
			  "{\"contentBlockIndex\":0,\"p\":\"abcdefgh\"}" },
			{ "messageStop",
			  "{\"p\":\"abcdefghijkl\",\"stopReason\":\"end_turn\"}" },
			{ "metadata",
			  "{\"metrics\":{\"latencyMs\":4110},\"p\":\"abcdefghijklmn\","
			  "\"usage\":{\"inputTokens\":312,\"outputTokens\":37,"
			  "\"totalTokens\":999}}" },
		},
	},
};

static void add_event(const struct said *d, struct text *to, const char *event,
                      const char *pattern, unsigned number)
{
	struct text payload = { 0 };
	char digits[16];

	snprintf(digits, sizeof digits, "%05u", number);
	add_filled(&payload, pattern, "", digits);
	add_bytes(&payload, "", 1);
	d->add_event(to, event, payload.ptr);
}

void script_write_other(struct script *ret, enum script_format format, unsigned events)
{
	const struct said *d = &dialects[format];
	struct text opening = { 0 }, ending = { 0 };

	ret->events = events;
	ret->unary = write_unary(d->unary);
	add_head(&opening, d->type, 0);
	for (unsigned i = 0; i < 2 && d->begin[i].event; i++)
		add_event(d, &opening, d->begin[i].event, d->begin[i].payload, 0);
	add_event(d, &opening, d->piece.event, d->piece.payload, 0);
	for (unsigned i = 0; i < 3; i++)
		add_event(d, &ending, d->end[i].event, d->end[i].payload, 0);
	add(&ending, "0\r\n\r\n");
	ret->event[0] = calloc(events, sizeof(struct bytes));
	if (!ret->event[0])
		die("calloc");
	for (unsigned i = 1; i < events; i++) {
		struct text event = { 0 };

		add_event(d, &event, d->piece.event, d->piece.payload, i);
		ret->event[0][i] = keep(&event);
	}
	ret->event[1] = ret->event[0];
	ret->opening[0] = ret->opening[1] = keep(&opening);
	ret->ending[0] = ret->ending[1] = keep(&ending);
}
