#include "wire/skim.h"

enum { MODEL_MOST = 512 };

fault_t skim_model(str body, struct json_value model, struct arena *keep,
                   struct skimmed *ret, str *ret_detail)
{
	if (model.type == JSON_NONE || model.type == JSON_NULL)
		return FAULT_NO_MODEL;
	if (model.type != JSON_STRING || model.raw.len > MODEL_MOST) {
		*ret_detail = STR("\"model\" must be a string of at most 510 bytes");
		return FAULT_BAD_REQUEST;
	}
	char room[MODEL_MOST];
	/* The body goes before the model's name is needed for the last time. */
	ret->model = arena_copy(keep, json_text(model, room));
	ret->model_at = (size_t)(model.raw.ptr - body.ptr);
	ret->model_len = model.raw.len;
	return ret->model.len ? NULL : FAULT_NO_MODEL;
}

/* The account in Claude Code's object, or without one the device; none: neither. */
static str agent_name(str text)
{
	enum { NAMES_MOST = 16 };
	struct json_member m[NAMES_MOST];
	str account = STR_NONE, device = STR_NONE;
	size_t count;

	if (json_members(text, &json_limits_default, m, NAMES_MOST, &count))
		return STR_NONE;
	for (size_t i = 0; i < count; i++) {
		str raw = m[i].value.raw;

		if (m[i].value.type != JSON_STRING)
			continue;
		if (str_eq(m[i].key, STR("account_uuid")))
			account = str_first(str_from(raw, 1), raw.len - 2);
		else if (str_eq(m[i].key, STR("device_id")))
			device = str_first(str_from(raw, 1), raw.len - 2);
	}
	return account.len ? account : device;
}

/* Claude Code says device, account and session in one: whom a request is for is the
 * account, or without one the device, and not each session anew.  Since 2.1.78 that is an
 * object, {"device_id":...,"account_uuid":...,"session_id":...}; before it
 * user_DEVICE_account_ACCOUNT_session_SESSION. */
static str whose(str user)
{
	size_t session = str_find_str(user, STR("_session_"));
	str name;

	if (str_starts(user, STR("{"))) {
		name = agent_name(user);
		return name.len ? name : user;
	}
	if (str_starts(user, STR("user_")) && session < user.len &&
	    str_find_str(user, STR("_account_")) < session)
		return str_first(user, session);
	return user;
}

str skim_user(struct json_value user, struct arena *keep)
{
	enum { USER_MOST = 128, ESCAPED_MOST = 6 * USER_MOST + 2 };
	char room[ESCAPED_MOST];

	/* One that is longer is known by its beginning, as a client wrote it. */
	if (user.type != JSON_STRING)
		return STR_NONE;
	if (user.raw.len > ESCAPED_MOST)
		return arena_copy(keep, str_of(user.raw.ptr + 1, USER_MOST));
	return arena_copy(keep, str_first(whose(json_text(user, room)), USER_MOST));
}
