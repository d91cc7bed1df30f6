/* openai_usage.c - what a usage object of the chat format says, in whichever dialect
 * (wire-formats 2.5, 10 and 12.2).
 *
 * Where the counts stand is told once, and so is what they mean together: the format's
 * own tap, which walks a tape, asks here too. */
#include "wire/openai_chat.h"

enum { COUNT_MOST = INT32_MAX };

/* ---- where the counts stand ---- */

/* A member of the usage itself, or of one of its objects.  Of several names for one count
 * the first that comes wins. */
#define USAGE_COUNTS(COUNT)                                                              \
	COUNT(ROOT, prompt_tokens, input)                                                \
	COUNT(ROOT, completion_tokens, output)                                           \
	COUNT(ROOT, input_tokens, input)                                                 \
	COUNT(ROOT, output_tokens, output)                                               \
	COUNT(ROOT, prompt_cache_hit_tokens, cache_read)                                 \
	COUNT(ROOT, num_cached_tokens, cache_read)                                       \
	COUNT(ROOT, cached_tokens, cache_read)                                           \
	COUNT(ROOT, num_search_queries, searches)                                        \
	COUNT(PROMPT, cached_tokens, cache_read)                                         \
	COUNT(PROMPT, cache_write_tokens, cache_write)                                   \
	COUNT(PROMPT, audio_tokens, audio_input)                                         \
	COUNT(COMPLETION, reasoning_tokens, reasoning)                                   \
	COUNT(COMPLETION, audio_tokens, audio_output)                                    \
	COUNT(TOOLS, web_search_requests, searches)

/* Images and audio are told in the words of the Responses format, and audio's details in
 * the singular. */
static const struct {
	str name;
	enum openai_usage_part part;
} parts[] = {
	{ STR_INIT("prompt_tokens_details"), OPENAI_USAGE_PROMPT },
	{ STR_INIT("completion_tokens_details"), OPENAI_USAGE_COMPLETION },
	{ STR_INIT("input_tokens_details"), OPENAI_USAGE_PROMPT },
	{ STR_INIT("input_token_details"), OPENAI_USAGE_PROMPT },
	{ STR_INIT("output_tokens_details"), OPENAI_USAGE_COMPLETION },
	{ STR_INIT("output_token_details"), OPENAI_USAGE_COMPLETION },
	{ STR_INIT("server_tool_use_details"), OPENAI_USAGE_TOOLS },
};

enum openai_usage_part openai_usage_part(str name)
{
	for (size_t i = 0; i < countof(parts); i++)
		if (str_eq(parts[i].name, name))
			return parts[i].part;
	return OPENAI_USAGE_NONE;
}

static uint64_t *find_count(struct token_usage *u, enum openai_usage_part part, str name)
{
#define COUNT(of, from, to)                                                              \
	if (part == OPENAI_USAGE_##of && str_eq(name, STR(#from)))                       \
		return &u->to;
	USAGE_COUNTS(COUNT)
#undef COUNT
	return NULL;
}

bool openai_usage_take(struct openai_counts *c, enum openai_usage_part part, str name,
                       struct json_value v)
{
	uint64_t *to;

	if (v.type == JSON_NULL)
		return true;
	if (part == OPENAI_USAGE_ROOT && str_eq(name, STR("total_tokens"))) {
		c->has_any |= json_u64(v, &c->total);
		return true;
	}
	to = find_count(&c->usage, part, name);
	if (!to)
		return true;
	c->has_any = true;
	return *to || (json_u64(v, to) && *to <= COUNT_MOST);
}

/* ---- what they mean ---- */

/* Reasoning that stands beside the completion, not in it: the total says so, or for some
 * hosts all that is known of them. */
static bool is_beside(const struct token_usage *u, uint64_t total, unsigned quirks)
{
	uint64_t sum = u->input + u->output + u->reasoning;

	return u->reasoning &&
	       (total == sum || ((quirks & QUIRK_REASONING_BESIDE) && total > sum));
}

void openai_usage_end(struct openai_counts *c, unsigned quirks)
{
	struct token_usage *u = &c->usage;
	uint64_t total = c->total;

	if (total == 0 || total > COUNT_MOST)
		return;
	if (u->input == 0 && u->output == 0)
		u->input = total; /* Voyage, Jina: there is nothing but input */
	if ((quirks & QUIRK_TOTAL_MINUS_PROMPT) && total >= u->input) {
		uint64_t output = total - u->input;

		if (output > u->output && u->reasoning == 0)
			u->reasoning = output - u->output;
		u->output = output;
	} else if (is_beside(u, total, quirks)) {
		u->output += u->reasoning;
	}
}

bool openai_read_usage(struct json_value usage, unsigned quirks, struct token_usage *ret)
{
	struct openai_counts c = { .has_any = false };
	struct json_member m, inner;

	if (usage.type != JSON_OBJECT)
		return false;
	for (struct json_iter it = json_iter(usage); json_next(&it, &m);) {
		enum openai_usage_part part = m.value.type == JSON_OBJECT
		                                      ? openai_usage_part(m.key)
		                                      : OPENAI_USAGE_NONE;
		struct json_iter in = json_iter(m.value);

		if (m.value.type != JSON_OBJECT &&
		    !openai_usage_take(&c, OPENAI_USAGE_ROOT, m.key, m.value))
			return false;
		while (part != OPENAI_USAGE_NONE && json_next(&in, &inner))
			if (!openai_usage_take(&c, part, inner.key, inner.value))
				return false;
	}
	if (!c.has_any)
		return false;
	openai_usage_end(&c, quirks);
	*ret = c.usage;
	return true;
}
