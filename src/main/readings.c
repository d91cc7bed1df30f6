/* readings.c - see readings.h. */
#include "main/readings.h"

#include "gateway/endpoint.h"
#include "loop/sys.h"
#include "main/readings_budget.h"
#include "meter/body_log.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- providers ---- */

/* As the metric has it: 0 closed, 1 a request may try it, 2 open. */
static int circuit_of(const struct health *h, usec now)
{
	usec until;

	switch (health_look(h, NULL, 0, now, &until)) {
	case HEALTH_PROBE:
		return 1;
	case HEALTH_ILL:
	case HEALTH_DEAD:
		return 2;
	case HEALTH_OK:
	case HEALTH_SCARCE:
	case HEALTH_PACED:
	case HEALTH_FULL:
	case HEALTH_ANSWERS:
		break;
	}
	return 0;
}

/* Keys of a provider are benched one by one; their cells say so.  One whose time is over
 * is still out until a request has found that it is taken again. */
static unsigned keys_benched(struct board *b, const struct provider *p, usec now)
{
	unsigned count = 0;

	for (unsigned i = 0; i < p->key_count; i++) {
		uint64_t mark = board_mark(b, &p->keys[i]);
		struct health h = health_of(b, p->name, mark, STR_NONE, false);

		h.provider = NULL;
		count += circuit_of(&h, now) > 0;
	}
	return count;
}

static void look_at_provider(struct board *b, const struct provider *p, usec now,
                             struct metric_page *page)
{
	struct health h = health_of(b, p->name, 0, STR_NONE, false);
	struct health_view v;

	h.key = h.model = h.target = NULL;
	health_see(&h, now, &v);
	metric_sample(page, METRIC_INFLIGHT, &p->name, v.in_flight, NULL);
	metric_sample(page, METRIC_CIRCUIT, &p->name, circuit_of(&h, now), NULL);
	metric_sample(page, METRIC_KEYS_OUT, &p->name, keys_benched(b, p, now), NULL);
}

/* By the headers of the key that has the most. */
static void look_at_limits(struct board *b, const struct target *t, usec now,
                           struct metric_page *page)
{
	const struct provider *p = t->provider;
	int64_t requests = -1, tokens = -1;

	for (unsigned i = 0; i == 0 || i < p->key_count; i++) {
		uint64_t mark = i < p->key_count ? board_mark(b, &p->keys[i]) : 0;
		struct health h = health_of(b, p->name, mark, t->model, false);
		struct health_view v;

		health_see(&h, now, &v);
		requests = max_of(requests, v.requests_left);
		tokens = max_of(tokens, v.tokens_left);
	}
	if (requests >= 0)
		metric_sample(page, METRIC_LIMIT_LEFT,
		              (str[]){ p->name, t->model, STR("requests") }, requests,
		              NULL);
	if (tokens >= 0)
		metric_sample(page, METRIC_LIMIT_LEFT,
		              (str[]){ p->name, t->model, STR("tokens") }, tokens, NULL);
}

/* Does it stand before in the configuration? A series must not be said twice. */
static bool is_repeated(const struct config *c, const struct target *t)
{
	for (unsigned i = 0; i < c->route_count; i++) {
		for (unsigned k = 0; k < c->routes[i].target_count; k++) {
			const struct target *other = &c->routes[i].targets[k];

			if (other == t)
				return false;
			if (other->provider == t->provider &&
			    str_eq(other->model, t->model))
				return true;
		}
	}
	return false;
}

struct config *readings_config(struct gateway *g)
{
	struct config *c;

	pthread_mutex_lock(&g->lock);
	c = config_ref(g->config);
	pthread_mutex_unlock(&g->lock);
	return c;
}

static void look_at_config(struct gateway *g, struct metric_page *page)
{
	struct config *c = readings_config(g);
	usec now = sys_now();

	for (unsigned i = 0; i < c->provider_count; i++)
		look_at_provider(g->board, &c->providers[i], now, page);
	for (unsigned i = 0; i < c->route_count; i++) {
		for (unsigned k = 0; k < c->routes[i].target_count; k++) {
			const struct target *t = &c->routes[i].targets[k];

			if (!is_repeated(c, t))
				look_at_limits(g->board, t, now, page);
		}
	}
	metric_plain(page, METRIC_MEMORY_MOST,
	             (int64_t)min_of(c->memory, (uint64_t)INT64_MAX));
	config_unref(&c);
}

bool readings_knows(void *arg, str provider, str model)
{
	struct gateway *g = &((struct process *)arg)->gateway;
	struct config *c = readings_config(g);
	struct catalog_model facts;
	bool knows = catalog_find_model(c->catalog, provider, model, &facts) ||
	             found_has(g->found, provider, model);

	for (unsigned i = 0; !knows && i < c->route_count; i++) {
		for (unsigned k = 0; !knows && k < c->routes[i].target_count; k++) {
			const struct target *t = &c->routes[i].targets[k];

			knows = str_eq(t->provider->name, provider) &&
			        str_eq(t->model, model);
		}
	}
	config_unref(&c);
	return knows;
}

bool readings_team(void *arg, uint64_t id, struct buf *ret)
{
	const struct keyring *keys = ((struct process *)arg)->gateway.keys;
	str name = keyring_name(keys, id);

	if (!name.len || !buf_add(ret, name))
		return false;
	/* As budgets tell them apart. */
	return !keyring_has_namesake(keys, id) ||
	       (buf_add_char(ret, ' ') && buf_add_hex(ret, id, 12));
}

unsigned readings_server(void *arg, str provider, struct buf *host)
{
	struct config *c = readings_config(&((struct process *)arg)->gateway);
	const struct provider *p = config_find_provider(c, provider);
	unsigned port = 0;

	if (p && !p->is_mock) {
		buf_add(host, p->host);
		port = p->port;
	}
	config_unref(&c);
	return port;
}

const char *readings_endpoint(void *arg, unsigned number, struct buf *path)
{
	(void)arg;
	return endpoint_describe(number, path);
}

/* ---- workers and recorder ---- */

static void look_at_workers(const struct process *p, struct metric_page *page)
{
	uint64_t live = 0, queued = 0, open = 0, hedges = 0, won = 0, resumes = 0,
	         saved = 0, refused = 0;

	for (unsigned i = 0; i < p->worker_count; i++) {
		const struct worker *w = &p->workers[i];

		live += w->live;
		queued += w->queued;
		open += w->load;
		hedges += w->counts.hedges;
		won += w->counts.hedges_won;
		resumes += w->counts.resumes;
		saved += w->counts.resumes_saved;
		refused += w->counts.refused;
	}
	metric_plain(page, METRIC_LIVE, (int64_t)live);
	metric_plain(page, METRIC_QUEUED, (int64_t)queued);
	metric_plain(page, METRIC_CONNECTIONS, (int64_t)open);
	metric_plain(page, METRIC_REFUSED, (int64_t)refused);
	/* Read one after the other: the part may be ahead of the whole. */
	metric_sample(page, METRIC_HEDGES, &STR("yes"), (int64_t)won, NULL);
	metric_sample(page, METRIC_HEDGES, &STR("no"),
	              (int64_t)(hedges - min_of(won, hedges)), NULL);
	metric_sample(page, METRIC_RESUMES, &STR("saved"), (int64_t)saved, NULL);
	metric_sample(page, METRIC_RESUMES, &STR("lost"),
	              (int64_t)(resumes - min_of(saved, resumes)), NULL);
}

static void look_at_recorder(const struct process *p, struct metric_page *page)
{
	struct recorder_stats s;

	recorder_stats(p->gateway.recorder, &s);
	metric_plain(page, METRIC_REC_ROWS, (int64_t)s.rows);
	metric_plain(page, METRIC_REC_FAILED, (int64_t)s.failures);
	metric_plain(page, METRIC_REC_GAPS, (int64_t)s.gaps);
	metric_plain(page, METRIC_REC_DISK, s.disk_full);
	metric_plain(page, METRIC_JOURNAL, (int64_t)s.journal_bytes);
	metric_plain(page, METRIC_JOURNAL_BAD, s.bad_segments);
	metric_sample(page, METRIC_DROPPED,
	              (str[]){ STR("access_log"), STR("reader_slow") },
	              (int64_t)s.lost_lines, NULL);
}

static void look_at_traces(const struct process *p, struct metric_page *page)
{
	struct otlp_stats s;

	if (!p->otlp)
		return;
	otlp_stats(p->otlp, &s);
	metric_sample(page, METRIC_EXPORTED, &STR("traces"), (int64_t)s.exported, NULL);
	metric_sample(page, METRIC_DROPPED, (str[]){ STR("traces"), STR("queue_full") },
	              (int64_t)s.full, NULL);
	metric_sample(page, METRIC_DROPPED, (str[]){ STR("traces"), STR("rejected") },
	              (int64_t)s.rejected, NULL);
	metric_sample(page, METRIC_DROPPED, (str[]){ STR("traces"), STR("unreachable") },
	              (int64_t)s.unreachable, NULL);
}

static void look_at_bodies(const struct process *p, struct metric_page *page)
{
	struct body_log_stats s;

	if (!p->gateway.bodies)
		return;
	body_log_stats(p->gateway.bodies, &s);
	metric_sample(page, METRIC_DROPPED, (str[]){ STR("bodies"), STR("queue_full") },
	              (int64_t)s.refused, NULL);
	metric_sample(page, METRIC_DROPPED, (str[]){ STR("bodies"), STR("unwritable") },
	              (int64_t)s.failed, NULL);
	metric_plain(page, METRIC_BODIES, (int64_t)s.written);
	metric_plain(page, METRIC_REDACTED, (int64_t)s.finds);
}

/* ---- the process ---- */

static bool read_text(const char *path, char *to, size_t size)
{
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(to, 1, size - 1, f) : 0;

	if (f)
		fclose(f);
	to[n] = '\0';
	return n > 0;
}

static void look_at_memory(struct metric_page *page)
{
	uint64_t size, resident;
	char text[256];
	str rest;

	if (!read_text("/proc/self/statm", text, sizeof(text)))
		return;
	rest = str_from_z(text);
	if (!str_to_u64(str_cut(&rest, ' '), &size) ||
	    !str_to_u64(str_cut(&rest, ' '), &resident))
		return;
	int64_t unit = sysconf(_SC_PAGESIZE);
	metric_plain(page, METRIC_VIRTUAL, (int64_t)size * unit);
	metric_plain(page, METRIC_RESIDENT, (int64_t)resident * unit);
}

static void look_at_threads(struct metric_page *page)
{
	char text[4096];
	uint64_t threads;
	str rest;

	if (!read_text("/proc/self/status", text, sizeof(text)))
		return;
	for (rest = str_from_z(text); rest.len > 0;) {
		str line = str_cut(&rest, '\n');

		if (str_skip(&line, STR("Threads:")) &&
		    str_to_u64(str_trim(line), &threads))
			metric_plain(page, METRIC_THREADS, (int64_t)threads);
	}
}

static void look_at_descriptors(struct metric_page *page)
{
	DIR *dir = opendir("/proc/self/fd");
	struct rlimit limit;
	int64_t count = -3; /* ".", ".." and the directory itself */

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		metric_plain(page, METRIC_FDS_MOST,
		             (int64_t)min_of(limit.rlim_cur, (rlim_t)INT64_MAX));
	if (!dir)
		return;
	while (readdir(dir))
		count++;
	closedir(dir);
	metric_plain(page, METRIC_FDS, count);
}

static void look_at_process(const struct process *p, struct metric_page *page)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) == 0)
		metric_plain(page, METRIC_CPU,
		             (int64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * USEC_SEC +
		                     u.ru_utime.tv_usec + u.ru_stime.tv_usec);
	look_at_memory(page);
	look_at_threads(page);
	look_at_descriptors(page);
	metric_plain(page, METRIC_STARTED, p->started_wall);
	metric_sample(page, METRIC_BUILD, &STR(SLUICE_VERSION), 1, NULL);
	metric_plain(page, METRIC_RELOAD_OK, !p->reload_failed);
	metric_plain(page, METRIC_RELOAD_AT, p->reloaded_wall);
	metric_plain(page, METRIC_MEMORY, (int64_t)p->gateway.memory);
}

void readings_look(void *arg, struct metric_page *page)
{
	const struct process *p = arg;

	look_at_workers(p, page);
	look_at_config(&((struct process *)arg)->gateway, page);
	readings_budgets(&((struct process *)arg)->gateway, page);
	look_at_recorder(p, page);
	look_at_traces(p, page);
	look_at_bodies(p, page);
	look_at_process(p, page);
}
