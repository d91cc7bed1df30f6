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
