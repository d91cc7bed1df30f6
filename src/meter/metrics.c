/* metrics.c - from rows to series (metrics.h).
 *
 * A row's texts become numbers first, and a metric's series is found by these.  Names of
 * providers and routes come from the configuration; a model only counts under its own
 * name when somebody knows it; everything else is of closed lists. */
#include "meter/metrics.h"

#include "base/assert.h"
#include "base/mem.h"
#include "loop/sys.h"
#include "meter/client_name.h"
#include "meter/fault_label.h"
#include "meter/metric_series.h"
#include "meter/trace.h"

#include <pthread.h>
#include <stdio.h>

enum token_type {
	INPUT,
	OUTPUT,
	CACHE_READ,
	CACHE_WRITE,
	REASONING,
	AUDIO_INPUT,
	AUDIO_OUTPUT,
	TOKEN_TYPES,
};

enum {
	USAGE_KINDS = USAGE_UNKNOWN + 1,
	STATUS_CLASSES = 6,
	ODDITIES = 5,
	TEAMS_KEPT = 64,
};

/* Numbers of the closed lists' names. */
struct known {
	uint16_t none, direct, ok, unknown, stream, unary, gateway_other;
	uint16_t tokens[TOKEN_TYPES];
	uint16_t usage[USAGE_KINDS];
	uint16_t status[STATUS_CLASSES];
	uint16_t odd[ODDITIES];
	uint16_t faults[FAULT_IDS]; /* with whose fault it is before it */
};

struct team {
	uint64_t id; /* 0: free */
	uint16_t label;
};

struct metrics {
	pthread_mutex_t lock; /* over all but the options */
	struct metrics_options options;
	usec since_wall;
	struct metric_names names;
	struct metric_names fault_names; /* rows' names of faults: their ids, in order */
	struct known known;
	struct metric_table tables[METRICS]; /* those from rows */
	struct metric_table models;    /* keys: (provider, model) that somebody knows */
	struct team teams[TEAMS_KEPT]; /* asked for already, by id */
	struct metric_row rows[METRICS];
};

/* ---- closed lists ---- */

static void know_faults(struct metrics *m)
{
	char room[FAULT_LABEL_MOST];

	for (unsigned id = FAULT_ID_NONE + 1; id < FAULT_IDS; id++) {
		fault_t fault = fault_by_id((enum fault_id)id);
		/* The first is 1, as the first fault's id is. */
		uint16_t number = names_put(&m->fault_names, fault->name);

		assert(number == id);
		m->known.faults[id] = names_put(&m->names, fault_label(fault, room));
	}
}

static void know_list(struct metrics *m, const char *const *texts, unsigned count,
                      uint16_t *ret)
{
	for (unsigned i = 0; i < count; i++)
		ret[i] = names_put(&m->names, str_from_z(texts[i]));
}

static void know(struct metrics *m)
{
	static const char *const tokens[TOKEN_TYPES] = { "input",       "output",
		                                         "cache_read",  "cache_write",
		                                         "reasoning",   "audio_input",
		                                         "audio_output" };
	static const char *const usage[USAGE_KINDS] = { "none", "reported", "estimated",
		                                        "unknown" };
	static const char *const status[STATUS_CLASSES] = { "none", "1xx", "2xx",
		                                            "3xx",  "4xx", "5xx" };
	static const char *const odd[ODDITIES] = { "empty", "no_finish", "refusal", "cut",
		                                   "zero_usage" };
	struct known *k = &m->known;

	know_list(m, tokens, TOKEN_TYPES, k->tokens);
	know_list(m, usage, USAGE_KINDS, k->usage);
	know_list(m, status, STATUS_CLASSES, k->status);
	know_list(m, odd, ODDITIES, k->odd);
	k->none = names_put(&m->names, STR("none"));
	k->direct = names_put(&m->names, STR("direct"));
	k->ok = names_put(&m->names, STR("ok"));
	k->unknown = names_put(&m->names, STR("unknown"));
	k->stream = names_put(&m->names, STR("stream"));
	k->unary = names_put(&m->names, STR("unary"));
	k->gateway_other = names_put(&m->names, STR("gateway_other"));
	for (unsigned i = 0; client_name_at(i).len; i++)
		names_put(&m->names, client_name_at(i));
	know_faults(m);
}

/* ---- counting ---- */

/* One row on its way. */
struct counted {
	struct metrics *m;
	const struct attempt_row *row;
	uint16_t route, provider, model;
	bool is_traced;
	uint8_t trace[TRACE_ID];
};

static void note_exemplar(struct counted *c, struct metric_exemplar *to, int64_t value)
{
	const struct attempt_row *row = c->row;

	if (!c->is_traced)
		trace_id(STR_NONE, row->exchange, c->trace);
	c->is_traced = true;
	memcpy(to->trace, c->trace, sizeof(to->trace));
	to->exchange = row->exchange;
	to->value = value;
	to->wall = row->began_wall + row->total;
}

static struct metric_series *add(struct counted *c, enum metric_id id, uint64_t key,
                                 int64_t value)
{
	struct metric_table *t = &c->m->tables[id];
	unsigned at = table_get(t, key); /* which may move the list */
	struct metric_series *s = &t->list[at];

	if (__builtin_add_overflow(s->value, value, &s->value))
		s->value = INT64_MAX;
	return s;
}

static void observe(struct counted *c, enum metric_id id, uint64_t key, usec span)
{
	const struct metric_buckets *buckets = &c->m->rows[id].buckets;
	struct metric_table *t = &c->m->tables[id];
	unsigned at = table_get(t, key), i = 0;
	struct metric_histogram *h = &t->histograms[at];

	while (i < buckets->count && span > buckets->bounds[i])
		i++;
	h->counts[i]++;
	h->sum += (uint64_t)max_of(span, (usec)0);
	note_exemplar(c, &h->exemplars[i], span);
}

static uint16_t error_label(const struct metrics *m, str fault)
{
	uint16_t id = names_find(&m->fault_names, fault);

	return id ? m->known.faults[id] : m->known.gateway_other;
}

static uint16_t model_label(struct metrics *m, const struct attempt_row *row,
                            uint16_t provider)
{
	uint16_t model = names_find(&m->names, row->model);

	if (model && table_has(&m->models, series_key(provider, model, 0, 0)))
		return model;
	if (m->options.knows &&
	    !m->options.knows(m->options.arg, row->provider, row->model))
		return NAME_OTHER;
	model = names_put(&m->names, row->model);
	if (model && m->models.count < m->models.most)
		table_get(&m->models, series_key(provider, model, 0, 0));
	return model;
}

static uint16_t id_label(struct metrics *m, uint64_t id)
{
	char text[16];
	int n;

	if (!id)
		return m->known.none;
	n = snprintf(text, sizeof(text), "%012llx", (unsigned long long)id);
	return names_put(&m->names, str_of(text, (size_t)n));
}

/* As it was called when it was first seen. */
static uint16_t team_label(struct metrics *m, uint64_t id)
{
	struct team *t = &m->teams[id % TEAMS_KEPT];
	struct buf name = BUF_LIMIT(NAME_LONGEST);

	if (!id || !m->options.team)
		return id_label(m, id);
	if (t->id == id)
		return t->label;
	t->id = id;
	t->label = m->options.team(m->options.arg, id, &name)
	                   ? names_put(&m->names, buf_str(&name))
	                   : id_label(m, id);
	buf_free(&name);
	return t->label;
}

static void count_tokens(struct counted *c)
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

	for (unsigned i = 0; i < TOKEN_TYPES; i++) {
		if (counts[i])
			add(c, METRIC_TOKENS,
			    series_key(c->provider, c->model, c->m->known.tokens[i], 0),
			    (int64_t)min_of(counts[i], (uint64_t)INT64_MAX));
	}
}

static void count_cost(struct counted *c)
{
	const struct attempt_row *row = c->row;

	if (row->cost == COST_UNKNOWN) {
		add(c, METRIC_COST_NONE, series_key(c->provider, c->model, 0, 0), 1);
		return;
	}
	add(c, METRIC_COST,
	    series_key(c->provider, c->model, team_label(c->m, row->team), 0), row->cost);
	if (c->m->options.keys && row->key)
		add(c, METRIC_KEY_COST, id_label(c->m, row->key), row->cost);
}

static uint16_t outcome_of(const struct counted *c)
{
	const struct known *k = &c->m->known;

	if (c->row->state == ROW_UNKNOWN)
		return k->unknown;
	return c->row->fault.len ? error_label(c->m, c->row->fault) : k->ok;
}

static void count_attempt(struct counted *c)
{
	const struct attempt_row *row = c->row;
	struct metrics *m = c->m;

	c->provider = names_put(&m->names, row->provider);
	c->model = model_label(m, row, c->provider);
	const uint64_t target = series_key(c->provider, c->model, 0, 0);

	struct metric_series *s =
	        add(c, METRIC_ATTEMPTS,
	            series_key(c->provider, c->model, outcome_of(c), 0), 1);
	note_exemplar(c, &s->exemplar, 1);
	add(c, METRIC_USAGE,
	    series_key(c->provider, m->known.usage[row->usage_kind], 0, 0), 1);
	count_tokens(c);
	count_cost(c);
	for (unsigned i = 0; row->flags && i < ODDITIES; i++) {
		if (row->flags >> i & 1)
			add(c, METRIC_ODD,
			    series_key(c->provider, c->model, m->known.odd[i], 0), 1);
	}
	observe(c, METRIC_UPSTREAM, target, row->total);
	if (row->stream && row->first_token)
		observe(c, METRIC_FIRST, target, row->first_token);
}

/* The row that closes its exchange. */
static void count_request(struct counted *c)
{
	const struct attempt_row *row = c->row;
	const struct known *k = &c->m->known;
	int class = row->client_status / 100;
	uint16_t route = row->route.len ? names_put(&c->m->names, row->route)
	                 : row->number  ? k->direct
	                                : k->none;
	uint16_t client = names_put(&c->m->names, client_name(row->agent));
	uint16_t error = row->fault.len ? error_label(c->m, row->fault) : k->none;
	uint16_t status = k->status[class > 0 && class < STATUS_CLASSES ? class : 0];

	struct metric_series *s =
	        add(c, METRIC_REQUESTS, series_key(route, client, status, error), 1);
	note_exemplar(c, &s->exemplar, 1);
	observe(c, METRIC_DURATION,
	        series_key(route, row->stream ? k->stream : k->unary, 0, 0),
	        row->exchange_total);
	if (row->attempts)
		observe(c, METRIC_OVERHEAD, 0, row->overhead);
	if (c->m->options.keys && row->key)
		add(c, METRIC_KEY_REQUESTS, id_label(c->m, row->key), 1);
}

void metrics_row(struct metrics *m, const struct attempt_row *row)
{
	struct counted c = { .m = m, .row = row };

	pthread_mutex_lock(&m->lock);
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
	know(m);
	return m;
}

void metrics_limit(struct metrics *m, unsigned series, bool keys)
{
	pthread_mutex_lock(&m->lock);
	m->options.keys = keys;
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
