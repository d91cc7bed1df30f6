/* request.h - private to admin/: one line in, one line out. */
#pragma once
#include "admin/clerk.h"

/* Adds the answer to `line` (a request without its end), with a line end, to `to`.
 * Whatever the line is, there is an answer. */
void admin_answer(const struct clerk_options *options, str line, struct buf *to);
