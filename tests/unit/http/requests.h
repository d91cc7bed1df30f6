/* requests.h - the table of requests in requests.def and the large ones, for the tests of
 * the parser and of the server. */
#pragma once
#include "base/buf.h"
#include "http/body.h"

struct request_case {
	const char *id;
	str bytes;
	const char *verdict; /* see requests.def */
};

/* All of them; the memory is for ever. */
const struct request_case *request_cases(unsigned *ret_count);

/* Reads requests from pieces as a server would, and writes down what it found. */
struct reader {
	const struct http_limits *limits;
	struct buf verdict;
	struct buf running; /* the request that is not whole yet */
	char *bytes;        /* not consumed yet, in an allocation of exactly that size */
	size_t len, seen;
	bool in_body, refused;
	struct http_body body;
};
void reader_init(struct reader *r, const struct http_limits *limits);
void reader_feed(struct reader *r, str piece);
/* "..." when something is unfinished; the verdict is good until the next init. */
str reader_end(struct reader *r);
void reader_done(struct reader *r);
