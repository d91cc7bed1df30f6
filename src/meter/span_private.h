/* span_private.h - between span.c and span_resource.c: attributes, as OTLP's JSON has
 * them.
 */
#pragma once
#include "codec/json_write.h"

/* {"key":name,"value":{type: and what comes next}}; type: "stringValue", ... */
void span_open_value(struct json_writer *w, str name, str type);
void span_close_value(struct json_writer *w);
/* A text, cut after OTLP_VALUE_MOST bytes. */
void span_text(struct json_writer *w, str name, str value);
