/* request.c - a chat of some 1.5 KB with the headers the official SDK sends.  The body
 * has what makes JSON costly to scan: escapes, bytes beyond ASCII, nesting, and `model`
 * after the long part, where a scanner that stops early gains nothing.  In the other
 * formats the same conversation is said in their words. */
#include "request.h"

/* clang-format off */
#define SYSTEM \
	"You are a careful assistant of " \
	"a canal museum. Answer in two or three sentences, in the language of the " \
	"question, and say when you do not know.\\nHouse rules:\\n1. No links.\\n2. " \
	"Measures in metres (\\\"m\\\"), prices in \xe2\x82\xac.\\n3. Never invent " \
	"opening hours.\\n4. Children read this: short words, no irony, no more than one " \
	"number in a sentence."
#define QUESTION \
	"Bonjour! Pourquoi l'\xc3\xa9" "cluse a-t-elle deux portes?"
#define ANSWER \
	"Les deux portes enferment le sas: l'une " \
	"retient l'eau d'amont, l'autre celle d'aval. On n'ouvre jamais les deux \xc3\xa0 " \
	"la fois, sinon le bief sup\xc3\xa9rieur se viderait."
#define TASK \
	"Thank you. Now in " \
	"English please, for the children's leaflet:\\n\\n\\\"How does the lock raise a " \
	"boat, why does nobody need a pump, and what is the little valve in the gate " \
	"called?\\\"\\n\\nThe draft so far says: 'A lock is a lift made of water. The boat " \
	"sails in, the gate closes behind it, and water from above is let in through " \
	"paddles until the levels agree. Then the upper gate opens, and the boat sails on " \
	"as if nothing had happened.' Keep the tone of it, keep it under sixty words, and " \
	"do not use the word \\\"sluice\\\" more than once."

/* A message of a role, with the words of a format around its text. */
#define SAID(role, before, text, after) \
	"{\"role\":\"" role "\"," before text after "}"
#define TEXT(role, text) SAID(role, "\"content\":\"", text, "\"")
#define PARTS(role, text) \
	SAID(role, "\"content\":[{\"type\":\"text\",\"text\":\"", text, "\"}]")
#define ITEM(role, type, text) \
	SAID(role, "\"type\":\"message\",\"content\":[{\"type\":\"" type "\",\"text\":\"", text, "\"}]")
#define TURN(role, text) SAID(role, "\"parts\":[{\"text\":\"", text, "\"}]")
/* clang-format on */

static const struct {
	const char *path, *header, *body;
} formats[REQUEST_FORMATS] = {
	[REQUEST_CHAT] = { "/v1/chat/completions", "",
	                   "\"messages\":[" TEXT("system", SYSTEM) "," TEXT(
	                           "user",
	                           QUESTION) "," TEXT("assistant",
	                                              ANSWER) "," PARTS("user",
	                                                                TASK) "],"
	                                                                      "\"temperat"
	                                                                      "ure\":0.7,"
	                                                                      "\"top_p\":"
	                                                                      "0.95,"
	                                                                      "\"max_"
	                                                                      "tokens\":"
	                                                                      "256,"
	                                                                      "\"presence"
	                                                                      "_penalty\""
	                                                                      ":0,"
	                                                                      "\"metadata"
	                                                                      "\":{"
	                                                                      "\"ticket\""
	                                                                      ":\"leaflet"
	                                                                      "-17\","
	                                                                      "\"page\":"
	                                                                      "\"4\"},"
	                                                                      "\"response"
	                                                                      "_format\":"
	                                                                      "{\"type\":"
	                                                                      "\"text\"},"
	                                                                      "\"user\":"
	                                                                      "\"visitor-"
	                                                                      "0f2b\"" },
	[REQUEST_ANTHROPIC] = { "/v1/messages", "anthropic-version: 2023-06-01\r\n",
	                        "\"system\":\"" SYSTEM
	                        "\",\"messages\":[" TEXT("user", QUESTION) "," TEXT(
	                                "assistant",
	                                ANSWER) "," PARTS("user",
	                                                  TASK) "],"
	                                                        "\"temperature\":0.7,"
	                                                        "\"top_p\":0.95,\"max_"
	                                                        "tokens\":256,"
	                                                        "\"metadata\":{\"user_"
	                                                        "id\":\"visitor-"
	                                                        "0f2b\"}" },
	[REQUEST_RESPONSES] = { "/v1/responses", "",
	                        "\"instructions\":\"" SYSTEM "\",\"input\":[" ITEM(
	                                "user", "input_text",
	                                QUESTION) "," ITEM("assistant", "output_text",
	                                                   ANSWER) "," ITEM("user",
	                                                                    "input_text",
	                                                                    TASK) "],"
	                                                                          "\"temp"
	                                                                          "eratur"
	                                                                          "e\":0."
	                                                                          "7,"
	                                                                          "\"top_"
	                                                                          "p\":0."
	                                                                          "95,"
	                                                                          "\"max_"
	                                                                          "output"
	                                                                          "_token"
	                                                                          "s\":"
	                                                                          "256,"
	                                                                          "\"stor"
	                                                                          "e\":"
	                                                                          "false,"
	                                                                          "\"meta"
	                                                                          "data\""
	                                                                          ":{"
	                                                                          "\"tick"
	                                                                          "et\":"
	                                                                          "\"leaf"
	                                                                          "let-"
	                                                                          "17\","
	                                                                          "\"page"
	                                                                          "\":"
	                                                                          "\"4\""
	                                                                          "}" },
	[REQUEST_GEMINI] = { NULL, "",
	                     "\"systemInstruction\":{\"parts\":[{\"text\":\"" SYSTEM
	                     "\"}]},"
	                     "\"contents\":[" TURN("user", QUESTION) "," TURN(
	                             "model",
	                             ANSWER) "," TURN("user",
	                                              TASK) "],\"generationConfig\":{"
	                                                    "\"temperature\":0.7,"
	                                                    "\"topP\":0.95,"
	                                                    "\"maxOutputTokens\":256}" },
};

const char *const request_format_names[REQUEST_FORMATS] = {
	[REQUEST_CHAT] = "openai-chat",
	[REQUEST_ANTHROPIC] = "anthropic",
	[REQUEST_RESPONSES] = "openai-responses",
	[REQUEST_GEMINI] = "gemini",
};

static const char head[] = "POST %s HTTP/1.1\r\n"
                           "Host: 127.0.0.1\r\n"
                           "Accept: application/json\r\n"
                           "Content-Type: application/json\r\n"
                           "User-Agent: OpenAI/JS 5.12.2\r\n"
                           "X-Stainless-Lang: js\r\n"
                           "X-Stainless-Package-Version: 5.12.2\r\n"
                           "X-Stainless-Runtime: node\r\n"
                           "X-Stainless-Retry-Count: 0\r\n"
                           "%s"
                           "Authorization: Bearer %s\r\n"
                           "Content-Length: %zu\r\n"
                           "\r\n";

/* Where the format says it, the model and the wish for a stream stand in the path. */
static void write_path(const struct request_options *o, char *to, size_t room)
{
	if (o->format == REQUEST_GEMINI)
		snprintf(to, room, "/v1beta/models/%s:%s", o->model,
		         o->stream ? "streamGenerateContent?alt=sse" : "generateContent");
	else
		snprintf(to, room, "%s", formats[o->format].path);
}

static int write_body(const struct request_options *o, char *to, size_t room)
{
	const char *stream = "", *body = formats[o->format].body;

	if (o->format == REQUEST_GEMINI)
		return snprintf(to, room, "{%s}", body);
	if (o->stream && o->include_usage)
		stream = ",\"stream\":true,\"stream_options\":{\"include_usage\":true}";
	else if (o->stream)
		stream = ",\"stream\":true";
	return snprintf(to, room, "{%s,\"model\":\"%s\"%s}", body, o->model, stream);
}

struct bytes request_write(const struct request_options *o)
{
	static char text[8192];
	char body[4096], path[512];
	int body_len = write_body(o, body, sizeof body);

	if (body_len < 0 || (size_t)body_len >= sizeof body)
		die_usage("the model name is too long");
	write_path(o, path, sizeof path);
	int len = snprintf(text, sizeof text, head, path, formats[o->format].header,
	                   o->key, (size_t)body_len);

	if (len < 0 || (size_t)len + (size_t)body_len >= sizeof text)
		die_usage("the key is too long");
	memcpy(text + len, body, (size_t)body_len);
	return (struct bytes){ text, (size_t)len + (size_t)body_len };
}
