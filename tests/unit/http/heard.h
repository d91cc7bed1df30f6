/* heard.h - an owner of leases for tests, which notes what it hears. */
#pragma once
#include "tests/unit/http/rig.h"

#define REQUEST "POST /v1 HTTP/1.1\r\nhost: up\r\ncontent-length: 2\r\n\r\n{}"
#define SENT (sizeof(REQUEST) - 1)
#define HELLO "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"

/* What an owner heard, and how it behaves. */
struct heard {
	struct buf log; /* "ready head:200 room fault:NAME" */
	struct buf body;
	size_t most; /* consume no more at a time; 0: all */
	size_t chew; /* consume only whole pieces of that size; 0: all */
	bool pause_in_head, pause_in_data, release_in_head, release_at_end, ended, over;
	bool release_when_ready;
	bool reused, any_bytes;
	struct http_up *up;
	str request; /* sent in on_ready */
	bool hold_end;
};

extern const struct http_up_ops heard_ops;

struct heard heard_new(void);
void heard_done(struct heard *h);
/* One clean exchange; its connection is idle then. */
struct raw raw_idle(struct rig *r);
