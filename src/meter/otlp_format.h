/* otlp_format.h - what OTLP/HTTP has around the spans of a batch, and what an answer to
 * one means. */
#pragma once
#include "codec/json_write.h"
#include "meter/otlp_post.h"

/* From the beginning of the body to where its spans stand (span_write), and from there to
 * its end. */
void otlp_open(struct json_writer *w, const struct otlp_settings *settings);
void otlp_close(struct json_writer *w);

/* May the batch be sent again, later?  Of an answer that is no 2xx, or of none. */
bool otlp_may_repeat(const struct otlp_reply *r);
/* The spans that a 2xx has not taken, `most` at most:
 * {"partialSuccess":{"rejectedSpans":"3","errorMessage":"..."}}; whatever else comes with
 * it means that all were taken. */
uint64_t otlp_rejected(str body, uint64_t most);
