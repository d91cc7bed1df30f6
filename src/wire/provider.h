/* provider.h - how providers differ from what their format says, as rows. */
#pragma once
#include "base/str.h"

enum wire_format {
	WIRE_NONE,
	WIRE_OPENAI_CHAT,
	WIRE_OPENAI_RESPONSES,
	WIRE_ANTHROPIC,
	WIRE_GEMINI,
	WIRE_BEDROCK,
	WIRE_COHERE,
	WIRE_FORMATS,
};

/* How we prove to a provider who we are. */
enum auth_kind {
	AUTH_NONE,           /* none is needed; one that is written travels as a bearer */
	AUTH_BEARER,         /* Authorization: Bearer KEY */
	AUTH_API_KEY,        /* api-key: KEY */
	AUTH_X_API_KEY,      /* x-api-key: KEY (Anthropic) */
	AUTH_X_GOOG_API_KEY, /* x-goog-api-key: KEY (Gemini) */
	AUTH_SIGV4,          /* each request is signed with an AWS secret key */
	AUTH_SERVICE_ACCOUNT, /* a bearer token, had for a signature and renewed (Google)
	                       */
};

/* What a provider does not do as the format says; read in wire/ only. */
enum provider_quirk {
	/* refuses or ignores stream_options: never inject include_usage */
	QUIRK_NO_STREAM_OPTIONS = 1 << 0,
	/* usage stands beside choices in the last chunk without being asked for */
	QUIRK_USAGE_UNASKED = 1 << 1,
	/* completion_tokens do not include the reasoning tokens (xAI) */
	QUIRK_REASONING_BESIDE = 1 << 2,
	/* an end of stream without finish_reason is a proper end when [DONE] was seen */
	QUIRK_NO_FINISH = 1 << 3,
	/* white space may come before the JSON body */
	QUIRK_LEADING_BLANKS = 1 << 4,
	/* completion tokens are total - prompt (Gemini's compatible endpoint) */
	QUIRK_TOTAL_MINUS_PROMPT = 1 << 5,
	/* Asked by "usage": {"include": true}, it says in `usage` what it cost. */
	QUIRK_TELLS_COST = 1 << 6,
};

struct provider_row {
	str id;
	enum wire_format format;
	str url; /* when the catalogue has none, or another one */
	str env; /* the variable with its key; empty: as in the catalogue */
	enum auth_kind auth;
	enum auth_kind
	        without_key; /* its other way, when there is no key; or AUTH_NONE */
	unsigned also; /* 1 << wire_format: what it speaks at the same url besides */
	unsigned quirks;
};

/* When a provider is at another URL than its row says. */
enum place_when {
	PLACE_WITH_KEY, /* it is used with a key although it has another way */
	PLACE_GLOBAL,   /* its `location` is "global", or not said */
};

struct provider_place {
	str id;
	enum place_when when;
	str url;
};

/* The i-th place, most special first; NULL past the end. */
const struct provider_place *provider_place_at(unsigned i);
enum { CHOICE_MEMBERS = 4 };

/* How a request lets a provider answer with another model than its `model`. */
struct provider_choice {
	str id, host; /* of one of that name, or at that host */
	str members[CHOICE_MEMBERS];
};

/* NULL: it answers with the model it is asked for. */
const struct provider_choice *provider_choice_find(str id, str host);
/* The member in that body (checked JSON) that lets it choose; empty: there is none. */
str provider_choice_in(const struct provider_choice *c, str body);
/* The row of that provider; NULL: it does as its format says. */
const struct provider_row *provider_row_find(str id);
/* All rows, in order of id; NULL past the end. */
const struct provider_row *provider_row_at(unsigned i);
str wire_format_name(enum wire_format format);
/* WIRE_NONE when the name is not known. */
enum wire_format wire_format_find(str name);
/* The auth of a format when no row says otherwise. */
enum auth_kind wire_format_auth(enum wire_format format);
