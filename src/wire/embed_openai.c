/* embed_openai.c - OpenAI's POST /embeddings, both ways.
 *
 * Beside OpenAI's own members a client may say input_type, in Cohere's, Voyage's or
 * Gemini's words: formats that tell questions from documents need it. */
#include "wire/embed.h"
#include "wire/openai_chat.h"
#include "wire/wire.h"

static fault_t read_input(struct chat_request *r, struct json_value v, str *ret_detail)
{
	struct json_member first = { .value = { JSON_NONE } };
	struct json_iter it = json_iter(v);

	if (v.type == JSON_ARRAY && json_next(&it, &first) &&
	    (first.value.type == JSON_NUMBER || first.value.type == JSON_ARRAY))
		return work_refuse(r, FAULT_NOT_OFFERED, ret_detail,
		                   "\"input\" of token numbers means nothing to this "
		                   "model's provider: send text");
	return work_texts(r, v, "input", EMBED_MOST, &r->embed->inputs, &r->embed->count,
	                  ret_detail);
}

static fault_t openai_read(str body, struct chat_request *r, str *ret_detail)
{
	enum { MODEL, INPUT, ENCODING, DIMENSIONS, USER, TYPE, NAMES };
	static const str names[NAMES] = {
		STR_INIT("model"),      STR_INIT("input"), STR_INIT("encoding_format"),
		STR_INIT("dimensions"), STR_INIT("user"),  STR_INIT("input_type")
	};
	struct json_value v[NAMES], root;
	struct embed *e = embed_new(r);
	fault_t why = work_root(body, &root);

	if (why || !e)
		return why ? why : FAULT_JSON_LIMIT;
	chat_pick(r, root, STR_NONE, names, NAMES, v);
	if ((why = read_input(r, v[INPUT], ret_detail)) ||
	    (why = work_count(r, v[DIMENSIONS], "dimensions", &e->dimensions,
	                      ret_detail)) ||
	    (why = embed_read_task(r, v[TYPE], "input_type", ret_detail)))
		return why;
	if (json_text_is(v[ENCODING], STR("base64")))
		e->encodings = EMBED_BASE64;
	else if (v[ENCODING].type != JSON_NONE &&
	         !json_text_is(v[ENCODING], STR("float")))
		return work_refuse(r, FAULT_BAD_REQUEST, ret_detail,
		                   "\"encoding_format\" must be \"float\" or \"base64\"");
	e->user = chat_text(r, v[USER]);
	e->truncate = STR("NONE"); /* OpenAI refuses what is too long */
	return NULL;
}

static fault_t openai_write(struct chat_request *r, const struct chat_target *t,
                            struct buf *to, str *ret_detail)
{
	const struct embed *e = r->embed;
	struct json_writer w = { .to = to };

	embed_drop(r, EMBED_TASK | EMBED_TRUNCATE | EMBED_TITLE);
	json_open(&w, '{');
	json_key_str(&w, STR("model"), t->model);
	json_key(&w, STR("input"));
	json_open(&w, '[');
	for (unsigned i = 0; i < e->count; i++)
		json_jstr(&w, e->inputs[i]);
	json_close(&w, ']');
	json_key_str(&w, STR("encoding_format"),
	             e->encodings == EMBED_BASE64 ? STR("base64") : STR("float"));
	if (e->dimensions)
		json_key_int(&w, STR("dimensions"), (int64_t)e->dimensions);
	if (e->user.len)
		json_key_jstr(&w, STR("user"), e->user);
	json_close(&w, '}');
	return NULL;
}

/* Each says which input it belongs to; they need not come in order. */
static fault_t openai_read_answer(struct json_value root, struct work_answer *a)
{
	struct json_value data = json_get(root, STR("data"));
	struct json_member m;
	uint64_t next = 0;
	fault_t why = embed_room(a, work_items(data));

	a->has_usage = openai_read_usage(json_get(root, STR("usage")), 0, &a->usage);
	for (struct json_iter it = json_iter(data); !why && json_next(&it, &m); next++) {
		struct json_value index = json_get(m.value, STR("index"));
		struct embed_vector *v;
		uint64_t at = next;

		if (index.type != JSON_NONE && (!json_u64(index, &at) || at >= a->count))
			return FAULT_UPSTREAM_MALFORMED;
		v = &a->vectors[at];
		if (v->floats.len || v->packed.len ||
		    !embed_take(a, json_get(m.value, STR("embedding")), v))
			return FAULT_UPSTREAM_MALFORMED;
	}
	return why;
}

static fault_t openai_write_answer(const struct chat_request *r,
                                   const struct work_answer *a, struct buf *to)
{
	struct json_writer w = { .to = to };
	fault_t why = NULL;

	json_open(&w, '{');
	json_key_str(&w, STR("object"), STR("list"));
	json_key(&w, STR("data"));
	json_open(&w, '[');
	for (unsigned i = 0; i < a->count && !why; i++) {
		json_open(&w, '{');
		json_key_str(&w, STR("object"), STR("embedding"));
		json_key_int(&w, STR("index"), i);
		json_key(&w, STR("embedding"));
		why = r->embed->encodings == EMBED_BASE64
		              ? embed_write_base64(&w, &a->vectors[i])
		              : embed_write_floats(&w, &a->vectors[i]);
		json_close(&w, '}');
	}
	json_close(&w, ']');
	json_key_jstr(&w, STR("model"), a->model);
	/* The member is required; what nobody has counted is 0. */
	json_key(&w, STR("usage"));
	json_open(&w, '{');
	json_key_int(&w, STR("prompt_tokens"), (int64_t)a->usage.input);
	json_key_int(&w, STR("total_tokens"), (int64_t)a->usage.input);
	json_close(&w, '}');
	json_close(&w, '}');
	return why;
}

const struct wire_work embed_openai = {
	.read = openai_read,
	.write = openai_write,
	.read_answer = openai_read_answer,
	.write_answer = openai_write_answer,
};
