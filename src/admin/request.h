/* request.h - private to admin/: one line in, one line out. */
#pragma once
#include "admin/clerk.h"

/* Adds the answer to `line` (a request without its end), with a line end, to `to`.
 * Whatever the line is, there is an answer. */
void admin_answer(const struct clerk_options *options, str line, struct buf *to);
/* The same for who speaks HTTP: a head that begins with "GET ", and its whole answer,
 * after which the connection closes.  GET /admin/explain?model=NAME, /admin/health. */
void admin_answer_http(const struct clerk_options *options, str head, struct buf *to);
