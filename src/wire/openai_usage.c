/* openai_usage.c - what a usage object of the chat format says, in whichever dialect
 * (wire-formats 2.5, 10 and 12.2). */
#include "wire/openai_chat.h"
#include "wire/places.h"

enum { COUNT_MOST = INT32_MAX };

/* Places of one count, the first that has one wins. */
static const struct place places[] = {
	{ STR_INIT(""), STR_INIT("prompt_tokens") },
	{ STR_INIT(""), STR_INIT("input_tokens") },
	{ STR_INIT(""), STR_INIT("completion_tokens") },
	{ STR_INIT(""), STR_INIT("output_tokens") },
	{ STR_INIT("prompt_tokens_details"), STR_INIT("cached_tokens") },
	{ STR_INIT(""), STR_INIT("prompt_cache_hit_tokens") },
	{ STR_INIT(""), STR_INIT("num_cached_tokens") },
	{ STR_INIT(""), STR_INIT("cached_tokens") },
	{ STR_INIT("prompt_tokens_details"), STR_INIT("cache_write_tokens") },
	{ STR_INIT("prompt_tokens_details"), STR_INIT("audio_tokens") },
	{ STR_INIT("completion_tokens_details"), STR_INIT("reasoning_tokens") },
	{ STR_INIT("completion_tokens_details"), STR_INIT("audio_tokens") },
	{ STR_INIT("server_tool_use_details"), STR_INIT("web_search_requests") },
	{ STR_INIT(""), STR_INIT("num_search_queries") },
	{ STR_INIT(""), STR_INIT("total_tokens") },
};

enum { PLACES = countof(places), TOTAL = PLACES - 1 };

static const size_t offsets[TOTAL] = {
#define AT(member) offsetof(struct token_usage, member)
	AT(input),       AT(input),       AT(output),     AT(output),
	AT(cache_read),  AT(cache_read),  AT(cache_read), AT(cache_read),
	AT(cache_write), AT(audio_input), AT(reasoning),  AT(audio_output),
	AT(searches),    AT(searches),
#undef AT
};

static bool read_count(struct json_value v, uint64_t *to)
{
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
	struct json_value values[PLACES];
	uint64_t total = 0;

	if (usage.type != JSON_OBJECT)
		return false;
	places_find(usage, places, PLACES, values);
	for (size_t i = 0; i < countof(offsets); i++) {
		uint64_t *to = (uint64_t *)(void *)((char *)&found + offsets[i]);

		if (!read_count(values[i], to))
			return false;
	}
	json_u64(values[TOTAL], &total);
	if (found.input == 0 && found.output == 0 && total <= COUNT_MOST)
		found.input = total; /* Voyage, Jina: there is nothing but input */
	add_reasoning(&found, total, quirks);
	*ret = found;
	return true;
}
