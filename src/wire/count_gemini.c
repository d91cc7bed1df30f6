/* count_gemini.c - Gemini's :countTokens.
 *
 * The request is a chat's, in {"generateContentRequest":{"model":..,..}}; the answer is a
 * number. Facts: wire-formats 6.1. */
#include "wire/gemini.h"

enum { REQUEST_MOST = 96 * MiB };

static fault_t write_count(struct chat_request *r, const struct chat_target *t,
                           struct buf *to, str *ret_detail)
{
	struct buf inner = BUF_LIMIT(REQUEST_MOST);
	struct json_writer w = { .to = to };
	str model = t->model;
	fault_t why = gemini_write_request(r, t, &inner, ret_detail);

	str_skip(&model, STR("models/"));
	buf_add(to, STR("{\"generateContentRequest\":{\"model\":"));
	json_str(&w, arena_printf(r->keep, "models/%.*s", STR_ARG(model)));
	if (inner.len > 2)
		buf_add_char(to, ',');
	buf_add(to, inner.len ? str_from(buf_str(&inner), 1) : STR("}"));
	buf_add_char(to, '}');
	if (!why && inner.over)
		why = FAULT_NO_MEMORY;
	buf_free(&inner);
	return why;
}

const struct wire_work count_gemini = {
	.read = gemini_read_count,
	.write = write_count,
	.tokens = "totalTokens",
};
