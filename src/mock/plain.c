/* plain.c - embeddings, moderations and rankings of the mock provider.
 *
 * Made from the words of the text and nothing else, so that they behave: the same text
 * has the same vector, texts that share words are near each other, and the document that
 * shares most words with the query comes first. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/text.h"
#include "mock/call.h"

enum {
	INPUTS_MOST = 2048,
	DIMENSIONS = 256,
	DIMENSIONS_MOST = 4096,
	FLOATS_MOST = 1 * MiB, /* of one answer */
	WORDS_MOST = 64,       /* that count for a vector */
	DOCUMENTS_MOST = 1000,
};

/* The items of an array, or the one value that is none. */
static size_t list(struct json_value v, struct json_value *ret, size_t most)
{
	struct json_member m;
	size_t n = 0;

	if (v.type != JSON_ARRAY) {
		ret[0] = v;
		return v.type == JSON_STRING || v.type == JSON_OBJECT;
	}
	for (struct json_iter it = json_iter(v); json_next(&it, &m); n++) {
		if (n < most)
			ret[n] = m.value;
	}
	return n;
}

/* Without the blanks before it, in small letters: by this, words are the same. */
static uint64_t word_hash(str token)
{
	char room[64];
	size_t n = 0;

	token = str_trim(token);
	for (; n < token.len && n < sizeof(room); n++)
		room[n] = char_lower(token.ptr[n]);
	return str_hash(str_of(room, n));
}

static void write_usage(struct call *c, struct json_writer *w, uint64_t tokens)
{
	c->given = tokens;
	json_key(w, STR("usage"));
	json_open(w, '{');
	json_key(w, STR("prompt_tokens"));
	json_uint(w, tokens);
	json_key(w, STR("total_tokens"));
	json_uint(w, tokens);
	json_close(w, '}');
}

/* ---- embeddings ---- */

/* splitmix64: as good as chance, and the same everywhere. */
static uint64_t chance(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* The sum of its words' directions, of length one. */
static void embed(str text, double *sum, float *ret, size_t dimensions)
{
	double square = 0;
	str token;

	for (size_t i = 0; i < dimensions; i++)
		sum[i] = 0;
	for (int n = 0; n < WORDS_MOST && (n == 0 || text.len); n++) {
		uint64_t state = words_next(&text, &token) ? word_hash(token) : 1;

		for (size_t i = 0; i < dimensions; i++)
			sum[i] +=
			        (double)(chance(&state) >> 11) / (double)(1ull << 52) - 1;
	}
	for (size_t i = 0; i < dimensions; i++)
		square += sum[i] * sum[i];
	for (size_t i = 0; i < dimensions; i++)
		ret[i] = (float)(square > 0 ? sum[i] / sqrt(square) : i == 0);
}

static void write_vector(struct json_writer *w, const float *v, size_t n, bool as_base64)
{
	if (as_base64) {
		/* Both gcc's and clang's targets of ours are little-endian, as is asked.
		 */
		struct buf text = BUF_LIMIT(n * 6 + 8);
		base64_encode(&text,
		              str_of((const char *)(const void *)v, n * sizeof(*v)));
		json_str(w, buf_str(&text));
		buf_free(&text);
		return;
	}
	char number[32];
	json_open(w, '[');
	for (size_t i = 0; i < n; i++) {
		snprintf(number, sizeof(number), "%.9g", (double)v[i]);
		json_raw(w, str_from_z(number));
	}
	json_close(w, ']');
}

/* A text, or a list of token numbers, each a token and, as it is written, a word. */
static str embedded_text(struct call *c, struct json_value v, uint64_t *tokens)
{
	str text = v.type == JSON_STRING ? call_text(c, v) : v.raw;
	struct json_member m;

	if (v.type == JSON_STRING)
		*tokens += words_count(text);
	for (struct json_iter it = json_iter(v); json_next(&it, &m);)
		++*tokens;
	return text;
}

refusal_t plan_embeddings(struct call *c)
{
	struct json_value input = call_get(c, STR("input")), *items;
	struct json_value encoding = call_get(c, STR("encoding_format"));
	struct json_writer w = { .to = &c->out };
	uint64_t dimensions, tokens = 0;
	struct json_member first;
	size_t n;

	if (!call_count(c, STR("dimensions"), 1, DIMENSIONS_MOST, DIMENSIONS,
	                &dimensions))
		return call_refuse(c, REFUSE_BAD_VALUE, STR("dimensions"));
	items = arena_array(&c->arena, struct json_value, INPUTS_MOST);
	struct json_iter it = json_iter(input);
	if (json_next(&it, &first) && first.value.type == JSON_NUMBER) {
		items[0] = input;
		n = 1;
	} else {
		n = list(input, items, INPUTS_MOST);
	}
	if (n == 0 || n > INPUTS_MOST || n * dimensions > FLOATS_MOST)
		return call_refuse(c, REFUSE_BAD_VALUE, STR("input"));

	double *sum = arena_array(&c->arena, double, dimensions);
	float *vector = arena_array(&c->arena, float, dimensions);
	json_open(&w, '{');
	json_key_str(&w, STR("object"), STR("list"));
	json_key(&w, STR("data"));
	json_open(&w, '[');
	for (size_t i = 0; i < n; i++) {
		embed(embedded_text(c, items[i], &tokens), sum, vector, dimensions);
		json_open(&w, '{');
		json_key_str(&w, STR("object"), STR("embedding"));
		json_key_int(&w, STR("index"), (int64_t)i);
		json_key(&w, STR("embedding"));
		write_vector(&w, vector, dimensions,
		             json_text_is(encoding, STR("base64")));
		json_close(&w, '}');
	}
	json_close(&w, ']');
	json_key_str(&w, STR("model"), c->model->id);
	write_usage(c, &w, tokens);
	json_close(&w, '}');
	return NULL;
}

/* ---- moderations ---- */

/* A category is met when its name stands in the text. */
static const char *const categories[] = { "harassment", "hate",   "illicit",
	                                  "self-harm",  "sexual", "violence" };

static bool is_met(size_t category, str text)
{
	return str_has(text, str_from_z(categories[category]));
}

static void write_moderation(struct json_writer *w, str text)
{
	bool flagged = false;

	for (size_t i = 0; i < countof(categories); i++)
		flagged |= is_met(i, text);
	json_open(w, '{');
	json_key_bool(w, STR("flagged"), flagged);
	json_key(w, STR("categories"));
	json_open(w, '{');
	for (size_t i = 0; i < countof(categories); i++)
		json_key_bool(w, str_from_z(categories[i]), is_met(i, text));
	json_close(w, '}');
	json_key(w, STR("category_scores"));
	json_open(w, '{');
	for (size_t i = 0; i < countof(categories); i++) {
		json_key(w, str_from_z(categories[i]));
		json_raw(w, is_met(i, text) ? STR("0.99") : STR("0.01"));
	}
	json_close(w, '}');
	json_close(w, '}');
}

/* A text, or an object with one: {"type":"text","text":...}. */
static str text_of(struct call *c, struct json_value v)
{
	return call_text(c, v.type == JSON_OBJECT ? json_get(v, STR("text")) : v);
}

refusal_t plan_moderations(struct call *c)
{
	struct json_value *items = arena_array(&c->arena, struct json_value, INPUTS_MOST);
	size_t n = list(call_get(c, STR("input")), items, INPUTS_MOST);
	struct json_writer w = { .to = &c->out };

	if (n == 0 || n > INPUTS_MOST)
		return call_refuse(c, REFUSE_BAD_VALUE, STR("input"));
	json_open(&w, '{');
	json_key_str(&w, STR("id"), call_id(c, "modr-"));
	json_key_str(&w, STR("model"), c->model->id);
	json_key(&w, STR("results"));
	json_open(&w, '[');
	for (size_t i = 0; i < n; i++)
		write_moderation(&w, text_of(c, items[i]));
	json_close(&w, ']');
	json_close(&w, '}');
	return NULL;
}

/* ---- rankings ---- */

struct ranked {
	size_t index;
	unsigned
	        score; /* in 1/10000: words shared with the query, of the query's words */
};

static unsigned shared_words(str query, str document)
{
	unsigned asked = 0, found = 0;
	str word, other;

	for (; asked < WORDS_MOST && words_next(&query, &word); asked++) {
		str rest = document;
		bool is_there = false;

		for (int n = 0; n < WORDS_MOST && words_next(&rest, &other); n++)
			is_there |= word_hash(word) == word_hash(other);
		found += is_there;
	}
	return asked ? found * 10000 / asked : 0;
}

static int by_score(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->score != y->score)
		return x->score < y->score ? 1 : -1;
	return x->index > y->index ? 1 : -1;
}

refusal_t plan_rerank(struct call *c)
{
	struct json_value *items =
	        arena_array(&c->arena, struct json_value, DOCUMENTS_MOST);
	size_t n = list(call_get(c, STR("documents")), items, DOCUMENTS_MOST);
	str query = call_text(c, call_get(c, STR("query")));
	struct json_writer w = { .to = &c->out };
	uint64_t top, tokens = words_count(query);

	if (!query.len)
		return call_refuse(c, REFUSE_MISSING, STR("query"));
	if (n == 0 || n > DOCUMENTS_MOST)
		return call_refuse(c, REFUSE_BAD_VALUE, STR("documents"));
	if (!call_count(c, STR("top_n"), 1, UINT32_MAX, n, &top))
		return call_refuse(c, REFUSE_BAD_VALUE, STR("top_n"));
	struct ranked *ranks = arena_array(&c->arena, struct ranked, n);
	for (size_t i = 0; i < n; i++) {
		str text = text_of(c, items[i]);

		ranks[i] = (struct ranked){ i, shared_words(query, text) };
		tokens += words_count(text);
	}
	qsort(ranks, n, sizeof(ranks[0]), by_score);
	json_open(&w, '{');
	json_key_str(&w, STR("id"), call_id(c, "rerank-"));
	json_key_str(&w, STR("model"), c->model->id);
	json_key(&w, STR("results"));
	json_open(&w, '[');
	for (size_t i = 0; i < n && i < top; i++) {
		json_open(&w, '{');
		json_key_int(&w, STR("index"), (int64_t)ranks[i].index);
		json_key(&w, STR("relevance_score"));
		json_raw(&w, arena_printf(&c->arena, "%u.%04u", ranks[i].score / 10000,
		                          ranks[i].score % 10000));
		json_close(&w, '}');
	}
	json_close(&w, ']');
	write_usage(c, &w, tokens);
	json_close(&w, '}');
	return NULL;
}
