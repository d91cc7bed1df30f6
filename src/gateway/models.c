#include "gateway/models.h"

#include "codec/json_write.h"
#include "codec/text.h"
#include "gateway/answer.h"
#include "gateway/permit.h"
#include "policy/found.h"
#include "policy/resolve.h"

enum { LIST_MOST = 16 * MiB };

/* One entry of the list. */
struct entry {
	str id, owner, name;
	const struct catalog_model *facts; /* NULL: the catalogue does not know it */
};

/* ---- dates ---- */

/* Days since 1970 of a day in the proleptic Gregorian calendar. */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
	y -= m <= 2;
	int64_t era = y / 400, of_era = y - era * 400;
	int64_t of_year = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* yyyymmdd, the day 00 where only the month is known. */
static void write_dates(struct json_writer *to, uint32_t released)
{
	unsigned y = released ? released / 10000 : 1970;
	unsigned m = released ? released / 100 % 100 : 1, d = released % 100;
	char text[32];
	struct buf date = BUF_LIMIT(sizeof(text));

	m = m ? m : 1;
	d = d ? d : 1;
	buf_addf(&date, "%04u-%02u-%02uT00:00:00Z", y, m, d);
	json_key_int(to, STR("created"), days_of(y, m, d) * 86400);
	json_key_str(to, STR("created_at"), buf_str(&date));
	buf_free(&date);
}

/* ---- an entry ---- */

/* Pico-dollars a unit as USD, in text: floats would lose it. */
static void write_price(struct json_writer *to, str key, picousd price)
{
	struct buf text = BUF_LIMIT(64);

	if (price == PRICE_UNKNOWN)
		return;
	buf_addf(&text, "%lld.%012lld", (long long)(price / 1000000000000),
	         (long long)(price % 1000000000000));
	json_key_str(to, key, buf_str(&text));
	buf_free(&text);
}

static void write_prices(struct json_writer *to, const struct catalog_model *m)
{
	const struct catalog_price *p = &m->price[0];

	json_key(to, STR("pricing"));
	if (m->prices == 0) {
		json_null(to);
		return;
	}
	json_open(to, '{');
	write_price(to, STR("prompt"), p->input);
	write_price(to, STR("completion"), p->output);
	write_price(to, STR("input_cache_read"), p->cache_read);
	write_price(to, STR("input_cache_write"), p->cache_write);
	write_price(to, STR("internal_reasoning"), p->reasoning);
	json_close(to, '}');
}

static void write_modalities(struct json_writer *to, str key, unsigned bits,
                             const unsigned kinds[4])
{
	static const str names[] = { STR_INIT("image"), STR_INIT("audio"),
		                     STR_INIT("file"), STR_INIT("video") };

	json_key(to, key);
	json_open(to, '[');
	json_str(to, STR("text"));
	for (unsigned i = 0; i < countof(names); i++) {
		if (kinds[i] & bits)
			json_str(to, names[i]);
	}
	json_close(to, ']');
}

static void write_facts(struct json_writer *to, const struct catalog_model *m)
{
	static const unsigned in[] = { CATALOG_IMAGE_IN, CATALOG_AUDIO_IN, CATALOG_PDF_IN,
		                       CATALOG_VIDEO_IN };
	static const unsigned out[] = { CATALOG_IMAGE_OUT, CATALOG_AUDIO_OUT, 0, 0 };

	if (m->context)
		json_key_int(to, STR("context_window"), m->context);
	if (m->output)
		json_key_int(to, STR("max_output_tokens"), m->output);
	write_modalities(to, STR("input_modalities"), m->bits, in);
	write_modalities(to, STR("output_modalities"), m->bits, out);
	json_key_bool(to, STR("supports_tools"), m->bits & CATALOG_TOOLS);
	json_key_bool(to, STR("supports_reasoning"), m->bits & CATALOG_REASONING);
	write_prices(to, m);
}

static void write_entry(struct json_writer *to, const struct entry *e)
{
	json_open(to, '{');
	json_key_str(to, STR("id"), e->id);
	json_key_str(to, STR("object"), STR("model"));
	json_key_str(to, STR("type"), STR("model"));
	write_dates(to, e->facts ? e->facts->released : 0);
	json_key_str(to, STR("owned_by"), e->owner);
	json_key_str(to, STR("display_name"), e->name.len ? e->name : e->id);
	if (e->facts)
		write_facts(to, e->facts);
	json_close(to, '}');
}

/* Gemini's shape. */
static void write_gemini(struct json_writer *to, const struct entry *e)
{
	struct buf name = BUF_LIMIT(KiB);

	buf_addf(&name, "models/%.*s", STR_ARG(e->id));
	json_open(to, '{');
	json_key_str(to, STR("name"), buf_str(&name));
	json_key_str(to, STR("displayName"), e->name.len ? e->name : e->id);
	if (e->facts && e->facts->context)
		json_key_int(to, STR("inputTokenLimit"), e->facts->context);
	if (e->facts && e->facts->output)
		json_key_int(to, STR("outputTokenLimit"), e->facts->output);
	json_key(to, STR("supportedGenerationMethods"));
	json_raw(to, STR("[\"generateContent\",\"streamGenerateContent\","
	                 "\"countTokens\"]"));
	json_close(to, '}');
	buf_free(&name);
}

/* What Codex needs to know of a model: all of these members, or it refuses the list. */
static void write_codex(struct json_writer *to, const struct entry *e)
{
	json_open(to, '{');
	json_key_str(to, STR("slug"), e->id);
	json_key_str(to, STR("display_name"), e->name.len ? e->name : e->id);
	json_key(to, STR("supported_reasoning_levels"));
	json_raw(to, STR("[]"));
	json_key_str(to, STR("shell_type"), STR("unified_exec"));
	json_key_str(to, STR("visibility"), STR("list"));
	json_key_bool(to, STR("supported_in_api"), true);
	json_key_int(to, STR("priority"), 1);
	json_key_bool(to, STR("support_verbosity"), false);
	json_key(to, STR("truncation_policy"));
	json_raw(to, STR("{\"mode\":\"tokens\",\"limit\":10000}"));
	json_key(to, STR("experimental_supported_tools"));
	json_raw(to, STR("[]"));
	json_key_str(to, STR("base_instructions"), STR(""));
	if (e->facts && e->facts->context)
		json_key_int(to, STR("context_window"), e->facts->context);
	json_close(to, '}');
}

/* ---- the list ---- */

struct listing {
	struct json_writer to;
	void (*write)(struct json_writer *to, const struct entry *e);
	struct access access; /* the key's */
	bool is_bounded;
	uint64_t most, count;
	struct buf first, last; /* ids */
};

static void list_entry(struct listing *l, const struct entry *e)
{
	if (l->count >= l->most)
		return;
	if (l->count++ == 0)
		buf_set(&l->first, e->id);
	buf_set(&l->last, e->id);
	l->write(&l->to, e);
}

/* May the key name it? */
static bool is_allowed(const struct listing *l, const struct provider *p, str model)
{
	struct target t = { .provider = p, .model = model };

	return !l->is_bounded ||
	       access_target(&l->access, STR_NONE, &t, NULL) == ACCESS_ALLOWED;
}

/* What it lists and the catalogue does not know. */
static void list_found(struct listing *l, const struct config *c,
                       const struct provider *p, struct buf *name)
{
	struct catalog_model known;
	str provider, id;

	for (unsigned at = 0; found_next(c->found, &at, &provider, &id);) {
		if (p->disabled.len || !str_eq(provider, p->name) ||
		    catalog_find_model(c->catalog, provider, id, &known) ||
		    !is_allowed(l, p, id))
			continue;
		buf_set(name, p->name);
		buf_add_char(name, '/');
		buf_add(name, id);
		list_entry(l, &(struct entry){ .id = buf_str(name), .owner = p->name });
	}
}

static void list_all(struct listing *l, const struct config *c)
{
	struct buf name = BUF_LIMIT(1024);
	struct catalog_model m;

	json_open(&l->to, '[');
	for (unsigned i = 0; i < c->route_count; i++) {
		const struct target *t = &c->routes[i].targets[0];

		if (l->is_bounded && !access_route(&l->access, &c->routes[i]))
			continue;
		list_entry(l, &(struct entry){ .id = c->routes[i].name,
		                               .owner = STR("sluice"),
		                               .facts = t->is_known ? &t->facts : NULL });
	}
	for (unsigned i = 0; i < c->provider_count; i++) {
		const struct provider *p = &c->providers[i];

		list_found(l, c, p, &name);
		for (unsigned at = 0;
		     !p->disabled.len &&
		     catalog_next_of_provider(c->catalog, p->name, &at, &m);) {
			if (!is_allowed(l, p, m.id))
				continue;
			buf_set(&name, p->name);
			buf_add_char(&name, '/');
			buf_add(&name, m.id);
			list_entry(l, &(struct entry){ .id = buf_str(&name),
			                               .owner = p->name,
			                               .name = m.name,
			                               .facts = &m });
		}
	}
	json_close(&l->to, ']');
	buf_free(&name);
}

static uint64_t limit_of(str query)
{
	uint64_t most;
	str value;

	if (url_query_get(query, STR("limit"), &value, NULL) && str_to_u64(value, &most))
		return most;
	return UINT64_MAX;
}

static void list_ends(struct json_writer *to, const struct listing *l)
{
	json_key_bool(to, STR("has_more"), l->count >= l->most);
	json_key(to, STR("first_id"));
	l->count ? json_str(to, buf_str(&l->first)) : json_null(to);
	json_key(to, STR("last_id"));
	l->count ? json_str(to, buf_str(&l->last)) : json_null(to);
}

static void list_in_all_shapes(struct listing *l, const struct config *config, bool codex)
{
	json_key_str(&l->to, STR("object"), STR("list"));
	json_key(&l->to, STR("data"));
	list_all(l, config);
	list_ends(&l->to, l);
	if (!codex)
		return;
	json_key(&l->to, STR("models"));
	l->write = write_codex;
	l->count = 0;
	list_all(l, config);
}

/* All of them at once: there is no next page. */
static void list_for_gemini(struct listing *l, const struct config *config)
{
	json_key(&l->to, STR("models"));
	l->write = write_gemini;
	list_all(l, config);
}

static bool is_codex(const struct http_request *req)
{
	return str_starts_nocase(http_request_get(req, STR("user-agent")), STR("codex"));
}

void models_answer(struct worker *w, struct http_conn *c, const struct endpoint *e,
                   const struct http_request *req, uint64_t key)
{
	struct buf body = BUF_LIMIT(LIST_MOST);
	struct listing l = { .to = { .to = &body },
		             .write = write_entry,
		             .access = permit_of(w, key),
		             .most = limit_of(req->query),
		             .first = BUF_LIMIT(1024),
		             .last = BUF_LIMIT(1024) };

	l.is_bounded = access_is_bounded(&l.access);
	json_open(&l.to, '{');
	if (e->wire->format == WIRE_GEMINI)
		list_for_gemini(&l, w->plan->config);
	else
		list_in_all_shapes(&l, w->plan->config, is_codex(req));
	json_close(&l.to, '}');
	answer_json(w, c, 200, buf_str(&body));
	buf_free(&l.first);
	buf_free(&l.last);
	buf_free(&body);
}

/* NULL: the key may use none of them. */
static const struct target *first_allowed(struct worker *w, uint64_t key,
                                          const struct candidates *found)
{
	struct access access = permit_of(w, key);

	for (unsigned i = 0; i < found->count; i++)
		if (access_target(&access, found->route, &found->list[i], NULL) ==
		    ACCESS_ALLOWED)
			return &found->list[i];
	return NULL;
}

void models_answer_one(struct worker *w, struct http_conn *c, const struct endpoint *e,
                       uint64_t key, str raw_id)
{
	struct arena *keep = &w->loop.scratch;
	struct buf body = BUF_LIMIT(8 * KiB);
	struct json_writer to = { .to = &body };
	const struct target *first = NULL;
	struct candidates found;
	fault_t why = FAULT_NO_SUCH_MODEL;
	str id = STR_NONE;

	if (raw_id.len <= 512 && url_decode(raw_id, arena_alloc(keep, raw_id.len), &id))
		why = resolve_model(w->plan->config, id, keep, &found);
	if (!why && !(first = first_allowed(w, key, &found)))
		why = FAULT_MODEL_NOT_ALLOWED;
	if (why) {
		struct buf detail = BUF_LIMIT(KiB);

		if (why == FAULT_NO_SUCH_MODEL && id.len) {
			struct access access = permit_of(w, key);

			buf_addf(&detail, "\"%.*s\"", STR_ARG(str_first(id, 128)));
			resolve_add_nearest(w->plan->config, &access, id, &detail);
		}
		answer_fault(w, c, e, why, buf_str(&detail), STR("model"), STR_NONE);
		buf_free(&detail);
		return;
	}
	bool is_nameless = found.route.len || !first->is_known;
	const struct entry entry = {
		.id = id,
		.owner = found.route.len ? STR("sluice") : first->provider->name,
		.name = is_nameless ? STR_NONE : first->facts.name,
		.facts = first->is_known ? &first->facts : NULL,
	};
	(e->wire->format == WIRE_GEMINI ? write_gemini : write_entry)(&to, &entry);
	answer_json(w, c, 200, buf_str(&body));
	buf_free(&body);
}
