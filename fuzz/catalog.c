/* A catalogue from outside: models.dev's shape, and our own text read back. */
#include "wire/catalog_import.h"

#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = fuzz_input(data, size);
	struct buf text = BUF_LIMIT(4 * MiB), why = BUF_LIMIT(4 * KiB);
	struct catalog *c;

	if (catalog_import(input, 20261125, NULL, &text, &why)) {
		/* What was imported is always read back. */
		c = catalog_read(buf_str(&text), &why);
		assert(c);
		catalog_free(&c);
	}
	c = catalog_read(input, &why);
	catalog_free(&c);
	buf_free(&text);
	buf_free(&why);
	return 0;
}
