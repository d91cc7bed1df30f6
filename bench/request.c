/* request.c - a chat of some 1.5 KB with the headers the official SDK sends.  The body
 * has what makes JSON costly to scan: escapes, bytes beyond ASCII, nesting, and `model`
 * after the long part, where a scanner that stops early gains nothing. */
#include "request.h"

/* clang-format off */
static const char messages[] =
	"\"messages\":[{\"role\":\"system\",\"content\":\"You are a careful assistant of "
	"a canal museum. Answer in two or three sentences, in the language of the "
	"question, and say when you do not know.\\nHouse rules:\\n1. No links.\\n2. "
	"Measures in metres (\\\"m\\\"), prices in \xe2\x82\xac.\\n3. Never invent "
	"opening hours.\\n4. Children read this: short words, no irony, no more than one "
	"number in a sentence.\"},"
	"{\"role\":\"user\",\"content\":\"Bonjour! Pourquoi l'\xc3\xa9" "cluse a-t-elle "
	"deux portes?\"},"
	"{\"role\":\"assistant\",\"content\":\"Les deux portes enferment le sas: l'une "
	"retient l'eau d'amont, l'autre celle d'aval. On n'ouvre jamais les deux \xc3\xa0 "
	"la fois, sinon le bief sup\xc3\xa9rieur se viderait.\"},"
	"{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Thank you. Now in "
	"English please, for the children's leaflet:\\n\\n\\\"How does the lock raise a "
	"boat, why does nobody need a pump, and what is the little valve in the gate "
	"called?\\\"\\n\\nThe draft so far says: 'A lock is a lift made of water. The boat "
	"sails in, the gate closes behind it, and water from above is let in through "
	"paddles until the levels agree. Then the upper gate opens, and the boat sails on "
	"as if nothing had happened.' Keep the tone of it, keep it under sixty words, and "
	"do not use the word \\\"sluice\\\" more than once.\"}]}],";
/* clang-format on */

static const char settings[] =
        "\"temperature\":0.7,\"top_p\":0.95,\"max_tokens\":256,\"presence_penalty\":0,"
        "\"metadata\":{\"ticket\":\"leaflet-17\",\"page\":\"4\"},"
        "\"response_format\":{\"type\":\"text\"},\"user\":\"visitor-0f2b\"";

static const char head[] = "POST /v1/chat/completions HTTP/1.1\r\n"
                           "Host: 127.0.0.1\r\n"
                           "Accept: application/json\r\n"
                           "Content-Type: application/json\r\n"
                           "User-Agent: OpenAI/JS 5.12.2\r\n"
                           "X-Stainless-Lang: js\r\n"
                           "X-Stainless-Package-Version: 5.12.2\r\n"
                           "X-Stainless-Runtime: node\r\n"
                           "X-Stainless-Retry-Count: 0\r\n"
                           "Authorization: Bearer %s\r\n"
                           "Content-Length: %zu\r\n"
                           "\r\n";

struct bytes request_write(const struct request_options *o)
{
	const char *stream = "";

	if (o->stream && o->include_usage)
		stream = ",\"stream\":true,\"stream_options\":{\"include_usage\":true}";
	else if (o->stream)
		stream = ",\"stream\":true";

	static char text[8192];
	char body[4096];
	int body_len = snprintf(body, sizeof body, "{%s%s,\"model\":\"%s\"%s}", messages,
	                        settings, o->model, stream);

	if (body_len < 0 || (size_t)body_len >= sizeof body)
		die_usage("the model name is too long");
	int len = snprintf(text, sizeof text, head, o->key, (size_t)body_len);

	if (len < 0 || (size_t)len + (size_t)body_len >= sizeof text)
		die_usage("the key is too long");
	memcpy(text + len, body, (size_t)body_len);
	return (struct bytes){ text, (size_t)len + (size_t)body_len };
}
