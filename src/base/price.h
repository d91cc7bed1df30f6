/* price.h - what units cost at one target, as of one moment: the figures a bill is made
 * of. */
#pragma once
#include "base/money.h"
#include "base/str.h"

/* What providers bill by.  A class without a price of its own costs what the one it is
 * part of does (policy/price.h). */
enum price_class {
	PRICE_INPUT,          /* a prompt token */
	PRICE_CACHE_READ,     /* one that was in the provider's cache */
	PRICE_CACHE_WRITE,    /* one that was put there for five minutes */
	PRICE_CACHE_WRITE_1H, /* the same for an hour */
	PRICE_AUDIO_INPUT,
	PRICE_OUTPUT, /* a generated token */
	PRICE_REASONING,
	PRICE_AUDIO_OUTPUT,
	PRICE_IMAGE,   /* a generated image */
	PRICE_REQUEST, /* the request itself */
	PRICE_SEARCH,  /* a web search of the vendor's */
	PRICE_CLASSES,
};

enum price_source {
	PRICE_OF_PROGRAM, /* compiled in */
	PRICE_OF_CATALOG, /* of $data/catalog */
	PRICE_OF_CONFIG,  /* `prices` of the configuration */
};

struct price {
	uint64_t version; /* names these figures: equal ones have equal versions; never 0
	                   */
	uint32_t since;   /* yyyymmdd: as of when they were told; 0: not known */
	uint32_t above;   /* of the tier for prompts over so many tokens; 0: the base */
	enum price_source source;
	uint32_t discount;         /* parts per million, in the figures already */
	picousd of[PRICE_CLASSES]; /* PRICE_UNKNOWN: none of its own */
};

/* As they are written in the configuration and shown: "cache_write_1h". */
extern const str price_class_names[PRICE_CLASSES];
/* The version of what else stands there: a hash of figures, tier, source and discount. */
uint64_t price_version(const struct price *p);
