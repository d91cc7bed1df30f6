/* metric.h - the rows of metric.def: what each metric is called, and what it says. */
#pragma once
#include "base/buf.h"
#include "base/usec.h"

enum metric_id {
#define METRIC(id, name, kind, unit, scale, labels, buckets, from, help) METRIC_##id,
#include "meter/metric.def"
#undef METRIC
	METRICS,
};

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_INFO };
/* A value is an integer; so many are one of the metric's unit. */
enum metric_scale { METRIC_ONE = 1, METRIC_MICRO = 1000000, METRIC_NANO = 1000000000 };
enum metric_from { METRIC_FROM_ROWS, METRIC_FROM_LOOK };

enum { METRIC_LABELS_MOST = 4, METRIC_BUCKETS_MOST = 20 };

struct metric_buckets {
	const usec *bounds; /* rising; the last bucket has none */
	unsigned count;     /* of bounds */
};

struct metric_row {
	str name;
	enum metric_kind kind;
	str unit; /* may be empty */
	enum metric_scale scale;
	str labels[METRIC_LABELS_MOST];
	bool is_closed[METRIC_LABELS_MOST]; /* its values come from a list of ours */
	unsigned label_count;
	struct metric_buckets buckets;
	enum metric_from from;
	str help;
};

/* The rows, by id. */
void metric_rows(struct metric_row ret[METRICS]);
/* The list of them in docs/telemetry.md, Markdown. */
void metric_docs_write(struct buf *to);
