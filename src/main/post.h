/* post.h - one HTTP request to a gateway nearby, with plain blocking calls. */
#pragma once
#include "base/buf.h"
#include "http/head.h"
#include "loop/net.h"

struct post {
	const struct net_addr *to;
	str path, body; /* JSON */
	str key;        /* empty: no credential */
	str lines;      /* more header lines, each with its CRLF; or empty */
	/* Called with what comes, as it comes; the bytes are decoded. */
	void (*on_head)(void *arg, const struct http_response *head);
	void (*on_body)(void *arg, str bytes);
	void *arg;
};

/* False: there was no whole answer, and *why says why. */
must_check bool post_run(const struct post *p, struct buf *why);
