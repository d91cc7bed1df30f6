/* work.c - requests and answers of what is no chat, from each format to each other.  The
 * first line is a request, the rest an answer. */
#include "fuzz/fuzz.h"
#include "wire/wire.h"

static const enum operation all[] = { OP_EMBEDDINGS, OP_RERANK, OP_COUNT };

static void check_json(const struct buf *out)
{
	struct json_value root;

	assert(out->over || !json_check(buf_str(out), &json_limits_default, &root));
}

static void answer(const struct wire *from, const struct wire *to, enum operation op,
                   const struct chat_request *r, str body)
{
	struct arena keep = { .ceiling = 16 * MiB };
	struct work_answer a = { .keep = &keep, .id = STR("i"), .model = STR("m") };
	struct buf out = BUF_LIMIT(16 * MiB);

	if (!work_reply(from, to, op, r, body, &a, &out))
		check_json(&out);
	buf_free(&out);
	arena_done(&keep);
}

static void cross(const struct wire *from, const struct wire *to, enum operation op,
                  str body, str reply)
{
	static const str models[] = { STR_INIT("cohere.embed-v4:0"), STR_INIT("nova"),
		                      STR_INIT("titan-embed-text-v1"), STR_INIT("m") };
	struct arena keep = { .ceiling = 16 * MiB };
	struct chat_request r = { .keep = &keep, .from = from->format };
	struct chat_target t = { .model = models[body.len % countof(models)] };
	struct buf out = BUF_LIMIT(16 * MiB);
	struct skimmed s;
	str detail = STR_NONE;
	fault_t why = from->skim(body, op, &keep, &s, &detail);

	if (!why)
		why = from->work[op]->read(body, &r, &detail);
	if (!why && op == OP_COUNT)
		why = chat_cross(&r, to->format, &detail);
	if (!why && !to->work[op]->write(&r, &t, &out, &detail))
		check_json(&out);
	buf_clear(&out);
	if (!why && from->patch && from->patch(op, body, t.model, &out))
		check_json(&out);
	if (!why)
		answer(to, from, op, &r, reply);
	buf_free(&out);
	arena_done(&keep);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str reply = fuzz_input(data, size), body = str_cut(&reply, '\n');

	for (unsigned f = WIRE_NONE + 1; f < WIRE_FORMATS; f++) {
		for (unsigned t = WIRE_NONE + 1; t < WIRE_FORMATS; t++) {
			const struct wire *from = wire_of((enum wire_format)f);
			const struct wire *to = wire_of((enum wire_format)t);

			for (size_t i = 0; i < countof(all); i++) {
				if (work_crosses(from, to, all[i]))
					cross(from, to, all[i], body, reply);
			}
		}
	}
	return 0;
}
