/* rank.c - rankings, in Cohere's words and in those of the compatible hosts (rank.h).
 *
 * Facts: wire-formats 4 and 11. */
#include "wire/rank.h"

#include "wire/openai_chat.h"
#include "wire/wire.h"

/* ---- requests ---- */

/* Texts, or objects with a text. */
static fault_t read_documents(struct chat_request *r, struct json_value v,
                              str *ret_detail)
{
	struct rank *k = r->rank;
	size_t count = work_items(v);
	struct json_member m;

	if (v.type != JSON_ARRAY || count == 0 || count > RANK_MOST)
		return work_refuse(r, FAULT_BAD_REQUEST, ret_detail,
		                   "\"documents\" must be a list of 1 to %d", RANK_MOST);
	k->documents = work_room(r->keep, count, sizeof(*k->documents));
	if (!k->documents)
		return FAULT_JSON_LIMIT;
	for (struct json_iter it = json_iter(v); json_next(&it, &m);) {
		struct json_value text = m.value.type == JSON_OBJECT
		                                 ? json_get(m.value, STR("text"))
		                                 : m.value;

		if (text.type != JSON_STRING)
			return work_refuse(r, FAULT_NOT_OFFERED, ret_detail,
			                   "\"documents\" with anything but text cannot "
			                   "be sent to this model's provider");
		k->documents[k->count++] = chat_text(r, text);
	}
	return NULL;
}

static fault_t rank_read(str body, struct chat_request *r, str *ret_detail)
{
	enum { MODEL, QUERY, DOCUMENTS, TOP, TOP_K, RETURNS, TOKENS, NAMES };
	static const str names[NAMES] = { STR_INIT("model"),
		                          STR_INIT("query"),
		                          STR_INIT("documents"),
		                          STR_INIT("top_n"),
		                          STR_INIT("top_k"),
		                          STR_INIT("return_documents"),
		                          STR_INIT("max_tokens_per_doc") };
	struct json_value v[NAMES], root;
	struct rank *k = r->rank = work_room(r->keep, 1, sizeof(*k));
	fault_t why = work_root(body, &root);

	if (why || !k)
		return why ? why : FAULT_JSON_LIMIT;
	chat_pick(r, root, STR_NONE, names, NAMES, v);
	k->query = chat_text(r, v[QUERY]);
	k->returns = v[RETURNS].type == JSON_TRUE;
	if (!k->query.len)
		return work_refuse(r, FAULT_BAD_REQUEST, ret_detail,
		                   "\"query\" must be a text");
	if (v[TOP].type == JSON_NONE)
		v[TOP] = v[TOP_K];
	if ((why = read_documents(r, v[DOCUMENTS], ret_detail)) ||
	    (why = work_count(r, v[TOP], "top_n", &k->top, ret_detail)))
		return why;
	return work_count(r, v[TOKENS], "max_tokens_per_doc", &k->most_tokens,
	                  ret_detail);
}

/* ---- what it is billed as ---- */

enum {
	UNIT = 100,         /* documents of one search unit */
	CHUNK = 500,        /* tokens of a query and what of a document is read with it */
	QUERY_TOKENS = 256, /* that are read of a query by models of so short chunks */
	DOCUMENT_LEAST = 3, /* bytes of one in a list */
};

/* Cohere: a query with up to 100 documents is one unit, and one that is longer than 500
 * tokens with its query is cut into chunks, each of which counts as a document
 * (https://cohere.com/pricing).  A byte is one token at most. */
uint64_t rank_units_most(str body)
{
	uint64_t chunks = 0, room = CHUNK;
	struct json_value root, list;
	struct json_member m;

	if (work_root(body, &root))
		return 1 + body.len / (UNIT * DOCUMENT_LEAST);
	list = json_get(root, STR("documents"));
	if (list.type != JSON_ARRAY)
		return 1 + body.len / (UNIT * DOCUMENT_LEAST);
	room -= min_of(json_get(root, STR("query")).raw.len, (size_t)QUERY_TOKENS);
	for (struct json_iter it = json_iter(list); json_next(&it, &m);)
		chunks += 1 + m.value.raw.len / room;
	return chunks <= UNIT ? 1 : (chunks + UNIT - 1) / UNIT;
}

static void write_request(const struct rank *k, const struct chat_target *t,
                          bool is_cohere, struct buf *to)
{
	struct json_writer w = { .to = to };

	json_open(&w, '{');
	json_key_str(&w, STR("model"), t->model);
	json_key_jstr(&w, STR("query"), k->query);
	json_key(&w, STR("documents"));
	json_open(&w, '[');
	for (unsigned i = 0; i < k->count; i++)
		json_jstr(&w, k->documents[i]);
	json_close(&w, ']');
	if (k->top)
		json_key_int(&w, STR("top_n"), (int64_t)k->top);
	if (is_cohere && k->most_tokens)
		json_key_int(&w, STR("max_tokens_per_doc"), (int64_t)k->most_tokens);
	json_close(&w, '}');
}

static fault_t openai_write(struct chat_request *r, const struct chat_target *t,
                            struct buf *to, str *ret_detail)
{
	if (r->rank->most_tokens)
		chat_drop(r, STR("max_tokens_per_doc"));
	write_request(r->rank, t, false, to);
	return NULL;
}

static fault_t cohere_write(struct chat_request *r, const struct chat_target *t,
                            struct buf *to, str *ret_detail)
{
	write_request(r->rank, t, true, to);
	return NULL;
}

/* ---- answers ---- */

static bool read_one(struct json_value v, struct ranked *ret)
{
	struct json_value score = json_get(v, STR("relevance_score"));

	if (score.type == JSON_NONE)
		score = json_get(v, STR("score"));
	ret->score = score.raw;
	return score.type == JSON_NUMBER &&
	       json_u64(json_get(v, STR("index")), &ret->index);
}

/* "results", or "data" where Voyage made it so. */
static fault_t rank_read_answer(struct json_value root, struct work_answer *a)
{
	struct json_value list = json_get(root, STR("results"));
	struct token_usage tokens;
	struct json_member m;
	size_t count;

	if (list.type != JSON_ARRAY)
		list = json_get(root, STR("data"));
	count = work_items(list);
	if (list.type != JSON_ARRAY || count > RANK_MOST)
		return FAULT_UPSTREAM_MALFORMED;
	if (!a->usage.input &&
	    openai_read_usage(json_get(root, STR("usage")), 0, &tokens) && tokens.input) {
		a->usage.input = tokens.input;
		a->has_usage = true;
	}
	a->ranks = work_room(a->keep, count, sizeof(a->ranks[0]));
	if (!a->ranks)
		return FAULT_UPSTREAM_LARGE;
	for (struct json_iter it = json_iter(list); json_next(&it, &m);) {
		if (!read_one(m.value, &a->ranks[a->count++]))
			return FAULT_UPSTREAM_MALFORMED;
	}
	return NULL;
}

static fault_t write_results(struct json_writer *w, const struct rank *k,
                             const struct work_answer *a)
{
	json_key(w, STR("results"));
	json_open(w, '[');
	for (unsigned i = 0; i < a->count; i++) {
		const struct ranked *found = &a->ranks[i];

		if (found->index >= k->count)
			return FAULT_UPSTREAM_MALFORMED;
		json_open(w, '{');
		json_key_int(w, STR("index"), (int64_t)found->index);
		json_key(w, STR("relevance_score"));
		json_raw(w, found->score);
		if (k->returns) {
			json_key(w, STR("document"));
			json_open(w, '{');
			json_key_jstr(w, STR("text"), k->documents[found->index]);
			json_close(w, '}');
		}
		json_close(w, '}');
	}
	json_close(w, ']');
	return NULL;
}

static fault_t openai_write_answer(const struct chat_request *r,
                                   const struct work_answer *a, struct buf *to)
{
	struct json_writer w = { .to = to };
	fault_t why;

	json_open(&w, '{');
	json_key_jstr(&w, STR("id"), a->id);
	json_key_jstr(&w, STR("model"), a->model);
	why = write_results(&w, r->rank, a);
	if (!why && a->usage.input) {
		json_key(&w, STR("usage"));
		json_open(&w, '{');
		json_key_int(&w, STR("prompt_tokens"), (int64_t)a->usage.input);
		json_key_int(&w, STR("total_tokens"), (int64_t)a->usage.input);
		json_close(&w, '}');
	}
	if (!why)
		json_close(&w, '}');
	return why;
}

static fault_t cohere_write_answer(const struct chat_request *r,
                                   const struct work_answer *a, struct buf *to)
{
	struct json_writer w = { .to = to };
	fault_t why;

	json_open(&w, '{');
	json_key_jstr(&w, STR("id"), a->id);
	why = write_results(&w, r->rank, a);
	if (why)
		return why;
	json_key(&w, STR("meta"));
	json_open(&w, '{');
	json_key(&w, STR("api_version"));
	json_raw(&w, STR("{\"version\":\"2\"}"));
	if (a->usage.searches) {
		json_key(&w, STR("billed_units"));
		json_open(&w, '{');
		json_key_int(&w, STR("search_units"), (int64_t)a->usage.searches);
		json_close(&w, '}');
	}
	if (a->usage.input) {
		json_key(&w, STR("tokens"));
		json_open(&w, '{');
		json_key_int(&w, STR("input_tokens"), (int64_t)a->usage.input);
		json_close(&w, '}');
	}
	json_close(&w, '}');
	json_close(&w, '}');
	return NULL;
}

const struct wire_work rank_openai = {
	.read = rank_read,
	.write = openai_write,
	.read_answer = rank_read_answer,
	.write_answer = openai_write_answer,
	.searches = "meta.billed_units.search_units",
};
const struct wire_work rank_cohere = {
	.read = rank_read,
	.write = cohere_write,
	.read_answer = rank_read_answer,
	.write_answer = cohere_write_answer,
	.tokens = "meta.billed_units.input_tokens",
	.searches = "meta.billed_units.search_units",
};
