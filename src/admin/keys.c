/* keys.c - see keys.h. */
#include "admin/keys.h"

#include "codec/text.h"

bool key_name_check(str name, struct buf *why)
{
	if (name.len == 0)
		buf_addf(why, "a key needs a name");
	else if (name.len > KEY_NAME_MOST)
		buf_addf(why, "the name of a key has at most %d bytes", KEY_NAME_MOST);
	for (size_t i = 0; i < name.len && why->len == 0; i++)
		if ((unsigned char)name.ptr[i] < ' ' || name.ptr[i] == 0x7f)
			buf_addf(why, "the name of a key has no control characters");
	return why->len == 0;
}

void key_make(const uint8_t pepper[PEPPER], str name, usec wall, struct key_row *ret,
              char text[KEY_TEXT])
{
	*ret = (struct key_row){ .name = name, .created_wall = wall };
	key_generate(text, &ret->id);
	key_mac(pepper, str_of(text, KEY_TEXT), ret->mac);
}

bool key_id_parse(str text, uint64_t *ret)
{
	if (key_parse_id(text, ret))
		return true;
	return text.len == 12 && hex_to_u64(text, ret) && *ret != 0;
}
