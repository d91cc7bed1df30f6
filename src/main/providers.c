/* providers.c - sluice providers: what is configured, and what could be by name. */
#include "admin/client.h"
#include "codec/json_write.h"
#include "config/facts.h"
#include "main/command.h"
#include "main/provider_keys.h"
#include "main/reading.h"
#include "admin/text.h"
#include "policy/odd.h"

#include <stdio.h>
#include <string.h>

/* ---- what was seen ---- */

enum { NEW_NAMED = 20 /* new models whose names are told */ };

/* Of one provider, from the ledger and from its own list of models. */
struct seen {
	const struct provider *p;
	struct arena keep;
	struct odd_row rows[ODD_ROWS]; /* the first counts all */
	unsigned row_count;
	unsigned found;          /* models which the catalogue does not know */
	str found_id[NEW_NAMED]; /* the newest, the last one last */
	unsigned found_named;
};

static bool take_row(void *arg, const struct odd_row *row)
{
	struct seen *s = arg;

	if (!str_eq(row->provider, str_first(s->p->name, ODD_PROVIDER)) ||
	    s->row_count == ODD_ROWS || (s->row_count == 0 && row->name.len))
		return true;
	s->rows[s->row_count] = *row;
	s->rows[s->row_count++].name = arena_copy(&s->keep, row->name);
	return true;
}

static void take_found(struct seen *s, str id)
{
	s->found++;
	if (s->found_named == NEW_NAMED) {
		memmove(s->found_id, s->found_id + 1, (NEW_NAMED - 1) * sizeof(str));
		s->found_named--;
	}
	s->found_id[s->found_named++] = arena_copy(&s->keep, id);
}

static void seen_init(struct seen *s, const struct config *c, const struct provider *p,
                      struct reading *from)
{
	struct catalog_model known;
	struct buf text = { 0 };
	str rest = STR_NONE;

	*s = (struct seen){ .p = p, .keep = { .ceiling = MiB } };
	if (from->ledger && !ledger_odd(from->ledger, take_row, s))
		s->row_count = 0;
	if (facts_found_load(c->data, &text))
		rest = buf_str(&text);
	for (str provider, id; facts_found_next(&rest, &provider, &id);) {
		if (str_eq(provider, p->name) &&
		    !catalog_find_model(c->catalog, provider, id, &known))
			take_found(s, id);
	}
	buf_free(&text);
}

static void seen_done(struct seen *s)
{
	arena_done(&s->keep);
}

static void print_seen(const struct seen *s)
{
	struct buf text = BUF_LIMIT(8 * KiB);

	if (s->found)
		printf("  %u new model%s (sluice models --provider %.*s)", s->found,
		       s->found == 1 ? "" : "s", STR_ARG(s->p->name));
	printf("\n");
	if (s->row_count == 0)
		return;
	buf_addf(&text,
	         "    sent %llu event%s or members unknown to its format, the last ",
	         (unsigned long long)s->rows[0].count, s->rows[0].count == 1 ? "" : "s");
	text_time(&text, s->rows[0].last_wall);
	for (unsigned i = 1; i < s->row_count; i++) {
		buf_addf(&text, "%s", i == 1 ? ": " : ", ");
		text_safe(&text, s->rows[i].name);
		buf_addf(&text, " (%llu)", (unsigned long long)s->rows[i].count);
	}
	printf("%.*s\n", STR_ARG(buf_str(&text)));
	buf_free(&text);
}

static void write_row(struct json_writer *w, const struct odd_row *row)
{
	json_open(w, '{');
	if (row->name.len)
		json_key_str(w, STR("name"), row->name);
	json_key_int(w, STR("count"), (int64_t)row->count);
	json_key_int(w, STR("first"), row->first_wall);
	json_key_int(w, STR("last"), row->last_wall);
}

static void write_seen(struct json_writer *w, const struct seen *s)
{
	json_key_int(w, STR("new_models"), s->found);
	json_key(w, STR("new_model_ids"));
	json_open(w, '[');
	for (unsigned i = 0; i < s->found_named; i++)
		json_str(w, s->found_id[i]);
	json_close(w, ']');
	json_key(w, STR("unknown"));
	if (s->row_count == 0) {
		json_null(w);
		return;
	}
	write_row(w, &s->rows[0]);
	json_key(w, STR("names"));
	json_open(w, '[');
	for (unsigned i = 1; i < s->row_count; i++) {
		write_row(w, &s->rows[i]);
		json_close(w, '}');
	}
	json_close(w, ']');
	json_close(w, '}');
}

/* ---- configured ---- */

static const char *state_of(const struct provider *p)
{
	return p->disabled.len ? "disabled" : p->missing.len ? "unset" : "ready";
}

/* Why it is not known to be ready; empty when it is. */
static void add_why(struct buf *to, const struct provider *p)
{
	if (p->disabled.len)
		buf_add(to, p->disabled);
	else if (p->missing.len)
		buf_addf(to, "%.*s is not there for this command", STR_ARG(p->missing));
}

/* How it is doing, as a running gateway told; JSON_NONE: none runs. */
static struct json_value health_of_provider(struct json_value all, str name)
{
	struct json_member item;

	for (struct json_iter it = json_iter(json_get(all, STR("providers")));
	     json_next(&it, &item);)
		if (json_text_is(json_get(item.value, STR("name")), name))
			return item.value;
	return (struct json_value){ 0 };
}

static uint64_t figure(struct json_value h, const char *name)
{
	uint64_t n = 0;

	return json_u64(json_get(h, str_from_z(name)), &n) ? n : 0;
}

/* keys: how many it has; 1 of one that needs none. */
static void print_health(struct json_value h, unsigned keys)
{
	struct json_value answer = json_get(h, STR("answer"));
	char room[64];

	if (answer.type != JSON_STRING || answer.raw.len > sizeof(room))
		return;
	uint64_t refused = figure(h, "keys_benched");
	str says = refused >= max_of(keys, 1u) ? STR("every key is refused")
	                                       : json_text(answer, room);
	struct buf failing = BUF_LIMIT(KiB);
	text_failing(&failing, figure(h, "failing_per_mille"), figure(h, "attempts"));
	printf("  %.*s%s%s, %llu under way", STR_ARG(says), failing.len ? ", " : "",
	       buf_z(&failing), (unsigned long long)figure(h, "in_flight"));
	buf_free(&failing);
	if (refused && refused < keys)
		printf(", %llu keys refused", (unsigned long long)refused);
}

static void print_configured(const struct config *c, struct reading *from,
                             struct json_value health)
{
	fprintf(stderr, "configured:\n");
	for (unsigned i = 0; i < c->provider_count; i++) {
		const struct provider *p = &c->providers[i];
		str url = p->is_mock ? STR("built in") : p->url;
		struct buf why = BUF_LIMIT(4 * KiB);
		struct seen seen;

		add_why(&why, p);
		printf("  %-24.*s %-12.*s %-9s %u %s  %.*s%s%.*s", STR_ARG(p->name),
		       STR_ARG(wire_format_name(p->format)), state_of(p), p->key_count,
		       p->key_count == 1 ? "key " : "keys", STR_ARG(url),
		       why.len ? "  " : "", STR_ARG(buf_str(&why)));
		print_health(health_of_provider(health, p->name), p->key_count);
		seen_init(&seen, c, p, from);
		print_seen(&seen);
		seen_done(&seen);
		buf_free(&why);
	}
	if (c->provider_count == 0)
		printf("  none\n");
}

static void write_configured(struct json_writer *w, const struct config *c,
                             struct reading *from, struct json_value health)
{
	json_key(w, STR("configured"));
	json_open(w, '[');
	for (unsigned i = 0; i < c->provider_count; i++) {
		const struct provider *p = &c->providers[i];

		json_open(w, '{');
		json_key_str(w, STR("name"), p->name);
		json_key_str(w, STR("format"), wire_format_name(p->format));
		json_key_str(w, STR("url"), p->url);
		json_key_int(w, STR("keys"), p->key_count);
		json_key_str(w, STR("region"), p->region);
		json_key_bool(w, STR("is_mock"), p->is_mock);
		struct seen seen;
		seen_init(&seen, c, p, from);
		write_seen(w, &seen);
		seen_done(&seen);
		json_key_str(w, STR("state"), str_from_z(state_of(p)));
		struct buf why = BUF_LIMIT(4 * KiB);
		add_why(&why, p);
		if (why.len)
			json_key_str(w, STR("why"), buf_str(&why));
		buf_free(&why);
		struct json_value h = health_of_provider(health, p->name);
		if (h.type == JSON_OBJECT) {
			json_key(w, STR("health"));
			json_raw(w, h.raw);
		}
		json_close(w, '}');
	}
	json_close(w, ']');
}

/* ---- the catalogue ---- */

static void print_known(void)
{
	struct catalog_provider p;

	fprintf(stderr, "\nknown by name (format, variable of the key, URL):\n");
	for (unsigned i = 0; catalog_provider_at(i, &p); i++) {
		bool is_usable = p.format != WIRE_NONE;

		printf("  %-24.*s %-12.*s %-32.*s %.*s\n", STR_ARG(p.id),
		       STR_ARG(is_usable ? wire_format_name(p.format) : STR("-")),
		       STR_ARG(p.env[0].len ? p.env[0] : STR("-")),
		       STR_ARG(p.url.len   ? p.url
		               : is_usable ? STR("(write its url)")
		                           : STR("not in this version")));
	}
}

static void write_known(struct json_writer *w)
{
	struct catalog_provider p;

	json_key(w, STR("known"));
	json_open(w, '[');
	for (unsigned i = 0; catalog_provider_at(i, &p); i++) {
		json_open(w, '{');
		json_key_str(w, STR("name"), p.id);
		json_key_str(w, STR("title"), p.name);
		if (p.format != WIRE_NONE)
			json_key_str(w, STR("format"), wire_format_name(p.format));
		if (p.url.len)
			json_key_str(w, STR("url"), p.url);
		json_key(w, STR("env"));
		json_open(w, '[');
		for (size_t e = 0; e < countof(p.env) && p.env[e].len; e++)
			json_str(w, p.env[e]);
		json_close(w, ']');
		json_key_str(w, STR("doc"), p.doc);
		json_close(w, '}');
	}
	json_close(w, ']');
}

static int list_providers(struct command *c)
{
	struct buf out = BUF_LIMIT(4 * MiB);
	struct json_writer w = { .to = &out };
	struct config *config = command_config(c, NULL, false);
	struct buf answer = { 0 }, why = BUF_LIMIT(KiB);
	struct json_value health = { 0 };

	struct reading from = { 0 };

	if (!config)
		return EXIT_CONFIG;
	/* Without a ledger that can be read, what was seen is missing. */
	if (reading_begin(c, &from) != EXIT_OK)
		from = (struct reading){ 0 };
	if (!admin_ask(config->data, STR("{\"do\":\"health\"}"), &answer, &health, &why))
		health = (struct json_value){ 0 }; /* no gateway runs here */
	if (c->json) {
		json_open(&w, '{');
		write_configured(&w, config, &from, health);
		write_known(&w);
		json_close(&w, '}');
		printf("%.*s\n", (int)out.len, out.ptr);
	} else {
		print_configured(config, &from, health);
		print_known();
	}
	reading_done(&from);
	config_unref(&config);
	buf_free(&out);
	buf_free(&answer);
	buf_free(&why);
	return EXIT_OK;
}

int providers_command(struct command *c)
{
	if (c->argc == 0 || strcmp(c->argv[0], "list") == 0) {
		int code = command_heeds(c, c->argc ? "list" : "", "", 1);

		return code == EXIT_OK ? list_providers(c) : code;
	}
	return provider_keys_command(c);
}
