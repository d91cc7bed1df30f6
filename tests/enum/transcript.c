/* transcript.c - the client's bytes, as far as they can be read without their format. */
#include "tests/enum/scene.h"

static bool take_line(str *bytes, str *ret)
{
	size_t n = str_find_str(*bytes, STR("\r\n"));

	if (n == bytes->len)
		return false;
	*ret = str_first(*bytes, n);
	*bytes = str_from(*bytes, n + 2);
	return true;
}

/* Strict: lower-case hex sizes without leading zeros, nothing behind the last chunk. */
static enum ending unchunk(str bytes, struct buf *to)
{
	str line;

	while (take_line(&bytes, &line)) {
		size_t size = 0;

		if (!line.len || line.len > 6 || (line.ptr[0] == '0' && line.len > 1))
			return END_GARBLED;
		for (size_t i = 0; i < line.len; i++) {
			size_t digit = str_find(STR("0123456789abcdef"), line.ptr[i]);

			if (digit > 15)
				return END_GARBLED;
			size = size * 16 + digit;
		}
		if (size == 0)
			return str_eq(bytes, STR("\r\n"))       ? END_WHOLE
			       : str_starts(STR("\r\n"), bytes) ? END_CUT
			                                        : END_GARBLED;
		buf_add(to, str_first(bytes, size));
		if (bytes.len < size + 2)
			return END_CUT;
		if (bytes.ptr[size] != '\r' || bytes.ptr[size + 1] != '\n')
			return END_GARBLED;
		bytes = str_from(bytes, size + 2);
	}
	return END_CUT;
}

/* Reads the response as far as it has come; END_CUT: there should be more. */
enum ending transcript_read(struct transcript *t, str seen, struct buf *body)
{
	size_t end = str_find_str(seen, STR("\r\n\r\n")), at;
	uint64_t status = 0, length = 0;
	str head = str_first(seen, end + 2);

	buf_clear(body);
	if (end == seen.len)
		return END_CUT;
	if (!str_starts(head, STR("HTTP/1.1 ")) ||
	    !str_to_u64(str_of(head.ptr + 9, 3), &status))
		return END_GARBLED;
	t->status = (int)status;
	t->head = head;
	if (str_has(head, STR("transfer-encoding: chunked\r\n")))
		return unchunk(str_from(seen, end + 4), body);
	at = str_find_str(head, STR("content-length: "));
	if (at == head.len)
		return END_GARBLED;
	str digits = str_from(head, at + 16);
	if (!str_to_u64(str_first(digits, str_find(digits, '\r')), &length))
		return END_GARBLED;
	buf_add(body, str_first(str_from(seen, end + 4), length));
	return seen.len - end - 4 < length   ? END_CUT
	       : seen.len - end - 4 > length ? END_GARBLED
	                                     : END_WHOLE;
}

/* Is the client's body the provider's, but for what we alone have asked for and said? */
bool transcript_is_as_sent(const struct transcript *t)
{
	size_t end = str_find_str(t->sent, STR("\r\n\r\n"));
	struct buf sent = BUF_LIMIT(MiB);
	str got = str_first(t->body, str_find_str(t->body, STR(": sluice ")));
	bool is = unchunk(str_from(t->sent, end + 4), &sent) == END_WHOLE;
	size_t usage = str_find_str(buf_str(&sent), STR("\"choices\":[],\"usage\":{"));
	str all = buf_str(&sent), rest = str_from(all, usage);

	if (is && !str_eq(got, all) && usage < sent.len) {
		size_t from =
		        sent.len -
		        str_from(all, str_find_last(str_first(all, usage), '\n') + 1).len;
		size_t upto = str_find_str(rest, STR("\n\n")) + 2;

		is = got.len > from &&
		     str_eq(str_first(got, from), str_first(all, from)) &&
		     str_eq(str_from(got, from), str_from(rest, upto));
	} else {
		is &= str_eq(got, all);
	}
	buf_free(&sent);
	return is;
}

void transcript_free(struct transcript *t)
{
	arena_done(&t->arena);
}
