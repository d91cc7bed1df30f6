/* metrics.c - rows are counted, and the page is written (metrics.h). */
#include "meter/metrics_private.h"

#include "base/mem.h"
#include "loop/sys.h"
#include "meter/trace.h"

/* ---- counting ---- */

/* One row on its way. */
struct counted {
	struct metrics *m;
	const struct attempt_row *row;
	struct shape *shape;
	bool is_traced;
	uint8_t trace[TRACE_ID];
};

static void note_exemplar(struct counted *c, struct metric_exemplar *to, int64_t value)
{
	const struct attempt_row *row = c->row;

	if (!c->is_traced)
		trace_id(row->trace, row->exchange, c->trace);
	c->is_traced = true;
	memcpy(to->trace, c->trace, sizeof(to->trace));
	to->exchange = row->exchange;
	to->value = value;
	to->wall = row->began_wall + row->total;
}

static size_t escaped_len(str s)
{
	size_t len = s.len;

	for (size_t i = 0; i < s.len; i++)
		len += s.ptr[i] == '"' || s.ptr[i] == '\\' || s.ptr[i] == '\n';
	return len;
}

/* At most so many bytes are the series' samples on the page. */
static size_t text_most(const struct metrics *m, enum metric_id id, uint64_t key)
{
	enum { FIXED = 64 /* suffix, `le`, value */, EXEMPLAR = 128 };
	const struct metric_row *row = &m->rows[id];
	size_t line = row->name.len + FIXED;

	for (unsigned i = 0; i < row->label_count; i++)
		line += row->labels[i].len + 4 +
		        escaped_len(m->names.list[key >> 16 * i & 0xffff]);
	/* A sample and its _created; or buckets, _sum, _count and _created. */
	if (row->kind != METRIC_HISTOGRAM)
		return 2 * line + EXEMPLAR;
	return (row->buckets.count + 1) * (line + EXEMPLAR) + 3 * line;
}

/* The series of that key, or the one that stands for it.  A metric whose samples would
 * not fit on the page has no new ones, whatever may be configured. */
static unsigned find_series(struct metrics *m, enum metric_id id, uint64_t key)
{
	struct metric_table *t = &m->tables[id];
	unsigned count = t->count, at;

	if (!table_has(t, key) && m->texts[id] + text_most(m, id, key) > METRIC_TEXT_MOST)
		t->most = min_of(t->most, t->count);
	at = table_get(t, key);
	if (t->count > count)
		m->texts[id] += text_most(m, id, t->list[at].key);
	return at;
}

/* The index of a series.  What the row's shape remembers need not be looked for; a series
 * that stands for others is not remembered, for each time is counted. */
static unsigned series_of(struct counted *c, unsigned place, enum metric_id id,
                          uint64_t key)
{
	struct metric_table *t = &c->m->tables[id];
	uint16_t *known = &c->shape->places[place];
	unsigned at;

	if (likely(*known))
		return *known - 1u;
	at = find_series(c->m, id, key);
	if (t->list[at].key == key)
		*known = (uint16_t)(at + 1);
	return at;
}

static void add_to(struct metric_series *s, int64_t value)
{
	if (__builtin_add_overflow(s->value, value, &s->value))
		s->value = INT64_MAX;
}

static struct metric_series *add(struct counted *c, enum metric_id id, uint64_t key,
                                 int64_t value)
{
	unsigned at = series_of(c, id, id, key);
	struct metric_series *s = &c->m->tables[id].list[at];

	add_to(s, value);
	return s;
}

static void observe(struct counted *c, enum metric_id id, uint64_t key, usec span)
{
	const struct metric_buckets *buckets = &c->m->rows[id].buckets;
	unsigned at = series_of(c, id, id, key), i = 0;
	struct metric_histogram *h = &c->m->tables[id].histograms[at];

	while (i < buckets->count && span > buckets->bounds[i])
		i++;
	h->counts[i]++;
	h->sum += (uint64_t)max_of(span, (usec)0);
	note_exemplar(c, &h->exemplars[i], span);
}

/* By what there are as many of as people make: those beyond the ones that have a number
 * are counted together, each time as one too many. */
static void add_bounded(struct counted *c, enum metric_id id, uint64_t key,
                        uint16_t label, int64_t value)
{
	struct metric_table *t = &c->m->tables[id];
	uint64_t before = t->overflowed;

	add(c, id, key, value);
	if (label == NAME_OTHER)
		t->overflowed = before + 1;
}

static void count_tokens(struct counted *c, uint64_t target)
{
	const struct token_usage *u = &c->row->usage;
	const uint64_t counts[TOKEN_TYPES] = {
		[INPUT] = u->input,
		[OUTPUT] = u->output,
		[CACHE_READ] = u->cache_read,
		[CACHE_WRITE] = u->cache_write,
		[REASONING] = u->reasoning,
		[AUDIO_INPUT] = u->audio_input,
		[AUDIO_OUTPUT] = u->audio_output,
	};
	struct metric_table *t = &c->m->tables[METRIC_TOKENS];

	for (unsigned i = 0; i < TOKEN_TYPES; i++) {
		unsigned at;

		if (!counts[i])
			continue;
		at = series_of(c, METRICS + i, METRIC_TOKENS,
		               target | (uint64_t)c->m->known.tokens[i] << 32);
		add_to(&t->list[at], (int64_t)min_of(counts[i], (uint64_t)INT64_MAX));
	}
}

static void count_cost(struct counted *c, uint64_t target)
{
	const struct attempt_row *row = c->row;

	if (row->cost == COST_UNKNOWN) {
		add(c, METRIC_COST_NONE, target, 1);
		return;
	}
	add_bounded(c, METRIC_COST, target | (uint64_t)c->shape->team << 32,
	            c->shape->team, row->cost);
	if (c->shape->has_key)
		add_bounded(c, METRIC_KEY_COST, c->shape->key, c->shape->key, row->cost);
}

/* Rare, and of any number: not remembered. */
static void count_oddities(struct counted *c, uint64_t target)
{
	struct metric_table *t = &c->m->tables[METRIC_ODD];

	for (unsigned i = 0; i < ODDITIES; i++) {
		uint64_t key = target | (uint64_t)c->m->known.odd[i] << 32;

		if (c->row->flags >> i & 1) {
			unsigned at = find_series(c->m, METRIC_ODD, key);

			add_to(&t->list[at], 1);
		}
	}
}

static void count_attempt(struct counted *c)
{
	const struct attempt_row *row = c->row;
	const struct shape *s = c->shape;
	const uint64_t target = series_key(s->provider, s->model, 0, 0);

	struct metric_series *series =
	        add(c, METRIC_ATTEMPTS, target | (uint64_t)s->outcome << 32, 1);
	note_exemplar(c, &series->exemplar, 1);
	add(c, METRIC_USAGE, series_key(s->provider, s->usage, 0, 0), 1);
	count_tokens(c, target);
	count_cost(c, target);
	if (unlikely(row->flags))
		count_oddities(c, target);
	observe(c, METRIC_UPSTREAM, target, row->total);
	if (row->stream && row->first_token)
		observe(c, METRIC_FIRST, target, row->first_token);
}

/* The row that closes its exchange. */
static void count_request(struct counted *c)
{
	const struct attempt_row *row = c->row;
	const struct shape *s = c->shape;

	struct metric_series *series =
	        add(c, METRIC_REQUESTS,
	            series_key(s->route, s->client, s->status, s->error), 1);
	note_exemplar(c, &series->exemplar, 1);
	observe(c, METRIC_DURATION, series_key(s->route, s->mode, 0, 0),
	        row->exchange_total);
	if (row->attempts)
		observe(c, METRIC_OVERHEAD, 0, row->overhead);
	if (s->has_key)
		add_bounded(c, METRIC_KEY_REQUESTS, s->key, s->key, 1);
}

void metrics_row(struct metrics *m, const struct attempt_row *row)
{
	struct counted c = { .m = m, .row = row };

	pthread_mutex_lock(&m->lock);
	c.shape = shape_of(m, row);
	if (row->number)
		count_attempt(&c);
	if (row->closes && !(row->flags & ROW_SHADOW))
		count_request(&c);
	pthread_mutex_unlock(&m->lock);
}

/* ---- the page ---- */

/* A table as it is at one moment: the recorder goes on while it becomes text.  Names stay
 * where they are. */
struct snapshot {
	unsigned count;
	struct metric_series *series;
	struct metric_histogram *histograms;
	str (*labels)[METRIC_LABELS_MOST];
};

static void *copy_of(const void *from, size_t size)
{
	void *to = mem_new(size);

	memcpy(to, from, size);
	return to;
}

static void take(struct metrics *m, enum metric_id id, struct snapshot *ret)
{
	const struct metric_table *t = &m->tables[id];

	*ret = (struct snapshot){ 0 };
	pthread_mutex_lock(&m->lock);
	if (t->count) {
		ret->count = t->count;
		ret->series = copy_of(t->list, t->count * sizeof(*t->list));
		ret->labels = mem_new(t->count * sizeof(*ret->labels));
	}
	if (t->count && t->is_histogram)
		ret->histograms =
		        copy_of(t->histograms, t->count * sizeof(*t->histograms));
	for (unsigned i = 0; i < t->count; i++) {
		for (unsigned k = 0; k < m->rows[id].label_count; k++)
			ret->labels[i][k] =
			        m->names.list[t->list[i].key >> 16 * k & 0xffff];
	}
	pthread_mutex_unlock(&m->lock);
}

static void write_table(struct metrics *m, enum metric_id id, struct metric_page *page)
{
	struct snapshot s;

	take(m, id, &s);
	for (unsigned i = 0; i < s.count; i++) {
		if (s.histograms)
			metric_histogram(page, id, s.labels[i], &s.histograms[i]);
		else
			metric_sample(page, id, s.labels[i], s.series[i].value,
			              &s.series[i].exemplar);
	}
	free(s.series);
	free(s.histograms);
	free(s.labels);
}

static void write_overflow(struct metrics *m, enum metric_id id, struct metric_page *page)
{
	uint64_t times;

	pthread_mutex_lock(&m->lock);
	times = m->tables[id].overflowed;
	pthread_mutex_unlock(&m->lock);
	if (times)
		metric_sample(page, METRIC_OVERFLOW, &m->rows[id].name, (int64_t)times,
		              NULL);
}

static void write_refused(struct metrics *m, struct metric_page *page)
{
	uint64_t times;

	pthread_mutex_lock(&m->lock);
	times = m->names.refused;
	pthread_mutex_unlock(&m->lock);
	if (times)
		metric_sample(page, METRIC_OVERFLOW, &STR("names"), (int64_t)times, NULL);
}

bool metrics_write(struct metrics *m, struct buf *to, bool openmetrics)
{
	struct metric_page *page = new_of(struct metric_page);
	bool is_whole;

	metric_page_init(page, openmetrics, m->since_wall);
	for (unsigned id = 0; id < METRICS; id++) {
		if (m->rows[id].from != METRIC_FROM_ROWS)
			continue;
		write_table(m, (enum metric_id)id, page);
		write_overflow(m, (enum metric_id)id, page);
	}
	write_refused(m, page);
	if (m->options.look)
		m->options.look(m->options.arg, page);
	is_whole = metric_page_end(page, to);
	free(page);
	return is_whole;
}

/* ---- start and end ---- */

struct metrics *metrics_new(const struct metrics_options *options)
{
	struct metrics *m = new_of(struct metrics);

	pthread_mutex_init(&m->lock, NULL);
	m->options = *options;
	m->since_wall = sys_wall();
	metric_rows(m->rows);
	for (unsigned id = 0; id < METRICS; id++)
		table_init(&m->tables[id], &m->rows[id], options->series);
	table_init(&m->models, NULL, SERIES_MOST);
	shape_know(m);
	return m;
}

void metrics_limit(struct metrics *m, unsigned series, bool keys)
{
	pthread_mutex_lock(&m->lock);
	m->options.keys = keys;
	m->options.series = series;
	/* Who had no name may have one now, and the other way round. */
	memset(m->by_kind, 0, sizeof(m->by_kind));
	memset(m->shapes, 0, sizeof(m->shapes));
	memset(m->teams, 0, sizeof(m->teams));
	for (unsigned id = 0; id < METRICS; id++)
		m->tables[id].most = min_of(series, (unsigned)SERIES_MOST);
	pthread_mutex_unlock(&m->lock);
}

void metrics_free(struct metrics **at)
{
	struct metrics *m = *at;

	if (!m)
		return;
	*at = NULL;
	for (unsigned id = 0; id < METRICS; id++)
		table_done(&m->tables[id]);
	table_done(&m->models);
	names_done(&m->names);
	names_done(&m->fault_names);
	pthread_mutex_destroy(&m->lock);
	free(m);
}
