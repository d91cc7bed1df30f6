/* metric_shape.c - from a row's texts to the numbers it is counted by.
 *
 * Names of providers and routes come from the configuration; a model only has a name of
 * its own when somebody knows it; everything else is of closed lists. */
#include "base/assert.h"
#include "meter/client_name.h"
#include "meter/fault_label.h"
#include "meter/metrics_private.h"

#include <stdio.h>

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

void shape_know(struct metrics *m)
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

/* ---- labels ---- */

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

/* Of keys and of teams there are as many as people make: so many get a number as a metric
 * has series, and what else has a name is not crowded out. */
static uint16_t bounded_label(struct metrics *m, unsigned *count, str text)
{
	uint16_t label = names_find(&m->names, text);
	unsigned before = m->names.count;

	if (label || *count >= min_of(m->options.series, (unsigned)SERIES_MOST))
		return label;
	label = names_put(&m->names, text);
	*count += m->names.count - before;
	return label;
}

static uint16_t id_label(struct metrics *m, unsigned *count, uint64_t id)
{
	char text[16];
	int n;

	if (!id)
		return m->known.none;
	n = snprintf(text, sizeof(text), "%012llx", (unsigned long long)id);
	return bounded_label(m, count, str_of(text, (size_t)n));
}

/* As it was called when it was first seen. */
static uint16_t team_label(struct metrics *m, uint64_t id)
{
	struct team *t = &m->teams[id % TEAMS_KEPT];
	struct buf name = BUF_LIMIT(NAME_LONGEST);

	if (!id || !m->options.team)
		return id_label(m, &m->team_names, id);
	if (t->id == id)
		return t->label;
	t->id = id;
	t->label = m->options.team(m->options.arg, id, &name)
	                   ? bounded_label(m, &m->team_names, buf_str(&name))
	                   : id_label(m, &m->team_names, id);
	buf_free(&name);
	return t->label;
}

static uint16_t outcome_label(const struct metrics *m, const struct attempt_row *row)
{
	if (row->state == ROW_UNKNOWN)
		return m->known.unknown;
	return row->fault.len ? error_label(m, row->fault) : m->known.ok;
}

static uint16_t route_label(struct metrics *m, const struct attempt_row *row)
{
	if (row->route.len)
		return names_put(&m->names, row->route);
	return row->number ? m->known.direct : m->known.none;
}

static void name(struct metrics *m, const struct attempt_row *row, struct shape *s)
{
	const struct known *k = &m->known;
	int class = row->client_status / 100;

	s->route = route_label(m, row);
	s->client = names_put(&m->names, client_name(row->agent));
	s->status = k->status[class > 0 && class < STATUS_CLASSES ? class : 0];
	s->error = row->fault.len ? error_label(m, row->fault) : k->none;
	s->outcome = outcome_label(m, row);
	s->team = team_label(m, row->team);
	s->has_key = m->options.keys && row->key;
	s->key = s->has_key ? id_label(m, &m->key_names, row->key) : NAME_OTHER;
	s->usage = k->usage[row->usage_kind];
	s->mode = row->stream ? k->stream : k->unary;
	if (!row->number)
		return;
	s->provider = names_put(&m->names, row->provider);
	s->model = model_label(m, row, s->provider);
}

/* ---- shapes ---- */

enum { TEXTS = 5 };

/* Its size; 0: the texts are too long. */
static size_t write_key(const struct metrics *m, const struct attempt_row *row,
                        struct shape_key *ret)
{
	const str texts[TEXTS] = { row->route, row->provider, row->model, row->fault,
		                   row->agent };
	size_t size = 0;

	ret->figures = (struct shape_figures){ .team = row->team,
		                               .key = m->options.keys ? row->key : 0,
		                               .client_status = row->client_status,
		                               .has_attempt = row->number > 0,
		                               .state = (uint8_t)row->state,
		                               .stream = row->stream,
		                               .usage_kind = (uint8_t)row->usage_kind };
	for (unsigned i = 0; i < TEXTS; i++) {
		if (texts[i].len > SHAPE_TEXT - size)
			return 0;
		if (texts[i].len)
			memcpy(ret->texts + size, texts[i].ptr, texts[i].len);
		ret->figures.lengths[i] = (uint8_t)texts[i].len;
		size += texts[i].len;
	}
	return offsetof(struct shape_key, texts) + size;
}

static struct shape *find_shape(struct metrics *m, const struct attempt_row *row)
{
	struct shape_key key;
	size_t size = write_key(m, row, &key);
	struct shape *s = &m->odd_shape;

	if (size) {
		s = &m->shapes[names_hash(str_of((const char *)&key, size)) % SHAPES];
		if (likely(s->size == size && memcmp(&s->said, &key, size) == 0))
			return s;
	}
	*s = (struct shape){ 0 };
	name(m, row, s);
	/* A model that nobody knows may be known tomorrow. */
	if (size && (s->model != NAME_OTHER || !row->number)) {
		memcpy(&s->said, &key, size);
		s->size = size;
	}
	return s;
}

struct shape *shape_of(struct metrics *m, const struct attempt_row *row)
{
	struct shape **known = &m->by_kind[row->kind % SHAPES];

	if (row->kind && *known && (*known)->kind == row->kind)
		return *known;
	struct shape *s = find_shape(m, row);
	s->kind = s->size ? row->kind : 0;
	*known = s;
	return s;
}
