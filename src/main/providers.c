/* providers.c - sluice providers: what is configured, and what could be by name. */
#include "admin/client.h"
#include "codec/json_write.h"
#include "config/facts.h"
#include "main/command.h"

#include <stdio.h>

/* ---- configured ---- */

/* Models it lists and the catalogue does not know. */
static unsigned found_of(const struct config *c, const struct provider *p)
{
	struct catalog_model known;
	struct buf text = { 0 };
	str rest = STR_NONE;
	unsigned count = 0;

	if (facts_found_load(c->data, &text))
		rest = buf_str(&text);
	for (str provider, id; facts_found_next(&rest, &provider, &id);)
		count += str_eq(provider, p->name) &&
		         !catalog_find_model(c->catalog, provider, id, &known);
	buf_free(&text);
	return count;
}

static const char *state_of(const struct provider *p)
{
	return p->disabled.len ? "disabled" : "ready";
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

static void print_health(struct json_value h)
{
	struct json_value answer = json_get(h, STR("answer"));
	char room[64];

	if (answer.type != JSON_STRING || answer.raw.len > sizeof(room))
		return;
	printf("  %.*s, %llu/1000 failing, %llu under way",
	       STR_ARG(json_text(answer, room)),
	       (unsigned long long)figure(h, "failing_per_mille"),
	       (unsigned long long)figure(h, "in_flight"));
	if (figure(h, "keys_benched"))
		printf(", %llu keys refused",
		       (unsigned long long)figure(h, "keys_benched"));
}

static void print_configured(const struct config *c, struct json_value health)
{
	fprintf(stderr, "configured:\n");
	for (unsigned i = 0; i < c->provider_count; i++) {
		const struct provider *p = &c->providers[i];
		str url = p->is_mock ? STR("built in") : p->url;

		unsigned found = found_of(c, p);

		printf("  %-24.*s %-12.*s %-9s %u %s  %.*s%s%.*s", STR_ARG(p->name),
		       STR_ARG(wire_format_name(p->format)), state_of(p), p->key_count,
		       p->key_count == 1 ? "key " : "keys", STR_ARG(url),
		       p->disabled.len ? "  " : "", STR_ARG(p->disabled));
		if (found)
			printf("  %u new model%s (sluice models --provider %.*s)", found,
			       found == 1 ? "" : "s", STR_ARG(p->name));
		print_health(health_of_provider(health, p->name));
		printf("\n");
	}
	if (c->provider_count == 0)
		printf("  none\n");
}

static void write_configured(struct json_writer *w, const struct config *c,
                             struct json_value health)
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
		json_key_int(w, STR("new_models"), found_of(c, p));
		json_key_str(w, STR("state"), str_from_z(state_of(p)));
		if (p->disabled.len)
			json_key_str(w, STR("why"), p->disabled);
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

int providers_command(struct command *c)
{
	struct buf out = BUF_LIMIT(4 * MiB);
	struct json_writer w = { .to = &out };
	struct config *config = command_config(c, NULL, true);
	struct buf answer = { 0 }, why = BUF_LIMIT(KiB);
	struct json_value health = { 0 };

	if (!config)
		return EXIT_CONFIG;
	if (!admin_ask(config->data, STR("{\"do\":\"health\"}"), &answer, &health, &why))
		health = (struct json_value){ 0 }; /* no gateway runs here */
	if (c->json) {
		json_open(&w, '{');
		write_configured(&w, config, health);
		write_known(&w);
		json_close(&w, '}');
		printf("%.*s\n", (int)out.len, out.ptr);
	} else {
		print_configured(config, health);
		print_known();
	}
	config_unref(&config);
	buf_free(&out);
	buf_free(&answer);
	buf_free(&why);
	return EXIT_OK;
}
