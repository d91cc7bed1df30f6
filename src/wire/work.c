/* work.c - operations that are no chat, from one format to another (work.h). */
#include "wire/work.h"

#include "wire/embed.h"
#include "wire/wire.h"

#include <stdarg.h>

enum { COUNT_MOST = INT32_MAX };

bool work_crosses(const struct wire *from, const struct wire *to, enum operation op)
{
	return from->work[op] && from->work[op]->read && to->work[op] &&
	       to->work[op]->write;
}

static bool read_count(struct json_value root, const char *path, uint64_t *to)
{
	uint64_t count;

	if (!path || !json_u64(json_path(root, path), &count) || count > COUNT_MOST)
		return false;
	*to = count;
	return true;
}

bool work_usage(const struct wire *wire, enum operation op, struct json_value root,
                struct token_usage *ret)
{
	const struct wire_work *work = wire->work[op];
	struct token_usage usage = { 0 };

	if (!work || op == OP_COUNT)
		return false;
	bool has_tokens = read_count(root, work->tokens, &usage.input);
	bool has_searches = read_count(root, work->searches, &usage.searches);
	if (!has_tokens && !has_searches)
		return false;
	*ret = usage;
	return true;
}

static fault_t read_answer(const struct wire *from, enum operation op, str body,
                           struct work_answer *a)
{
	const struct wire_work *work = from->work[op];
	struct json_value root;

	if (work_root(body, &root))
		return FAULT_UPSTREAM_MALFORMED;
	if (!work->read_answer)
		return json_u64(json_path(root, work->tokens), &a->tokens)
		               ? NULL
		               : FAULT_UPSTREAM_MALFORMED;
	if (work_usage(from, op, root, &a->usage)) {
		a->has_usage = true;
	} else if (a->said && a->said <= COUNT_MOST) {
		a->usage = (struct token_usage){ .input = a->said };
		a->has_usage = true;
	}
	return work->read_answer(root, a);
}

fault_t work_reply(const struct wire *from, const struct wire *to, enum operation op,
                   const struct chat_request *r, str body, struct work_answer *a,
                   struct buf *to_client)
{
	fault_t why = read_answer(from, op, body, a);

	if (why)
		return why;
	if (op == OP_COUNT) {
		to->write_count(to_client, a->tokens);
		return NULL;
	}
	/* A vector too few, and every one behind it belongs to another text. */
	if (op == OP_EMBEDDINGS && a->count != r->embed->count)
		return FAULT_UPSTREAM_MALFORMED;
	return to->work[op]->write_answer(r, a, to_client);
}

fault_t work_refuse(struct chat_request *r, fault_t why, str *ret_detail, const char *fmt,
                    ...)
{
	struct buf text = BUF_LIMIT(512);
	va_list args;

	va_start(args, fmt);
	buf_vaddf(&text, fmt, args);
	va_end(args);
	*ret_detail = arena_copy(r->keep, buf_str(&text));
	buf_free(&text);
	return why;
}

fault_t work_root(str body, struct json_value *ret)
{
	fault_t why = json_check(body, &json_limits_default, ret);

	return why || ret->type == JSON_OBJECT ? why : FAULT_BAD_JSON;
}

void *work_room(struct arena *keep, size_t count, size_t size)
{
	void *room = arena_try(keep, count ? count * size : 1);

	return room ? memset(room, 0, count * size) : NULL;
}

size_t work_items(struct json_value array)
{
	struct json_member m;
	size_t n = 0;

	for (struct json_iter it = json_iter(array); json_next(&it, &m);)
		n++;
	return n;
}

fault_t work_texts(struct chat_request *r, struct json_value v, const char *name,
                   unsigned most, jstr **ret, unsigned *ret_count, str *ret_detail)
{
	size_t count = v.type == JSON_STRING ? 1 : work_items(v);
	struct json_member m;
	unsigned n = 0;
	jstr *texts;

	if ((v.type != JSON_STRING && v.type != JSON_ARRAY) || count == 0 || count > most)
		return work_refuse(r, FAULT_BAD_REQUEST, ret_detail,
		                   "\"%s\" must be a list of 1 to %u texts", name, most);
	texts = work_room(r->keep, count, sizeof(*texts));
	if (!texts)
		return FAULT_JSON_LIMIT;
	if (v.type == JSON_STRING)
		texts[n++] = chat_text(r, v);
	for (struct json_iter it = json_iter(v);
	     v.type == JSON_ARRAY && json_next(&it, &m);) {
		if (m.value.type != JSON_STRING)
			return work_refuse(r, FAULT_BAD_REQUEST, ret_detail,
			                   "\"%s\" must be a list of texts", name);
		texts[n++] = chat_text(r, m.value);
	}
	*ret = texts;
	*ret_count = n;
	return r->why;
}

fault_t work_count(struct chat_request *r, struct json_value v, const char *name,
                   uint64_t *ret, str *ret_detail)
{
	uint64_t count;

	if (v.type == JSON_NONE)
		return NULL;
	if (!json_u64(v, &count) || count == 0 || count > COUNT_MOST)
		return work_refuse(r, FAULT_BAD_REQUEST, ret_detail,
		                   "\"%s\" must be an integer from 1 to %d", name,
		                   COUNT_MOST);
	*ret = count;
	return NULL;
}
