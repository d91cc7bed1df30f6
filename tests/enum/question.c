/* question.c - a provider reads what it is asked. */
#include "tests/enum/provider.h"

#include "codec/json.h"

static str text_of(struct json_value v, struct arena *keep)
{
	return v.type == JSON_STRING ? json_text(v, arena_alloc(keep, v.raw.len + 1))
	                             : STR_NONE;
}

static void add_texts(struct json_value v, struct arena *keep, struct buf *to)
{
	struct json_member m;

	if (v.type == JSON_STRING) {
		buf_add(to, text_of(v, keep));
		return;
	}
	for (struct json_iter it = json_iter(v); json_next(&it, &m);) {
		struct json_value text = json_get(m.value, STR("text"));
		struct json_value thought = json_get(m.value, STR("thought"));

		if (text.type == JSON_STRING && thought.type != JSON_TRUE)
			buf_add(to, text_of(text, keep));
	}
}

static str turn_text(struct json_value turn, struct arena *keep)
{
	struct buf text = BUF_LIMIT(MiB);
	struct json_value content = json_get(turn, STR("content"));
	str ret;

	if (content.type == JSON_NONE)
		content = json_get(turn, STR("parts"));
	add_texts(content, keep, &text);
	ret = arena_copy(keep, buf_str(&text));
	buf_free(&text);
	return ret;
}

static void read_turns(struct json_value turns, struct arena *keep, struct question *ret)
{
	struct json_member m;

	for (struct json_iter it = json_iter(turns); json_next(&it, &m);) {
		struct json_value role = json_get(m.value, STR("role"));

		if (json_text_is(role, STR("assistant")) ||
		    json_text_is(role, STR("model"))) {
			ret->asked = ASKED_PREFILL;
			ret->given = turn_text(m.value, keep);
		} else if (json_text_is(role, STR("user"))) {
			if (ret->asked == ASKED_PREFILL)
				ret->asked = ASKED_TO_REPEAT;
			ret->instruction = turn_text(m.value, keep);
		}
	}
}

void question_read(str body, struct arena *keep, struct question *ret)
{
	static const char *const lists[] = { "messages", "contents", "input" };
	static const char *const limits[] = { "max_tokens", "max_completion_tokens",
		                              "max_output_tokens",
		                              "generationConfig.maxOutputTokens",
		                              "inferenceConfig.maxTokens" };
	struct json_value root;

	*ret = (struct question){ .garbled = true };
	if (json_check(body, &json_limits_default, &root))
		return;
	ret->garbled = false;
	for (unsigned i = 0; i < countof(lists); i++) {
		struct json_value turns = json_get(root, str_from_z(lists[i]));

		if (turns.type == JSON_ARRAY)
			read_turns(turns, keep, ret);
	}
	for (unsigned i = 0; i < countof(limits); i++)
		json_u64(json_path(root, limits[i]), &ret->most);
	/* A mark of replaced bytes: a character was cut in two. */
	ret->garbled = str_has(ret->instruction, STR("\xEF\xBF\xBD"));
	ret->usage = json_path(root, "stream_options.include_usage").type == JSON_TRUE;
}
