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

str skim_user(struct json_value user, struct arena *keep)
{
	enum { USER_MOST = 128, ESCAPED_MOST = 6 * USER_MOST + 2 };
	char room[ESCAPED_MOST];

	/* One that is longer is known by its beginning, as a client wrote it. */
	if (user.type != JSON_STRING)
		return STR_NONE;
	if (user.raw.len > ESCAPED_MOST)
		return arena_copy(keep, str_of(user.raw.ptr + 1, USER_MOST));
	return arena_copy(keep, str_first(json_text(user, room), USER_MOST));
}
