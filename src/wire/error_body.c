#include "wire/error_body.h"

#include "codec/json.h"

str error_body_words(str body, const char *const *paths, size_t count)
{
	struct json_value root;
	struct json_member first;

	if (json_check(body, &json_limits_default, &root))
		return STR_NONE;
	if (root.type == JSON_ARRAY) {
		struct json_iter it = json_iter(root);

		if (json_next(&it, &first))
			root = first.value;
	}
	for (size_t i = 0; i < count; i++) {
		struct json_value v = json_path(root, paths[i]);

		if (json_has_text(v))
			return str_of(v.raw.ptr + 1, v.raw.len - 2);
	}
	return STR_NONE;
}
