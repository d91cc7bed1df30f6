/* scout.c - asks providers for their models (discover), and connects to those nobody asks
 * for anything (probe), so that the board knows how they are. */
#include "main/scout.h"

#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"
#include "codec/text.h"
#include "config/facts.h"
#include "gateway/credential.h"
#include "loop/sys.h"
#include "loop/thread.h"
#include "main/fetch.h"
#include "wire/wire.h"

#include <time.h>

enum {
	LIST_MOST = 8 * MiB,
	PAGES_MOST = 20,
	PAGE_TOKEN_MOST = 2 * KiB,
	PROBES_TO_OPEN = 3, /* failures open the breaker: they come soon after another */
};
#define PROBE_AGAIN USEC_SEC
#define PROBE_PATIENCE (3 * USEC_SEC)

struct seen { /* of a provider, by its place in the configuration */
	usec due;
	bool is_failing, is_full;
	usec probe_due;
	unsigned unreachable; /* probes in a row that failed */
};

struct scout {
	struct gateway *g;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stopped;
	_Atomic bool stop;
	struct config *config; /* that `seen` is about */
	struct seen *seen;
};

/* ---- a list ---- */

static const struct json_limits limits = { 16, 500 * 1000, 1024, 64 };

bool scout_read(str json, void (*each)(void *arg, str id), void *arg)
{
	struct json_value root, list;
	struct json_member item;
	bool is_named;

	if (json_check(json, &limits, &root))
		return false;
	list = json_get(root, STR("data"));
	is_named = list.type != JSON_ARRAY;
	if (is_named)
		list = json_get(root, STR("models"));
	if (list.type != JSON_ARRAY)
		return false;
	for (struct json_iter it = json_iter(list); json_next(&it, &item);) {
		struct json_value v =
		        json_get(item.value, is_named ? STR("name") : STR("id"));
		char room[2 * CATALOG_NAME_MOST];
		str id;

		if (v.type != JSON_STRING || v.raw.len > sizeof(room))
			continue;
		id = json_text(v, room);
		str_skip(&id, STR("models/"));
		if (catalog_id_is_safe(id))
			each(arg, id);
	}
	return true;
}

bool scout_next_page(enum wire_format format, str json, struct buf *ret)
{
	struct json_value root, token = { 0 };
	char room[PAGE_TOKEN_MOST];
	str name = STR_NONE;

	if (json_check(json, &limits, &root))
		return false;
	if (format == WIRE_ANTHROPIC &&
	    json_get(root, STR("has_more")).type == JSON_TRUE) {
		name = STR("after_id=");
		token = json_get(root, STR("last_id"));
	} else if (format == WIRE_GEMINI) {
		name = STR("pageToken=");
		token = json_get(root, STR("nextPageToken"));
	}
	if (token.type != JSON_STRING || token.raw.len <= 2 ||
	    token.raw.len > sizeof(room))
		return false;
	buf_clear(ret);
	buf_add(ret, name);
	url_encode(ret, json_text(token, room));
	return !ret->over;
}

struct listing {
	struct scout *s;
	const struct provider *p;
	unsigned added, left_out;
};

static void add(void *arg, str id)
{
	struct listing *l = arg;
	struct catalog_model known;
	enum found_added added;

	if (catalog_find_model(l->s->config->catalog, l->p->name, id, &known))
		return;
	added = found_add(l->s->g->found, l->p->name, id);
	l->left_out += added == FOUND_FULL;
	if (added != FOUND_NEW)
		return;
	l->added++;
	log_info("provider %.*s has a new model: %.*s", STR_ARG(l->p->name), STR_ARG(id));
}

/* ---- asking ---- */

static void write_headers(const struct provider *p, struct buf *to)
{
	const struct wire *wire = wire_of(p->format);
	const struct credential_request request = { .is_whole = true };

	if (wire && wire->needed_header.len)
		buf_addf(to, "%.*s\r\n", STR_ARG(wire->needed_header));
	/* Only a signature could fail. */
	(void)!credential_add(to, p, 0, STR_NONE, &request);
}

/* As many as the format gives at once. */
static str query_of(const struct provider *p)
{
	if (p->format == WIRE_ANTHROPIC)
		return STR("limit=1000");
	return p->format == WIRE_GEMINI ? STR("pageSize=1000") : p->query;
}

static struct fetch_from from_provider(struct scout *s, const struct provider *p,
                                       usec patience)
{
	return (struct fetch_from){ .host = p->host,
		                    .port = p->port,
		                    .tls = p->tls,
		                    .allow_private = p->allow_private,
		                    .authority = p->authority,
		                    .resolver = s->g->resolver,
		                    .roots = &s->g->roots,
		                    .ca_file = p->ca_file,
		                    .patience = patience,
		                    .stop = &s->stop };
}

/* One page; its body stays for a look at what follows. page: which, or empty. */
static bool ask_page(struct scout *s, const struct provider *p, str page,
                     struct buf *body, struct buf *why)
{
	struct buf path = BUF_LIMIT(16 * KiB), headers = BUF_LIMIT(16 * KiB);
	struct fetch_from from = from_provider(s, p, 30 * USEC_SEC);
	str query = query_of(p);
	bool is_good;

	buf_add(&path, p->base_path);
	buf_add(&path, STR("/models"));
	if (query.len)
		buf_addf(&path, "?%.*s", STR_ARG(query));
	if (page.len)
		buf_addf(&path, "%c%.*s", query.len ? '&' : '?', STR_ARG(page));
	write_headers(p, &headers);
	from.path = buf_str(&path);
	from.headers = buf_str(&headers);
	buf_clear(body);
	is_good = fetch_get(&from, body, why);
	if (headers.ptr)
		mem_wipe(headers.ptr, headers.cap);
	buf_free(&headers);
	buf_free(&path);
	return is_good;
}

/* All pages, as far as there are so many; one that leads to itself is the last. */
static bool ask(struct scout *s, const struct provider *p, struct listing *l,
                struct buf *why)
{
	struct buf body = BUF_LIMIT(LIST_MOST), page = BUF_LIMIT(4 * PAGE_TOKEN_MOST);
	struct buf before = BUF_LIMIT(4 * PAGE_TOKEN_MOST);
	bool is_good = true, more = true;

	for (int i = 0; is_good && more && i < PAGES_MOST; i++) {
		is_good = ask_page(s, p, buf_str(&page), &body, why);
		if (is_good && !scout_read(buf_str(&body), add, l)) {
			buf_add(why, STR("the answer is no list of models"));
			is_good = false;
		}
		buf_set(&before, buf_str(&page));
		more = is_good && scout_next_page(p->format, buf_str(&body), &page) &&
		       !str_eq(buf_str(&page), buf_str(&before));
	}
	buf_free(&before);
	buf_free(&page);
	buf_free(&body);
	return is_good;
}

/* ---- remembering ---- */

static void save(struct scout *s)
{
	struct buf text = BUF_LIMIT(4 * MiB), why = BUF_LIMIT(1 * KiB);
	str provider, id;

	for (unsigned at = 0; found_next(s->g->found, &at, &provider, &id);)
		buf_addf(&text, "%.*s\t%.*s\n", STR_ARG(provider), STR_ARG(id));
	if (!facts_found_save(s->config->data, buf_str(&text), &why))
		log_warn("new models are not remembered: %s", buf_z(&why));
	buf_free(&text);
	buf_free(&why);
}

/* Those of providers that are no longer there would only take their room. */
struct found *scout_recall(const struct config *c)
{
	struct found *found = found_new();
	struct buf text = { 0 };
	str rest = STR_NONE, provider, id;

	if (facts_found_load(c->data, &text))
		rest = buf_str(&text);
	while (facts_found_next(&rest, &provider, &id)) {
		if (config_find_provider(c, provider))
			(void)found_add(found, provider, id);
	}
	buf_free(&text);
	return found;
}

/* ---- rounds ---- */

/* A tenth more or less, so that many gateways do not ask at once. */
static usec jittered(usec span)
{
	uint64_t chance;

	sys_random(&chance, sizeof(chance));
	return span - span / 10 + (usec)(chance % (uint64_t)(span / 5 + 1));
}

/* Clouds list what they could offer elsewhere, and not what an account has. */
static bool is_wanted(const struct provider *p)
{
	return p->discover > 0 && !p->disabled.len && !p->is_mock &&
	       p->format != WIRE_BEDROCK && p->format != WIRE_COHERE &&
	       p->auth != AUTH_SIGV4 && p->auth != AUTH_SERVICE_ACCOUNT &&
	       !str_has(p->base_path, STR("{"));
}

static void take_config(struct scout *s)
{
	struct config *old = s->config;

	pthread_mutex_lock(&s->g->lock);
	if (s->g->config != old)
		s->config = config_ref(s->g->config);
	pthread_mutex_unlock(&s->g->lock);
	if (s->config == old)
		return;
	config_unref(&old);
	free(s->seen);
	s->seen = mem_new((s->config->provider_count + 1) * sizeof(struct seen));
	for (unsigned i = 0; i < s->config->provider_count; i++) {
		s->seen[i].due =
		        sys_now() + jittered(s->config->providers[i].discover) / 10;
		s->seen[i].probe_due =
		        sys_now() + jittered(s->config->providers[i].probe) / 10;
	}
}

static void look_at(struct scout *s, unsigned i)
{
	const struct provider *p = &s->config->providers[i];
	struct listing l = { .s = s, .p = p };
	struct buf why = BUF_LIMIT(1 * KiB);
	bool is_good = ask(s, p, &l, &why);

	if (!is_good && !s->seen[i].is_failing && !atomic_load(&s->stop))
		log_warn("provider %.*s does not tell its models: %s", STR_ARG(p->name),
		         buf_z(&why));
	s->seen[i].is_failing = !is_good;
	if (l.left_out && !s->seen[i].is_full)
		log_warn("provider %.*s lists %u models more than are remembered: %d of "
		         "one provider and %d of all that are in no catalogue",
		         STR_ARG(p->name), l.left_out, FOUND_SHARE, FOUND_MOST);
	s->seen[i].is_full = l.left_out > 0;
	s->seen[i].due = sys_now() + jittered(p->discover);
	if (l.added)
		save(s);
	buf_free(&why);
}

static bool is_probed(const struct provider *p)
{
	return p->probe > 0 && !p->disabled.len && !p->is_mock;
}

static void probe(struct scout *s, unsigned i)
{
	const struct provider *p = &s->config->providers[i];
	const struct fetch_from from = from_provider(s, p, PROBE_PATIENCE);
	struct health h = health_of(s->g->board, p->name, 0, STR_NONE, false);
	struct seen *seen = &s->seen[i];
	usec now = sys_now(), used = health_used_at(&h);
	fault_t why;

	/* Requests tell more than a probe does. */
	if (used && now - used < p->probe && !seen->unreachable) {
		seen->probe_due = used + p->probe;
		return;
	}
	why = fetch_connect(&from);
	now = sys_now();
	if (atomic_load(&s->stop) || why == FAULT_INTERNAL)
		return;
	health_checked(&h, why, now);
	if (why && seen->unreachable++ == 0)
		log_warn("provider %.*s: %.*s", STR_ARG(p->name), STR_ARG(why->text));
	else if (!why && seen->unreachable)
		log_info("provider %.*s can be reached again", STR_ARG(p->name));
	if (!why)
		seen->unreachable = 0;
	seen->probe_due = now + (why && seen->unreachable < PROBES_TO_OPEN
	                                 ? min_of(p->probe, (usec)PROBE_AGAIN)
	                                 : jittered(p->probe));
}

/* A reload is seen after a few seconds; it is not told. */
static void wait_a_moment(struct scout *s)
{
	usec next = sys_now() + 5 * USEC_SEC, span;
	struct timespec until;

	for (unsigned i = 0; i < s->config->provider_count; i++) {
		if (is_wanted(&s->config->providers[i]))
			next = min_of(next, s->seen[i].due);
		if (is_probed(&s->config->providers[i]))
			next = min_of(next, s->seen[i].probe_due);
	}
	span = max_of(next - sys_now(), (usec)(10 * USEC_MS));
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)(span % USEC_SEC) * 1000;
	until.tv_sec += (time_t)(span / USEC_SEC) + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&s->lock);
	if (!atomic_load(&s->stop))
		pthread_cond_timedwait(&s->stopped, &s->lock, &until);
	pthread_mutex_unlock(&s->lock);
}

static void *run(void *arg)
{
	struct scout *s = arg;

	while (!atomic_load(&s->stop)) {
		take_config(s);
		for (unsigned i = 0; i < s->config->provider_count; i++) {
			if (is_wanted(&s->config->providers[i]) &&
			    sys_now() >= s->seen[i].due && !atomic_load(&s->stop))
				look_at(s, i);
			if (is_probed(&s->config->providers[i]) &&
			    sys_now() >= s->seen[i].probe_due && !atomic_load(&s->stop))
				probe(s, i);
		}
		wait_a_moment(s);
	}
	return NULL;
}

static void done(struct scout *s)
{
	config_unref(&s->config);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->stopped);
	free(s->seen);
	free(s);
}

struct scout *scout_new(struct gateway *g)
{
	struct scout *s = new_of(struct scout);
	pthread_condattr_t clock;

	s->g = g;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&s->stopped, &clock);
	pthread_condattr_destroy(&clock);
	take_config(s);
	if (thread_start(&s->thread, "scout", run, s))
		return s;
	done(s);
	return NULL;
}

void scout_free(struct scout **ps)
{
	struct scout *s = move(*ps);

	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	atomic_store(&s->stop, true);
	pthread_cond_signal(&s->stopped);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	done(s);
}
