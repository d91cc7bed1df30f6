/* call.h - one request to the mock provider and the rows it is judged by; for mock/
 * alone.
 *
 *   on_request -> call_begin -> body -> plan (by endpoint) -> delay -> delivery
 *
 * A plan either refuses with a row of refusals.def, or writes the whole body of an answer
 * to c->out, or sets c->more, which is then asked for one piece of a stream after the
 * other.  Pacing, broken answers and back-pressure are delivery's: a plan knows nothing
 * of them. */
#pragma once
#include "codec/json.h"
#include "codec/json_write.h"
#include "http/server.h"
#include "mock/mock.h"
#include "wire/wire.h"

#include <stdio.h>

enum {
	BODY_MOST = 32 * MiB,    /* of a request */
	BODIES_MOST = 256 * MiB, /* of all requests coming in */
	ANSWER_MOST = 64 * MiB,
	CONNS_MOST = 20000,
	TOKENS_MOST = 100000, /* of one text */
};

/* ---- rows ---- */

struct refusal {
	int status;
	str type, code, headers, text;
};
/* NULL: not refused. */
typedef const struct refusal *refusal_t;

#define REFUSAL(name, status, type, code, headers, text)                                 \
	extern const struct refusal REFUSE_##name[1];
#include "mock/refusals.def"
#undef REFUSAL

enum model_says { SAYS_ECHO, SAYS_LOREM, SAYS_CALL, SAYS_JSON, SAYS_THOUGHT };
enum model_ends {
	ENDS_WHOLE,
	ENDS_CUT,     /* the connection is reset */
	ENDS_STALL,   /* silence */
	ENDS_SHORT,   /* the body ends properly, but without the answer's end */
	ENDS_ERROR,   /* an error event, and that is the end of the body */
	ENDS_GARBAGE, /* bytes that are no event, and that is the end of the body */
};

struct model {
	str id;
	unsigned does; /* 1 << enum operation */
	enum model_says says;
	unsigned first_ms, pace_ms;
	refusal_t refuses;
	unsigned every;
	enum model_ends ends;
	unsigned after;
};

/* A row of faults.def. */
struct mock_fault {
	str name;
	refusal_t refuses;
	unsigned silent_ms;
	enum model_ends ends;
	unsigned share;
};

enum { MODELS_MOST = 32 };
/* NULL: no such model. "mock/echo" is echo. */
const struct model *models_find(str id);
unsigned models_index(const struct model *m);
/* The fault a header's value has for the mock of that name, or for this model of it;
 * NULL: none.  Several stand in it with commas between; false: one of them does not
 * exist. */
bool models_fault(str value, str mock, str model, const struct mock_fault **ret);
/* The body of GET /models, or of GET /models/{id}: `one` may be NULL. */
void models_write(const struct model *one, struct buf *to);

/* ---- the server and one request ---- */

struct stored {
	uint64_t number; /* of the call; 0: free */
	uint64_t account;
	int64_t created;
	const struct model *model;
};

enum { STORED_MOST = 512 };

struct mock {
	struct loop loop;
	struct http_io io;
	struct http_server server;
	struct io listener;
	struct timer retry; /* when accepting failed for want of descriptors */
	struct net_addr at;
	str name;       /* which x-mock-fault may mean; or empty */
	bool any_model; /* see mock_options */
	pthread_t thread;
	uint64_t calls;              /* numbered from 1 */
	FILE *bill;                  /* NULL: none is kept */
	size_t bodies;               /* bytes of requests coming in */
	unsigned asked[MODELS_MOST]; /* how often each model was */
	struct stored stored[STORED_MOST];
};

struct call;
/* One more piece of a stream's body into *to; false: that was the last. */
typedef bool more_fn(struct call *c, struct buf *to);

struct call {
	struct mock *mock;
	struct http_conn *conn;
	enum operation op;
	uint64_t number;
	int64_t created; /* seconds since 1970 */
	const struct model *model;
	const struct model *base; /* whose row that is, by whatever name and fault */
	str client_id;            /* x-client-request-id */
	str stands_for;           /* the model's name in a mock with any_model */
	str ill;                  /* x-mock-fault */
	const struct mock_fault *fault; /* NULL: none */
	uint64_t delay_ms, tokens;      /* what the headers say; UINT64_MAX: nothing */
	struct arena arena;             /* what the plan keeps */
	struct buf body;                /* of the request; gone once planned */
	str boundary;                   /* of multipart bodies */
	struct json_value json;         /* the root of JSON bodies */
	str param;                      /* which one is refused */
	str detail;                     /* what is wrong, instead of the refusal's text */
	const struct wire *wire;        /* the format it is asked in */
	uint64_t account;               /* whose credential it came with */
	bool keeps;                     /* the answer may be asked for again */
	str path_model;                 /* of formats that have it in the path */
	bool path_stream, as_array;
	struct chat_request *asked; /* in that format, and no chat; else NULL */
	struct turning *turning;    /* into that format; NULL: it is OpenAI's */
	/* the answer */
	str type;              /* content type */
	struct buf out;        /* bytes on their way out */
	size_t sent;           /* of out */
	more_fn *more;         /* NULL: out is all there is */
	void *state;           /* more's */
	uint64_t given;        /* tokens of the prompt */
	uint64_t cached;       /* of these */
	uint64_t cached_asked; /* as x-mock-cached says */
	uint64_t length;       /* tokens of one choice of the answer */
	uint64_t thought;      /* of these, told first */
	uint64_t choices;
	uint64_t pictures;
	usec asked_at; /* the whole request was there */
	uint64_t all;  /* tokens of a stream as it is planned */
	uint64_t told; /* tokens of a stream so far; kept by more */
	usec due;      /* the next piece */
	bool begun, is_stream, broken;
	bool planned; /* not refused */
	bool whole;   /* all of it has gone out */
	struct timer timer;
	struct grave grave;
};

extern const struct http_ops call_ops;
/* A refusal without a call. */
void call_conn_refuse(struct http_conn *conn, refusal_t why, str param);
/* It is over; what is left of it is buried. */
void call_end(struct call *c);

/* format.c: what is asked in another format than OpenAI's. */
const struct wire *format_find(str path, enum operation *ret_op, str *ret_model,
                               bool *ret_stream);
/* The body becomes a chat request. */
refusal_t format_request(struct call *c);
/* The answer becomes one of its format. */
void format_answer(struct call *c);
void format_refusal(const struct call *c, refusal_t why, struct buf *to);
void format_free(struct call *c);
/* The error event of its format, at the end of c->out. */
void format_break(struct call *c);

/* stored.c: responses that are kept. */
void stored_note_account(struct call *c, const struct http_request *req);
/* Refuses a previous response that is not kept; else takes its name out of the body. */
refusal_t stored_look_back(struct call *c);
void stored_keep(struct call *c);
/* False: the path is not of a stored response. */
bool stored_answer(struct http_conn *conn, const struct http_request *req, str path);

/* bill.c: what it has cost, as it ends. */
void bill_write(const struct call *c);

/* deliver.c: sends what the plan has made, or goes on doing so. */
void deliver_begin(struct call *c);
void deliver(struct call *c);

/* The plans, by operation. */
typedef refusal_t plan_fn(struct call *c);
plan_fn plan_text, plan_embeddings, plan_moderations, plan_images, plan_image_edits,
        plan_speech, plan_transcriptions, plan_rerank;

/* ---- what plans share ---- */

/* REFUSE_BAD_VALUE or another row, and which parameter it is about. */
refusal_t call_refuse(struct call *c, refusal_t why, str param);
/* "chatcmpl-mock00000001" */
str call_id(struct call *c, const char *prefix);
/* A JSON string's text, in c->arena. */
str call_text(struct call *c, struct json_value v);
/* A member of the JSON body; or the field of a multipart body, empty when missing. */
struct json_value call_get(const struct call *c, str name);
str call_field(const struct call *c, str name);
/* A number in [least, most], `other` when it is not there; false: another value. */
bool call_count(const struct call *c, str name, uint64_t least, uint64_t most,
                uint64_t other, uint64_t *ret);
/* Makes the answer an event stream: of what c->more gives, or of the events in c->out. */
void call_streams(struct call *c);

/* ---- words.c ---- */

/* Takes the next token off *text; together they are the text.  False: it is empty. */
bool words_next(str *text, str *ret);
uint64_t words_count(str text);
/* Its first `most` tokens. */
str words_first(str text, uint64_t most);
/* Made-up Latin of so many tokens. */
str words_lorem(struct arena *keep, uint64_t tokens);

/* ---- schema.c ---- */

/* An example of what a JSON schema describes; false: it is too deep or too large. */
bool schema_example(struct json_value schema, struct arena *scratch,
                    struct json_writer *to);
