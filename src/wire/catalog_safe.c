/* catalog_safe.c - what may stand in the text of catalog_file.h, and so on a terminal. */
#include "codec/utf8.h"
#include "wire/catalog_file.h"

static bool is_name_char(char c)
{
	return (char_lower(c) >= 'a' && char_lower(c) <= 'z') || char_is_digit(c) ||
	       c == '-' || c == '_' || c == '.';
}

bool catalog_provider_is_safe(str id)
{
	if (id.len == 0 || id.len > CATALOG_PROVIDER_MOST)
		return false;
	for (size_t i = 0; i < id.len; i++)
		if (!is_name_char(id.ptr[i]))
			return false;
	return true;
}

bool catalog_id_is_safe(str id)
{
	if (id.len == 0 || id.len > CATALOG_NAME_MOST)
		return false;
	for (size_t i = 0; i < id.len; i++)
		if (id.ptr[i] <= ' ' || id.ptr[i] > '~')
			return false;
	return true;
}

bool catalog_name_is_safe(str name)
{
	const char *end = name.ptr + name.len;

	if (name.len == 0 || name.len > CATALOG_NAME_MOST)
		return false;
	for (const char *at = name.ptr; at < end;) {
		size_t n = utf8_length(at, end);
		unsigned char c = (unsigned char)*at;
		/* U+0080 to U+009F steer terminals too. */
		bool is_c1 = n == 2 && c == 0xc2 && (unsigned char)at[1] < 0xa0;

		if (n == 0 || c < ' ' || c == 0x7f || is_c1)
			return false;
		at += n;
	}
	return true;
}
