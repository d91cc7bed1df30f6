/* count_bedrock.c - Bedrock's /model/{id}/count-tokens.
 *
 * The request is a chat's, in {"input":{"converse":{..}}}, of which only what has tokens
 * is taken; the answer is a number.  Facts: wire-formats 8.1. */
#include "wire/bedrock.h"

enum { REQUEST_MOST = 96 * MiB };

static fault_t read_count(str body, struct chat_request *r, str *ret_detail)
{
	struct json_value root, converse;
	fault_t why = work_root(body, &root);

	if (why)
		return why;
	converse = json_path(root, "input.converse");
	if (converse.type != JSON_OBJECT)
		return work_refuse(r, FAULT_NOT_OFFERED, ret_detail,
		                   "only \"input.converse\" can be counted for this "
		                   "model's provider");
	return bedrock_read_request(converse.raw, r, ret_detail);
}

static fault_t write_count(struct chat_request *r, const struct chat_target *t,
                           struct buf *to, str *ret_detail)
{
	static const str counted[] = { STR_INIT("messages"), STR_INIT("system"),
		                       STR_INIT("toolConfig") };
	struct buf inner = BUF_LIMIT(REQUEST_MOST);
	struct json_writer w = { .to = to };
	struct json_value root = { JSON_NONE };
	fault_t why = bedrock_write_request(r, t, &inner, ret_detail);

	if (!why && inner.over)
		why = FAULT_NO_MEMORY;
	if (!why)
		why = work_root(buf_str(&inner), &root);
	json_open(&w, '{');
	json_key(&w, STR("input"));
	json_open(&w, '{');
	json_key(&w, STR("converse"));
	json_open(&w, '{');
	for (size_t i = 0; i < countof(counted); i++) {
		struct json_value v = json_get(root, counted[i]);

		if (v.type == JSON_NONE)
			continue;
		json_key(&w, counted[i]);
		json_raw(&w, v.raw);
	}
	json_close(&w, '}');
	json_close(&w, '}');
	json_close(&w, '}');
	buf_free(&inner);
	return why;
}

const struct wire_work count_bedrock = {
	.read = read_count,
	.write = write_count,
	.tokens = "inputTokens",
};
