/* mock.h - a provider that is always there: all formats (format.c), made-up answers,
 * faults on demand.
 *
 * It listens on an address of its own and runs in a thread of its own, so the gateway
 * reaches it as it reaches any provider.  Its models (models.def) echo, chatter, call
 * tools, obey schemas, embed, draw and speak, or fail in a known way.  The same request
 * gets the same answer, but for ids and times; no answer means anything.  A conversation
 * that ends inside an answer of its own is continued, as a model would: from there when
 * it was the last word, else with the last words repeated as the user asks.
 *
 * Request headers steer it: x-mock-delay-ms (before the answer begins), x-mock-tokens
 * (how long lorem's text is; for cut and stall, how many tokens come first) and
 * x-mock-fault (a row of faults.def, NAME or NAME@MOCK[/MODEL]; several
 * with commas); x-mock-cached says how many tokens of the prompt count as cached.  A
 * token is a run of non-blank bytes with the blanks before it, at most 32 bytes long;
 * usage counts these. */
#pragma once
#include "loop/net.h"

struct mock;

struct mock_options {
	const struct net_addr *at; /* where it listens */
	str name;                  /* which x-mock-fault may mean; kept by the caller */
	bool any_model;   /* any model answers as x-mock-model says, without its pace;
	                     without that header, one it does not know as lorem */
	const char *bill; /* a file for its own account of each request (bill.c), which is
	                     appended to; NULL: none */
};

/* NULL and a text in *why when it cannot listen at that address or start its thread. */
struct mock *mock_start(const struct mock_options *options, struct buf *why);
/* The same without a thread of its own: whoever runs its loop runs it. */
struct loop;
struct mock *mock_new(const struct mock_options *options, struct buf *why);
struct loop *mock_loop(struct mock *m);
/* Of one without a thread; breaks off what is running. */
void mock_free(struct mock **m);
/* Breaks off what is running and joins the thread. */
void mock_stop(struct mock **m);
/* Where it listens: the port that was given for 0. */
const struct net_addr *mock_address(const struct mock *m);
