/* metrics.h - what is counted of the ledger's rows, and the page that tells it.
 *
 * The recorder hands every row over that is settled (metrics_row), so the workers pay
 * nothing, and after recorder_flush the counters agree with the ledger.  They begin at 0
 * with the process.  What rows do not say is looked up when the page is written. */
#pragma once
#include "meter/metric_page.h"
#include "store/row.h"

struct metrics;

struct metrics_options {
	unsigned series; /* of one metric; what is beyond counts as `other` */
	bool keys;       /* also by virtual key */
	/* Is it a model of the configuration, or of the catalogue?  Else it counts as
	 * `other`: clients can name what they like.  On the recorder's thread. */
	bool (*knows)(void *arg, str provider, str model);
	/* Adds what is looked up (metric_sample); on the thread of metrics_write. */
	void (*look)(void *arg, struct metric_page *page);
	/* A team's name, to be added to ret; false: it has none, and its id is shown.
	 * NULL: none has. */
	bool (*team)(void *arg, uint64_t id, struct buf *ret);
	void *arg;
};

struct metrics *metrics_new(const struct metrics_options *options);
void metrics_free(struct metrics **at);
/* After a reload. */
void metrics_limit(struct metrics *m, unsigned series, bool keys);
/* A row was written (not: opened); once for each.  From any one thread at a time. */
void metrics_row(struct metrics *m, const struct attempt_row *row);
/* The page, from any thread.  False: it does not fit into `to`, which is then of no use.
 */
must_check bool metrics_write(struct metrics *m, struct buf *to, bool openmetrics);
