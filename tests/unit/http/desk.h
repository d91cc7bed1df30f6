/* desk.h - an owner of requests for tests: takes bodies, says what it got, notes what it
 * hears; and what clients make of its answers. */
#pragma once
#include "tests/unit/http/rig.h"

/* The owner of all requests of a test. */
extern struct desk {
	struct http_conn *conn; /* of the newest request */
	struct buf log;  /* "request body:5 end fault:NAME room gone refused:NAME" */
	struct buf text; /* "POST /v1{body" of the running request */
	uint64_t most;
	bool holds;       /* on_request does nothing more */
	bool keeps_quiet; /* the end of the body is not answered */
	bool is_verbose;  /* writes the log */
	size_t received;
} desk;

void desk_begin(struct rig *r);
void desk_end(struct rig *r);
/* The running request's, which repeats it. */
void desk_answer(int status);

struct reply {
	int status;
	str head, body;
};

/* Takes the next whole answer from the front. */
bool reply_take(str *from, struct reply *ret);
/* The status that goes with what stands in a verdict. */
int verdict_status(str body);
/* All answers, as a verdict (requests.def); their statuses are checked on the way, and
 * stand for themselves where there is no body. */
str raw_verdict(const struct raw *p, struct buf *to);
bool desk_await(struct rig *r, struct raw *p, const char *want);

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST(length) "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: " #length "\r\n"
