/* script.c - the texts of the mock upstream.  They imitate what a large provider sends,
 * header count and event size included, because that is what a gateway has to read. */
#include "script.h"

#include <stdarg.h>

#define MODEL "bench-model-2025-08-07"
#define ID "chatcmpl-CQx8T2bEnCh4nR7mKdVw"

static const char common_head[] = "HTTP/1.1 200 OK\r\n"
                                  "Date: Thu, 09 Oct 2025 12:00:00 GMT\r\n"
                                  "%s"
                                  "Connection: keep-alive\r\n"
                                  "openai-organization: bench\r\n"
                                  "openai-processing-ms: 41\r\n"
                                  "openai-version: 2020-10-01\r\n"
                                  "x-ratelimit-limit-requests: 10000\r\n"
                                  "x-ratelimit-remaining-requests: 9999\r\n"
                                  "x-request-id: req_3f9d1c0b7a5e4d2f8c6b1a0e9d8c7b6a\r\n"
                                  "\r\n";

static const char unary_body[] =
        "{\"id\":\"" ID "\",\"object\":\"chat.completion\",\"created\":1760011200,"
        "\"model\":\"" MODEL "\",\"choices\":[{\"index\":0,\"message\":{"
        "\"role\":\"assistant\",\"content\":\"The lock raises the boat by letting water "
        "in from above until both levels agree;\\nthen the upper gate opens without "
        "effort. \\\"Patience\\\" is the whole "
        "mechanism.\",\"refusal\":null,\"annotations\":[]},"
        "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":312,"
        "\"completion_tokens\":37,\"total_tokens\":349,\"prompt_tokens_details\":{"
        "\"cached_tokens\":0}},\"system_fingerprint\":\"fp_44709d6fcb\"}";

static const char chunk_event[] =
        "data: {\"id\":\"" ID
        "\",\"object\":\"chat.completion.chunk\",\"created\":1760011200,"
        "\"model\":\"" MODEL "\",\"choices\":[{\"index\":0,\"delta\":{%s},"
        "\"logprobs\":null,\"finish_reason\":%s}]%s}\n\n";

static const char usage_event[] =
        "data: {\"id\":\"" ID
        "\",\"object\":\"chat.completion.chunk\",\"created\":1760011200,"
        "\"model\":\"" MODEL "\",\"choices\":[],\"usage\":{\"prompt_tokens\":312,"
        "\"completion_tokens\":%u,\"total_tokens\":%u,\"prompt_tokens_details\":{"
        "\"cached_tokens\":0}}}\n\n";

/* clang-format off */
__attribute__((format(printf, 3, 4)))
static void add(char *to, size_t room, const char *format, ...)
/* clang-format on */
{
	size_t used = strlen(to);
	va_list values;

	va_start(values, format);
	int len = vsnprintf(to + used, room - used, format, values);
	va_end(values);
	if (len < 0 || (size_t)len >= room - used)
		die_usage("a text of the script is longer than its buffer");
}

static void add_chunk(char *to, size_t room, const char *data)
{
	add(to, room, "%zx\r\n%s\r\n", strlen(data), data);
}

static struct bytes keep(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		die("strdup");
	return (struct bytes){ copy, strlen(copy) };
}

static void add_content(char *to, size_t room, unsigned number, const char *usage)
{
	char delta[64], data[1024];

	snprintf(delta, sizeof delta, "\"content\":\"t%05u \"", number);
	snprintf(data, sizeof data, chunk_event, delta, "null", usage);
	add_chunk(to, room, data);
}

static struct bytes write_opening(const char *usage)
{
	char text[4096] = "", data[1024];

	add(text, sizeof text, common_head,
	    "Content-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: "
	    "chunked\r\n");
	snprintf(data, sizeof data, chunk_event,
	         "\"role\":\"assistant\",\"content\":\"\",\"refusal\":null", "null",
	         usage);
	add_chunk(text, sizeof text, data);
	add_content(text, sizeof text, 0, usage);
	return keep(text);
}

static struct bytes write_ending(unsigned events, const char *usage, bool counts)
{
	char text[4096] = "", data[1024];

	snprintf(data, sizeof data, chunk_event, "", "\"stop\"", usage);
	add_chunk(text, sizeof text, data);
	if (counts) {
		snprintf(data, sizeof data, usage_event, events, events + 312);
		add_chunk(text, sizeof text, data);
	}
	add_chunk(text, sizeof text, "data: [DONE]\n\n");
	add(text, sizeof text, "0\r\n\r\n");
	return keep(text);
}

void script_write(struct script *ret, unsigned events)
{
	char head[64], text[4096] = "";

	snprintf(head, sizeof head,
	         "Content-Type: application/json\r\nContent-Length: %zu\r\n",
	         sizeof unary_body - 1);
	add(text, sizeof text, common_head, head);
	add(text, sizeof text, "%s", unary_body);
	ret->unary = keep(text);
	ret->events = events;

	for (unsigned asked = 0; asked < 2; asked++) {
		const char *usage = asked ? ",\"usage\":null" : "";

		ret->opening[asked] = write_opening(usage);
		ret->ending[asked] = write_ending(events, usage, asked);
		ret->event[asked] = calloc(events, sizeof(struct bytes));
		if (!ret->event[asked])
			die("calloc");
		for (unsigned i = 1; i < events; i++) {
			char event[1024] = "";

			add_content(event, sizeof event, i, usage);
			ret->event[asked][i] = keep(event);
		}
	}
}
