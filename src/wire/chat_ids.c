/* chat_ids.c - ids of calls for formats that do not take every text.
 *
 * Vendors make theirs of letters, digits, '_' and '-'; Kimi's are "functions.get:0", and
 * a vendor that checks them refuses the whole conversation.  What does not fit becomes a
 * text that depends on all of it, so that the call and its result still have the same,
 * and two others never do. */
#include "wire/chat.h"

enum { HASH_DIGITS = 24 };

static bool is_id_char(char c)
{
	char low = char_lower(c);

	return (low >= 'a' && low <= 'z') || char_is_digit(c) || c == '_' || c == '-';
}

bool chat_is_id(jstr id, size_t most)
{
	for (size_t i = 0; i < id.len; i++) {
		if (!is_id_char(id.ptr[i]))
			return false;
	}
	return id.len > 0 && id.len <= most;
}

void chat_hash_id(jstr id, char *to, size_t count)
{
	static const char digits[] =
	        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	uint64_t hash = str_hash(id);

	for (size_t i = 0; i < count; i++) {
		to[i] = digits[hash % 62];
		hash = hash / 62 ? hash / 62
		                 : (str_hash(id) ^ (i + 1)) * 0x9e3779b97f4a7c15u;
	}
}

jstr chat_fit_id(jstr id, size_t most, char room[CHAT_ID_ROOM])
{
	const str prefix = STR("call_");

	if (chat_is_id(id, most))
		return id;
	memcpy(room, prefix.ptr, prefix.len);
	chat_hash_id(id, room + prefix.len, HASH_DIGITS);
	return str_of(room, prefix.len + HASH_DIGITS);
}

size_t chat_id_most(enum wire_format format)
{
	return format == WIRE_BEDROCK ? 64 : format == WIRE_ANTHROPIC ? SIZE_MAX : 0;
}
