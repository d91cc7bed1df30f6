/* seam.c - whatever two texts are put together, what comes out is what the second says
 * behind the first, whole and unchanged, however its bytes are cut; or nothing. */
#include "wire/seam.h"

#include "fuzz/fuzz.h"

struct end {
	struct chat_sink sink;
	struct buf out;
};

static void take(struct chat_sink *sink, const struct chat_event *e)
{
	struct end *end = container_of(sink, struct end, sink);

	if (e->kind == CHAT_PIECE)
		buf_add(&end->out, e->text);
}

/* Pieces are of whole escapes and characters, as readers give them. */
static size_t piece(str s, size_t want)
{
	size_t n = 0;

	while (n < s.len && n < want) {
		size_t unit = 1;

		if (s.ptr[n] == '\\' && n + 1 < s.len)
			unit = s.ptr[n + 1] == 'u' && n + 6 <= s.len ? 6 : 2;
		while (n + unit < s.len && !utf8_begins(s.ptr[n + unit]))
			unit++;
		n += unit;
	}
	return n;
}

static void run(enum seam_method method, str p, str s, size_t size, struct buf *ret)
{
	struct end end = { .sink = { take }, .out = BUF_LIMIT(MiB) };
	struct seam seam;

	seam_init(&seam, method, p, NULL, 0, &end.sink);
	while (s.len) {
		const struct chat_event e = { .kind = CHAT_PIECE,
			                      .text = str_take(&s, piece(s, size)) };

		chat_push(&seam.sink, &e);
	}
	seam_settle(&seam);
	if (seam.state == SEAM_REFUSED)
		assert(end.out.len == 0);
	buf_add_char(ret, seam.state == SEAM_CLOSED ? 'c' : 'r');
	buf_add(ret, buf_str(&end.out));
	seam_done(&seam);
	buf_free(&end.out);
}

/* Readers give nothing but what stands between the quotes of a JSON string. */
static bool is_text(str s)
{
	struct buf json = BUF_LIMIT(MiB);
	struct json_value root;
	bool is_good;

	buf_add(&json, STR("{\"t\":\""));
	buf_add(&json, s);
	buf_add(&json, STR("\"}"));
	is_good = !json_check(buf_str(&json), &json_limits_default, &root) &&
	          json_get(root, STR("t")).raw.len == s.len + 2;
	buf_free(&json);
	return is_good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = fuzz_input(data, size), raw_p, s;
	struct buf p = BUF_LIMIT(MiB), whole = BUF_LIMIT(MiB), cut = BUF_LIMIT(MiB);
	enum seam_method method;

	if (size < 2 || size > 64 * KiB)
		return 0;
	method = (enum seam_method)(data[0] % 3);
	text = str_from(text, 1);
	raw_p = str_first(text, str_find(text, '\0'));
	s = str_from(text, min_of(raw_p.len + 1, text.len));
	if (is_text(raw_p) && is_text(s) && jchars_plain(raw_p, &p)) {
		run(method, buf_str(&p), s, SIZE_MAX, &whole);
		run(method, buf_str(&p), s, 1, &cut);
		assert(str_eq(buf_str(&whole), buf_str(&cut)));
		/* Cut, never changed. */
		assert(whole.len - 1 <= s.len &&
		       str_eq(str_from(buf_str(&whole), 1),
		              str_from(s, s.len - (whole.len - 1))));
	}
	buf_free(&p);
	buf_free(&whole);
	buf_free(&cut);
	return 0;
}
