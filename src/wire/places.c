#include "wire/places.h"

#include "base/assert.h"

static bool is_named(const struct json_member *m, bool is_plain, str name)
{
	struct json_value key = { JSON_STRING, str_of(m->key.ptr - 1, m->key.len + 2) };

	return is_plain ? str_eq(m->key, name) : json_text_is(key, name);
}

void places_find(struct json_value root, const struct place *places, unsigned count,
                 struct json_value *ret)
{
	struct json_member m;
	uint32_t seen = 0; /* the first member of a name is the one that counts */

	assert(count <= PLACES_MOST);
	memset(ret, 0, count * sizeof(*ret));
	if (root.type != JSON_OBJECT)
		return;
	for (struct json_iter it = json_iter(root); json_next(&it, &m);) {
		bool is_plain = str_find(m.key, '\\') == m.key.len;

		for (unsigned i = 0; i < count; i++) {
			bool is_inner = places[i].object.len > 0;
			str name = is_inner ? places[i].object : places[i].member;

			if (!is_named(&m, is_plain, name) || seen >> i & 1)
				continue;
			seen |= (uint32_t)1 << i;
			ret[i] = is_inner ? json_get(m.value, places[i].member) : m.value;
		}
	}
}
