#include "wire/error_body.h"

#include "codec/json.h"

static struct json_value first_of(struct json_value list)
{
	struct json_iter it = json_iter(list);
	struct json_member first;

	return list.type == JSON_ARRAY && json_next(&it, &first)
	               ? first.value
	               : (struct json_value){ .type = JSON_NONE };
}

/* False: it is no JSON. */
static bool open_body(str body, struct json_value *ret_root)
{
	if (json_check(body, &json_limits_default, ret_root))
		return false;
	if (ret_root->type == JSON_ARRAY)
		*ret_root = first_of(*ret_root);
	return true;
}

/* The first of a list of members that are wrong: [{"loc": ["body", "n"], "msg": "..."}],
 * of servers made with FastAPI (wire-formats 10). */
static struct json_value complained_of(struct json_value root)
{
	struct json_value list = json_get(root, STR("detail"));

	return first_of(list.type == JSON_ARRAY ? list
	                                        : json_path(root, "message.detail"));
}

str error_body_words(str body, const char *const *paths, size_t count)
{
	struct json_value root, v;

	if (!open_body(body, &root))
		return STR_NONE;
	for (size_t i = 0; i < count; i++) {
		v = json_path(root, paths[i]);
		if (json_has_text(v))
			return str_of(v.raw.ptr + 1, v.raw.len - 2);
	}
	v = json_get(complained_of(root), STR("msg"));
	return json_has_text(v) ? str_of(v.raw.ptr + 1, v.raw.len - 2) : STR_NONE;
}

str error_body_place(str body)
{
	struct json_value root, v;

	if (!open_body(body, &root))
		return STR_NONE;
	v = json_get(complained_of(root), STR("loc"));
	return v.type == JSON_ARRAY ? v.raw : STR_NONE;
}
