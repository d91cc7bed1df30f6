/* credential.h - what proves to a provider who we are: lines of a request's head.
 *
 * A key or a token is sent; AWS wants a signature over the request as it is sent. */
#pragma once
#include "config/config.h"

#include <sys/uio.h>

struct credential_request {
	str target; /* path and query, as sent; may point into the head under way */
	str content_type;
	const struct iovec *body; /* after all edits */
	int pieces;
	bool is_whole; /* false: more of the body is still coming in */
	usec wall;     /* now */
};

/* key_at: which of the provider's keys.  token: what AUTH_SERVICE_ACCOUNT sends.
 * CANNOT_SIGN, HTTP_HEAD_LARGE, or NULL. */
must_check fault_t credential_add(struct buf *to, const struct provider *p,
                                  unsigned key_at, str token,
                                  const struct credential_request *request);
