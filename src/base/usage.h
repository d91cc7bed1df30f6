/* usage.h - what an attempt used, in tokens by class. */
#pragma once
#include <stdint.h>

enum usage_kind {
	USAGE_NONE, /* nothing was used: never dispatched, or refused by the provider */
	USAGE_REPORTED,  /* the provider's own figures */
	USAGE_ESTIMATED, /* counted by us from what was seen */
	USAGE_UNKNOWN,   /* neither */
};

struct token_usage {
	uint64_t input;          /* all prompt tokens, cached ones included */
	uint64_t cache_read;     /* of input */
	uint64_t cache_write;    /* of input, for five minutes or longer */
	uint64_t cache_write_1h; /* of cache_write: for an hour */
	uint64_t output;         /* all completion tokens, reasoning included */
	uint64_t reasoning;      /* of output */
	uint64_t audio_input;    /* of input, not of the cached part */
	uint64_t audio_output;   /* of output */
	uint64_t images;         /* generated ones */
	uint64_t searches; /* calls of the vendor's web search, billed by the piece */
};
