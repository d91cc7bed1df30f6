/* config_view.c - see config_view.h.
 *
 * What the table of keys (config/table.h) has a place for is written as the table says;
 * the few keys that are built by hand are written by hand. */
#include "admin/config_view.h"

#include "codec/redact.h"
#include "config/table.h"

/* ---- one value ---- */

/* Out of its range and not written: what it stands for ("never", "unbounded") is null. */
static bool is_unset(const struct config_key *key, uint64_t value)
{
	return value == 0 && key->low && key->low[0] != '0';
}

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

/* value / 10^places, without zeros at its end. */
static void write_decimal(struct json_writer *w, const char *before, uint64_t value,
                          unsigned places, const char *after)
{
	char room[64];
	struct buf text = { room, .cap = sizeof(room), .limit = sizeof(room) };
	uint64_t one = 1;

	for (unsigned i = 0; i < places; i++)
		one *= 10;
	buf_add(&text, str_from_z(before));
	buf_add_u64(&text, value / one);
	value %= one;
	if (value)
		buf_add_char(&text, '.');
	for (; value; value %= one) {
		one /= 10;
		buf_add_char(&text, (char)('0' + value / one));
	}
	buf_add(&text, str_from_z(after));
	json_str(w, buf_str(&text));
}

static void write_price(struct json_writer *w, picousd price, unsigned places,
                        const char *unit)
{
	if (price == 0)
		json_str(w, STR("free"));
	else
		write_decimal(w, "$", (uint64_t)price, places, unit);
}

static void write_date(struct json_writer *w, uint32_t date)
{
	char room[64];
	struct buf text = { room, .cap = sizeof(room), .limit = sizeof(room) };

	buf_addf(&text, "%04u-%02u-%02u", date / 10000, date / 100 % 100, date % 100);
	json_str(w, buf_str(&text));
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

static void write_number(struct json_writer *w, const struct config_key *key,
                         const void *at)
{
	const unsigned small = *(const unsigned *)at;

	if (key->kind == KIND_SHARE && small != DISCOUNT_UNSET)
		write_decimal(w, "", small, 4, "%");
	else if (key->kind == KIND_DATE && small)
		write_date(w, small);
	else if ((key->kind == KIND_COUNT || key->kind == KIND_PERCENT) &&
	         small != RETRY_AS_ROUTE && !is_unset(key, small))
		json_uint(w, small);
	else
		json_null(w);
}

static void write_span(struct json_writer *w, const struct config_key *key, usec span)
{
	if (key->words && span <= 0 && span > -8)
		write_word(w, key->words, (int)-span);
	else
		write_time(w, is_unset(key, (uint64_t)span) ? USEC_NEVER : span);
}

/* False: a kind that is built by hand. */
static bool write_value(struct json_writer *w, const struct config_key *key,
                        const void *at)
{
	switch (key->kind) {
	case KIND_COUNT:
	case KIND_PERCENT:
	case KIND_SHARE:
	case KIND_DATE:
		write_number(w, key, at);
		return true;
	case KIND_SIZE:
		if (is_unset(key, *(const uint64_t *)at))
			json_null(w);
		else
			write_size(w, *(const uint64_t *)at);
		return true;
	case KIND_PRICE:
		write_price(w, *(const picousd *)at, 12, "");
		return true;
	case KIND_TOKEN_PRICE:
		write_price(w, *(const picousd *)at, 6, "/1M");
		return true;
	case KIND_TIME:
		write_span(w, key, *(const usec *)at);
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

static bool has_value(const struct config_key *key, const void *at)
{
	switch (key->kind) {
	case KIND_PRICE:
	case KIND_TOKEN_PRICE:
		return *(const picousd *)at != PRICE_UNKNOWN;
	case KIND_COUNT:
	case KIND_PERCENT:
	case KIND_SHARE:
	case KIND_DATE:
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

static void write_redact(struct json_writer *w, const struct log_settings *log)
{
	static const str names[] = { STR_INIT("email"), STR_INIT("phone"),
		                     STR_INIT("card"), STR_INIT("iban"),
		                     STR_INIT("secret") };

	json_key(w, STR("redact"));
	json_open(w, '[');
	for (size_t i = 0; i < countof(names); i++)
		if (log->redact & redact_class_find(names[i]))
			json_str(w, names[i]);
	for (const char *const *p = log->patterns; p && *p; p++) {
		struct buf text = BUF_LIMIT(MiB + 2);

		buf_addf(&text, "/%s/", *p);
		json_str(w, buf_str(&text));
		buf_free(&text);
	}
	json_close(w, ']');
}

/* The members of a section that stand at a place in `base`. */
static void write_section(struct json_writer *w, enum section_id id, const void *base)
{
	const struct config_section *s = &config_sections[id];
	const struct config_key *key;

	for (unsigned i = 0; (key = config_key_at(s, i)); i++) {
		const char *at = base;

		if (id == SECTION_LOG && key->kind == KIND_TEXTS)
			write_redact(w, base);
		if (key->place == NO_PLACE)
			continue;
		at += key->place + (i >= s->count ? s->also_place : 0);
		if (key->kind == KIND_SECTION) {
			json_key(w, str_from_z(key->name));
			json_open(w, '{');
			write_section(w, key->section, at);
			json_close(w, '}');
		} else if (has_value(key, at)) {
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

/* Figures that are not written are the catalogue's, and left out. */
static void write_prices(struct json_writer *w, const struct price_rules *rules)
{
	json_key(w, STR("prices"));
	json_open(w, '{');
	for (unsigned i = 0; i < rules->count; i++) {
		const struct price_rule *rule = &rules->list[i];

		json_key(w, rule->pattern);
		json_open(w, '{');
		write_section(w, SECTION_PRICE, rule);
		if (rule->tier_count) {
			json_key(w, STR("tiers"));
			json_open(w, '[');
		}
		for (unsigned j = 0; j < rule->tier_count; j++) {
			json_open(w, '{');
			write_section(w, SECTION_PRICE_TIER, &rule->tiers[j]);
			json_close(w, '}');
		}
		if (rule->tier_count)
			json_close(w, ']');
		json_close(w, '}');
	}
	json_close(w, '}');
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
	write_prices(w, &p->prices);
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
	write_prices(to, &c->prices);
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
	json_key(to, STR("trials"));
	json_open(to, '{');
	for (unsigned i = 0; i < c->trial_count; i++) {
		json_key(to, c->trials[i].name);
		json_open(to, '{');
		write_section(to, SECTION_TRIAL, &c->trials[i]);
		json_close(to, '}');
	}
	json_close(to, '}');
	json_close(to, '}');
}
