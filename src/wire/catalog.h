/* catalog.h - facts about providers and models, compiled into the program.
 *
 * Sorted tables made from catalog/ by tools/catalog: providers by id, models by
 * (provider, id), and indices of models by id alone and by identity.  Texts live in one
 * block. Lookups are binary searches; nothing is allocated.  All is read-only and lives
 * for ever.  What models are and cost changes faster than programs: a struct catalog
 * (catalog_file.h) has newer facts about the models of some providers, and whoever asks
 * about models says which one is in force; NULL is the program's own. A provider that has
 * a row in providers.def is told as that row has it (format, url, env); those which only
 * stand there (ollama, vllm) come last.  The facts are other people's
 * (catalog/README.md): no provider but mock has been tested live by us. */
#pragma once
#include "base/money.h"
#include "base/str.h"
#include "wire/provider.h"

struct catalog_provider {
	str id, name;
	str url; /* everything before the format's own path; may hold ${NAME} templates */
	str env[3]; /* names of environment variables with its key, empty ones last */
	str doc;
	bool env_is_shared; /* another provider has that variable too, or it serves other
	                       purposes (GITHUB_TOKEN): never detected from it */
	enum wire_format format; /* WIRE_NONE: not usable by name in this version */
};

enum { PRICE_TIERS = 3 };
/* A class without a price of its own (PRICE_UNKNOWN) is billed by its provider as the
 * input or output it is part of; a tier says all it knows, nothing falls back to the
 * base. */
struct catalog_price {
	picousd input, cache_read, cache_write, output, reasoning; /* per token */
	picousd audio_input, audio_output;
	uint32_t above; /* this tier holds for prompts over so many tokens; 0: the base */
};

enum catalog_bits {
	CATALOG_REASONING = 1 << 0,
	CATALOG_TOOLS = 1 << 1,
	CATALOG_SCHEMA = 1 << 2, /* structured output */
	CATALOG_IMAGE_IN = 1 << 3,
	CATALOG_AUDIO_IN = 1 << 4,
	CATALOG_PDF_IN = 1 << 5,
	CATALOG_VIDEO_IN = 1 << 6,
	CATALOG_IMAGE_OUT = 1 << 7,
	CATALOG_AUDIO_OUT = 1 << 8,
	CATALOG_OPEN_WEIGHTS = 1 << 9,
	CATALOG_TEMPERATURE = 1 << 10,
	CATALOG_ATTACHMENT = 1 << 11,
	CATALOG_DEPRECATED = 1 << 12,
	/* documented in another format or at another address than the provider's others:
	 * its own format may or may not work for it */
	CATALOG_ELSEWHERE = 1 << 13,
};

struct catalog_model {
	str provider, id, name;
	str identity;             /* the same for the same model at another provider */
	uint32_t context, output; /* tokens, 0: unknown */
	uint32_t input; /* most prompt tokens where that is less; 0: no such limit */
	unsigned bits;
	uint32_t released; /* yyyymmdd, dd 00 where only the month is known, 0: unknown */
	unsigned prices;   /* tiers in price[], by rising `above`; 0: unknown */
	struct catalog_price price[PRICE_TIERS];
	uint32_t updated; /* yyyymmdd, when a file told it; 0: it came with the program */
};

/* Of the program's own facts, yyyymmdd. */
extern const uint32_t catalog_date;

struct catalog;

/* The row behind index i is decoded into *ret; false past the end. */
bool catalog_provider_at(unsigned i, struct catalog_provider *ret);
bool catalog_model_at(const struct catalog *c, unsigned i, struct catalog_model *ret);

bool catalog_find_provider(str id, struct catalog_provider *ret);
/* The model of that provider, ids compared exactly. */
bool catalog_find_model(const struct catalog *c, str provider, str id,
                        struct catalog_model *ret);
/* Walks all models with that bare id, in order of provider: *at is 0 at first. */
bool catalog_next_with_id(const struct catalog *c, str id, unsigned *at,
                          struct catalog_model *ret);
/* Walks all models with that identity, in order of provider: *at is 0 at first. */
bool catalog_next_same(const struct catalog *c, str identity, unsigned *at,
                       struct catalog_model *ret);
/* Walks the models of one provider, in order of id: *at is 0 at first. */
bool catalog_next_of_provider(const struct catalog *c, str provider, unsigned *at,
                              struct catalog_model *ret);
/* The provider a bare id belongs to by name alone, when nothing else is configured:
 * openai for gpt-5, anthropic for claude-...; empty when unclear. */
str catalog_home_of(str id);
