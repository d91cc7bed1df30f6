/* providers.c - sluice providers: what is configured, and what could be by name. */
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

static void print_configured(const struct config *c)
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
		printf("\n");
	}
	if (c->provider_count == 0)
		printf("  none\n");
}

static void write_configured(struct json_writer *w, const struct config *c)
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

	if (!config)
		return EXIT_CONFIG;
	if (c->json) {
		json_open(&w, '{');
		write_configured(&w, config);
		write_known(&w);
		json_close(&w, '}');
		printf("%.*s\n", (int)out.len, out.ptr);
	} else {
		print_configured(config);
		print_known();
	}
	config_unref(&config);
	buf_free(&out);
	return EXIT_OK;
}
