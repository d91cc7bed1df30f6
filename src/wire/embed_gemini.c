/* embed_gemini.c - Gemini's :embedContent and :batchEmbedContents, both ways.
 *
 * A batch is a list of whole requests: what other formats say once for all texts may
 * differ here from text to text, and such a batch can only go to Gemini itself. */
#include "wire/embed.h"
#include "wire/wire.h"

/* One request, alone or of a batch. */
static fault_t read_one(struct chat_request *r, struct json_value object, str where,
                        str *ret_detail)
{
	enum { MODEL, CONTENT, TITLE, TASK, TASK_SNAKE, SIZE, SIZE_SNAKE, NAMES };
	static const str names[NAMES] = { STR_INIT("model"),
		                          STR_INIT("content"),
		                          STR_INIT("title"),
		                          STR_INIT("taskType"),
		                          STR_INIT("task_type"),
		                          STR_INIT("outputDimensionality"),
		                          STR_INIT("output_dimensionality") };
	struct json_value v[NAMES];
	struct embed *e = r->embed;
	enum embed_task task = e->task;
	uint64_t size = e->dimensions;
	fault_t why;

	chat_pick(r, object, where, names, NAMES, v);
	if (json_get(v[CONTENT], STR("parts")).type != JSON_ARRAY)
		return work_refuse(r, FAULT_BAD_REQUEST, ret_detail,
		                   "\"content\" must be an object with \"parts\"");
	if (v[TASK].type == JSON_NONE)
		v[TASK] = v[TASK_SNAKE];
	if (v[SIZE].type == JSON_NONE)
		v[SIZE] = v[SIZE_SNAKE];
	e->task = TASK_UNSET;
	e->dimensions = 0;
	if ((why = embed_read_task(r, v[TASK], "taskType", ret_detail)) ||
	    (why = work_count(r, v[SIZE], "outputDimensionality", &e->dimensions,
	                      ret_detail)) ||
	    (why = embed_read_parts(r, json_get(v[CONTENT], STR("parts")), "content",
	                            &e->inputs[e->count], ret_detail)))
		return why;
	e->has_title |= v[TITLE].type != JSON_NONE;
	if (e->count++ && (e->task != task || e->dimensions != size))
		return work_refuse(r, FAULT_NOT_OFFERED, ret_detail,
		                   "\"requests\" that differ in taskType or "
		                   "outputDimensionality cannot be sent to this model's "
		                   "provider");
	return r->why;
}

static fault_t gemini_read(str body, struct chat_request *r, str *ret_detail)
{
	struct json_value root, requests;
	struct embed *e = embed_new(r);
	size_t count;
	struct json_member m;
	fault_t why = work_root(body, &root);

	if (why || !e)
		return why ? why : FAULT_JSON_LIMIT;
	requests = json_get(root, STR("requests"));
	count = requests.type == JSON_NONE ? 1 : work_items(requests);
	if (count == 0 || count > EMBED_MOST)
		return work_refuse(r, FAULT_BAD_REQUEST, ret_detail,
		                   "\"requests\" must be a list of 1 to %d", EMBED_MOST);
	e->inputs = work_room(r->keep, count, sizeof(*e->inputs));
	if (!e->inputs)
		return FAULT_JSON_LIMIT;
	if (requests.type == JSON_NONE) {
		e->alone = true;
		return read_one(r, root, STR_NONE, ret_detail);
	}
	for (struct json_iter it = json_iter(requests); !why && json_next(&it, &m);)
		why = read_one(r, m.value, STR("requests"), ret_detail);
	return why;
}

static fault_t gemini_write(struct chat_request *r, const struct chat_target *t,
                            struct buf *to, str *ret_detail)
{
	const struct embed *e = r->embed;
	struct json_writer w = { .to = to };
	str task = embed_task_name(e->task, WIRE_GEMINI), model = t->model;
	str name;

	str_skip(&model, STR("models/"));
	name = arena_printf(r->keep, "models/%.*s", STR_ARG(model));
	embed_drop(r, EMBED_USER | EMBED_TRUNCATE);
	json_open(&w, '{');
	json_key(&w, STR("requests"));
	json_open(&w, '[');
	for (unsigned i = 0; i < e->count; i++) {
		json_open(&w, '{');
		json_key_str(&w, STR("model"), name);
		json_key(&w, STR("content"));
		json_open(&w, '{');
		json_key(&w, STR("parts"));
		json_open(&w, '[');
		json_open(&w, '{');
		json_key_jstr(&w, STR("text"), e->inputs[i]);
		json_close(&w, '}');
		json_close(&w, ']');
		json_close(&w, '}');
		if (task.len)
			json_key_str(&w, STR("taskType"), task);
		if (e->dimensions)
			json_key_int(&w, STR("outputDimensionality"),
			             (int64_t)e->dimensions);
		json_close(&w, '}');
	}
	json_close(&w, ']');
	json_close(&w, '}');
	return NULL;
}

static fault_t gemini_read_answer(struct json_value root, struct work_answer *a)
{
	struct json_value list = json_get(root, STR("embeddings"));
	struct json_value alone = json_path(root, "embedding.values");
	struct json_member m;
	unsigned n = 0;
	fault_t why = embed_room(a, alone.type == JSON_ARRAY ? 1 : work_items(list));

	if (!why && alone.type == JSON_ARRAY)
		a->vectors[n++].floats = alone.raw;
	for (struct json_iter it = json_iter(list);
	     !why && n < a->count && json_next(&it, &m); n++) {
		struct json_value values = json_get(m.value, STR("values"));

		if (values.type != JSON_ARRAY)
			why = FAULT_UPSTREAM_MALFORMED;
		a->vectors[n].floats = values.raw;
	}
	return why;
}

static fault_t write_values(struct json_writer *w, const struct embed_vector *v)
{
	fault_t why;

	json_open(w, '{');
	json_key(w, STR("values"));
	why = embed_write_floats(w, v);
	json_close(w, '}');
	return why;
}

static fault_t gemini_write_answer(const struct chat_request *r,
                                   const struct work_answer *a, struct buf *to)
{
	struct json_writer w = { .to = to };
	fault_t why = NULL;

	json_open(&w, '{');
	if (r->embed->alone) {
		json_key(&w, STR("embedding"));
		why = write_values(&w, &a->vectors[0]);
	} else {
		json_key(&w, STR("embeddings"));
		json_open(&w, '[');
		for (unsigned i = 0; i < a->count && !why; i++)
			why = write_values(&w, &a->vectors[i]);
		json_close(&w, ']');
	}
	if (a->has_usage) {
		json_key(&w, STR("usageMetadata"));
		json_open(&w, '{');
		json_key_int(&w, STR("promptTokenCount"), (int64_t)a->usage.input);
		json_close(&w, '}');
	}
	json_close(&w, '}');
	return why;
}

const struct wire_work embed_gemini = {
	.read = gemini_read,
	.write = gemini_write,
	.read_answer = gemini_read_answer,
	.write_answer = gemini_write_answer,
	.tokens = "usageMetadata.promptTokenCount",
};
