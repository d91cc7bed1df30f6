/* fetch.h - one GET over the network, with the gateway's own HTTP client.
 *
 * As towards providers: TLS is verified, redirects are not followed, and a name that
 * resolves to a private address is refused unless allowed. */
#pragma once
#include "base/buf.h"
#include "base/fault.h"
#include "base/usec.h"
#include "loop/resolve.h"
#include "loop/tls.h"

#include <stdatomic.h>

struct fetch_from {
	str host; /* as resolver_watch wants it */
	uint16_t port;
	bool tls, allow_private;
	str authority, path;
	str headers; /* whole lines; may be empty */
	struct resolver *resolver;
	const struct tls_roots *roots; /* with tls */
	const char *ca_file;           /* NULL: the roots */
	usec patience;
	const _Atomic bool *stop; /* true: give up soon; may be NULL */
};

/* The whole body of a 200 answer, at most ret->limit bytes.  Blocks.  False: *why. */
must_check bool fetch_get(const struct fetch_from *from, struct buf *ret,
                          struct buf *why);
/* Only connects, TLS included, within patience; nothing is sent.  NULL: it does. */
must_check fault_t fetch_connect(const struct fetch_from *from);
/* For a URL that somebody has typed.  A private address that is written out is its own
 * permission, and the only one that may be asked without TLS.  Two minutes at most. */
must_check bool fetch_url(str url, struct buf *ret, struct buf *why);
