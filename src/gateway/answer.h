/* answer.h - answers of our own: errors in the client's dialect, the list of models,
 * signs of life. */
#pragma once
#include "gateway/exchange.h"

/* An error for a request that has no exchange (or no status line yet). extra: more header
 * lines, or empty. Ends the request. */
cold void answer_fault(struct worker *w, struct http_conn *c, const struct endpoint *e,
                       fault_t why, str detail, str param, str extra);
/* Endpoints that go to no provider. */
void answer_own(struct worker *w, struct http_conn *c, const struct endpoint *e,
                const struct http_request *req, uint64_t key, str rest);
void answer_json(struct worker *w, struct http_conn *c, int status, str body);
/* Is the request allowed? FAULT and, with keys, the id of the key. */
must_check fault_t answer_authorize(struct worker *w, struct http_conn *c,
                                    const struct http_request *req,
                                    const struct endpoint *e, uint64_t *ret_key);
