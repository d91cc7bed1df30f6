/* provider.c - the rows of providers.def and the names of formats.
 *
 * Which providers there are is the catalogue's business; here stands only what the
 * catalogue cannot say. */
#include "wire/provider.h"

#include "codec/json.h"

#define RESPONSES (1u << WIRE_OPENAI_RESPONSES)
#define MESSAGES (1u << WIRE_ANTHROPIC)
#define PROVIDER(id_, format_, url_, env_, auth_, without_key_, also_, quirks_)          \
	{ .id = STR_INIT(id_),                                                           \
	  .format = (format_),                                                           \
	  .url = STR_INIT(url_),                                                         \
	  .env = STR_INIT(env_),                                                         \
	  .auth = (auth_),                                                               \
	  .without_key = (without_key_),                                                 \
	  .also = (also_),                                                               \
	  .quirks = (quirks_) },
#define PLACE(id_, when_, url_)
#define CHOICE(id_, host_, ...)
static const struct provider_row rows[] = {
#include "wire/providers.def"
};
#undef PROVIDER
#undef PLACE
#undef CHOICE
#undef RESPONSES
#undef MESSAGES

#define PROVIDER(...)
#define PLACE(id_, when_, url_) { STR_INIT(id_), PLACE_##when_, STR_INIT(url_) },
#define CHOICE(id_, host_, ...)
static const struct provider_place places[] = {
#include "wire/providers.def"
};
#undef PLACE
#undef CHOICE

#define PLACE(id_, when_, url_)
#define CHOICE(id_, host_, ...) { STR_INIT(id_), STR_INIT(host_), { __VA_ARGS__ } },
static const struct provider_choice choices[] = {
#include "wire/providers.def"
};
#undef PROVIDER
#undef PLACE
#undef CHOICE

static const struct {
	str name;
	enum auth_kind auth;
} formats[WIRE_FORMATS] = {
	[WIRE_NONE] = { STR_INIT("none"), AUTH_NONE },
	[WIRE_OPENAI_CHAT] = { STR_INIT("openai-chat"), AUTH_BEARER },
	[WIRE_OPENAI_RESPONSES] = { STR_INIT("openai-responses"), AUTH_BEARER },
	[WIRE_ANTHROPIC] = { STR_INIT("anthropic"), AUTH_X_API_KEY },
	[WIRE_GEMINI] = { STR_INIT("gemini"), AUTH_X_GOOG_API_KEY },
	[WIRE_BEDROCK] = { STR_INIT("bedrock"), AUTH_BEARER },
	[WIRE_COHERE] = { STR_INIT("cohere"), AUTH_BEARER },
};

const struct provider_row *provider_row_at(unsigned i)
{
	return i < countof(rows) ? &rows[i] : NULL;
}

const struct provider_place *provider_place_at(unsigned i)
{
	return i < countof(places) ? &places[i] : NULL;
}

const struct provider_choice *provider_choice_find(str id, str host)
{
	for (size_t i = 0; i < countof(choices); i++) {
		if (str_eq(id, choices[i].id) || str_eq_nocase(host, choices[i].host))
			return &choices[i];
	}
	return NULL;
}

str provider_choice_in(const struct provider_choice *c, str body)
{
	struct json_value root;

	if (json_check(body, &json_limits_default, &root))
		return STR_NONE;
	for (size_t i = 0; i < countof(c->members) && c->members[i].len; i++) {
		struct json_value v = json_get(root, c->members[i]);

		if (v.type != JSON_NONE && v.type != JSON_NULL)
			return c->members[i];
	}
	return STR_NONE;
}

const struct provider_row *provider_row_find(str id)
{
	size_t low = 0, high = countof(rows);

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = str_cmp(rows[middle].id, id);

		if (order == 0)
			return &rows[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

str wire_format_name(enum wire_format format)
{
	return formats[format].name;
}

enum wire_format wire_format_find(str name)
{
	for (unsigned i = WIRE_NONE + 1; i < WIRE_FORMATS; i++) {
		if (str_eq(formats[i].name, name))
			return (enum wire_format)i;
	}
	return WIRE_NONE;
}

enum auth_kind wire_format_auth(enum wire_format format)
{
	return formats[format].auth;
}
