#include "gateway/tags.h"

#include "base/buf.h"

static bool is_name(str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = char_lower(s.ptr[i]);

		if (!char_is_digit(c) && !(c >= 'a' && c <= 'z') && c != '_' &&
		    c != '-' && c != '.')
			return false;
	}
	return s.len > 0 && s.len <= TAG_NAME_MOST;
}

static bool is_value(str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] <= ' ' || s.ptr[i] > '~' || s.ptr[i] == '=')
			return false;
	}
	return s.len > 0 && s.len <= TAG_VALUE_MOST;
}

struct tags {
	char room[TAGS_BYTES];
	struct buf text;
	str names[TAGS_MOST];
	unsigned count;
};

static bool has(const struct tags *t, str name)
{
	for (unsigned i = 0; i < t->count; i++) {
		if (str_eq(t->names[i], name))
			return true;
	}
	return false;
}

static void add(struct tags *t, str list)
{
	while (list.len && t->count < TAGS_MOST) {
		str value = str_trim(str_cut(&list, ','));
		str name = str_trim(str_cut(&value, '='));

		value = str_trim(value);
		if (!is_name(name) || !is_value(value) || has(t, name) ||
		    t->text.len + name.len + value.len + 2 > TAGS_BYTES)
			continue;
		if (t->text.len)
			buf_add_char(&t->text, ',');
		buf_add(&t->text, name);
		buf_add_char(&t->text, '=');
		buf_add(&t->text, value);
		t->names[t->count++] = name;
	}
}

str tags_join(struct arena *a, str of_key, str of_request)
{
	struct tags t;

	if (!of_key.len && !of_request.len)
		return STR_NONE;
	t.count = 0;
	t.text = (struct buf){ t.room, .cap = TAGS_BYTES, .limit = TAGS_BYTES };
	add(&t, of_key);
	add(&t, of_request);
	return arena_copy(a, buf_str(&t.text));
}
