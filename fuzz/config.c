/* config.c - any text is read or refused with a reason that can be printed; what is read
 * is whole: every target has a provider, every provider an address. */
#include "config/config.h"

#include "codec/json.h"
#include "fuzz/fuzz.h"

static const char *fixed_env(void *arg, const char *name)
{
	if (strcmp(name, "EMPTY") == 0)
		return "";
	if (strcmp(name, "UNSET") == 0)
		return NULL;
	return "${A}: [value]";
}

static void look_at(const struct config *c)
{
	assert(c->listen_count > 0 && c->workers > 0 && c->data.len > 0);
	for (unsigned i = 0; i < c->provider_count; i++) {
		const struct provider *p = &c->providers[i];

		assert(p->host.len > 0 && p->authority.len > 0 && p->index == i);
		assert(p->format != WIRE_NONE &&
		       (p->port != 0) == !str_starts(p->host, STR("unix:")));
		assert(p->key_count > 0 || p->disabled.len > 0 || p->auth == AUTH_NONE ||
		       p->auth == AUTH_BEARER || p->auth == AUTH_API_KEY);
	}
	for (unsigned i = 0; i < c->route_count; i++) {
		assert(c->routes[i].target_count > 0 && c->routes[i].limits.attempts > 0);
		assert(config_find_route(c, c->routes[i].name) == &c->routes[i]);
		for (unsigned j = 0; j < c->routes[i].target_count; j++)
			assert(c->routes[i].targets[j].provider->disabled.len == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct config_notes notes = { .arena = &arena };
	struct config_source source = { .path = STR("sluice.yaml"),
		                        .text = fuzz_input(data, size),
		                        .env = fixed_env };
	struct config *c = config_read(&source, &notes);
	struct buf text = BUF_LIMIT(MiB);
	struct json_value root;

	assert((c != NULL) == (notes.errors == 0));
	if (c)
		look_at(c);
	config_notes_print(&notes, source.path, &text);
	assert(!text.over);
	buf_clear(&text);
	config_notes_json(&notes, source.path, &text);
	assert(!text.over && !json_check(buf_str(&text), &json_limits_default, &root));
	buf_free(&text);
	config_unref(&c);
	arena_done(&arena);
	return 0;
}
