/* headers.h - which header fields cross the gateway, and which never do.
 *
 * A deny list (design, section 4): what is not on it is forwarded as it was written. */
#pragma once
#include "http/head.h"
#include "wire/provider.h"

/* The client's fields for the provider, as "name: value\r\n" lines added to `to`. */
void headers_to_upstream(const struct http_request *req, struct buf *to);
/* The client's fields that speak of its format's features (anthropic-beta, openai-beta,
 * x-goog-...): for providers of the same format alone. */
void headers_features(const struct http_request *req, enum wire_format format,
                      struct buf *to);
/* The provider's fields for the client; its x-request-id becomes
 * x-sluice-upstream-request-id. Framing and content-type are left out. */
void headers_to_client(const struct http_response *res, struct buf *to);

/* What a request wants of us for itself, as x-sluice-NAME: value. */
enum headers_wish {
	WISH_STRICT = 1,       /* strict: 1 */
	WISH_NO_HEDGE = 2,     /* hedge: off */
	WISH_NO_RESUME = 4,    /* resume: off */
	WISH_NO_TOOL_HOLD = 8, /* tool-hold: off */
};
/* Bits of enum headers_wish. One look at the fields, of which most are none of these. */
unsigned headers_wishes(const struct http_request *req);

/* The credential of ours among the fields: Authorization: Bearer, x-api-key,
 * x-goog-api-key, api-key. NO_KEY when there is none, NO_BEARER when the only one is a
 * key in Authorization without its scheme, KEYS_DIFFER when two differ; empty when one is
 * there but cannot be read. */
must_check fault_t headers_credential(const struct http_request *req, str *ret);
/* In open mode: is the Host a loopback name, and the Origin, if any, too? */
bool headers_are_local(const struct http_request *req);
