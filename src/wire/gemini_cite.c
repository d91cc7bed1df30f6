/* gemini_cite.c - what stands beside a candidate's text: grounding and log probabilities.
 *
 * Google's segments count UTF-8 bytes of all text of the candidate that is no thought
 * (seen in recordings, also across the events of a stream); ours count characters of one
 * block.  They are converted where that is certain: in text of ASCII alone, and where the
 * whole text is at hand.  Else a citation stays without a place. */
#include "wire/gemini.h"

#include "codec/utf8.h"

/* ---- lengths ---- */

static bool read_hex(str s, uint32_t *ret)
{
	uint32_t value = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = char_lower(s.ptr[i]);

		if (char_is_digit(c))
			value = value * 16 + (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value * 16 + (uint32_t)(c - 'a') + 10;
		else
			return false;
	}
	*ret = value;
	return s.len == 4;
}

/* How long the character at the front of text is: in text, and as UTF-8. */
static size_t next_char(jstr text, size_t *ret_bytes)
{
	uint32_t code, low;
	size_t n;

	*ret_bytes = 1;
	if (text.ptr[0] != '\\') {
		n = utf8_length(text.ptr, text.ptr + text.len);
		*ret_bytes = n ? n : 1;
		return *ret_bytes;
	}
	if (text.len < 6 || text.ptr[1] != 'u' ||
	    !read_hex(str_of(text.ptr + 2, 4), &code))
		return min_of(text.len, (size_t)2);
	*ret_bytes = code < 0x80 ? 1 : code < 0x800 ? 2 : 3;
	if (code < 0xd800 || code > 0xdbff || text.len < 12 || text.ptr[6] != '\\' ||
	    text.ptr[7] != 'u' || !read_hex(str_of(text.ptr + 8, 4), &low))
		return 6;
	*ret_bytes = 4;
	return 12;
}

size_t gemini_char(jstr text)
{
	size_t bytes;

	return next_char(text, &bytes);
}

void gemini_measure(jstr text, uint64_t *bytes, uint64_t *chars)
{
	while (text.len) {
		size_t n;

		text = str_from(text, next_char(text, &n));
		*bytes += n;
		*chars += 1;
	}
}

/* ---- places ---- */

/* Characters before that byte in the text of parts which are no thoughts. */
static uint64_t chars_before(struct gemini_text *t, uint64_t byte)
{
	uint64_t bytes = 0, chars = 0;
	struct json_member m;

	for (struct json_iter it = json_iter(t->parts); json_next(&it, &m);) {
		struct json_value v = json_get(m.value, STR("text"));
		jstr text;

		if (v.type != JSON_STRING ||
		    json_get(m.value, STR("thought")).type == JSON_TRUE)
			continue;
		text = str_of(v.raw.ptr + 1, v.raw.len - 2);
		while (text.len && bytes < byte) {
			size_t n;

			text = str_from(text, next_char(text, &n));
			bytes += n;
			chars++;
		}
		t->walked += v.raw.len;
	}
	return chars;
}

enum { WALK_MOST = 32 * MiB }; /* bytes, for all citations of a candidate */

static void set_place(struct gemini_text *t, uint64_t from, uint64_t to,
                      struct chat_citation *c)
{
	uint64_t start, end;

	if (t->is_ascii) {
		start = from;
		end = to;
	} else if (t->parts.type == JSON_ARRAY && t->walked < WALK_MOST) {
		start = chars_before(t, from);
		end = chars_before(t, to);
	} else {
		return;
	}
	if (start < t->chars || end <= start)
		return; /* in an earlier block */
	c->start = start - t->chars;
	c->end = end - t->chars;
}

/* ---- citations ---- */

enum { CITES_MOST = 256 };

static jstr text_of(struct json_value v)
{
	return v.type == JSON_STRING ? str_of(v.raw.ptr + 1, v.raw.len - 2) : STR_NONE;
}

static uint64_t number_of(struct json_value object, str name)
{
	uint64_t n = 0;

	json_u64(json_get(object, name), &n);
	return n;
}

static void push(struct gemini_text *t, struct json_value source, uint64_t from,
                 uint64_t to_byte, jstr cited, struct chat_sink *to)
{
	struct chat_event e = { .kind = CHAT_CITE,
		                .choice = t->choice,
		                .block = t->block };

	e.cite.url = text_of(json_get(source, STR("uri")));
	e.cite.title = text_of(json_get(source, STR("title")));
	e.cite.cited = cited;
	if (!e.cite.url.len && !e.cite.title.len)
		return;
	set_place(t, from, to_byte, &e.cite);
	chat_push(to, &e);
}

/* The sources of grounding chunks, whatever their kinds are called. */
static unsigned read_sources(struct json_value chunks, struct json_value *ret)
{
	unsigned n = 0;
	struct json_member m, inner;

	for (struct json_iter it = json_iter(chunks);
	     n < CITES_MOST && json_next(&it, &m);) {
		struct json_iter in = json_iter(m.value);

		ret[n++] =
		        json_next(&in, &inner) ? inner.value : (struct json_value){ 0 };
	}
	return n;
}

static void push_grounding(struct gemini_text *t, struct json_value grounding,
                           struct chat_sink *to)
{
	struct json_value sources[CITES_MOST];
	unsigned count, left = CITES_MOST;
	struct json_member m, each;

	count = read_sources(json_get(grounding, STR("groundingChunks")), sources);
	for (struct json_iter it =
	             json_iter(json_get(grounding, STR("groundingSupports")));
	     json_next(&it, &m);) {
		struct json_value segment = json_get(m.value, STR("segment"));
		struct json_iter in =
		        json_iter(json_get(m.value, STR("groundingChunkIndices")));

		while (json_next(&in, &each) && left) {
			uint64_t index;

			if (!json_u64(each.value, &index) || index >= count)
				continue;
			left--;
			push(t, sources[index], number_of(segment, STR("startIndex")),
			     number_of(segment, STR("endIndex")),
			     text_of(json_get(segment, STR("text"))), to);
		}
	}
}

void gemini_push_cites(struct gemini_text *t, struct json_value grounding,
                       struct json_value citations, struct chat_sink *to)
{
	struct json_value list = json_get(citations, STR("citationSources"));
	unsigned left = CITES_MOST;
	struct json_member m;

	push_grounding(t, grounding, to);
	if (list.type != JSON_ARRAY)
		list = json_get(citations, STR("citations"));
	for (struct json_iter it = json_iter(list); left && json_next(&it, &m); left--)
		push(t, m.value, number_of(m.value, STR("startIndex")),
		     number_of(m.value, STR("endIndex")), STR_NONE, to);
}

/* ---- log probabilities ---- */

/* "bytes" of a token: its UTF-8. */
static void write_bytes(struct json_writer *w, jstr token)
{
	char room[256];
	struct json_value v = { JSON_STRING, str_of(token.ptr - 1, token.len + 2) };
	str plain =
	        token.len && v.raw.len <= sizeof(room) ? json_text(v, room) : STR_NONE;

	json_key(w, STR("bytes"));
	json_open(w, '[');
	for (size_t i = 0; i < plain.len; i++)
		json_uint(w, (unsigned char)plain.ptr[i]);
	json_close(w, ']');
}

static void write_token(struct json_writer *w, struct json_value candidate)
{
	struct json_value p = json_get(candidate, STR("logProbability"));
	jstr token = text_of(json_get(candidate, STR("token")));

	json_key_jstr(w, STR("token"), token);
	json_key(w, STR("logprob"));
	json_raw(w, p.type == JSON_NUMBER ? p.raw : STR("0"));
	write_bytes(w, token);
}

void gemini_logprobs_read(struct json_value result, struct buf *to)
{
	struct json_iter tops = json_iter(json_get(result, STR("topCandidates")));
	struct json_writer w = { .to = to };
	struct json_member m, top, each;

	json_open(&w, '[');
	for (struct json_iter it = json_iter(json_get(result, STR("chosenCandidates")));
	     json_next(&it, &m);) {
		json_open(&w, '{');
		write_token(&w, m.value);
		json_key(&w, STR("top_logprobs"));
		json_open(&w, '[');
		if (json_next(&tops, &top)) {
			struct json_value list = json_get(top.value, STR("candidates"));

			for (struct json_iter in = json_iter(list);
			     json_next(&in, &each);) {
				json_open(&w, '{');
				write_token(&w, each.value);
				json_close(&w, '}');
			}
		}
		json_close(&w, ']');
		json_close(&w, '}');
	}
	json_close(&w, ']');
}

static void write_candidate(struct json_writer *w, struct json_value item)
{
	struct json_value p = json_get(item, STR("logprob"));

	json_open(w, '{');
	json_key_jstr(w, STR("token"), text_of(json_get(item, STR("token"))));
	json_key(w, STR("logProbability"));
	json_raw(w, p.type == JSON_NUMBER ? p.raw : STR("0"));
	json_close(w, '}');
}

void gemini_logprobs_write(struct json_writer *w, struct json_value list)
{
	struct json_member m, each;

	json_key(w, STR("logprobsResult"));
	json_open(w, '{');
	json_key(w, STR("topCandidates"));
	json_open(w, '[');
	for (struct json_iter it = json_iter(list); json_next(&it, &m);) {
		struct json_value top = json_get(m.value, STR("top_logprobs"));

		json_open(w, '{');
		json_key(w, STR("candidates"));
		json_open(w, '[');
		for (struct json_iter in = json_iter(top); json_next(&in, &each);)
			write_candidate(w, each.value);
		json_close(w, ']');
		json_close(w, '}');
	}
	json_close(w, ']');
	json_key(w, STR("chosenCandidates"));
	json_open(w, '[');
	for (struct json_iter it = json_iter(list); json_next(&it, &m);)
		write_candidate(w, m.value);
	json_close(w, ']');
	json_close(w, '}');
}

/* ---- the other way ---- */

uint64_t gemini_bytes_before(jstr text, uint64_t count)
{
	uint64_t bytes = 0, chars = 0;

	while (text.len && chars < count) {
		uint64_t none = 0;
		size_t n = gemini_char(text);

		gemini_measure(str_first(text, n), &bytes, &none);
		text = str_from(text, n);
		chars++;
	}
	return bytes;
}

static void write_sources(struct json_writer *w, const struct chat_citation *list)
{
	if (!list)
		return;
	for (const struct chat_citation *c = list; c; c = c->next) {
		json_open(w, '{');
		json_key(w, STR("web"));
		json_open(w, '{');
		json_key_jstr(w, STR("uri"), c->url);
		json_key_jstr(w, STR("title"), c->title);
		json_close(w, '}');
		json_close(w, '}');
	}
}

static void write_supports(struct json_writer *w, const struct chat_citation *list,
                           unsigned *at)
{
	for (const struct chat_citation *c = list; c; c = c->next, ++*at) {
		json_open(w, '{');
		json_key(w, STR("segment"));
		json_open(w, '{');
		if (c->end > c->start) {
			json_key_int(w, STR("startIndex"), (int64_t)c->start);
			json_key_int(w, STR("endIndex"), (int64_t)c->end);
		}
		json_key_jstr(w, STR("text"), c->cited);
		json_close(w, '}');
		json_key(w, STR("groundingChunkIndices"));
		json_open(w, '[');
		json_int(w, *at);
		json_close(w, ']');
		json_close(w, '}');
	}
}

void gemini_write_grounding(struct json_writer *w, const struct chat_citation *list)
{
	unsigned at = 0;

	if (!list)
		return;
	json_key(w, STR("groundingMetadata"));
	json_open(w, '{');
	json_key(w, STR("groundingChunks"));
	json_open(w, '[');
	write_sources(w, list);
	json_close(w, ']');
	json_key(w, STR("groundingSupports"));
	json_open(w, '[');
	write_supports(w, list, &at);
	json_close(w, ']');
	json_close(w, '}');
}
