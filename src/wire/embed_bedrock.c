/* embed_bedrock.c - embeddings at Bedrock: /model/{id}/invoke, where every family of
 * models has a body of its own.
 *
 * Tokens stand in a head line of the answer where the body does not say them
 * (wire.h: tokens_line). */
#include "wire/embed.h"
#include "wire/wire.h"

enum shape {
	SHAPE_TITAN, /* {"inputText":..}: one text a call */
	SHAPE_IMAGE, /* the same, with the size in embeddingConfig */
	SHAPE_COHERE,
	SHAPE_NOVA, /* one text a call */
};

/* The first row that fits counts.  An inference profile does not tell its model: it is
 * taken for the last row's. */
static const struct family {
	str pattern;
	enum shape shape;
	bool has_sizes;
} families[] = {
	{ STR_INIT("titan-embed-image"), SHAPE_IMAGE, true },
	{ STR_INIT("titan-embed-text-v1"), SHAPE_TITAN, false },
	{ STR_INIT("titan-embed-g1"), SHAPE_TITAN, false },
	{ STR_INIT("cohere.embed-v4"), SHAPE_COHERE, true },
	{ STR_INIT("cohere.embed"), SHAPE_COHERE, false },
	{ STR_INIT("nova"), SHAPE_NOVA, true },
	{ STR_INIT(""), SHAPE_TITAN, true },
};

static const struct family *family_of(str model)
{
	const struct family *f = families;

	while (!str_has(model, f->pattern) && f->pattern.len)
		f++;
	return f;
}

static void write_nova(struct chat_request *r, struct json_writer *w)
{
	const struct embed *e = r->embed;
	str task = embed_task_name(e->task, WIRE_BEDROCK);

	if (!task.len)
		embed_drop(r, EMBED_TASK);
	json_key_str(w, STR("taskType"), STR("SINGLE_EMBEDDING"));
	json_key(w, STR("singleEmbeddingParams"));
	json_open(w, '{');
	json_key_str(w, STR("embeddingPurpose"), task.len ? task : STR("GENERIC_INDEX"));
	if (e->dimensions)
		json_key_int(w, STR("embeddingDimension"), (int64_t)e->dimensions);
	json_key(w, STR("text"));
	json_open(w, '{');
	json_key_jstr(w, STR("truncationMode"),
	              e->truncate.len ? e->truncate : STR("NONE"));
	json_key_jstr(w, STR("value"), e->inputs[0]);
	json_close(w, '}');
	json_close(w, '}');
}

static void write_titan(struct chat_request *r, enum shape shape, struct json_writer *w)
{
	const struct embed *e = r->embed;

	embed_drop(r, EMBED_TASK | EMBED_TRUNCATE);
	json_key_jstr(w, STR("inputText"), e->inputs[0]);
	if (!e->dimensions)
		return;
	if (shape == SHAPE_TITAN) {
		json_key_int(w, STR("dimensions"), (int64_t)e->dimensions);
		return;
	}
	json_key(w, STR("embeddingConfig"));
	json_open(w, '{');
	json_key_int(w, STR("outputEmbeddingLength"), (int64_t)e->dimensions);
	json_close(w, '}');
}

static fault_t bedrock_write(struct chat_request *r, const struct chat_target *t,
                             struct buf *to, str *ret_detail)
{
	const struct embed *e = r->embed;
	const struct family *f = family_of(t->model);
	struct json_writer w = { .to = to };

	if (f->shape != SHAPE_COHERE && e->count > 1)
		return work_refuse(r, FAULT_NOT_OFFERED, ret_detail,
		                   "%u inputs: this model takes one a request", e->count);
	if (!f->has_sizes && e->dimensions)
		return work_refuse(r, FAULT_NOT_OFFERED, ret_detail,
		                   "\"%.*s\": this model's vectors have one size only",
		                   STR_ARG(embed_size_member(r)));
	embed_drop(r, EMBED_USER | EMBED_TITLE);
	json_open(&w, '{');
	switch (f->shape) {
	case SHAPE_COHERE:
		embed_write_cohere(r, &w);
		break;
	case SHAPE_NOVA:
		write_nova(r, &w);
		break;
	case SHAPE_TITAN:
	case SHAPE_IMAGE:
		write_titan(r, f->shape, &w);
		break;
	}
	json_close(&w, '}');
	return NULL;
}

static fault_t bedrock_read_answer(struct json_value root, struct work_answer *a)
{
	struct json_value alone = json_get(root, STR("embedding"));
	struct json_value list = json_get(root, STR("embeddings"));
	struct json_iter it = json_iter(list);
	struct json_member first;
	fault_t why;

	if (list.type == JSON_OBJECT) /* Cohere, by type */
		return embed_take_all(a, json_get(list, STR("float")));
	if (list.type == JSON_ARRAY && json_next(&it, &first)) {
		if (first.value.type != JSON_OBJECT)
			return embed_take_all(a, list);
		alone = json_get(first.value, STR("embedding")); /* Nova */
	}
	why = embed_room(a, 1);
	if (!why && alone.type != JSON_ARRAY)
		why = FAULT_UPSTREAM_MALFORMED;
	if (!why)
		a->vectors[0].floats = alone.raw;
	return why;
}

/* ---- a Titan model's side, for the mock provider ---- */

static fault_t bedrock_read(str body, struct chat_request *r, str *ret_detail)
{
	enum { TEXT, DIMENSIONS, NORMALIZE, NAMES };
	static const str names[NAMES] = { STR_INIT("inputText"), STR_INIT("dimensions"),
		                          STR_INIT("normalize") };
	struct json_value v[NAMES], root;
	struct embed *e = embed_new(r);
	fault_t why = work_root(body, &root);

	if (why || !e)
		return why ? why : FAULT_JSON_LIMIT;
	chat_pick(r, root, STR_NONE, names, NAMES, v);
	why = work_texts(r, v[TEXT], "inputText", 1, &e->inputs, &e->count, ret_detail);
	return why ? why
	           : work_count(r, v[DIMENSIONS], "dimensions", &e->dimensions,
	                        ret_detail);
}

static fault_t bedrock_write_answer(const struct chat_request *r,
                                    const struct work_answer *a, struct buf *to)
{
	struct json_writer w = { .to = to };
	fault_t why;

	json_open(&w, '{');
	json_key(&w, STR("embedding"));
	why = embed_write_floats(&w, &a->vectors[0]);
	json_key_int(&w, STR("inputTextTokenCount"), (int64_t)a->usage.input);
	json_close(&w, '}');
	return why;
}

const struct wire_work embed_bedrock = {
	.read = bedrock_read,
	.write = bedrock_write,
	.read_answer = bedrock_read_answer,
	.write_answer = bedrock_write_answer,
	.tokens = "inputTextTokenCount",
};
