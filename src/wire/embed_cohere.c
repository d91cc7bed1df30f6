/* embed_cohere.c - Cohere's POST /v2/embed, both ways. */
#include "wire/embed.h"
#include "wire/wire.h"

/* [{"content":[{"type":"text","text":"..."}]}] */
static fault_t read_inputs(struct chat_request *r, struct json_value v, str *ret_detail)
{
	struct embed *e = r->embed;
	size_t count = work_items(v);
	struct json_member m;
	fault_t why = NULL;

	if (v.type != JSON_ARRAY || count == 0 || count > EMBED_MOST)
		return work_refuse(r, FAULT_BAD_REQUEST, ret_detail,
		                   "\"inputs\" must be a list of 1 to %d", EMBED_MOST);
	e->inputs = work_room(r->keep, count, sizeof(*e->inputs));
	if (!e->inputs)
		return FAULT_JSON_LIMIT;
	for (struct json_iter it = json_iter(v); !why && json_next(&it, &m);)
		why = embed_read_parts(r, json_get(m.value, STR("content")), "inputs",
		                       &e->inputs[e->count++], ret_detail);
	return why;
}

static fault_t read_types(struct chat_request *r, struct json_value v, str *ret_detail)
{
	struct json_member m;

	if (v.type == JSON_NONE)
		return NULL;
	r->embed->encodings = 0;
	for (struct json_iter it = json_iter(v);
	     v.type == JSON_ARRAY && json_next(&it, &m);) {
		if (json_text_is(m.value, STR("float")))
			r->embed->encodings |= EMBED_FLOAT;
		else if (json_text_is(m.value, STR("base64")))
			r->embed->encodings |= EMBED_BASE64;
		else
			return work_refuse(
			        r, FAULT_NOT_OFFERED, ret_detail,
			        "\"embedding_types\" %.*s cannot be had from this "
			        "model's provider",
			        STR_ARG(str_first(m.value.raw, 32)));
	}
	if (!r->embed->encodings)
		return work_refuse(r, FAULT_BAD_REQUEST, ret_detail,
		                   "\"embedding_types\" must be a list of names");
	return NULL;
}

static fault_t cohere_read(str body, struct chat_request *r, str *ret_detail)
{
	enum { MODEL, TEXTS, INPUTS, IMAGES, TYPE, TYPES, TRUNCATE, DIMENSION, NAMES };
	static const str names[NAMES] = {
		STR_INIT("model"),      STR_INIT("texts"),
		STR_INIT("inputs"),     STR_INIT("images"),
		STR_INIT("input_type"), STR_INIT("embedding_types"),
		STR_INIT("truncate"),   STR_INIT("output_dimension")
	};
	struct json_value v[NAMES], root;
	struct embed *e = embed_new(r);
	fault_t why = work_root(body, &root);

	if (why || !e)
		return why ? why : FAULT_JSON_LIMIT;
	chat_pick(r, root, STR_NONE, names, NAMES, v);
	if (v[IMAGES].type != JSON_NONE)
		return work_refuse(r, FAULT_NOT_OFFERED, ret_detail,
		                   "\"images\" cannot be sent to this model's provider");
	if (v[INPUTS].type != JSON_NONE)
		why = read_inputs(r, v[INPUTS], ret_detail);
	else
		why = work_texts(r, v[TEXTS], "texts", EMBED_MOST, &e->inputs, &e->count,
		                 ret_detail);
	if (why || (why = embed_read_task(r, v[TYPE], "input_type", ret_detail)) ||
	    (why = read_types(r, v[TYPES], ret_detail)) ||
	    (why = work_count(r, v[DIMENSION], "output_dimension", &e->dimensions,
	                      ret_detail)))
		return why;
	e->truncate = chat_text(r, v[TRUNCATE]);
	return NULL;
}

static fault_t cohere_write(struct chat_request *r, const struct chat_target *t,
                            struct buf *to, str *ret_detail)
{
	struct json_writer w = { .to = to };

	json_open(&w, '{');
	json_key_str(&w, STR("model"), t->model);
	embed_write_cohere(r, &w);
	json_key(&w, STR("embedding_types"));
	json_raw(&w, STR("[\"float\"]"));
	json_close(&w, '}');
	return NULL;
}

static fault_t cohere_read_answer(struct json_value root, struct work_answer *a)
{
	return embed_take_all(a, json_path(root, "embeddings.float"));
}

static fault_t write_vectors(struct json_writer *w, const struct work_answer *a,
                             bool as_base64)
{
	fault_t why = NULL;

	json_key(w, as_base64 ? STR("base64") : STR("float"));
	json_open(w, '[');
	for (unsigned i = 0; i < a->count && !why; i++)
		why = as_base64 ? embed_write_base64(w, &a->vectors[i])
		                : embed_write_floats(w, &a->vectors[i]);
	json_close(w, ']');
	return why;
}

static fault_t cohere_write_answer(const struct chat_request *r,
                                   const struct work_answer *a, struct buf *to)
{
	const struct embed *e = r->embed;
	struct json_writer w = { .to = to };
	fault_t why = NULL;

	json_open(&w, '{');
	json_key_jstr(&w, STR("id"), a->id);
	json_key(&w, STR("embeddings"));
	json_open(&w, '{');
	if (e->encodings & EMBED_FLOAT)
		why = write_vectors(&w, a, false);
	if (!why && (e->encodings & EMBED_BASE64))
		why = write_vectors(&w, a, true);
	json_close(&w, '}');
	json_key(&w, STR("texts"));
	json_open(&w, '[');
	for (unsigned i = 0; i < e->count; i++)
		json_jstr(&w, e->inputs[i]);
	json_close(&w, ']');
	json_key(&w, STR("meta"));
	json_open(&w, '{');
	json_key(&w, STR("api_version"));
	json_raw(&w, STR("{\"version\":\"2\"}"));
	if (a->has_usage) {
		json_key(&w, STR("billed_units"));
		json_open(&w, '{');
		json_key_int(&w, STR("input_tokens"), (int64_t)a->usage.input);
		json_close(&w, '}');
	}
	json_close(&w, '}');
	json_key_str(&w, STR("response_type"), STR("embeddings_by_type"));
	json_close(&w, '}');
	return why;
}

const struct wire_work embed_cohere = {
	.read = cohere_read,
	.write = cohere_write,
	.read_answer = cohere_read_answer,
	.write_answer = cohere_write_answer,
	.tokens = "meta.billed_units.input_tokens",
};
