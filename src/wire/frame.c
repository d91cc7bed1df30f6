/* frame.c - see frame.h. */
#include "wire/frame.h"

#include "base/assert.h"
#include "codec/json.h"

void frame_keep(struct frame *f, str text, const str *holes, unsigned count)
{
	const char *from = text.ptr, *end = text.ptr + text.len;
	size_t used = 0;

	assert(count >= 1 && count <= FRAME_HOLES);
	f->pieces = 0;
	for (unsigned i = 0; i <= count; i++) {
		const char *to = i < count ? holes[i].ptr : end;
		size_t len = (size_t)(to - from);

		assert(to >= from && to <= end);
		if (len > sizeof(f->text) - used)
			return;
		memcpy(f->text + used, from, len);
		f->len[i] = (uint16_t)len;
		used += len;
		from = i < count ? to + holes[i].len : end;
	}
	f->pieces = (uint16_t)(count + 1);
}

bool frame_holds(const struct frame *f, str text, str *ret_said)
{
	const char *at = f->text;
	str inside;

	for (unsigned i = 0; i < f->pieces; i++) {
		if (i > 0 && !json_take_inside(&text, &inside))
			return false;
		if (i == 1)
			*ret_said = inside;
		if (!str_skip(&text, str_of(at, f->len[i])))
			return false;
		at += f->len[i];
	}
	return f->pieces > 0 && text.len == 0;
}
