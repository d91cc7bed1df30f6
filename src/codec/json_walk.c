/* json_walk.c - finding values in text that json_check has passed.
 *
 * What was checked once is not checked again: a string ends at its quote, a container
 * where its braces are even, anything else where a delimiter stands.  On text that was
 * never checked the answers mean nothing, but no byte outside it is read. */
#include "codec/json.h"

#include "codec/json_private.h"

/* From the opening quote to behind the closing one; NULL when there is none. */
static const char *string_end(const char *at, const char *end)
{
	at = json_quote_end(at + 1, end);
	return at < end ? at + 1 : NULL;
}

static const char *container_end(const char *at, const char *end)
{
	size_t open = 0;

	while (at < end) {
		switch (*at) {
		case '"':
			at = string_end(at, end);
			if (!at)
				return NULL;
			continue;
		case '{':
		case '[':
			open++;
			break;
		case '}':
		case ']':
			if (--open == 0)
				return at + 1;
			break;
		default:
			break;
		}
		at++;
	}
	return NULL;
}

/* Numbers and words: they have no byte that could stand behind them. */
static const char *word_end(const char *at, const char *end)
{
	while (at < end && *at != ',' && *at != '}' && *at != ']' &&
	       !json_byte_is(*at, BYTE_SPACE))
		at++;
	return at;
}

static bool read_value(struct json_iter *it, struct json_value *ret)
{
	const char *first = it->at, *end = NULL;

	if (first >= it->end)
		return false;
	ret->type = json_type_at(*first);
	switch (ret->type) {
	case JSON_STRING:
		end = string_end(first, it->end);
		break;
	case JSON_OBJECT:
	case JSON_ARRAY:
		end = container_end(first, it->end);
		break;
	case JSON_NUMBER:
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL:
		end = word_end(first, it->end);
		break;
	case JSON_NONE:
		break;
	}
	if (!end)
		return false;
	ret->raw = str_of(first, (size_t)(end - first));
	it->at = end;
	return true;
}

struct json_iter json_iter(struct json_value container)
{
	bool is_object = container.type == JSON_OBJECT;
	str raw = container.raw;

	if ((!is_object && container.type != JSON_ARRAY) || raw.len < 2)
		return (struct json_iter){ .is_object = false };
	return (struct json_iter){ raw.ptr + 1, raw.ptr + raw.len - 1, is_object };
}

static const char *skip_to(const char *at, const char *end, char mark)
{
	while (at < end && (*at == mark || json_byte_is(*at, BYTE_SPACE)))
		at++;
	return at;
}

bool json_next(struct json_iter *it, struct json_member *ret)
{
	str key = STR("");

	it->at = skip_to(it->at, it->end, ',');
	if (it->is_object) {
		const char *name = it->at, *behind;

		if (name >= it->end || *name != '"')
			return false;
		behind = string_end(name, it->end);
		if (!behind)
			return false;
		key = str_of(name + 1, (size_t)(behind - name - 2));
		it->at = skip_to(behind, it->end, ':');
	}
	if (!read_value(it, &ret->value))
		return false;
	ret->key = key;
	return true;
}

fault_t json_object_members(struct json_value object, struct json_member *ret,
                            size_t most, size_t *ret_count)
{
	struct json_iter it = json_iter(object);
	struct json_member m;
	size_t count = 0;
	fault_t why;

	while (it.is_object && json_next(&it, &m)) {
		if (count == most)
			return FAULT_JSON_LIMIT;
		ret[count++] = m;
	}
	why = json_distinct(ret, count, false);
	if (!why)
		*ret_count = count;
	return why;
}

struct json_value json_get(struct json_value object, str key)
{
	struct json_iter it = json_iter(object);
	struct json_member m;

	while (it.is_object && json_next(&it, &m)) {
		if (json_inside_is(m.key, key))
			return m.value;
	}
	return (struct json_value){ .type = JSON_NONE, .raw = STR("") };
}

struct json_value json_path(struct json_value v, const char *dotted)
{
	str rest = str_from_z(dotted);

	do {
		v = json_get(v, str_cut(&rest, '.'));
	} while (rest.len > 0);
	return v;
}

bool json_long_u64(str digits, uint64_t *ret)
{
	uint64_t value;

	if (!str_to_u64(digits, &value) || value > INT64_MAX)
		return false;
	*ret = value;
	return true;
}

bool json_i64(struct json_value v, int64_t *ret)
{
	int64_t value;

	if (v.type != JSON_NUMBER || !str_to_i64(v.raw, &value))
		return false;
	if (value == 0 && v.raw.ptr[0] == '-') /* -0 is a float to some readers */
		return false;
	*ret = value;
	return true;
}
