/* metric_page.c - see metric_page.h. */
#include "meter/metric_page.h"

#include "base/assert.h"
#include "base/mem.h"
#include "codec/utf8.h"

/* Behind what is bounded by its text there are some series of closed lists alone. */
enum { PART_MOST = METRIC_TEXT_MOST + 2 * MiB };

/* ---- pieces ---- */

/* An exact decimal: 1500 of METRIC_NANO is 0.0000015.  `point`: also of whole ones. */
static void add_scaled(struct buf *to, int64_t value, enum metric_scale scale, bool point)
{
	uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	uint64_t one = (uint64_t)scale, rest = size % one;

	if (value < 0)
		buf_add_char(to, '-');
	buf_add_u64(to, size / one);
	if (rest || point)
		buf_add_char(to, '.');
	if (!rest && point)
		buf_add_char(to, '0');
	while (rest) {
		one /= 10;
		buf_add_char(to, (char)('0' + rest / one));
		rest %= one;
	}
}

static void add_escaped_char(struct buf *to, char c)
{
	if (c == '\n') {
		buf_add(to, STR("\\n"));
		return;
	}
	if (c == '\\' || c == '"')
		buf_add_char(to, '\\');
	buf_add_char(to, c);
}

static void add_escaped(struct buf *to, str s)
{
	const char *end = s.ptr + s.len;

	while (s.len > 0) {
		size_t n = utf8_length(s.ptr, end);

		if (n == 1)
			add_escaped_char(to, *s.ptr);
		else
			buf_add(to, n ? str_first(s, n) : UTF8_REPLACEMENT);
		s = str_from(s, n ? n : 1);
	}
}

static void add_label(struct buf *to, bool is_first, str name, str value)
{
	buf_add(to, is_first ? STR("{") : STR(","));
	buf_add(to, name);
	buf_add(to, STR("=\""));
	add_escaped(to, value);
	buf_add_char(to, '"');
}

static void add_name(struct metric_page *p, enum metric_id id, str suffix,
                     const str *values, str le)
{
	const struct metric_row *row = &p->rows[id];
	struct buf *to = &p->parts[id];

	buf_add(to, row->name);
	buf_add(to, suffix);
	for (unsigned i = 0; i < row->label_count; i++)
		add_label(to, i == 0, row->labels[i], values[i]);
	if (le.len)
		add_label(to, row->label_count == 0, STR("le"), le);
	if (row->label_count || le.len)
		buf_add_char(to, '}');
	buf_add_char(to, ' ');
}

static void add_exemplar(struct metric_page *p, enum metric_id id,
                         const struct metric_exemplar *e)
{
	struct buf *to = &p->parts[id];

	if (!p->openmetrics || !e || !e->wall)
		return;
	buf_add(to, STR(" # {trace_id=\""));
	for (unsigned i = 0; i < sizeof(e->trace); i++)
		buf_add_hex(to, e->trace[i], 2);
	buf_add(to, STR("\",request_id=\""));
	buf_add_hex(to, e->exchange, 16);
	buf_add(to, STR("\"} "));
	add_scaled(to, e->value, p->rows[id].scale, false);
	buf_add_char(to, ' ');
	add_scaled(to, e->wall, METRIC_MICRO, false);
}

/* Since when it is counted; only OpenMetrics knows of that. */
static void add_created(struct metric_page *p, enum metric_id id, const str *values)
{
	if (!p->openmetrics)
		return;
	add_name(p, id, STR("_created"), values, STR_NONE);
	add_scaled(&p->parts[id], p->since_wall, METRIC_MICRO, false);
	buf_add_char(&p->parts[id], '\n');
}

/* ---- samples ---- */

void metric_page_init(struct metric_page *p, bool openmetrics, usec since_wall)
{
	*p = (struct metric_page){ .openmetrics = openmetrics, .since_wall = since_wall };
	metric_rows(p->rows);
	for (unsigned i = 0; i < METRICS; i++)
		p->parts[i] = BUF_LIMIT(PART_MOST);
}

void metric_sample(struct metric_page *p, enum metric_id id, const str *values,
                   int64_t value, const struct metric_exemplar *exemplar)
{
	static const str suffixes[] = { [METRIC_COUNTER] = STR_INIT("_total"),
		                        [METRIC_GAUGE] = STR_INIT(""),
		                        [METRIC_INFO] = STR_INIT("_info") };
	const struct metric_row *row = &p->rows[id];
	struct buf *to = &p->parts[id];

	assert(row->kind != METRIC_HISTOGRAM);
	add_name(p, id, suffixes[row->kind], values, STR_NONE);
	add_scaled(to, value, row->scale, false);
	if (row->kind == METRIC_COUNTER)
		add_exemplar(p, id, exemplar);
	buf_add_char(to, '\n');
	if (row->kind == METRIC_COUNTER)
		add_created(p, id, values);
}

void metric_histogram(struct metric_page *p, enum metric_id id, const str *values,
                      const struct metric_histogram *h)
{
	const struct metric_row *row = &p->rows[id];
	struct buf *to = &p->parts[id], le = BUF_LIMIT(64);
	uint64_t count = 0;

	assert(row->kind == METRIC_HISTOGRAM);
	for (unsigned i = 0; i <= row->buckets.count; i++) {
		buf_clear(&le);
		if (i < row->buckets.count)
			add_scaled(&le, row->buckets.bounds[i], row->scale, true);
		else
			buf_add(&le, STR("+Inf"));
		count += h->counts[i];
		add_name(p, id, STR("_bucket"), values, buf_str(&le));
		buf_add_u64(to, count);
		add_exemplar(p, id, &h->exemplars[i]);
		buf_add_char(to, '\n');
	}
	add_name(p, id, STR("_sum"), values, STR_NONE);
	add_scaled(to, (int64_t)h->sum, row->scale, false);
	buf_add_char(to, '\n');
	add_name(p, id, STR("_count"), values, STR_NONE);
	buf_add_u64(to, count);
	buf_add_char(to, '\n');
	add_created(p, id, values);
	buf_free(&le);
}

/* ---- the page ---- */

/* HELP escapes less than a label does; ours have nothing to escape. */
static void add_head(const struct metric_page *p, const struct metric_row *row,
                     struct buf *to)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram", "info" };
	const char *suffix = "", *kind = kinds[row->kind];

	/* The older format knows no families: a name is that of its samples. */
	if (!p->openmetrics && row->kind == METRIC_COUNTER)
		suffix = "_total";
	if (!p->openmetrics && row->kind == METRIC_INFO) {
		suffix = "_info";
		kind = "gauge";
	}
	buf_addf(to, "# HELP %.*s%s %.*s\n", STR_ARG(row->name), suffix,
	         STR_ARG(row->help));
	buf_addf(to, "# TYPE %.*s%s %s\n", STR_ARG(row->name), suffix, kind);
	if (p->openmetrics && row->unit.len)
		buf_addf(to, "# UNIT %.*s %.*s\n", STR_ARG(row->name),
		         STR_ARG(row->unit));
}

bool metric_page_end(struct metric_page *p, struct buf *to)
{
	bool is_whole = true;

	for (unsigned i = 0; i < METRICS; i++) {
		is_whole &= !p->parts[i].over;
		if (p->parts[i].len)
			add_head(p, &p->rows[i], to);
		buf_add(to, buf_str(&p->parts[i]));
		buf_free(&p->parts[i]);
	}
	if (p->openmetrics)
		buf_add(to, STR("# EOF\n"));
	return is_whole && !to->over;
}

str metric_content_type(bool openmetrics)
{
	return openmetrics
	               ? STR("application/openmetrics-text; version=1.0.0; charset=utf-8")
	               : STR("text/plain; version=0.0.4; charset=utf-8");
}

/* "type/subtype;q=0" refuses; other weights are not compared: who can read OpenMetrics
 * gets it. */
static bool is_refused(str parameters)
{
	while (parameters.len > 0) {
		str one = str_trim(str_cut(&parameters, ';'));

		if (str_starts_nocase(one, STR("q=0")) &&
		    str_find_any(str_from(one, 3), STR("123456789")) == one.len - 3)
			return true;
	}
	return false;
}

bool metric_wants_openmetrics(str accept)
{
	while (accept.len > 0) {
		str range = str_cut(&accept, ',');
		str type = str_trim(str_cut(&range, ';'));

		if (str_eq_nocase(type, STR("application/openmetrics-text")))
			return !is_refused(range);
	}
	return false;
}
