/* chat_stop.c - the first lines are stop sequences, the rest is a text in pieces (cut at
 * '|').  What passes is the text before the first sequence that is whole, no byte more.
 */
#include "wire/chat_stop.h"

#include "fuzz/fuzz.h"

struct heard {
	struct chat_sink sink;
	struct buf text;
	bool is_cut;
};

static void hear(struct chat_sink *sink, const struct chat_event *e)
{
	struct heard *h = container_of(sink, struct heard, sink);

	if (e->kind == CHAT_PIECE) {
		assert(!h->is_cut);
		buf_add(&h->text, e->text);
	} else if (e->kind == CHAT_FINISH) {
		h->is_cut = e->finish == FINISH_SEQUENCE;
	}
}

/* Where the sequence that is whole first begins; the end of the text: there is none. */
static size_t find_stop(const struct chat_request *r, str text)
{
	for (size_t end = 1; end <= text.len; end++) {
		size_t found = SIZE_MAX;

		for (unsigned i = 0; i < r->stop_count; i++) {
			size_t n = r->stops[i].len;

			if (n && str_ends(str_first(text, end), r->stops[i]))
				found = min_of(found, end - n);
		}
		if (found != SIZE_MAX)
			return found;
	}
	return text.len;
}

static void push(struct chat_stopper *s, enum chat_event_kind kind, str text)
{
	chat_push(chat_stopper_sink(s),
	          &(struct chat_event){ .kind = kind, .what = CHAT_TEXT, .text = text });
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str rest = str_first(fuzz_input(data, size), 4096);
	struct arena keep = { .ceiling = MiB };
	struct chat_request r = { .keep = &keep };
	struct heard h = { .sink = { .take = hear }, .text = BUF_LIMIT(MiB) };
	struct buf whole = BUF_LIMIT(MiB);

	while (r.stop_count < 3 && rest.len)
		r.stops[r.stop_count++] = str_cut(&rest, '\n');
	if (r.stop_count) {
		bool has_escapes = str_find(fuzz_input(data, size), '\\') < size;
		struct chat_stopper *s =
		        chat_stopper_new(&keep, &r, (1u << r.stop_count) - 1, &h.sink);

		push(s, CHAT_OPEN, STR_NONE);
		while (rest.len) {
			str piece = str_cut(&rest, '|');

			buf_add(&whole, piece);
			push(s, CHAT_PIECE, piece);
		}
		push(s, CHAT_FINISH, STR_NONE);
		if (!has_escapes) {
			str text = buf_str(&whole);
			size_t at = find_stop(&r, text);

			assert(str_eq(buf_str(&h.text), str_first(text, at)));
			assert(h.is_cut == (at < text.len));
		}
		chat_stopper_done(s);
	}
	buf_free(&h.text);
	buf_free(&whole);
	arena_done(&keep);
	return 0;
}
