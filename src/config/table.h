/* table.h - the keys of sluice.yaml, one row each.
 *
 * The rows drive the parser (section.c), the JSON Schema and docs/config.md
 * (schema.c, docs.c): kind, place in the struct, range, default, example
 * and help stand only here.  Kinds marked "node" are only recorded; the file that builds
 * the thing reads them. */
#pragma once
#include "base/str.h"

#include <stdint.h>

enum config_kind {
	KIND_COUNT,       /* unsigned */
	KIND_PERCENT,     /* unsigned, also written 70% */
	KIND_SIZE,        /* uint64_t or size_t, bytes */
	KIND_TIME,        /* usec; a word of `words` is minus its place in the list */
	KIND_TIME_MS,     /* unsigned, milliseconds */
	KIND_DATE,        /* uint32_t, yyyymmdd */
	KIND_SHARE,       /* uint32_t, parts per million, written 12.5% */
	KIND_PRICE,       /* picousd for one */
	KIND_TOKEN_PRICE, /* picousd for one, written for many */
	KIND_BOOL,        /* bool: true, false */
	KIND_ON_OFF,      /* bool: on, off, true, false */
	KIND_YES_NO,      /* bool: yes, no, true, false */
	KIND_WORD,        /* an enum, numbered as `words` */
	KIND_TEXT,        /* str; a word of `words` needs no quotes */
	KIND_VERSION,     /* str, which may look like a date or a number */
	KIND_DIR,         /* str, made absolute; need not exist */
	KIND_FILE,        /* const char *, relative to the file; must be readable */
	KIND_ADDRESS,     /* node */
	KIND_ADDRESSES,
	KIND_WORKERS,
	KIND_LOG,
	KIND_URL,
	KIND_SECRET,
	KIND_SECRETS,
	KIND_TEXTS,
	KIND_TARGETS,
	KIND_TIERS,   /* a list of mappings with the keys of `section` */
	KIND_SECTION, /* a mapping with the keys of `section` */
	KIND_MAP,     /* a mapping from names to mappings with the keys of `section` */
	KIND_LATER,   /* planned; an error in this version */
	CONFIG_KINDS,
};

enum section_id {
	SECTION_ROOT,
	SECTION_TLS,
	SECTION_SECRETS,
	SECTION_LIMITS,
	SECTION_METRICS,
	SECTION_TELEMETRY,
	SECTION_OTLP,
	SECTION_DEFAULTS,
	SECTION_PROVIDER,
	SECTION_PROVIDER_TLS,
	SECTION_PROVIDER_LIMITS,
	SECTION_PROVIDER_RETRY,
	SECTION_ROUTE,
	SECTION_RETRY,
	SECTION_TARGET,
	SECTION_PRICE,
	SECTION_PRICE_TIER,
	SECTION_TRIAL,
	SECTION_LOG,
	SECTIONS,
};

enum { NO_PLACE = 0xffff, SECTION_KEYS_MOST = 48 };

struct config_key {
	const char *name;
	const char *low, *high; /* the range, as text; NULL: none */
	const char *words;      /* "keys|open" */
	const char *later;      /* words which are planned */
	const char *fallback;   /* the default, read as if it were written; NULL: none */
	const char *otherwise;  /* the default in words, for the documentation */
	const char *example;
	const char *help;
	enum config_kind kind;
	enum section_id section;
	uint16_t place; /* offset in the section's struct, or NO_PLACE */
	bool is_required;
};

/* A section within another one shares its struct, from the place its row says. */
struct config_section {
	const char *path; /* "routes.NAME.retry"; empty for the root */
	const char *help;
	const struct config_key *keys;
	const struct config_section *also; /* its keys are possible here too */
	unsigned count;
	uint16_t also_place;
};

extern const struct config_section config_sections[SECTIONS];

/* The row of that name in the section or in its `also`; NULL: none.  *ret_index counts
 * through both, *ret_place is the offset in the section's struct. */
const struct config_key *config_key_find(const struct config_section *section, str name,
                                         unsigned *ret_index, unsigned *ret_place);
/* The i-th of both; NULL past the end. */
const struct config_key *config_key_at(const struct config_section *section, unsigned i);
/* Index of a word in "a|b|c", or -1. */
int config_word_find(const char *words, str word);

/* What people write instead of our keys, because other gateways call it so. */
struct config_synonym {
	str theirs;
	const char *ours;
};
extern const struct config_synonym config_synonyms[];
extern const unsigned config_synonym_count;
