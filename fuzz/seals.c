/* seals.c - bodies of every format, out of which seals with our mark are cut. */
#include "wire/seals.h"

#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str body = fuzz_input(data, size), detail;

	for (unsigned f = WIRE_NONE + 1; f < WIRE_FORMATS; f++) {
		const struct wire *wire = wire_of((enum wire_format)f);
		struct arena keep = { .ceiling = MiB };
		struct buf out = BUF_LIMIT(size);
		struct json_value root;
		struct skimmed s;

		if (!wire->skim(body, OP_CHAT, &keep, &s, &detail) &&
		    seals_cut(wire->format, body, &out) == SEALS_CUT) {
			assert(out.len < size);
			assert(!json_check(buf_str(&out), &json_limits_default, &root));
		}
		buf_free(&out);
		arena_done(&keep);
	}
	return 0;
}
