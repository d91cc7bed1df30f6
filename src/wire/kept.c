#include "wire/kept.h"

bool kept_id(struct json_value v, char room[KEPT_ROOM], str *ret)
{
	str id;

	if (v.type != JSON_STRING || v.raw.len > KEPT_ROOM)
		return false;
	id = json_text(v, room);
	if (!id.len || id.len > KEPT_NAME)
		return false;
	for (size_t i = 0; i < id.len; i++) {
		char c = id.ptr[i];

		if (c <= ' ' || c > '~' || c == '"' || c == '\\')
			return false;
	}
	*ret = id;
	return true;
}
