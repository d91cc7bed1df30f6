/* chat.h - a conversation in the neutral form, where the formats meet.
 *
 * A format's reader turns its request into this, another format's writer turns this into
 * its own.  Nobody converts a pair.  What a reader does not understand, or what a writer
 * cannot say, is named with chat_drop: nothing vanishes in silence.
 *
 * Texts are `jstr`: as JSON writes them between the quotes, escapes as they came.  All
 * formats are JSON, so text crosses without being unescaped and escaped again. A jstr
 * borrows from the body that was read, or lies in the request's arena.
 *
 * Facts: wire-formats 13 (every mapping), 12 (cross tables). */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/usage.h"
#include "codec/json.h"
#include "codec/json_write.h"
#include "wire/catalog.h"
#include "wire/concept.h"
#include "wire/provider.h"

typedef str jstr;

enum chat_role {
	CHAT_SYSTEM,
	CHAT_USER,
	CHAT_ASSISTANT,
	CHAT_TOOL, /* results of calls, and nothing else */
};

enum chat_kind {
	CHAT_TEXT,
	CHAT_REFUSAL,
	CHAT_REASONING, /* text may be empty: then the seal is all there is */
	CHAT_IMAGE,
	CHAT_AUDIO,
	CHAT_VIDEO,
	CHAT_FILE,
	CHAT_CALL,    /* the assistant calls a tool */
	CHAT_RESULT,  /* what a tool answered */
	CHAT_FOREIGN, /* a block that only its own format knows, as raw JSON */
};

enum chat_source { SOURCE_NONE, SOURCE_BASE64, SOURCE_URL, SOURCE_ID, SOURCE_TEXT };
enum chat_cache { CACHE_NONE, CACHE_5M, CACHE_1H };
enum chat_tri { TRI_UNSET, TRI_NO, TRI_YES };

/* What a vendor wants back unchanged: a signature of its thinking, encrypted reasoning, a
 * thought signature.  It is only ever given back to the vendor that made it. */
struct chat_seal {
	enum wire_format origin; /* WIRE_NONE: there is no seal */
	bool redacted;           /* reasoning that has no text but the blob (Anthropic) */
	jstr blob;
	jstr id; /* of a Responses reasoning item */
};

struct chat_citation {
	struct chat_citation *next;
	jstr url, title, cited;
	uint64_t start, end; /* characters of the block's text; both 0: unknown */
	bool is_told;        /* emitters: the client has it already */
	str raw;             /* Anthropic's, as it stands in the answer; else empty */
};

struct chat_part {
	struct chat_part *next;
	enum chat_kind kind;
	enum chat_cache cache; /* a cache mark stands behind this part */
	jstr text;             /* TEXT, REFUSAL, REASONING */
	/* IMAGE, AUDIO, VIDEO, FILE */
	enum chat_source source;
	jstr data;       /* base64 without prefix, the URL, the id, or the plain text */
	jstr media_type; /* "image/png"; empty: unknown */
	jstr detail;     /* of an image: low, high, auto */
	/* CALL: name of the function; FILE: filename or title */
	jstr name;
	/* CALL, RESULT */
	jstr id;         /* the call's, as the client knows it */
	str args;        /* CALL: JSON text of an object (is_custom: a jstr, free text) */
	bool is_custom;  /* a custom tool, whose input is text */
	bool was_custom; /* said as a function for this target (chat_custom.c) */
	bool is_error;   /* RESULT: the tool failed */
	struct chat_part *parts, *last_part; /* RESULT: TEXT, IMAGE, FILE */
	struct chat_seal seal;               /* REASONING */
	struct chat_citation *citations;     /* TEXT */
	struct json_value raw;               /* FOREIGN */
};

struct chat_message {
	struct chat_message *next;
	enum chat_role role;
	bool is_developer; /* of SYSTEM: it was said with that word */
	struct chat_part *parts, *last_part;
};

enum chat_tool_kind {
	TOOL_FUNCTION,
	TOOL_CUSTOM, /* free text, perhaps with a grammar */
	TOOL_WEB_SEARCH,
	TOOL_CODE,  /* code execution at the vendor */
	TOOL_FETCH, /* reading URLs at the vendor */
	TOOL_HOSTED /* any other that only its vendor can run */
};

struct chat_tool {
	struct chat_tool *next;
	enum chat_tool_kind kind;
	jstr name, description;
	struct json_value
	        schema; /* of the parameters, an object; JSON_NONE: none given */
	enum chat_tri strict;
	bool is_strict_unsaid; /* it is by the format's default */
	enum chat_cache cache;
	struct json_value raw;  /* the whole tool in its own format */
	bool was_custom;        /* said as a function for this target (chat_custom.c) */
	jstr plain_description; /* then: what it was before */
};

enum chat_choose { CHOOSE_UNSET, CHOOSE_AUTO, CHOOSE_ANY, CHOOSE_NONE, CHOOSE_ONE };
enum chat_answer_form { FORM_TEXT, FORM_JSON, FORM_SCHEMA };
/* In this order; names as OpenAI writes them (chat_effort_name). */
enum chat_effort {
	EFFORT_UNSET,
	EFFORT_NONE,
	EFFORT_MINIMAL,
	EFFORT_LOW,
	EFFORT_MEDIUM,
	EFFORT_HIGH,
	EFFORT_XHIGH,
	EFFORT_MAX,
};

/* A tool whose name the target's format cannot hold. */
struct chat_renamed {
	struct chat_renamed *next;
	jstr client, provider;
};

/* Something of a concept that no path names, and what the client calls it. */
struct chat_odd {
	struct chat_odd *next;
	enum concept concept;
	str name;
};

/* Requests of other operations (work.h). */
struct embed;
struct rank;

enum { CHAT_STOPS = 16, CHAT_NAMES = 64, CHAT_DROPS = 48 };
enum { CHAT_STOP_MOST = 4096 }; /* bytes of a stop sequence that we watch for */

struct chat_request {
	struct arena *keep;    /* where everything lies; set by the owner */
	enum wire_format from; /* set by the owner */
	/* Formats that have these two in the URL get them from the owner. */
	jstr model;
	bool stream;
	bool stream_usage; /* the client asked for usage in its stream */
	bool wants_cost;   /* and for what it costs (OpenRouter's usage.include) */
	struct chat_message *messages, *last_message; /* SYSTEM ones where they stood */
	struct chat_tool *tools, *last_tool;
	enum chat_choose choose;
	jstr choose_name;  /* CHOOSE_ONE */
	bool choice_waits; /* it is a tool that this target cannot be told to use */
	jstr allowed[CHAT_NAMES]; /* only these tools may be called; 0: all */
	unsigned allowed_count;
	enum chat_tri parallel; /* several calls in one turn */
	uint64_t max_tokens;    /* 0: not said */
	jstr stops[CHAT_STOPS];
	unsigned stop_count;
	uint32_t stops_kept; /* bits: those the provider is not told (chat_stop.h) */
	/* Scalar options as they were written, by concept; type JSON_NONE: not said. */
	struct json_value options[CONCEPTS];
	/* structured output */
	enum chat_answer_form form;
	struct json_value schema;
	jstr schema_name, schema_description;
	enum chat_tri schema_strict;
	/* The schema as a tool, for this target (chat_schema.c); and what it was before.
	 */
	bool schema_waits;
	struct chat_tool *answer_tool, *before_answer; /* NULL: there is none */
	enum chat_choose plain_choose;
	jstr plain_choose_name;
	enum chat_tri plain_parallel;
	unsigned plain_allowed;
	struct chat_renamed *renamed; /* for this target (chat_names.c) */
	/* reasoning */
	enum chat_effort effort;
	uint64_t budget;              /* tokens; 0: not said */
	enum chat_tri show_reasoning; /* does the client want to see it? */
	/* The last message is the assistant's, and to be gone on from: the member of it
	 * by which an OpenAI dialect says so; or empty. */
	str prefix;
	/* what is asked for instead of a chat; NULL: it is one */
	struct embed *embed;
	struct rank *rank;
	/* what is lost */
	uint64_t marked[(CONCEPTS + 63) / 64]; /* concepts that occur in the request */
	struct chat_odd *odd; /* of concepts without a path; each name once */
	str dropped[CHAT_DROPS];
	unsigned dropped_count;
	unsigned dropped_more; /* that did not fit into the list */
	fault_t why; /* the first failure while reading: JSON_DUPLICATE, JSON_LIMIT */
	/* written to when the arena is full */
	struct chat_part spare;
	struct chat_message spare_message;
	struct chat_tool spare_tool;
};

/* How a request was said to one target, as far as its answer has to be read by it.  All
 * zero: as the client has said it.  The texts lie in the request's arena, and stay what
 * they are when it is written for another target. */
struct chat_written {
	const struct chat_renamed *renamed;
	const jstr *customs; /* names of custom tools, as the provider knows them */
	unsigned custom_count;
	uint32_t stops_kept; /* bits of the request's stops: watched for here */
	jstr answer;         /* the tool whose call is the answer; empty: there is none */
};

/* For whom a request is written. */
struct chat_target {
	str model;                         /* as the provider calls it, plain text */
	const struct catalog_model *facts; /* NULL: unknown */
	str provider;                      /* its catalogue id; dialects go by it */
	unsigned quirks;
	bool stream;    /* ask for a stream */
	bool ask_usage; /* with usage in it */
};

/* ---- building (readers) ---- */

/* Never NULL: when the arena is full r->why is set and a spare is returned. */
struct chat_message *chat_add_message(struct chat_request *r, enum chat_role role);
struct chat_part *chat_add_part(struct chat_request *r, struct chat_message *m,
                                enum chat_kind kind);
/* A TEXT part; nothing (NULL) for an empty text. */
struct chat_part *chat_add_text(struct chat_request *r, struct chat_message *m,
                                jstr text);
/* A part inside a RESULT. */
struct chat_part *chat_add_inner(struct chat_request *r, struct chat_part *result,
                                 enum chat_kind kind);
struct chat_tool *chat_add_tool(struct chat_request *r, enum chat_tool_kind kind);

/* The root of a body that skim has accepted, which is not checked again; JSON_NONE for
 * what cannot be one. */
struct json_value chat_root(str body);
/* What tools have answered goes to the beginning of what follows the assistant's message:
 * most vendors want it there, while clients of OpenAI's may put words between. */
void chat_results_first(struct chat_request *r);

/* The members of object sorted into values[i] by names[i] (count of them, at most 64).
 * Others are named as dropped, with `where` (may be empty) in front: "where.name".  The
 * same name twice: r->why.  JSON null counts as absent. */
void chat_pick(struct chat_request *r, struct json_value object, str where,
               const str *names, unsigned count, struct json_value *values);
/* chat_pick that says nothing of other members: for what is carried anyway. */
void chat_pick_some(struct chat_request *r, struct json_value object, const str *names,
                    unsigned count, struct json_value *values);

/* Is a member there, and not null? */
static inline bool chat_is_there(struct json_value v)
{
	return v.type != JSON_NONE && v.type != JSON_NULL;
}
static inline bool chat_has(struct json_value object, str name)
{
	return chat_is_there(json_get(object, name));
}

/* Absent, null or empty: nothing is lost with it. */
bool chat_says_nothing(struct json_value v);
/* Is path a scalar option of format (concept.def)?  Then it is remembered, if it says
 * something. */
bool chat_read_option(struct chat_request *r, enum wire_format format, str path,
                      struct json_value value);
/* The concept occurs in the request; chat_cross looks whether the target knows it. */
void chat_mark(struct chat_request *r, enum concept concept);
bool chat_is_marked(const struct chat_request *r, enum concept concept);
/* The same for a concept whose path says too little: lost, it goes by that name. */
void chat_mark_as(struct chat_request *r, enum concept concept, const char *fmt, ...)
        printf_like(3, 4);
/* The concept of a FOREIGN part of that message; NULL: it stands in a result.  Without a
 * part of what the client says the answer would be to something else. */
enum concept chat_foreign_of(const struct chat_message *m);
/* Names what cannot cross (copied, once each). */
void chat_drop(struct chat_request *r, str name);
void chat_dropf(struct chat_request *r, const char *fmt, ...) printf_like(2, 3);

/* The text of a JSON string; lone surrogates become \ufffd.  Empty for other values. */
jstr chat_text(struct chat_request *r, struct json_value v);
/* The same without a request: keep is used only where something has to be mended. */
jstr chat_text_in(struct arena *keep, struct json_value v);
/* Plain UTF-8 to a jstr, and back; in place where nothing has to change. */
jstr chat_escape(struct arena *keep, str plain);
str chat_plain(struct arena *keep, jstr text);
/* A jstr that holds JSON text (arguments of a call): the JSON text of an object.  Empty
 * text is {}; what is no JSON object becomes {"_raw": "..."} . */
str chat_args(struct chat_request *r, jstr text);
/* "data:image/png;base64,AAAA" -> type and data; false: it is no such URL. */
bool chat_split_data_url(jstr url, jstr *ret_media_type, jstr *ret_data);
/* Source, data and media type of a part from a URL of either kind. */
void chat_set_url(struct chat_part *p, jstr url);

/* ---- saying it (writers) ---- */

/* What occurs in r and has no place in `to`: named as dropped, or refused (NOT_OFFERED,
 * with *ret_detail naming it).  From here to chat_uncross r is said for that target. */
must_check fault_t chat_cross(struct chat_request *r, enum wire_format to,
                              str *ret_detail);
/* When it has been written, or could not be: r is what the client has said again, and
 * what its answer needs of the way it was written is in *ret.  r->why is set when there
 * is no room for that. */
void chat_uncross(struct chat_request *r, struct chat_written *ret);
/* Custom tools take free text.  For formats without them they become functions with one
 * member, "input"; chat_cross does it, and the writer whose dialect has none;
 * chat_uncross turns them back. */
void chat_wrap_custom(struct chat_request *r, bool wrapped);
/* Are they, from one format to another? */
bool chat_wraps_custom(enum wire_format from, enum wire_format to);
/* Does the provider know a custom tool by that name, which as a function is offered in a
 * wrap?  NULL: there is none. */
bool chat_is_wrapped(const struct chat_written *w, jstr name);
/* The input out of the arguments of a call of such a tool; the arguments themselves where
 * they have none. */
jstr chat_unwrap(struct arena *keep, jstr args);
/* Names of tools which the format cannot hold become others, in tools, history and
 * choice; what was renamed for another target is undone.  chat_cross does it. */
void chat_rename_tools(struct chat_request *r, enum wire_format to);
/* What the client calls the tool which a provider knows by that name; NULL: the same. */
jstr chat_client_name(const struct chat_renamed *renamed, jstr name);
/* Where a search is made for, as chat completions and Responses say it. */
#define CHAT_PLACE_PATHS                                                                 \
	STR_INIT("user_location.type"), STR_INIT("user_location.city"),                  \
	        STR_INIT("user_location.region"), STR_INIT("user_location.country"),     \
	        STR_INIT("user_location.timezone"),                                      \
	        STR_INIT("user_location.approximate.city"),                              \
	        STR_INIT("user_location.approximate.region"),                            \
	        STR_INIT("user_location.approximate.country"),                           \
	        STR_INIT("user_location.approximate.timezone")
/* Names the options of a hosted tool, but those which the writer has said: their paths,
 * "user_location.city". */
void chat_drop_options(struct chat_request *r, const struct chat_tool *t, const str *used,
                       unsigned count);
/* A tool that the vendor runs? */
bool chat_is_hosted(const struct chat_tool *t);
/* By its name, the client's own first; NULL: there is none. */
const struct chat_tool *chat_named_tool(const struct chat_request *r, jstr name);
/* May one of the client's own be called (as chat_is_allowed)? */
bool chat_allows_functions(const struct chat_request *r);
/* Where a format has no word for the force of a hosted tool, the model may choose freely;
 * undone by chat_uncross.  chat_cross does it. */
void chat_free_choice(struct chat_request *r, enum wire_format to);
/* FORM_SCHEMA for a model that takes no schema: a tool that has to be called, whose
 * arguments are the answer (r->answer_tool).  False: it cannot be done.  Undone by
 * chat_uncross. */
must_check bool chat_schema_to_tool(struct chat_request *r);
void chat_schema_undo(struct chat_request *r);
/* Writes the scalar options of r which stand in that object of the format: prefix is ""
 * for the root, "generationConfig." or the like.  Temperatures above the format's range
 * are cut, and named.  Those in `except` (ends with CONCEPTS; may be NULL) are left to
 * the caller. */
void chat_write_options(struct chat_request *r, enum wire_format to, const char *prefix,
                        const enum concept *except, struct json_writer *w);
bool chat_has_options(const struct chat_request *r, enum wire_format to,
                      const char *prefix);
/* Writes the stop sequences as the member `name`: at most so many, and those of white
 * space alone only where the format takes them.  The others are ours to watch for
 * (r->stops_kept, chat_stop.h).  NOT_OFFERED where that cannot be. */
must_check fault_t chat_write_stops(struct chat_request *r, struct json_writer *w,
                                    str name, uint64_t most, bool takes_blank,
                                    str *ret_detail);
/* A jstr as a JSON string. */
void json_jstr(struct json_writer *w, jstr text);
void json_key_jstr(struct json_writer *w, str key, jstr text);
/* JSON text as a JSON string: arguments for formats that want them so. */
void json_args_str(struct json_writer *w, const struct chat_part *call);

/* The name of the call with that id in the history; empty: there is none. */
jstr chat_call_name(const struct chat_request *r, jstr id);
bool chat_has_calls(const struct chat_request *r); /* CALL or RESULT in the history */
/* Are there tools which the client runs itself? */
bool chat_has_functions(const struct chat_request *r);
/* Does the schema say itself that its objects have no other members, as strict tools
 * need? */
bool chat_is_closed(struct json_value schema);
/* Is that tool to be strict at a vendor of format `to`, who takes closed schemas alone,
 * down to the leaves, and perhaps (OpenAI) only such as require all members?  If it was
 * to be and cannot, that is named as dropped. */
bool chat_says_strict(struct chat_request *r, const struct chat_tool *t,
                      enum wire_format to);
/* The schema of a tool that has none. */
str chat_no_parameters(bool is_strict);
/* Writes a tool's schema for vendors who want to read that it is an object's. */
void chat_write_schema(struct json_writer *w, struct json_value schema, bool is_strict);
/* May that tool be called (allowed, CHOOSE_NONE and CHOOSE_ONE are not looked at)? */
bool chat_is_allowed(const struct chat_request *r, const struct chat_tool *t);
/* The output cap for formats that need one: what the client said, else what the model
 * can, else 32,000. */
uint64_t chat_output_cap(const struct chat_request *r, const struct chat_target *t);
/* All TEXT of a list of parts, joined by `between` (a jstr). */
jstr chat_join_text(struct chat_request *r, const struct chat_part *parts, jstr between);

str chat_effort_name(enum chat_effort e); /* empty for UNSET */
enum chat_effort chat_effort_find(str name);
/* Tokens to think, as one level or the other (wire-formats 13.6). */
uint64_t chat_effort_budget(enum chat_effort e);
enum chat_effort chat_budget_effort(uint64_t budget);
/* What the request asks for, from whichever of the two it has. */
enum chat_effort chat_wanted_effort(const struct chat_request *r);
uint64_t chat_wanted_budget(const struct chat_request *r);

/* ---- ids of calls (chat_ids.c) ---- */

/* Letters, digits, '_' and '-', at least one and at most so many? */
bool chat_is_id(jstr id, size_t most);
/* `count` letters and digits that depend on the whole id. */
void chat_hash_id(jstr id, char *to, size_t count);
/* The id where it is one (chat_is_id), else another made of it, in room: always the same
 * for the same. */
enum { CHAT_ID_ROOM = 32 };
jstr chat_fit_id(jstr id, size_t most, char room[CHAT_ID_ROOM]);
/* The most characters of an id in that format; 0: it takes any text. */
size_t chat_id_most(enum wire_format format);

/* ---- seals ---- */

/* Would a provider of that format accept the seal?  Its own, and Anthropic's models at
 * Bedrock theirs. */
bool chat_seal_fits(const struct chat_seal *s, enum wire_format to);
/* The seal's text for a client of format `to`: bare where it is that format's own, else
 * with a mark of ours ("sluice1.<format>.<blob>") which clients echo. A seal without blob
 * (reasoning that nobody signed) is marked too. Characters: A-Z a-z 0-9 + / = . _ -
 * Empty when keep is full. */
jstr chat_seal_show(struct arena *keep, const struct chat_seal *s, enum wire_format to);
#define CHAT_SEAL_MARK "sluice1."
/* Where clients decode seals, the mark goes in base64: what that of its first seven bytes
 * is. */
#define CHAT_SEAL_MARK_BASE64 "c2x1aWNlMS"
/* Back again: what a client of format `from` sent. */
struct chat_seal chat_seal_read(jstr shown, enum wire_format from);
