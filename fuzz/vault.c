/* The store of provider keys: nothing that was not sealed with our key is believed. */
#include "config/vault.h"

#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = fuzz_input(data, size), rest = input, name, format, url;
	struct buf why = BUF_LIMIT(4 * KiB);
	uint8_t bytes[SEAL_KEY];
	struct seal_key key;
	struct master m = { .keys = &key, .count = 1 };
	struct vault v;

	for (int i = 0; i < SEAL_KEY; i++)
		bytes[i] = (uint8_t)i;
	seal_key_init(&key, bytes); /* of seeds/vault/good */
	if (vault_read_text(input, "secrets", &m, &v, &why)) {
		for (unsigned i = 0; i < v.count; i++)
			assert(v.rows[i].id && v.rows[i].provider.len &&
			       v.sealed_with == key.id);
		vault_done(&v);
	} else {
		assert(why.len > 0 && !v.rows);
	}
	while (vault_next_name(&rest, &name, &format, &url))
		assert(name.len > 0);
	buf_free(&why);
	return 0;
}
