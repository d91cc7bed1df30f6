/* token.h - the question for an access token, and what an answer says (RFC 6749, 7523).
 * Pure: oauth_ask.c sends and waits. */
#pragma once
#include "config/config.h"

enum { TOKEN_MOST = 4 * KiB };

struct token_answer {
	str token; /* empty: none */
	usec life; /* so long it is good */
	str why;   /* there is none; no secret is in it */
};

/* The whole request, head and body. False: it could not be signed. */
must_check bool token_write_request(const struct service_account *a, usec wall,
                                    struct buf *to);
/* Of a question for `a`. */
void token_read_answer(const struct service_account *a, int status, str body,
                       struct arena *keep, struct token_answer *ret);
