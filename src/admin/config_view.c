/* config_view.c - see config_view.h.
 *
 * What the table of keys (config/table.h) has a place for is written as the table says;
 * the few keys that are built by hand are written by hand. */
#include "admin/config_view.h"

#include "config/table.h"

/* ---- one value ---- */

static void write_scaled(struct json_writer *w, uint64_t value, const uint64_t *units,
                         const char *const *names, unsigned count)
{
	char room[64];
	struct buf text = { room, .cap = sizeof(room), .limit = sizeof(room) };
	unsigned i = 0;

	while (i + 1 < count && (value == 0 || value % units[i] != 0))
		i++;
	buf_add_u64(&text, value / units[i]);
	buf_add(&text, str_from_z(names[i]));
	json_str(w, buf_str(&text));
}

static void write_time(struct json_writer *w, usec span)
{
	static const uint64_t units[] = { 24 * USEC_HOUR, USEC_HOUR, USEC_MIN, USEC_SEC,
		                          USEC_MS };
	static const char *const names[] = { "d", "h", "m", "s", "ms" };

	if (span == USEC_NEVER || span < 0)
		json_null(w);
	else
		write_scaled(w, (uint64_t)span, units, names, countof(units));
}

static void write_size(struct json_writer *w, uint64_t size)
{
	static const uint64_t units[] = { 1024 * (uint64_t)MiB, MiB, KiB, 1 };
	static const char *const names[] = { "GiB", "MiB", "KiB", "B" };

	write_scaled(w, size, units, names, countof(units));
}

static void write_word(struct json_writer *w, const char *words, int at)
{
	str rest = str_from_z(words);

	for (; at > 0 && rest.len; at--)
		str_cut(&rest, '|');
	json_str(w, str_cut(&rest, '|'));
}

static void write_text(struct json_writer *w, str text)
{
	if (text.len)
		json_str(w, text);
	else
		json_null(w);
}

/* False: a kind that is built by hand. */
static bool write_value(struct json_writer *w, const struct config_key *key,
                        const void *at)
{
	switch (key->kind) {
	case KIND_COUNT:
	case KIND_PERCENT:
		if (*(const unsigned *)at == RETRY_AS_ROUTE)
			json_null(w);
		else
			json_uint(w, *(const unsigned *)at);
		return true;
	case KIND_SIZE:
		write_size(w, *(const uint64_t *)at);
		return true;
	case KIND_TIME:
		if (key->words && *(const usec *)at <= 0 && *(const usec *)at > -8)
			write_word(w, key->words, (int)-*(const usec *)at);
		else
			write_time(w, *(const usec *)at);
		return true;
	case KIND_TIME_MS:
		write_time(w, *(const unsigned *)at * USEC_MS);
		return true;
	case KIND_BOOL:
	case KIND_ON_OFF:
	case KIND_YES_NO:
		json_bool(w, *(const bool *)at);
		return true;
	case KIND_WORD:
		write_word(w, key->words, *(const int *)at);
		return true;
	case KIND_TEXT:
	case KIND_VERSION:
	case KIND_DIR:
		write_text(w, *(const str *)at);
		return true;
	case KIND_FILE:
		write_text(w, str_from_z(*(const char *const *)at));
		return true;
	default:
		return false;
	}
}

static bool has_value(enum config_kind kind)
{
	switch (kind) {
	case KIND_COUNT:
	case KIND_PERCENT:
	case KIND_SIZE:
	case KIND_TIME:
	case KIND_TIME_MS:
	case KIND_BOOL:
	case KIND_ON_OFF:
	case KIND_YES_NO:
	case KIND_WORD:
	case KIND_TEXT:
	case KIND_VERSION:
	case KIND_DIR:
	case KIND_FILE:
		return true;
	default:
		return false;
	}
}

/* The members of a section that stand at a place in `base`. */
static void write_section(struct json_writer *w, enum section_id id, const void *base)
{
	const struct config_section *s = &config_sections[id];
	const struct config_key *key;

	for (unsigned i = 0; (key = config_key_at(s, i)); i++) {
		const char *at = base;

		if (key->place == NO_PLACE)
			continue;
		at += key->place + (i >= s->count ? s->also_place : 0);
		if (key->kind == KIND_SECTION) {
			json_key(w, str_from_z(key->name));
			json_open(w, '{');
			write_section(w, key->section, at);
			json_close(w, '}');
		} else if (has_value(key->kind)) {
			json_key(w, str_from_z(key->name));
			write_value(w, key, at);
		}
	}
}

/* ---- what is built by hand ---- */

static void write_address(struct json_writer *w, const struct net_addr *at)
{
	struct buf text = BUF_LIMIT(256);

	if (at->len == 0)
		buf_add(&text, STR("off"));
	else
		net_print(at, &text);
	json_str(w, buf_str(&text));
	buf_free(&text);
}

static void write_provider(struct json_writer *w, const struct provider *p)
{
	str url = p->url;

	json_key(w, p->name);
	json_open(w, '{');
	json_key_str(w, STR("format"), wire_format_name(p->format));
	json_key_str(w, STR("url"), str_cut(&url, '?'));
	json_key_uint(w, STR("keys"), p->key_count);
	json_key(w, STR("disabled"));
	write_text(w, p->disabled);
	write_section(w, SECTION_PROVIDER, p);
	json_close(w, '}');
}

static void write_target(struct json_writer *w, const struct target *t)
{
	struct buf name = BUF_LIMIT(2 * KiB);

	buf_add(&name, t->provider->name);
	buf_add_char(&name, '/');
	buf_add(&name, t->model);
	json_open(w, '{');
	json_key_str(w, STR("target"), buf_str(&name));
	json_key_uint(w, STR("weight"), t->weight);
	json_close(w, '}');
	buf_free(&name);
}

static void write_targets(struct json_writer *w, const struct route *r)
{
	json_key(w, STR("targets"));
	json_open(w, '[');
	for (unsigned i = 0; i < r->target_count; i++)
		write_target(w, &r->targets[i]);
	json_close(w, ']');
}

void config_view_routes(const struct config *c, struct json_writer *to)
{
	json_open(to, '[');
	for (unsigned i = 0; i < c->route_count; i++) {
		json_open(to, '{');
		json_key_str(to, STR("id"), c->routes[i].name);
		write_targets(to, &c->routes[i]);
		json_close(to, '}');
	}
	json_close(to, ']');
}

void config_view_write(const struct config *c, struct json_writer *to)
{
	json_open(to, '{');
	json_key(to, STR("file"));
	write_text(to, c->file);
	json_key(to, STR("listen"));
	json_open(to, '[');
	for (unsigned i = 0; i < c->listen_count; i++)
		write_address(to, &c->listen[i]);
	json_close(to, ']');
	json_key(to, STR("admin"));
	write_address(to, &c->admin);
	json_key_uint(to, STR("workers"), c->workers);
	json_key_str(to, STR("access_log"), c->access_log);
	write_section(to, SECTION_ROOT, c);
	json_key(to, STR("providers"));
	json_open(to, '{');
	for (unsigned i = 0; i < c->provider_count; i++)
		write_provider(to, &c->providers[i]);
	json_close(to, '}');
	json_key(to, STR("routes"));
	json_open(to, '{');
	for (unsigned i = 0; i < c->route_count; i++) {
		json_key(to, c->routes[i].name);
		json_open(to, '{');
		write_targets(to, &c->routes[i]);
		write_section(to, SECTION_ROUTE, &c->routes[i]);
		json_close(to, '}');
	}
	json_close(to, '}');
	json_close(to, '}');
}
