/* models.h - GET /v1/models: one body that all clients can read; but Gemini's, who ask at
 * /v1beta/models and get a shape of their own.
 *
 * The list has the members of OpenAI's and of Anthropic's shape (ux 5.3.8), and beside
 * them context, modalities and prices; Codex gets its own list as well. */
#pragma once
#include "gateway/endpoint.h"
#include "gateway/worker.h"

/* What the key may use.  req: for its query (limit) and its user agent. */
void models_answer(struct worker *w, struct http_conn *c, const struct endpoint *e,
                   const struct http_request *req, uint64_t key);
/* One model; raw_id as in the path. */
void models_answer_one(struct worker *w, struct http_conn *c, const struct endpoint *e,
                       uint64_t key, str raw_id);
