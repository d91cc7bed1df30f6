/* catalog_file.h - newer facts about models, in a text of ours: $data/catalog.
 *
 *	sluice-catalog 1
 *	provider TAB openai TAB 20261125
 *	model TAB id TAB name TAB identity TAB context TAB input TAB output TAB bits TAB
 *	      released TAB tiers
 *	...
 *	end TAB models TAB crc32c of all lines before, 8 hex digits
 *
 * Providers, and models within them, are sorted.  tiers is empty, or `above:input,
 * cache_read,cache_write,output,reasoning,audio_input,audio_output` joined by `;`, in
 * pico-dollars per token, empty where unknown.  A provider that stands there has exactly
 * the models that stand there; the others have those of the program, and so has one whose
 * date is before that of the program's facts. */
#pragma once
#include "base/buf.h"
#include "wire/catalog.h"

enum {
	CATALOG_TEXT_MOST = 32 * MiB,
	CATALOG_MODELS_MOST = 50000,
	CATALOG_NAME_MOST = 255, /* bytes of an id or a name */
	CATALOG_PROVIDER_MOST = 64,
};
/* 10,000 USD per million tokens: beyond it somebody has mixed up units. */
#define CATALOG_PRICE_MOST ((picousd)10000 * 1000000)
#define CATALOG_TOKENS_MOST 99999999u /* from here on: no limit */

/* Read and checked whole; texts are copied.  It is never changed afterwards.  NULL: *why
 * says what is wrong, and where. */
struct catalog *catalog_read(str text, struct buf *why);
/* Of a text that was read: the providers whose facts in it are older than the program's
 * own (catalog_date), which are in force instead. */
struct catalog_older {
	unsigned providers; /* how many; 0: none, and nothing else is said */
	str first;          /* of them in their order; good as long as the catalogue */
	uint32_t updated;   /* yyyymmdd, the newest date of theirs */
};
struct catalog_older catalog_older(const struct catalog *c);
void catalog_free(struct catalog **c);
/* The text for models that are sorted by (provider, id), each provider with one date
 * (updated).  What does not fit is remembered in to->over. */
void catalog_write(const struct catalog_model *models, unsigned count, struct buf *to);

/* May they stand in the text? Letters, digits, `.`, `-` and `_`; visible ASCII; UTF-8
 * without control characters. */
bool catalog_provider_is_safe(str id);
bool catalog_id_is_safe(str id);
bool catalog_name_is_safe(str name);

/* By (provider, id). */
int catalog_model_cmp(const struct catalog_model *a, const struct catalog_model *b);

/* What catalog.h offers, for a catalogue that was read. */
bool catalog_file_at(const struct catalog *c, unsigned i, struct catalog_model *ret);
bool catalog_file_find(const struct catalog *c, str provider, str id,
                       struct catalog_model *ret);
bool catalog_file_next_with_id(const struct catalog *c, str id, unsigned *at,
                               struct catalog_model *ret);
bool catalog_file_next_same(const struct catalog *c, str identity, unsigned *at,
                            struct catalog_model *ret);
bool catalog_file_next_of_provider(const struct catalog *c, str provider, unsigned *at,
                                   struct catalog_model *ret);
