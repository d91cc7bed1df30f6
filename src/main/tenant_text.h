/* tenant_text.h - keys and teams as people read them: a line each, or all of one. */
#pragma once
#include "base/buf.h"
#include "codec/json.h"

/* One line of a list. */
void tenant_line(struct buf *to, struct json_value node);
/* All that is known of a node, a line for each thing. */
void tenant_page(struct buf *to, struct json_value node);
