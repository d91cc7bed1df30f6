/* metric_series.h - the series of metrics: bounded tables of counts by the values of
 * labels.
 *
 * Values of labels are texts with numbers (names); four numbers make a series' key.  A
 * table has so many series and no more: what comes then is counted under `other` in place
 * of its open labels, so that nothing from outside can make it grow.  One thread at a
 * time. */
#pragma once
#include "meter/metric_page.h"

enum {
	NAMES_MOST = 60 * KiB, /* room for more than the series of two metrics */
	NAME_OTHER = 0,        /* the number of "other" */
	NAME_LONGEST = 128,
	SERIES_MOST = 16 * KiB, /* of one metric, whatever is configured */
};

struct metric_names {
	str *list; /* by number */
	uint16_t *slots;
	unsigned count, room;
	uint64_t refused; /* texts for which there was no room, as often as they came */
};

/* For tables whose keys come from us, or are compared. */
uint64_t names_hash(str s);
/* The text's number; a new one gets one. NAME_OTHER: there is no room, or it is too long.
 */
uint16_t names_put(struct metric_names *n, str text);
/* NAME_OTHER: it has none. */
uint16_t names_find(const struct metric_names *n, str text);
void names_done(struct metric_names *n);

struct metric_series {
	uint64_t key; /* four numbers, the first label's lowest */
	int64_t value;
	struct metric_exemplar exemplar;
};

struct metric_table {
	struct metric_series *list;
	struct metric_histogram *histograms; /* of a histogram, as the list */
	uint16_t *slots;                     /* index + 1; 0: free */
	unsigned count, room, slot_count;
	unsigned most;      /* of series, before what is open becomes `other` */
	uint64_t open_mask; /* of the key: labels whose values are not of a closed list */
	uint64_t overflowed; /* so often */
	bool is_histogram;
};

static inline uint64_t series_key(uint16_t a, uint16_t b, uint16_t c, uint16_t d)
{
	return (uint64_t)a | (uint64_t)b << 16 | (uint64_t)c << 32 | (uint64_t)d << 48;
}

void table_init(struct metric_table *t, const struct metric_row *row, unsigned most);
/* The index of the key's series, or of the one that stands for it. */
unsigned table_get(struct metric_table *t, uint64_t key);
bool table_has(const struct metric_table *t, uint64_t key);
void table_done(struct metric_table *t);
