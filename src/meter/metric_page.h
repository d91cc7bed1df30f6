/* metric_page.h - metrics as text: OpenMetrics 1.0, or Prometheus' own older format.
 *
 * Samples may come in any order; each metric's are kept together, under one head.  Values
 * of labels are escaped, and bytes that are no UTF-8 become U+FFFD. */
#pragma once
#include "meter/metric.h"

/* Bytes of one metric's samples, before its open labels become `other`; and of the page.
 */
enum { METRIC_TEXT_MOST = 16 * MiB, METRIC_PAGE_MOST = 256 * MiB };

/* An observation that stands for others like it. */
struct metric_exemplar {
	uint8_t trace[16]; /* id of its trace */
	uint64_t exchange; /* its request id */
	int64_t value;     /* in the metric's scale */
	usec wall;         /* 0: there is none */
};

struct metric_histogram {
	uint64_t counts[METRIC_BUCKETS_MOST]; /* of each bucket alone */
	uint64_t sum;                         /* in the metric's scale */
	struct metric_exemplar exemplars[METRIC_BUCKETS_MOST];
};

struct metric_page {
	bool openmetrics;
	usec since_wall; /* when counting began */
	/* -- private -- */
	struct metric_row rows[METRICS];
	struct buf parts[METRICS];
};

void metric_page_init(struct metric_page *p, bool openmetrics, usec since_wall);
/* One sample.  values: as many as the row has labels. exemplar: of a counter; NULL: none.
 */
void metric_sample(struct metric_page *p, enum metric_id id, const str *values,
                   int64_t value, const struct metric_exemplar *exemplar);
/* The same for one without labels. */
static inline void metric_plain(struct metric_page *p, enum metric_id id, int64_t value)
{
	metric_sample(p, id, NULL, value, NULL);
}
void metric_histogram(struct metric_page *p, enum metric_id id, const str *values,
                      const struct metric_histogram *h);
/* Writes all of it and ends the page.  False: it did not fit into `to`. */
must_check bool metric_page_end(struct metric_page *p, struct buf *to);

/* "text/plain; version=0.0.4; charset=utf-8", or OpenMetrics' media type. */
str metric_content_type(bool openmetrics);
/* What a request's Accept header wants. */
bool metric_wants_openmetrics(str accept);
