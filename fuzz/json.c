/* json.c - text that passes json_check can be walked without leaving it, each string fits
 * its room and comes back as it was written.  Other text may be walked too. */
#include "codec/json.h"

#include "codec/json_write.h"
#include "fuzz/fuzz.h"

#include <stdlib.h>

static void walk(struct json_value v, str whole, bool is_checked, struct buf *b)
{
	struct json_member m;
	char *room;
	str text;

	assert(v.raw.ptr >= whole.ptr && v.raw.ptr + v.raw.len <= whole.ptr + whole.len);
	for (struct json_iter it = json_iter(v); json_next(&it, &m);)
		walk(m.value, v.raw, is_checked, b);
	if (v.type != JSON_STRING)
		return;
	room = malloc(v.raw.len + 1);
	text = json_text(v, room);
	assert(text.len <= v.raw.len);
	if (is_checked) {
		struct json_writer w = { .to = b };
		struct json_value again;
		char *copy = malloc(6 * v.raw.len + 1);

		assert(json_text_is(v, text));
		buf_clear(b);
		json_str(&w, text);
		assert(!json_check(buf_str(b), &json_limits_default, &again));
		assert(str_eq(json_text(again, copy), text));
		free(copy);
	}
	free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = fuzz_input(data, size);
	struct json_value root = { JSON_NONE, text }, type = root;
	struct json_member members[16];
	struct buf b = BUF_LIMIT(16 * MiB);
	size_t count;
	fault_t why = json_check(text, &json_limits_default, &root);
	fault_t again = json_members(text, &json_limits_default, members, 16, &count);

	assert(!why || again);
	if (!why) {
		walk(root, text, true, &b);
		/* The two ways to the members of an object are one. */
		if (root.type == JSON_OBJECT)
			assert(json_object_members(root, members, 16, &count) == again);
	} else if (size < KiB) { /* unchecked text may be walked again at every level */
		type.type = (enum json_type)(size % 4);
		struct json_member m;

		for (struct json_iter it = json_iter(type); json_next(&it, &m);)
			walk(m.value, text, false, &b);
	}
	buf_free(&b);
	return 0;
}
