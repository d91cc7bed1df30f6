/* catalog_import.h - facts about models in the shape of models.dev's api.json.
 *
 *	{"openai": {"id": "openai", "models": {"gpt-5": {"id": "gpt-5", "name": "GPT-5",
 *	  "cost": {"input": 1.25, "output": 10}, "limit": {"context": 400000}, ...}}}}
 *
 * Only what models are and cost is taken from it.  Where requests and keys go is never
 * told by such a file: addresses and variables stay the program's and the
 * configuration's. */
#pragma once
#include "wire/catalog_file.h"

enum { IMPORT_TEXT_MOST = 32 * MiB };

/* Writes the text of catalog_file.h: the providers of the JSON as of `today` (yyyymmdd),
 * and those that `now` (may be NULL) has from earlier files and the JSON does not name.
 * All of it is checked; false: *why says what is wrong, and where. */
must_check bool catalog_import(str json, uint32_t today, const struct catalog *now,
                               struct buf *to, struct buf *why);
/* USD per million tokens, a JSON number, in pico-dollars per token: rounded half even to
 * six significant digits, then to a whole number, as tools/catalog does it.  A negative
 * price is unknown.  False: over CATALOG_PRICE_MOST. */
must_check bool catalog_price_parse(str number, picousd *ret);
