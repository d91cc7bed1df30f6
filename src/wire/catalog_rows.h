/* catalog_rows.h - the catalogue as it stands in the binary; for catalog.c alone.
 *
 * tools/catalog writes these tables at build time.  There is not one pointer in them, so
 * they are shared pages of the file, never relocated.  A text is a reference into one
 * block (offset << 8 | length; 0: empty).  Prices, limits and dates are few and repeat:
 * rows carry 16-bit indices of them. */
#pragma once
#include "wire/catalog.h"

struct catalog_provider_row {
	uint32_t id, name, url, doc; /* texts */
	uint32_t env[3];
	uint16_t first; /* its first model; the next row tells where they end */
	uint8_t format; /* enum wire_format */
	uint8_t env_is_shared;
};

struct catalog_model_row {
	uint32_t id, name, identity; /* texts */
	uint16_t limits;             /* into catalog_limits */
	uint16_t price;              /* into catalog_prices; 0: unknown */
	uint16_t bits;               /* enum catalog_bits */
	uint16_t released;           /* year - 2000 << 9 | month << 5 | day; 0: unknown */
};

struct catalog_limits_row {
	uint32_t context, input, output;
};

struct catalog_price_row {
	uint32_t above;
	/* Into catalog_values: input, cache_read, cache_write, output, reasoning,
	 * audio_input, audio_output. */
	uint16_t value[7];
	uint16_t more; /* the next row is this model's next tier */
};

extern const unsigned catalog_provider_count, catalog_model_count;
extern const char catalog_text[];
extern const struct catalog_provider_row catalog_providers[]; /* by id, and one more */
extern const struct catalog_model_row catalog_models[];       /* by (provider, id) */
extern const uint16_t catalog_by_id[];       /* models by (id, provider) */
extern const uint16_t catalog_by_identity[]; /* models by (identity, provider) */
extern const struct catalog_limits_row catalog_limits[];
extern const struct catalog_price_row catalog_prices[];
extern const picousd catalog_values[]; /* [0] is PRICE_UNKNOWN */
