/* gemini_usage.c - usageMetadata, read and written (wire-formats 6.4). */
#include "wire/gemini.h"

enum { COUNT_MOST = INT32_MAX };
/* Counts as Google tells them apart. */
enum { PROMPT, TOOL_PROMPT, CANDIDATES, THOUGHTS, HEARD, HEARD_CACHED };

/* ---- read ---- */

static bool read_count(struct json_value v, uint64_t *ret)
{
	uint64_t n;

	if (!json_u64(v, &n) || n == 0 || n > COUNT_MOST)
		return false;
	*ret = n;
	return true;
}

static void read_audio(struct json_value details, uint64_t *ret)
{
	struct json_member m;

	for (struct json_iter it = json_iter(details); json_next(&it, &m);) {
		if (json_text_is(json_get(m.value, STR("modality")), STR("AUDIO")))
			read_count(json_get(m.value, STR("tokenCount")), ret);
	}
}

/* Below zero, a fraction, or more than anybody could have meant? */
static bool has_bad_count(struct json_value usage)
{
	static const str names[] = { STR_INIT("promptTokenCount"),
		                     STR_INIT("candidatesTokenCount"),
		                     STR_INIT("thoughtsTokenCount") };
	uint64_t n;

	for (size_t i = 0; i < countof(names); i++) {
		struct json_value v = json_get(usage, names[i]);

		if (v.type != JSON_NONE && v.type != JSON_NULL &&
		    (!json_u64(v, &n) || n > COUNT_MOST))
			return true;
	}
	return false;
}

/* What was generated only counts on; what was read is corrected in later events, also
 * downwards.  A count that is missing is as it was. */
void gemini_read_usage(struct chat_reader *rd, uint64_t own[GEMINI_COUNTS],
                       struct json_value usage, struct chat_sink *to)
{
	struct token_usage *u = &rd->usage;
	uint64_t n;

	if (usage.type != JSON_OBJECT || has_bad_count(usage))
		return;
	read_count(json_get(usage, STR("promptTokenCount")), &own[PROMPT]);
	read_count(json_get(usage, STR("toolUsePromptTokenCount")), &own[TOOL_PROMPT]);
	read_count(json_get(usage, STR("cachedContentTokenCount")), &u->cache_read);
	if (read_count(json_get(usage, STR("candidatesTokenCount")), &n))
		own[CANDIDATES] = max_of(own[CANDIDATES], n);
	if (read_count(json_get(usage, STR("thoughtsTokenCount")), &n))
		own[THOUGHTS] = max_of(own[THOUGHTS], n);
	read_audio(json_get(usage, STR("promptTokensDetails")), &own[HEARD]);
	read_audio(json_get(usage, STR("cacheTokensDetails")), &own[HEARD_CACHED]);
	read_audio(json_get(usage, STR("candidatesTokensDetails")), &u->audio_output);
	u->input = own[PROMPT] + own[TOOL_PROMPT];
	u->output = own[CANDIDATES] + own[THOUGHTS];
	u->reasoning = own[THOUGHTS];
	u->audio_input = own[HEARD] - min_of(own[HEARD], own[HEARD_CACHED]);
	if (u->input == 0 && u->output == 0)
		return;
	rd->has_usage = true;
	chat_push(to, &(struct chat_event){ .kind = CHAT_USAGE, .usage = *u });
}

/* ---- written ---- */

static void write_count(struct json_writer *w, str name, uint64_t n)
{
	if (n)
		json_key_int(w, name, (int64_t)n);
}

static void write_audio(struct json_writer *w, str name, uint64_t all, uint64_t audio)
{
	if (!audio)
		return;
	json_key(w, name);
	json_open(w, '[');
	json_open(w, '{');
	json_key_str(w, STR("modality"), STR("TEXT"));
	json_key_int(w, STR("tokenCount"), (int64_t)(all > audio ? all - audio : 0));
	json_close(w, '}');
	json_open(w, '{');
	json_key_str(w, STR("modality"), STR("AUDIO"));
	json_key_int(w, STR("tokenCount"), (int64_t)audio);
	json_close(w, '}');
	json_close(w, ']');
}

void gemini_write_usage(struct emitter *e, struct json_writer *w)
{
	const struct token_usage *u = &e->usage;
	uint64_t said = u->output > u->reasoning ? u->output - u->reasoning : 0;

	if (!e->has_usage)
		return;
	json_key(w, STR("usageMetadata"));
	json_open(w, '{');
	json_key_int(w, STR("promptTokenCount"), (int64_t)u->input);
	write_count(w, STR("cachedContentTokenCount"), u->cache_read);
	json_key_int(w, STR("candidatesTokenCount"), (int64_t)said);
	write_count(w, STR("thoughtsTokenCount"), u->reasoning);
	json_key_int(w, STR("totalTokenCount"), (int64_t)(u->input + u->output));
	write_audio(w, STR("promptTokensDetails"), u->input, u->audio_input);
	write_audio(w, STR("candidatesTokensDetails"), said, u->audio_output);
	json_close(w, '}');
}
