/* otlp_post.h - POSTs to one collector, one after the other, on one thread that waits for
 * them: the gateway's own HTTP client on a loop of its own.
 *
 * As towards providers: TLS is verified, redirects are not followed, and a name that
 * resolves to a private address is refused unless allowed. */
#pragma once
#include "base/fault.h"
#include "config/config.h"
#include "loop/resolve.h"
#include "loop/tls.h"

struct otlp_poster;

struct otlp_reply {
	int status;       /* 0: none came, see why */
	fault_t why;      /* NULL: a whole answer, or not in time */
	usec retry_after; /* 0: not said */
	struct buf body;  /* its beginning; cleared by each call */
};

/* settings, resolver and roots (NULL without TLS) stay. NULL: *why. */
struct otlp_poster *poster_new(const struct otlp_settings *settings,
                               struct resolver *resolver, const struct tls_roots *roots,
                               struct buf *why);
void poster_free(struct otlp_poster **at);
/* Blocks, at most `patience`, and not much longer once *stop is set.  body: JSON. */
void poster_post(struct otlp_poster *p, str body, usec patience, const _Atomic bool *stop,
                 struct otlp_reply *ret);
