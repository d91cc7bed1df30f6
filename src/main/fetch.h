/* fetch.h - one GET over the network, with the gateway's own HTTP client.
 *
 * As towards providers: TLS is verified, redirects are not followed, and a name that
 * resolves to a private address is refused.  A private address that is written out is its
 * own permission, and the only one that may be asked without TLS. */
#pragma once
#include "base/buf.h"

/* The whole body of a 200 answer, at most ret->limit bytes.  Blocks for at most two
 * minutes.  False: *why. */
must_check bool fetch_url(str url, struct buf *ret, struct buf *why);
