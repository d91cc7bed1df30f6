/* sse.c - both readers find the same events, whole or cut where the first byte says, and
 * what one writes the other reads. */
#include "codec/sse.h"

#include "fuzz/fuzz.h"

static void add_event(struct buf *to, str name, str data)
{
	buf_addf(to, "%zu,%zu:", name.len, data.len);
	buf_add(to, name);
	buf_add(to, data);
}

static void read_all(struct buf *to, str text, size_t cut)
{
	struct sse_reader r = { .limit = MiB };
	struct sse_event event;
	str first = str_first(text, cut), second = str_from(text, cut);

	while (sse_next(&r, &first, &event) ||
	       (!first.len && sse_next(&r, &second, &event)))
		add_event(to, event.name, event.data);
	assert(!r.why);
	sse_done(&r);
}

static void scan_all(struct buf *to, str text, size_t cut)
{
	struct sse_scan s = { .seen = 0 };
	struct sse_found found;
	struct buf data = BUF_LIMIT(MiB);
	size_t end = cut < text.len ? cut : text.len, at = 0;

	for (;;) {
		while (sse_scan(&s, str_of(text.ptr + at, end - at), &found)) {
			assert(found.raw.ptr == text.ptr + at &&
			       found.raw.len <= end - at);
			sse_join(&found, &data);
			if (found.has_data)
				add_event(to, found.name, buf_str(&data));
			at += found.raw.len;
		}
		if (end == text.len)
			break;
		end = text.len;
	}
	buf_free(&data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = fuzz_input(data, size);
	struct buf want = BUF_LIMIT(MiB), got = BUF_LIMIT(MiB);
	size_t cuts[] = { text.len, 0, size ? data[0] : 0 };

	/* Behind a CR as last byte one reader waits and the other need not. */
	if (size > 64 * KiB || str_ends(text, STR("\r")))
		return 0;
	read_all(&want, text, text.len);
	for (size_t i = 0; i < countof(cuts); i++) {
		buf_clear(&got);
		read_all(&got, text, cuts[i]);
		assert(str_eq(buf_str(&got), buf_str(&want)));
		buf_clear(&got);
		scan_all(&got, text, cuts[i]);
		assert(str_eq(buf_str(&got), buf_str(&want)));
	}
	buf_clear(&got);
	sse_write(&got, STR("n"), text);
	buf_clear(&want);
	scan_all(&want, buf_str(&got), got.len);
	assert(str_starts(buf_str(&want), STR("1,")));
	buf_free(&want);
	buf_free(&got);
	return 0;
}
