/* metric.c - see metric.h. */
#include "meter/metric.h"

#include "base/assert.h"

/* Bounds of OpenTelemetry's conventions where there are some, with longer ones for
 * answers that take minutes. */
static const usec long_bounds[] = {
	10000,     20000,     40000,     80000,      160000,     320000,   640000,
	1280000,   2560000,   5120000,   10240000,   20480000,   40960000, 81920000,
	163840000, 327680000, 655360000, 1310720000, 2621440000,
};
static const usec short_bounds[] = {
	1000,    5000,     10000,    20000,    40000,    60000,   80000,
	100000,  250000,   500000,   750000,   1000000,  2500000, 5000000,
	7500000, 10000000, 15000000, 30000000, 60000000,
};
static const usec tiny_bounds[] = {
	10,   25,   50,    75,    100,   150,    250,    500,    750,     1000,
	2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000,
};

#define BOUNDS(array)                                                                    \
	{                                                                                \
		array, countof(array)                                                    \
	}
#define BUCKETS_NONE                                                                     \
	{                                                                                \
		NULL, 0                                                                  \
	}
#define BUCKETS_LONG BOUNDS(long_bounds)
#define BUCKETS_SHORT BOUNDS(short_bounds)
#define BUCKETS_TINY BOUNDS(tiny_bounds)

_Static_assert(countof(long_bounds) < METRIC_BUCKETS_MOST, "one more is without a bound");
_Static_assert(countof(short_bounds) < METRIC_BUCKETS_MOST, "the same");
_Static_assert(countof(tiny_bounds) < METRIC_BUCKETS_MOST, "the same");

static const struct written {
	str name;
	enum metric_kind kind;
	str unit;
	enum metric_scale scale;
	str labels;
	struct metric_buckets buckets;
	enum metric_from from;
	str help;
} written[METRICS] = {
#define METRIC(id, name, kind, unit, scale, labels, buckets, from, help)                 \
	[METRIC_##id] = { STR_INIT(name),     METRIC_##kind,    STR_INIT(unit),          \
		          METRIC_##scale,     STR_INIT(labels), BUCKETS_##buckets,       \
		          METRIC_FROM_##from, STR_INIT(help) },
#include "meter/metric.def"
#undef METRIC
};

static void cut_labels(str rest, struct metric_row *ret)
{
	while (rest.len > 0) {
		str name = str_cut(&rest, ',');
		unsigned i = ret->label_count++;

		assert(i < METRIC_LABELS_MOST);
		ret->is_closed[i] = str_skip(&name, STR("["));
		ret->labels[i] = ret->is_closed[i] ? str_first(name, name.len - 1) : name;
	}
}

void metric_rows(struct metric_row ret[METRICS])
{
	for (unsigned i = 0; i < METRICS; i++) {
		const struct written *w = &written[i];

		ret[i] = (struct metric_row){ .name = w->name,
			                      .kind = w->kind,
			                      .unit = w->unit,
			                      .scale = w->scale,
			                      .buckets = w->buckets,
			                      .from = w->from,
			                      .help = w->help };
		cut_labels(w->labels, &ret[i]);
	}
}

/* ---- docs ---- */

static const char *const kind_names[] = { "counter", "gauge", "histogram", "info" };

/* What the samples are called. */
static const char *suffix_of(enum metric_kind kind)
{
	return kind == METRIC_COUNTER ? "_total" : kind == METRIC_INFO ? "_info" : "";
}

static void write_row(struct buf *to, const struct metric_row *row)
{
	buf_addf(to, "| `%.*s%s` | %s | ", STR_ARG(row->name), suffix_of(row->kind),
	         kind_names[row->kind]);
	for (unsigned i = 0; i < row->label_count; i++)
		buf_addf(to, "%s`%.*s`", i ? ", " : "", STR_ARG(row->labels[i]));
	buf_addf(to, " | %.*s |\n", STR_ARG(row->help));
}

void metric_docs_write(struct buf *to)
{
	static const str titles[] = {
		[METRIC_FROM_ROWS] = STR_INIT(
		        "Counted by the recorder as it writes the ledger: these agree "
		        "with the rows of the ledger since the process began."),
		[METRIC_FROM_LOOK] =
		        STR_INIT("Looked up at the moment they are asked for."),
	};
	struct metric_row rows[METRICS];

	metric_rows(rows);
	for (unsigned from = METRIC_FROM_ROWS; from <= METRIC_FROM_LOOK; from++) {
		buf_addf(to,
		         "%.*s\n\n| metric | kind | labels | meaning |\n"
		         "|---|---|---|---|\n",
		         STR_ARG(titles[from]));
		for (unsigned i = 0; i < METRICS; i++) {
			if (rows[i].from == (enum metric_from)from)
				write_row(to, &rows[i]);
		}
		buf_add(to, STR("\n"));
	}
}
