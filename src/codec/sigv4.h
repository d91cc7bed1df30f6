/* sigv4.h - AWS Signature Version 4: a request's signature as a pure function.
 *
 * The time is told, the path is given as it will be sent, and what comes out are the
 * values of three or four headers.  A request that is sent again later is signed again.
 * Facts: wire-formats 8.2. */
#pragma once
#include "base/buf.h"
#include "base/usec.h"

#include <sys/uio.h>

enum { SIGV4_HEADERS_MOST = 16, SIGV4_QUERY_MOST = 32 };

struct sigv4_header {
	str name; /* in any case */
	str value;
};

struct sigv4_request {
	str method;
	str path;  /* as sent, percent-encoded: "/model/a%3A0/converse" */
	str query; /* as sent, without '?'; may be empty */
	const struct iovec *payload; /* the whole body, in pieces */
	int payload_count;
	/* To be signed; host among them.  The x-amz- headers below are added. */
	const struct sigv4_header *headers;
	unsigned header_count;
	bool signs_content; /* x-amz-content-sha256 is sent and signed too */
	str region, service;
	str access_key, secret;
	str session_token; /* of temporary credentials: x-amz-security-token; or empty */
	usec wall_now;     /* microseconds since 1970 */
};

struct sigv4_signature {
	char date[17];           /* x-amz-date: 20150830T123600Z */
	char content_sha256[65]; /* x-amz-content-sha256 */
};

/* Adds the value of Authorization to `authorization`, whose limit must hold it (secrets
 * are not in it).  False: too many headers or query parameters, a broken escape in the
 * query, or the limit. */
must_check bool sigv4_sign(const struct sigv4_request *request, struct buf *authorization,
                           struct sigv4_signature *ret);
