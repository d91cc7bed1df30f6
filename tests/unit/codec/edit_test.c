#include "base/buf.h"
#include "codec/edit.h"
#include "tests/check.h"

/* The text after the edits, with a bar between the pieces. */
static str pieces(struct buf *to, str text, const struct edit *edits, size_t count)
{
	struct iovec iov[EDIT_IOV];
	int n = edit_iov(text, edits, count, iov);
	size_t length = 0;

	buf_clear(to);
	for (int i = 0; i < n; i++) {
		if (i > 0)
			buf_add_char(to, '|');
		buf_add(to, str_of(iov[i].iov_base, iov[i].iov_len));
		CHECK(iov[i].iov_len > 0);
		length += iov[i].iov_len;
	}
	CHECK_INT(length, edit_length(text, edits, count));
	return buf_str(to);
}

TEST(edits_leave_the_rest_where_it_is)
{
	struct buf b = BUF_LIMIT(256);
	str text = STR("{\"model\":\"a\",\"n\":1}");

	CHECK_STR(pieces(&b, text, NULL, 0), "{\"model\":\"a\",\"n\":1}");
	CHECK_STR(pieces(&b, text, (struct edit[]){ { 9, 3, STR("\"bb\"") } }, 1),
	          "{\"model\":|\"bb\"|,\"n\":1}");
	CHECK_STR(pieces(&b, text, (struct edit[]){ { 1, 12, STR("") } }, 1),
	          "{|\"n\":1}");
	CHECK_STR(pieces(&b, text, (struct edit[]){ { 0, text.len, STR("x") } }, 1), "x");
	CHECK_STR(pieces(&b, text, (struct edit[]){ { 0, text.len, STR("") } }, 1), "");
	CHECK_STR(pieces(&b, STR(""), (struct edit[]){ { 0, 0, STR("x") } }, 1), "x");
	buf_free(&b);
}

TEST(edits_may_touch)
{
	struct buf b = BUF_LIMIT(256);
	struct edit edits[EDIT_MOST] = { { 0, 0, STR("<") },
		                         { 2, 2, STR("CD") },
		                         { 4, 0, STR("+") },
		                         { 6, 0, STR(">") } };

	CHECK_STR(pieces(&b, STR("abcdef"), edits, 4), "<|ab|CD|+|ef|>");
	buf_free(&b);
}

TEST(a_copy_has_all_changes)
{
	struct buf b = BUF_LIMIT(256);
	str text = STR("one two three");
	struct edit_copy c = { .text = text, .to = &b };

	CHECK(!edit_copy_end(&c));
	CHECK_INT(b.len, 0);
	edit_copy_put(&c, str_of(text.ptr, 0), STR("<"));
	edit_copy_put(&c, str_of(text.ptr + 4, 3), STR("2"));
	edit_copy_put(&c, str_of(text.ptr + 5, 1), STR("late"));
	edit_copy_put(&c, str_of(text.ptr + 7, 1), STR_NONE);
	CHECK(edit_copy_end(&c));
	CHECK_STR(buf_str(&b), "<one 2three");
	buf_free(&b);
}
