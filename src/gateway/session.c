#include "gateway/session.h"

#include "codec/json.h"

enum { SAMPLE = 512, SESSION_MOST = 256, TURNS_MOST = 8 };

static uint64_t hash(const struct exchange *x, uint64_t seed, str text)
{
	return board_hash(x->worker->gateway->board, seed, text);
}

static bool is_session(enum http_name name)
{
	return name == HTTP_NAME_X_CLAUDE_CODE_SESSION_ID ||
	       name == HTTP_NAME_SESSION_ID || name == HTTP_NAME_X_SESSION_ID ||
	       name == HTTP_NAME_X_SESSION_AFFINITY ||
	       name == HTTP_NAME_X_OPENWEBUI_CHAT_ID;
}

uint64_t session_of_head(const struct exchange *x, const struct http_request *req)
{
	for (unsigned i = 0; i < req->count; i++) {
		const struct http_field *f = &req->fields[i];

		if (f->value.len && is_session(http_field_name(f)))
			return hash(x, 1, str_first(f->value, SESSION_MOST));
	}
	return 0;
}

/* Beginning, end and length: a prompt of 60 KB need not be read for a hint. */
static uint64_t sample(const struct exchange *x, uint64_t seed, str text)
{
	str end = text.len > SAMPLE ? str_from(text, text.len - SAMPLE) : STR_NONE;

	return hash(x, hash(x, seed ^ text.len, str_first(text, SAMPLE)), end);
}

/* Up to the first turn of the user's. */
static uint64_t first_turn(const struct exchange *x, uint64_t seed,
                           struct json_value turns)
{
	struct json_member item;
	unsigned count = 0;

	if (turns.type == JSON_STRING)
		return sample(x, seed, turns.raw);
	for (struct json_iter it = json_iter(turns);
	     count++ < TURNS_MOST && json_next(&it, &item);) {
		struct json_value role = json_get(item.value, STR("role"));

		seed = sample(x, seed, item.value.raw);
		if (role.type == JSON_NONE || json_text_is(role, STR("user")))
			break;
	}
	return seed;
}

enum part { PART_NONE, PART_SETTING, PART_TURNS, PART_NAME };

static enum part part_of(str key)
{
	static const struct {
		str key;
		enum part part;
	} parts[] = {
		{ STR_INIT("messages"), PART_TURNS },
		{ STR_INIT("input"), PART_TURNS },
		{ STR_INIT("contents"), PART_TURNS },
		{ STR_INIT("system"), PART_SETTING },
		{ STR_INIT("tools"), PART_SETTING },
		{ STR_INIT("toolConfig"), PART_SETTING },
		{ STR_INIT("instructions"), PART_SETTING },
		{ STR_INIT("systemInstruction"), PART_SETTING },
		{ STR_INIT("system_instruction"), PART_SETTING },
		{ STR_INIT("prompt_cache_key"), PART_NAME },
	};

	for (size_t i = 0; i < countof(parts); i++)
		if (str_eq(parts[i].key, key))
			return parts[i].part;
	return PART_NONE;
}

uint64_t session_of_body(const struct exchange *x)
{
	struct json_value root = { JSON_OBJECT, str_trim(retained_str(&x->body)) };
	struct json_member m;
	uint64_t sum = 0;

	if (!operations[x->endpoint->operation].is_chat || !x->body_whole)
		return 0;
	for (struct json_iter it = json_iter(root); json_next(&it, &m);) {
		switch (part_of(m.key)) {
		case PART_NONE:
			break;
		case PART_SETTING: /* added up: members may come in any order */
			sum += sample(x, 2, m.value.raw);
			break;
		case PART_TURNS:
			sum += first_turn(x, 3, m.value);
			break;
		case PART_NAME:
			if (m.value.type == JSON_STRING && m.value.raw.len > 2)
				return hash(x, 1, str_first(m.value.raw, SESSION_MOST));
		}
	}
	return sum;
}
