/* provider.c - `providers:` becomes config->providers.
 *
 * A name of the catalogue (or of wire/providers.def) brings format, URL, way of
 * authentication and the variable of the key; what the file says wins.  Variables in a
 * catalogue's URL are keys of the provider, named in lower case; some have a shorter name
 * too.  Credentials are read in credential.c. */
#include "config/provider_private.h"

#include "config/endpoint.h"
#include "config/replace.h"
#include "config/value.h"

#include <stdio.h>
#include <unistd.h>

enum { CATALOG_MOST = 512 };

static struct known known_find(str name)
{
	struct known k = { .row = provider_row_find(name) };

	k.is_known = catalog_find_provider(name, &k.facts);
	return k;
}

/* ---- variables in a catalogue's URL ---- */

/* The next ${NAME} of a URL; *url is moved behind it. before: what stands before it. */
static bool next_template(str *url, str *ret_before, str *ret_name)
{
	size_t at = str_find_str(*url, STR("${"));
	str name = str_from(*url, at + 2);

	*ret_before = str_first(*url, at);
	if (at == url->len)
		return false;
	*ret_name = str_first(name, str_find(name, '}'));
	*url = str_from(name, ret_name->len + 1);
	return true;
}

bool url_has_variable(str url, str name)
{
	str before, one;

	while (next_template(&url, &before, &one))
		if (str_eq(one, name))
			return true;
	return false;
}

/* Variables whose key people would rather call otherwise: a row of the table. */
static const struct {
	str variable;
	const char *key;
} short_names[] = {
	{ STR_INIT("AWS_REGION"), "region" },
	{ STR_INIT("GOOGLE_VERTEX_PROJECT"), "project" },
	{ STR_INIT("GOOGLE_VERTEX_LOCATION"), "location" },
};

static const char *short_name(str variable)
{
	for (size_t i = 0; i < countof(short_names); i++)
		if (str_eq(short_names[i].variable, variable))
			return short_names[i].key;
	return NULL;
}

static str lower_case(struct reader *r, str name)
{
	char *key = arena_alloc(&r->work, name.len + 1);

	for (size_t i = 0; i < name.len; i++)
		key[i] = char_lower(name.ptr[i]);
	return str_of(key, name.len);
}

static const struct extra_key *find_extra(const struct draft *d, str key)
{
	for (unsigned i = 0; i < d->extras.count; i++)
		if (str_eq(d->extra[i].name, key))
			return &d->extra[i];
	return NULL;
}

static void collect_extras(struct reader *r, struct draft *d)
{
	str url = d->known.facts.url, before, name;

	d->extras.list = d->extra;
	while (d->extras.count < EXTRAS_MOST && next_template(&url, &before, &name)) {
		str key = lower_case(r, name);

		if (!find_extra(d, key))
			d->extra[d->extras.count++].name = key;
	}
}

/* What the file or the environment says for a variable; false: nothing, or noted. */
static bool variable_value(struct reader *r, struct draft *d, str name, str *ret,
                           bool *ret_is_noted)
{
	const char *other = short_name(name), *from_env;
	const struct extra_key *extra = find_extra(d, lower_case(r, name));
	const struct tree_node *written = extra ? extra->value : NULL;

	*ret_is_noted = false;
	if (!written && other)
		written = found_value(&d->found, other);
	if (written) {
		*ret_is_noted = !scalar_text(
		        r, other ? other : str_z(&r->work, extra->name), written, ret);
		return !*ret_is_noted;
	}
	from_env = reader_env(r, str_z(&r->work, name));
	*ret = str_from_z(from_env);
	if (!ret->len && d->p->account && str_eq(name, STR("GOOGLE_VERTEX_PROJECT")))
		*ret = d->p->account->project;
	return ret->len > 0;
}

static bool template_value(struct reader *r, struct draft *d, str name, str *ret)
{
	bool is_noted;
	str key;

	if (variable_value(r, d, name, ret, &is_noted))
		return true;
	if (is_noted)
		return false;
	draft_misses(r, d, name);
	key = short_name(name) ? str_from_z(short_name(name)) : lower_case(r, name);
	note(r, NOTE_MISSING_KEY, d->at, "provider \"%.*s\" needs the key \"%.*s\"",
	     STR_ARG(d->p->name), STR_ARG(key));
	note_hint(r, "write %.*s: ..., or set the variable %.*s", STR_ARG(key),
	          STR_ARG(name));
	return false;
}

static bool place_fits(struct reader *r, struct draft *d, enum place_when when)
{
	bool is_noted;
	str location;

	switch (when) {
	case PLACE_WITH_KEY:
		return d->p->auth != d->known.row->without_key;
	case PLACE_GLOBAL:
		return (!variable_value(r, d, STR("GOOGLE_VERTEX_LOCATION"), &location,
		                        &is_noted) &&
		        !is_noted) ||
		       str_eq(location, STR("global"));
	}
	return false;
}

/* The catalogue's URL, or that of the place where this account is. */
static str url_template(struct reader *r, struct draft *d)
{
	const struct provider_place *place;

	for (unsigned i = 0; (place = provider_place_at(i)); i++)
		if (str_eq(place->id, d->known.facts.id) && place_fits(r, d, place->when))
			return place->url;
	return d->known.facts.url;
}

/* With its variables filled in. */
static bool known_url(struct reader *r, struct draft *d, str *ret)
{
	struct buf url = BUF_LIMIT(4 * KiB);
	str rest = url_template(r, d), before, name, value, missed = STR_NONE;
	bool is_whole = true;

	/* What is wrong with the account was noted; more may depend on it. */
	if (d->p->auth == AUTH_SERVICE_ACCOUNT && !d->p->account)
		return false;
	while (next_template(&rest, &before, &name)) {
		buf_add(&url, before);
		if (str_eq(name, missed)) /* it was noted */
			continue;
		if (template_value(r, d, name, &value)) {
			buf_add(&url, value);
		} else {
			is_whole = false;
			missed = name;
		}
	}
	buf_add(&url, before);
	*ret = arena_copy(r->keep, buf_str(&url));
	buf_free(&url);
	return is_whole;
}

/* ---- where it is ---- */

static void set_endpoint(struct reader *r, struct draft *d, const struct endpoint *e,
                         const struct tree_node *at)
{
	struct provider *p = d->p;

	p->tls = e->tls;
	p->host = e->host;
	p->choice = provider_choice_find(p->name, p->host);
	p->port = e->port;
	p->authority = e->authority;
	p->base_path = e->base_path;
	if (!e->tls && !e->is_private_literal && !p->allow_private) {
		note(r, NOTE_CLEAR_TEXT, at,
		     "http://%.*s: requests and keys travel unencrypted",
		     STR_ARG(e->authority));
		note_hint(
		        r,
		        "write https://, or private: yes when it is inside your network");
	}
	p->allow_private |= e->is_private_literal;
}

/* Azure's older way: the deployment stands in the path, and a version in the query. */
static void use_deployments(struct reader *r, struct draft *d)
{
	struct provider *p = d->p;
	str base = p->base_path;

	if (p->api_version.len == 0)
		return;
	p->query = arena_printf(r->keep, "api-version=%.*s", STR_ARG(p->api_version));
	if (p->format != WIRE_OPENAI_CHAT)
		return;
	p->also = 0; /* deployments have no other format */
	if (str_has(base, STR("/deployments/")))
		return;
	if (str_ends(base, STR("/openai/v1")))
		base = str_first(base, base.len - 3);
	if (str_ends(base, STR("/openai")))
		base = str_first(base, base.len - 7);
	p->base_path =
	        arena_printf(r->keep, "%.*s/openai/deployments/{model}", STR_ARG(base));
}

static void read_url(struct reader *r, struct draft *d)
{
	const struct tree_node *written = found_value(&d->found, "url");
	struct provider *p = d->p;
	struct endpoint e;
	const char *why;

	if (written) {
		str text;

		if (!scalar_text(r, "url", written, &text))
			return;
		p->url = arena_copy(r->keep, text);
	} else if (p->is_mock) {
		str host = r->source->mock_host;

		p->url = arena_printf(r->keep, "%.*s:/v1",
		                      STR_ARG(host.len ? host : config_mock_host()));
	} else if (d->known.facts.url.len == 0 || !known_url(r, d, &p->url)) {
		return;
	}
	if (endpoint_parse(p->url, r->keep, &e, &why)) {
		set_endpoint(r, d, &e, written ? written : d->at);
		use_deployments(r, d);
		return;
	}
	note(r, NOTE_URL, written ? written : d->at, "url: %s", why);
	note_hint(r, "write it like this: https://api.example.com/v1");
}

/* ---- what it speaks ---- */

str config_nearest_provider(str name)
{
	struct catalog_provider facts;
	str names[CATALOG_MOST];
	unsigned count = 0;

	while (count < CATALOG_MOST && catalog_provider_at(count, &facts))
		names[count++] = facts.id;
	return nearest_name(name, names, count);
}

/* A name nobody knows has to say everything; most often it is a typing error. */
static void note_stranger(struct reader *r, const struct draft *d)
{
	str near = config_nearest_provider(d->p->name);

	note(r, NOTE_MISSING_KEY, d->at,
	     "provider \"%.*s\" is not in the catalogue and has no %s",
	     STR_ARG(d->p->name), !found_value(&d->found, "url") ? "url" : "format");
	if (near.len > 0)
		note_hint(r, "did you mean \"%.*s\"?", STR_ARG(near));
	else
		note_hint(
		        r,
		        "write { format: openai-chat, url: \"https://...\", key: ... }");
}

static void read_format(struct reader *r, struct draft *d)
{
	const struct tree_node *written = found_value(&d->found, "format");
	struct provider *p = d->p;
	enum wire_format usual = p->is_mock ? WIRE_OPENAI_CHAT : d->known.facts.format;
	bool has_url =
	        found_value(&d->found, "url") || d->known.facts.url.len > 0 || p->is_mock;

	p->format = written ? wire_format_find(written->text) : usual;
	if (!d->known.is_known && !p->is_mock && (!has_url || !written)) {
		note_stranger(r, d);
	} else if (!written && p->format == WIRE_NONE) {
		note(r, NOTE_NOT_OFFERED, d->at,
		     "the format of provider \"%.*s\" is not in this version",
		     STR_ARG(p->name));
		note_hint(r, "if it has an OpenAI-compatible endpoint, write format: "
		             "openai-chat and its url");
	} else if (!has_url) {
		note(r, NOTE_MISSING_KEY, d->at,
		     "the URL of provider \"%.*s\" is not known", STR_ARG(p->name));
		note_hint(r, "write url: \"https://...\"");
	}
	if (d->known.row && p->format == usual) {
		p->quirks = d->known.row->quirks;
		p->also = d->known.row->also;
	}
}

/* ---- all of them ---- */

bool provider_name_is_good(str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char low = char_lower(name.ptr[i]);
		bool is_plain = (low >= 'a' && low <= 'z') || char_is_digit(low);

		if (!is_plain && (i == 0 || str_find(STR("._-"), low) == 3))
			return false;
	}
	return name.len > 0 && name.len <= NAME_MOST;
}

/* A lenient reading does not judge a provider that is whole only where the gateway is. */
static void leave_missing(struct reader *r, struct provider *p,
                          const struct config_notes *before)
{
	if (!r->source->lenient || p->missing.len == 0) {
		p->missing = STR_NONE;
		return;
	}
	r->notes->count = before->count;
	r->notes->errors = before->errors;
	r->notes->warnings = before->warnings;
	r->last = NULL;
	p->disabled = STR_NONE;
}

/* One file for many is loaded once. */
static void read_ca(struct reader *r, const struct draft *d)
{
	const struct provider *all = r->config->providers;
	struct provider *p = d->p;

	for (unsigned i = 0; p->ca_file && i < p->index; i++) {
		if (!str_eq(str_from_z(all[i].ca_file), str_from_z(p->ca_file)))
			continue;
		memcpy(p->ca_sum, all[i].ca_sum, sizeof(p->ca_sum));
		return;
	}
	if (p->ca_file)
		check_ca(r, "tls.ca", p->ca_file,
		         tree_find(found_value(&d->found, "tls"), STR("ca")), p->ca_sum);
}

static void read_provider(struct reader *r, const struct tree_item *it,
                          struct provider *p)
{
	struct draft d = { .p = p, .at = it->key, .known = known_find(it->key->text) };
	struct config_notes before = *r->notes;

	draft_misses(r, &d, it->value->missing);
	p->name = arena_copy(r->keep, it->key->text);
	if (!provider_name_is_good(p->name)) {
		note(r, NOTE_NAME, it->key, "\"%.*s\" cannot be the name of a provider",
		     STR_ARG(p->name));
		note_hint(r, "letters, digits, '.', '_' and '-', at most %d", NAME_MOST);
		return;
	}
	if (it->value->kind != TREE_MAP && !tree_is_null(it->value)) {
		note(r, NOTE_SHAPE, it->value,
		     "provider \"%.*s\" is %s, but must be a mapping", STR_ARG(p->name),
		     tree_kind_name(it->value->kind));
		note_hint(r, "write %.*s: { key: \"${NAME}\" }", STR_ARG(p->name));
		return;
	}
	collect_extras(r, &d);
	section_defaults(r, SECTION_PROVIDER, p);
	p->retry_same = RETRY_AS_ROUTE;
	p->retry_wait = USEC_NEVER;
	section_read(r, SECTION_PROVIDER, it->value, p, &d.extras, &d.found);
	read_ca(r, &d);
	p->is_mock = str_eq(p->name, STR("mock")) && !found_value(&d.found, "url");
	p->prices = read_prices(r, found_value(&d.found, "prices"), false);
	read_format(r, &d);
	if (d.known.is_known || found_value(&d.found, "url") || p->is_mock)
		read_credentials(r, &d);
	read_url(r, &d);
	leave_missing(r, p, &before);
}

void read_providers(struct reader *r, const struct tree_node *node)
{
	struct config *c = r->config;
	unsigned index = 0;

	if (!node || tree_is_null(node))
		return;
	if (node->kind != TREE_MAP) {
		note(r, NOTE_SHAPE, node,
		     "providers is %s, but must be a mapping from names",
		     tree_kind_name(node->kind));
		note_hint(r,
		          "write providers: { openai: { key: \"${OPENAI_API_KEY}\" } }");
		return;
	}
	if (node->count > PROVIDERS_MOST) {
		note(r, NOTE_TOO_MANY, node, "more than %d providers", PROVIDERS_MOST);
		return;
	}
	c->providers = arena_array(r->keep, struct provider, node->count);
	for (const struct tree_item *it = node->first; it; it = it->next) {
		c->providers[index].index = index;
		read_provider(r, it, &c->providers[index]);
		c->provider_count = ++index;
	}
}

const struct provider *config_find_provider(const struct config *c, str name)
{
	for (unsigned i = 0; i < c->provider_count; i++)
		if (str_eq(c->providers[i].name, name))
			return &c->providers[i];
	return NULL;
}

str config_mock_host(void)
{
	static __thread char host[32];
	int n = snprintf(host, sizeof(host), "unix:@sluice-mock-%d", (int)getpid());

	return str_of(host, (size_t)n);
}
