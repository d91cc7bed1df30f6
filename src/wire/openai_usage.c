/* openai_usage.c - what a usage object of the chat format says, in whichever dialect
 * (wire-formats 2.5, 10 and 12.2). */
#include "wire/openai_chat.h"

enum { COUNT_MOST = INT32_MAX };

/* Places of one count, the first that has one wins. */
static const struct {
	const char *path;
	size_t offset;
} counts[] = {
#define AT(member) offsetof(struct token_usage, member)
	{ "prompt_tokens", AT(input) },
	{ "input_tokens", AT(input) },
	{ "completion_tokens", AT(output) },
	{ "output_tokens", AT(output) },
	{ "prompt_tokens_details.cached_tokens", AT(cache_read) },
	{ "prompt_cache_hit_tokens", AT(cache_read) },
	{ "num_cached_tokens", AT(cache_read) },
	{ "cached_tokens", AT(cache_read) },
	{ "prompt_tokens_details.cache_write_tokens", AT(cache_write) },
	{ "prompt_tokens_details.audio_tokens", AT(audio_input) },
	{ "completion_tokens_details.reasoning_tokens", AT(reasoning) },
	{ "completion_tokens_details.audio_tokens", AT(audio_output) },
	{ "server_tool_use_details.web_search_requests", AT(searches) },
	{ "num_search_queries", AT(searches) },
#undef AT
};

static bool read_count(struct json_value usage, const char *path, uint64_t *to)
{
	struct json_value v = json_path(usage, path);
	uint64_t count;

	if (v.type == JSON_NONE || v.type == JSON_NULL || *to)
		return true;
	if (!json_u64(v, &count) || count > COUNT_MOST)
		return false;
	*to = count;
	return true;
}

/* Reasoning that stands beside the completion, not in it. */
static void add_reasoning(struct token_usage *u, uint64_t total, unsigned quirks)
{
	if (total == 0 || total > COUNT_MOST)
		return;
	if ((quirks & QUIRK_TOTAL_MINUS_PROMPT) && total >= u->input) {
		uint64_t output = total - u->input;

		if (output > u->output && u->reasoning == 0)
			u->reasoning = output - u->output;
		u->output = output;
	} else if (u->reasoning && total == u->input + u->output + u->reasoning) {
		u->output += u->reasoning;
	}
}

bool openai_read_usage(struct json_value usage, unsigned quirks, struct token_usage *ret)
{
	struct token_usage found = { 0 };
	uint64_t total = 0;

	if (usage.type != JSON_OBJECT)
		return false;
	for (size_t i = 0; i < countof(counts); i++) {
		uint64_t *to = (uint64_t *)(void *)((char *)&found + counts[i].offset);

		if (!read_count(usage, counts[i].path, to))
			return false;
	}
	json_u64(json_get(usage, STR("total_tokens")), &total);
	if (found.input == 0 && found.output == 0 && total <= COUNT_MOST)
		found.input = total; /* Voyage, Jina: there is nothing but input */
	add_reasoning(&found, total, quirks);
	*ret = found;
	return true;
}
