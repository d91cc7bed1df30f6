/* edit.c - a text with a few places changed, as pieces: what stays is pointed to, what is
 * new is pointed to as well, and nothing is copied. */
#include "codec/edit.h"

#include "base/assert.h"

size_t edit_length(str text, const struct edit *edits, size_t count)
{
	size_t length = text.len;

	for (size_t i = 0; i < count; i++)
		length = length - edits[i].len + edits[i].with.len;
	return length;
}

static int add_piece(struct iovec *iov, int used, str piece)
{
	/* An iovec is for reading and for writing, so its pointer is not const. */
	union {
		const char *in;
		void *out;
	} bytes = { .in = piece.ptr };

	if (piece.len == 0)
		return used;
	iov[used] = (struct iovec){ .iov_base = bytes.out, .iov_len = piece.len };
	return used + 1;
}

int edit_iov(str text, const struct edit *edits, size_t count, struct iovec *iov)
{
	size_t at = 0; /* all before is done */
	int used = 0;

	for (size_t i = 0; i < count; i++) {
		assert(edits[i].at >= at && edits[i].at <= text.len);
		assert(edits[i].len <= text.len - edits[i].at);
		used = add_piece(iov, used,
		                 str_first(str_from(text, at), edits[i].at - at));
		used = add_piece(iov, used, edits[i].with);
		at = edits[i].at + edits[i].len;
	}
	return add_piece(iov, used, str_from(text, at));
}

void edit_copy_put(struct edit_copy *c, str old, str with)
{
	size_t at = (size_t)(old.ptr - c->text.ptr);

	if (at < c->done)
		return;
	buf_add(c->to, str_of(c->text.ptr + c->done, at - c->done));
	buf_add(c->to, with);
	c->done = at + old.len;
	c->is_changed = true;
}

bool edit_copy_end(struct edit_copy *c)
{
	if (c->is_changed)
		buf_add(c->to, str_from(c->text, c->done));
	return c->is_changed;
}
