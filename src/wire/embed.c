/* embed.c - what the formats' embeddings have in common (embed.h).
 *
 * Facts: wire-formats 4 and 13.8. */
#include "wire/embed.h"

#include "base/assert.h"
#include "codec/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MOST = 8 * MiB };

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "packed vectors are so");

struct embed *embed_new(struct chat_request *r)
{
	r->embed = work_room(r->keep, 1, sizeof(*r->embed));
	if (r->embed)
		r->embed->encodings = EMBED_FLOAT;
	return r->embed;
}

/* ---- tasks ---- */

/* clang-format off */
static const struct { str cohere, gemini, nova, other; } tasks[EMBED_TASKS] = {
	[TASK_DOCUMENT]       = { STR_INIT("search_document"), STR_INIT("RETRIEVAL_DOCUMENT"),   STR_INIT("GENERIC_INDEX"),  STR_INIT("document") },
	[TASK_QUERY]          = { STR_INIT("search_query"),    STR_INIT("RETRIEVAL_QUERY"),      STR_INIT("TEXT_RETRIEVAL"), STR_INIT("query") },
	[TASK_CLASSIFICATION] = { STR_INIT("classification"),  STR_INIT("CLASSIFICATION"),       STR_INIT("CLASSIFICATION"), STR_INIT("") },
	[TASK_CLUSTERING]     = { STR_INIT("clustering"),      STR_INIT("CLUSTERING"),           STR_INIT("CLUSTERING"),     STR_INIT("") },
	[TASK_SIMILARITY]     = { STR_INIT(""),                STR_INIT("SEMANTIC_SIMILARITY"),  STR_INIT(""),               STR_INIT("") },
	[TASK_QUESTION]       = { STR_INIT(""),                STR_INIT("QUESTION_ANSWERING"),   STR_INIT(""),               STR_INIT("") },
	[TASK_FACT]           = { STR_INIT(""),                STR_INIT("FACT_VERIFICATION"),    STR_INIT(""),               STR_INIT("") },
	[TASK_CODE]           = { STR_INIT(""),                STR_INIT("CODE_RETRIEVAL_QUERY"), STR_INIT(""),               STR_INIT("") },
};
/* clang-format on */

enum embed_task embed_task_find(str word)
{
	for (unsigned i = TASK_DOCUMENT; i < EMBED_TASKS; i++) {
		if (str_eq_nocase(word, tasks[i].cohere) ||
		    str_eq_nocase(word, tasks[i].gemini) ||
		    str_eq_nocase(word, tasks[i].other))
			return (enum embed_task)i;
	}
	return EMBED_TASKS;
}

str embed_task_name(enum embed_task task, enum wire_format format)
{
	assert(task < EMBED_TASKS);
	if (format == WIRE_COHERE)
		return tasks[task].cohere;
	if (format == WIRE_GEMINI)
		return tasks[task].gemini;
	return format == WIRE_BEDROCK ? tasks[task].nova : STR_NONE;
}

fault_t embed_read_task(struct chat_request *r, struct json_value v, const char *name,
                        str *ret_detail)
{
	str word = chat_text(r, v);

	if (v.type == JSON_NONE || json_text_is(v, STR("TASK_TYPE_UNSPECIFIED")))
		return NULL;
	r->embed->task = word.len ? embed_task_find(word) : EMBED_TASKS;
	if (r->embed->task != EMBED_TASKS)
		return NULL;
	r->embed->task = TASK_UNSET;
	return work_refuse(r, FAULT_NOT_OFFERED, ret_detail,
	                   "\"%s\" has a value that this provider does not know", name);
}

fault_t embed_read_parts(struct chat_request *r, struct json_value parts,
                         const char *name, jstr *ret, str *ret_detail)
{
	struct buf text = BUF_LIMIT(TEXT_MOST);
	struct json_member m;
	fault_t why = NULL;
	char *room;

	for (struct json_iter it = json_iter(parts); !why && json_next(&it, &m);) {
		struct json_value v = json_get(m.value, STR("text"));

		if (v.type != JSON_STRING)
			why = work_refuse(r, FAULT_NOT_OFFERED, ret_detail,
			                  "\"%s\" with anything but text cannot be sent "
			                  "to this model's provider",
			                  name);
		if (text.len)
			buf_add(&text, STR("\\n"));
		buf_add(&text, chat_text(r, v));
	}
	room = why || text.over ? NULL : arena_try(r->keep, text.len + 1);
	if (room) {
		buf_z(&text);
		memcpy(room, text.ptr, text.len);
		*ret = str_of(room, text.len);
	} else if (!why) {
		why = FAULT_JSON_LIMIT;
	}
	buf_free(&text);
	return why;
}

str embed_task_member(const struct chat_request *r)
{
	return r->from == WIRE_GEMINI ? STR("taskType") : STR("input_type");
}

str embed_size_member(const struct chat_request *r)
{
	if (r->from == WIRE_GEMINI)
		return STR("outputDimensionality");
	return r->from == WIRE_COHERE ? STR("output_dimension") : STR("dimensions");
}

void embed_drop(struct chat_request *r, unsigned what)
{
	const struct embed *e = r->embed;

	if ((what & EMBED_TASK) && e->task != TASK_UNSET)
		chat_drop(r, embed_task_member(r));
	if ((what & EMBED_USER) && e->user.len)
		chat_drop(r, STR("user"));
	/* Too long a text is refused where nobody cuts it. */
	if ((what & EMBED_TRUNCATE) && e->truncate.len &&
	    !str_eq(e->truncate, STR("NONE")))
		chat_drop(r, STR("truncate"));
	if ((what & EMBED_TITLE) && e->has_title)
		chat_drop(r, STR("title"));
}

void embed_write_cohere(struct chat_request *r, struct json_writer *w)
{
	const struct embed *e = r->embed;
	str task = embed_task_name(e->task, WIRE_COHERE);

	if (!task.len)
		embed_drop(r, EMBED_TASK);
	embed_drop(r, EMBED_USER | EMBED_TITLE);
	json_key(w, STR("texts"));
	json_open(w, '[');
	for (unsigned i = 0; i < e->count; i++)
		json_jstr(w, e->inputs[i]);
	json_close(w, ']');
	/* It has to be said: without a word of the client's, texts are to be found. */
	json_key_str(w, STR("input_type"), task.len ? task : STR("search_document"));
	if (e->truncate.len)
		json_key_jstr(w, STR("truncate"), e->truncate);
	if (e->dimensions)
		json_key_int(w, STR("output_dimension"), (int64_t)e->dimensions);
}

/* ---- vectors ---- */

fault_t embed_room(struct work_answer *a, size_t count)
{
	if (count == 0 || count > EMBED_MOST)
		return FAULT_UPSTREAM_MALFORMED;
	a->vectors = work_room(a->keep, count, sizeof(a->vectors[0]));
	if (!a->vectors)
		return FAULT_UPSTREAM_LARGE;
	a->count = (unsigned)count;
	return NULL;
}

bool embed_take(struct work_answer *a, struct json_value v, struct embed_vector *ret)
{
	char *room;

	if (v.type == JSON_ARRAY) {
		ret->floats = v.raw;
		return true;
	}
	if (v.type != JSON_STRING)
		return false;
	room = arena_try(a->keep, v.raw.len);
	if (room)
		ret->packed = json_text(v, room);
	return room && ret->packed.len;
}

fault_t embed_take_all(struct work_answer *a, struct json_value v)
{
	fault_t why = embed_room(a, work_items(v));
	struct json_member m;
	unsigned n = 0;

	for (struct json_iter it = json_iter(v); !why && json_next(&it, &m); n++) {
		if (!embed_take(a, m.value, &a->vectors[n]))
			why = FAULT_UPSTREAM_MALFORMED;
	}
	return why;
}

/* Numbers in checked text are at most 64 characters long. */
static bool read_float(struct json_value v, float *ret)
{
	char room[80];

	if (v.type != JSON_NUMBER || v.raw.len >= sizeof(room))
		return false;
	memcpy(room, v.raw.ptr, v.raw.len);
	room[v.raw.len] = '\0';
	*ret = strtof(room, NULL);
	return isfinite(*ret);
}

static fault_t check_floats(const struct embed_vector *v)
{
	struct json_member m;
	struct json_iter it = json_iter((struct json_value){ JSON_ARRAY, v->floats });

	while (json_next(&it, &m)) {
		if (m.value.type != JSON_NUMBER)
			return FAULT_UPSTREAM_MALFORMED;
	}
	return NULL;
}

static fault_t unpack(struct json_writer *w, str packed)
{
	struct buf bytes = BUF_LIMIT(packed.len + 1);
	char number[32];
	str raw = STR_NONE;
	bool good = buf_reserve(&bytes, packed.len) &&
	            base64_decode(packed, bytes.ptr, &raw) &&
	            raw.len % sizeof(float) == 0;

	json_open(w, '[');
	for (size_t i = 0; good && i < raw.len; i += sizeof(float)) {
		float value;

		memcpy(&value, raw.ptr + i, sizeof(value));
		good = isfinite(value);
		snprintf(number, sizeof(number), "%.9g", (double)value);
		if (good)
			json_raw(w, str_from_z(number));
	}
	json_close(w, ']');
	buf_free(&bytes);
	return good ? NULL : FAULT_UPSTREAM_MALFORMED;
}

fault_t embed_write_floats(struct json_writer *w, const struct embed_vector *v)
{
	fault_t why;

	if (v->packed.len)
		return unpack(w, v->packed);
	why = check_floats(v);
	json_raw(w, v->floats);
	return why;
}

fault_t embed_write_base64(struct json_writer *w, const struct embed_vector *v)
{
	/* A number and its comma are two bytes at least. */
	struct buf bytes = BUF_LIMIT(2 * v->floats.len + sizeof(float));
	struct buf text = BUF_LIMIT(4 * v->floats.len + 8);
	struct json_iter it = json_iter((struct json_value){ JSON_ARRAY, v->floats });
	struct json_member m;
	bool good = true;
	float value;

	if (v->packed.len) {
		json_str(w, v->packed);
		return NULL;
	}
	while (good && json_next(&it, &m)) {
		good = read_float(m.value, &value);
		if (good)
			buf_add(&bytes, str_of((const char *)&value, sizeof(value)));
	}
	base64_encode(&text, buf_str(&bytes));
	json_str(w, buf_str(&text));
	good &= !text.over && !bytes.over;
	buf_free(&bytes);
	buf_free(&text);
	return good ? NULL : FAULT_UPSTREAM_MALFORMED;
}
