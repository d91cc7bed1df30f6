/* errors_doc.c - the rows of base/fault.def as docs/errors.md: a table for each group,
 * and what is the same for all errors above them.
 *
 * A group begins with the row that is named here and goes as far as the next one. */
#include "main/errors_doc.h"

#include "base/fault.h"

/* clang-format off */
static const char head[] =
"# Errors\n"
"\n"
"<!-- Made by `sluice config errors` from src/base/fault.def; do not edit. -->\n"
"\n"
"A failed request is answered with a status and a body in OpenAI's shape:\n"
"\n"
"```json\n"
"{\"error\": {\"message\": \"this model is not known here: \\\"ech\\\"; the nearest names are mock/echo, mock/429, mock/500\",\n"
"           \"type\": \"invalid_request_error\", \"param\": \"model\", \"code\": \"model_not_found\"}}\n"
"```\n"
"\n"
"`message` is the text below, often with a detail behind a colon. `param` and `code` may be\n"
"`null`. The name of the row (`NO_SUCH_MODEL`) is not in the answer: it is in the ledger, in\n"
"the access log, in `sluice tail` and in `sluice show ID`.\n"
"\n"
"## Headers\n"
"\n"
"| header | when | meaning |\n"
"|---|---|---|\n"
"| `x-request-id` | always | what `sluice show` takes, when the request has reached an endpoint that asks providers |\n"
"| `x-should-retry: false` | a retry cannot help, or the request was not well-formed | the SDKs of OpenAI heed it |\n"
"| `retry-after` | a provider was asked and a retry may help | whole seconds: what the provider said (at most 60), else 1 |\n"
"| `retry-after` | a limit or budget of the key's own chain is reached, or no target may be asked at the moment | whole seconds until there may be room, at least 1 and not bounded: a spent budget says when its window ends (never, for `total`: then it is missing), with `x-should-retry: false` beside it |\n"
"| `x-sluice-attempts` | the request has reached an endpoint that asks providers | attempts made; 0: no provider was asked |\n"
"| `x-sluice-provider` | a provider was asked | the last one |\n"
"| `www-authenticate: Bearer` | `NO_KEY`, `NO_BEARER`, `BAD_KEY`, `KEY_EXPIRED` | |\n"
"| `allow` | `HTTP_METHOD` | |\n"
"\n"
"## Errors of a provider\n"
"\n"
"Nobody sees what a provider does wrong as long as another attempt may follow. When none is\n"
"left, the last failure is the answer. A provider that refuses the request itself\n"
"(`UPSTREAM_REFUSED`, `UPSTREAM_TOO_LARGE`, `CONTEXT_TOO_LONG`, `UPSTREAM_FILTERED`), or does not\n"
"have what it names, a file say (`UPSTREAM_LACKS`), or grants the account less in a minute than the\n"
"request takes alone (`UPSTREAM_OVER_RATE`), is quoted:\n"
"its status, its body and its headers go to the client, with `x-should-retry: false`. A status is not all that\n"
"counts: an account without credit is `UPSTREAM_QUOTA` whether the provider calls it 429, 402\n"
"or 400, and an error that is the first event of a stream with status 200 is what it would\n"
"have been as a status. After `CONTEXT_TOO_LONG` targets are skipped whose context is known\n"
"not to be longer, by the limit that the error names or by the catalogue. Its other errors are answered with the row\n"
"below and the provider's message as the detail. The gateway's own credential never appears.\n"
"\n"
"## Errors inside a stream\n"
"\n"
"Once a stream has begun, its status is sent. A failure is then the stream's last event:\n"
"\n"
"```\n"
"data: {\"error\":{\"message\":\"the provider fell silent\",\"type\":\"server_error\",\"param\":null,\"code\":\"gateway_timeout\"}}\n"
"```\n"
"\n"
"No `data: [DONE]` follows. An error event of the provider itself is passed on as it is, unless\n"
"a key of the gateway's stands in it. Behind the event the answer's framing ends properly, so\n"
"that clients read it to its end; only to Gemini's clients the connection is cut instead, since\n"
"some of them pass over error events and would take what came for a whole answer.\n"
"Where no event can be written the connection is reset: inside an event that is too long to\n"
"be held (60 KiB), in an answer that is not a stream of events, and with HTTP/1.0.\n";

static const struct {
	enum fault_id first;
	const char *title, *text;
} groups[] = {
	{ FAULT_ID_HTTP_MALFORMED, "How the request is framed",
	  "Refused before a provider is asked, unless a streamed upload breaks off on its way. After\n"
	  "a request that is not well-formed the connection is closed. `CLIENT_GONE` is never seen\n"
	  "by a client: it is how the ledger names one that hung up." },
	{ FAULT_ID_NO_KEY, "Who asks, and for what",
	  "Found before a provider is asked." },
	{ FAULT_ID_NAME_UNKNOWN, "What a provider does",
	  "*Here, then elsewhere*: once more at the same target (`retry.same_target`), then the next.\n"
	  "*Next key, then elsewhere*: with each other key of the provider's, then the next target.\n"
	  "Once the client has a byte of the answer, only a stream of a chat goes on: [resilience.md](resilience.md)." },
	{ FAULT_ID_LEDGER_UNAVAILABLE, "The gateway itself", "" },
};
/* clang-format on */

static const char *owner_text(enum fault_owner owner)
{
	switch (owner) {
	case FAULT_OF_CLIENT:
		return "client";
	case FAULT_OF_KEY:
		return "gateway's key";
	case FAULT_OF_MODEL:
		return "model";
	case FAULT_OF_PROVIDER:
		return "provider";
	case FAULT_OF_NETWORK:
		return "network";
	case FAULT_OF_CAPACITY:
		return "nobody: full";
	case FAULT_OF_US:
		return "gateway";
	}
	return "";
}

static const char *next_text(enum fault_next next)
{
	switch (next) {
	case FAULT_GIVE_UP:
		return "no";
	case FAULT_TRY_NEXT:
		return "elsewhere";
	case FAULT_TRY_SAME:
		return "here, then elsewhere";
	case FAULT_NEXT_KEY:
		return "next key, then elsewhere";
	case FAULT_LARGER:
		return "with more context";
	case FAULT_IF_ASKED:
		return "`on_filter: next`";
	}
	return "";
}

static void add_row(struct buf *to, fault_t fault)
{
	buf_addf(to, "| `%.*s` | %d | `%.*s` | ", STR_ARG(fault->name), fault->status,
	         STR_ARG(fault->type));
	if (fault->code.len)
		buf_addf(to, "`%.*s`", STR_ARG(fault->code));
	buf_addf(to, " | %s | %s | %s | %.*s |\n", owner_text(fault->owner),
	         next_text(fault->next), fault->again ? "yes" : "no",
	         STR_ARG(fault->text));
}

static void add_group(struct buf *to, size_t group)
{
	unsigned end = group + 1 < countof(groups) ? groups[group + 1].first : FAULT_IDS;

	buf_addf(to, "\n## %s\n", groups[group].title);
	if (*groups[group].text)
		buf_addf(to, "\n%s\n", groups[group].text);
	buf_add(to,
	        STR("\n| name | status | type | code | whose fault | tried again by the "
	            "gateway? | may the client retry? | text |\n"
	            "|---|---|---|---|---|---|---|---|\n"));
	for (unsigned id = groups[group].first; id < end; id++)
		add_row(to, fault_by_id((enum fault_id)id));
}

void errors_doc_write(struct buf *to)
{
	buf_add(to, str_of(head, sizeof(head) - 1));
	for (size_t i = 0; i < countof(groups); i++)
		add_group(to, i);
}
