/* formats_doc.c - what crosses between the formats, as docs/formats.md: for each format
 * of a client what it can say, and what becomes of it at a provider of each other format.
 */
#include "main/formats_doc.h"

#include "wire/concept.h"

/* clang-format off */
static const char head[] =
"# Formats\n"
"\n"
"<!-- Made by `sluice config formats` from src/wire/concept.def; do not edit. -->\n"
"\n"
"A client speaks one of six formats, and so does a provider. Where both speak the same, the\n"
"client's bytes travel as they are: only the model's name is patched, and what Sluice does\n"
"not know passes with the rest. Where they differ, the request is read into a neutral form and\n"
"written anew, and the answer comes back the same way, event by event.\n"
"\n"
"What a client echoes of an answer that another vendor gave (reasoning and its signature, with\n"
"`sluice1.` in front) is cut out of its bytes before they go to a provider of its format. The\n"
"request is written anew, and the answer too, only where the provider would refuse what is\n"
"left: Anthropic and Bedrock amid calls of tools when the model is to think, and Bedrock where a\n"
"turn would be empty.\n"
"\n"
"| format | endpoint | `format:` of a provider, and where its `url` ends |\n"
"|---|---|---|\n"
"| OpenAI Chat Completions | `POST /v1/chat/completions` | `openai-chat`, `.../v1` |\n"
"| OpenAI Responses | `POST /v1/responses` | `openai-responses`, `.../v1` |\n"
"| Anthropic Messages | `POST /v1/messages` | `anthropic`, `.../v1` |\n"
"| Gemini | `POST /v1beta/models/{model}:generateContent`, `:streamGenerateContent` | `gemini`, `.../v1beta` |\n"
"| Bedrock Converse | `POST /model/{model}/converse`, `/converse-stream` | `bedrock`, no path |\n"
"| Cohere v2 | `POST /v2/chat` | `cohere`, `.../v2` |\n"
"\n"
"## Embeddings, rankings, counts of tokens\n"
	"\n"
	"| | clients | providers of another format |\n"
	"|---|---|---|\n"
	"| embeddings | `/v1/embeddings`, `:embedContent`, `:batchEmbedContents`, `/v2/embed` | openai-chat, gemini, cohere, bedrock (Titan and Nova one text a request, Cohere many) |\n"
	"| rankings | `/v1/rerank`, `/v2/rerank` | openai-chat, cohere |\n"
	"| counts | `/v1/messages/count_tokens`, `/v1/responses/input_tokens`, `:countTokens`, `/model/{model}/count-tokens` | anthropic, gemini, bedrock; else guessed, with `x-sluice-estimated: 1` |\n"
	"\n"
	"Vectors come as numbers or as base64, as the client asks. An OpenAI client may say\n"
	"`input_type` (`search_document`, `search_query`, ...); where a provider must be told and\n"
	"nobody did, it is `search_document`. A size, a kind of vector, pictures or token numbers\n"
	"that the provider cannot take are refused by name.\n"
	"\n"
	"## Nothing is lost in silence\n"
"\n"
"What a provider's format has no word for is named in the answer's `x-sluice-dropped`, in the\n"
"client's own words, and so is every member that Sluice does not know. What would change the\n"
"answer in a way the client relies on refuses the request with 400 (on a route, the next\n"
"target is tried first). `x-sluice-strict: 1`, or `strict: on` of a route, refuses instead of\n"
"dropping anything. A part of what the client says that Sluice does not know refuses the request\n"
"(`messages[].content[].hologram`); one of an earlier answer or of a tool's result is dropped.\n"
"\n"
"Stop sequences that a provider cannot be told (Responses has none, OpenAI takes 4, Gemini and\n"
"Cohere 5, Anthropic none of white space alone) are watched for by Sluice: the text ends before\n"
"the first of them, the answer says so as if the provider had, a stream is broken off at the\n"
"provider, and its usage is then estimated. `n` greater than 1 is never made of several requests:\n"
"where the format has no such thing, the request is refused.\n"
"\n"
"A JSON schema for the answer becomes a tool that has to be called where the model takes no\n"
"schema (Claude before Opus 4.1, Amazon Nova); its arguments reach the client as the text. A\n"
"tool's name that the provider's format cannot hold (64 letters, digits, `_`, `-`; Gemini also\n"
"`.` and `:`) goes out under another one and comes back under its own. A level of reasoning\n"
"that a model of OpenAI does not take (`xhigh` of gpt-5.1, `none` of o3) becomes the nearest it\n"
"takes, unless the client said it in OpenAI's own words.\n"
"What one account of a provider keeps (stored responses, files, conversations, encrypted\n"
"reasoning) goes back to that account alone: [api.md](api.md#what-providers-keep).\n"
"\n"
"What a vendor wants back unchanged (signatures of thinking, encrypted reasoning, thought\n"
"signatures) goes to foreign clients with a mark of ours in front, and back only to the vendor\n"
"that made it.\n";
/* clang-format on */

/* A row is said by this format, and some other has no word for it. */
static bool is_worth_a_row(const struct concept_row *row, unsigned from)
{
	if (!row->path[from].len)
		return false;
	for (unsigned to = WIRE_NONE + 1; to < WIRE_FORMATS; to++) {
		if (!row->path[to].len && row->lost != QUIET)
			return true;
	}
	return false;
}

static str becomes(const struct concept_row *row, unsigned from, unsigned to)
{
	if (to == from || row->path[to].len)
		return STR("carried");
	switch (row->lost) {
	case DROP:
		return STR("dropped");
	case REFUSE:
		return STR("**400**");
	case OURS:
		return STR("by Sluice");
	case QUIET:
		break;
	}
	return STR("not needed");
}

static void write_client(struct buf *to, unsigned from)
{
	buf_addf(to, "\n## What a client of %.*s can say\n\n| |",
	         STR_ARG(wire_format_name((enum wire_format)from)));
	for (unsigned f = WIRE_NONE + 1; f < WIRE_FORMATS; f++)
		buf_addf(to, " %.*s |", STR_ARG(wire_format_name((enum wire_format)f)));
	buf_add(to, STR("\n|---|"));
	for (unsigned f = WIRE_NONE + 1; f < WIRE_FORMATS; f++)
		buf_add(to, STR("---|"));
	for (unsigned i = 0; i < CONCEPTS; i++) {
		if (!is_worth_a_row(&concepts[i], from))
			continue;
		buf_addf(to, "\n| `%.*s` |", STR_ARG(concepts[i].path[from]));
		for (unsigned f = WIRE_NONE + 1; f < WIRE_FORMATS; f++)
			buf_addf(to, " %.*s |", STR_ARG(becomes(&concepts[i], from, f)));
	}
	buf_add(to, STR("\n"));
}

void formats_doc_write(struct buf *to)
{
	buf_add(to, str_from_z(head));
	for (unsigned from = WIRE_NONE + 1; from < WIRE_FORMATS; from++)
		write_client(to, from);
	buf_add(to,
	        STR("\nEverything else of these formats is carried to all of them: "
	            "texts, "
	            "system prompts, tools\nand their results, tool choice, images, stop "
	            "sequences where there are any, and usage.\n"));
}
