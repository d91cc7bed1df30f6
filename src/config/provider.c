/* provider.c - `providers:` becomes config->providers.
 *
 * A name of the catalogue (or of wire/providers.def) brings format, URL, way of
 * authentication and the variable of the key; what the file says wins.  Variables in a
 * catalogue's URL are keys of the provider, named in lower case.  A provider with an
 * empty credential stays, disabled, so that its targets can be told apart from typos. */
#include "config/section.h"

#include "config/endpoint.h"

#include <stdio.h>
#include <unistd.h>

enum {
	KEYS_MOST = 64,
	KEY_MOST = 8 * KiB, /* bytes of one credential */
	NAME_MOST = 64,
	EXTRAS_MOST = 4, /* variables in one URL */
	CATALOG_MOST = 512,
};

/* What is known of a name before the file speaks. */
struct known {
	bool is_known;
	const struct provider_row *row; /* how it differs; may be NULL */
	struct catalog_provider facts;  /* zeroed when the catalogue has none */
};

/* One provider under way. */
struct draft {
	struct provider *p;
	const struct tree_node *at; /* its name in the file */
	struct known known;
	struct extra_key extra[EXTRAS_MOST];
	struct extra_keys extras;
	struct found found;
	bool is_empty; /* a credential was given, but it is empty */
};

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

static bool is_template(str url, str name)
{
	str before, one;

	while (next_template(&url, &before, &one))
		if (str_eq(one, name))
			return true;
	return false;
}

static void collect_extras(struct reader *r, struct draft *d)
{
	str url = d->known.facts.url, before, name;

	d->extras.list = d->extra;
	while (d->extras.count < EXTRAS_MOST && next_template(&url, &before, &name)) {
		char *key = arena_alloc(&r->work, name.len + 1);

		for (size_t i = 0; i < name.len; i++)
			key[i] = char_lower(name.ptr[i]);
		d->extra[d->extras.count++].name = str_of(key, name.len);
	}
}

static bool template_value(struct reader *r, struct draft *d, unsigned i, str name,
                           str *ret)
{
	const struct extra_key *extra = &d->extra[i];
	const char *from_env;

	if (extra->value)
		return scalar_text(r, str_z(&r->work, extra->name), extra->value, ret);
	from_env = reader_env(r, str_z(&r->work, name));
	if (from_env && *from_env) {
		*ret = str_from_z(from_env);
		return true;
	}
	note(r, NOTE_MISSING_KEY, d->at, "provider \"%.*s\" needs the key \"%.*s\"",
	     STR_ARG(d->p->name), STR_ARG(extra->name));
	note_hint(r, "write %.*s: ..., or set the variable %.*s", STR_ARG(extra->name),
	          STR_ARG(name));
	return false;
}

/* The catalogue's URL with its variables filled in. */
static bool known_url(struct reader *r, struct draft *d, str *ret)
{
	struct buf url = BUF_LIMIT(4 * KiB);
	str rest = d->known.facts.url, before, name, value;
	bool is_whole = true;

	for (unsigned i = 0; next_template(&rest, &before, &name); i++) {
		buf_add(&url, before);
		if (i < d->extras.count && template_value(r, d, i, name, &value))
			buf_add(&url, value);
		else
			is_whole = false;
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
		return;
	}
	note(r, NOTE_URL, written ? written : d->at, "url: %s", why);
	note_hint(r, "write it like this: https://api.example.com/v1");
}

/* ---- what it speaks ---- */

/* A name nobody knows has to say everything; most often it is a typing error. */
static void note_stranger(struct reader *r, const struct draft *d)
{
	struct catalog_provider facts;
	str names[CATALOG_MOST], near;
	unsigned count = 0;

	while (count < CATALOG_MOST && catalog_provider_at(count, &facts))
		names[count++] = facts.id;
	near = nearest_name(d->p->name, names, count);
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

/* ---- its credentials ---- */

bool credential_is_sendable(str key)
{
	for (size_t i = 0; i < key.len; i++)
		if (key.ptr[i] <= ' ' || key.ptr[i] >= 0x7f)
			return false;
	return key.len <= KEY_MOST;
}

static void add_key(struct reader *r, struct draft *d, str text,
                    const struct tree_node *at)
{
	if (text.len == 0) {
		d->is_empty = true;
	} else if (!credential_is_sendable(text)) {
		note(r, NOTE_CREDENTIAL, at,
		     "the key of provider \"%.*s\" has a blank or a byte which a header "
		     "cannot carry",
		     STR_ARG(d->p->name));
	} else {
		d->p->keys[d->p->key_count++].text = arena_copy(r->keep, text);
	}
}

/* One written credential; quotes around it do not matter. */
static void read_key(struct reader *r, struct draft *d, const struct tree_node *node)
{
	if (node->kind != TREE_SCALAR) {
		note(r, NOTE_SHAPE, node, "key is %s, but must be a single value",
		     tree_kind_name(node->kind));
		note_hint(r, "several: keys: [\"${KEY_A}\", \"${KEY_B}\"]");
	} else if (tree_is_null(node)) {
		note(r, NOTE_EMPTY, node, "key has no value");
		note_hint(r, "write key: none when it takes none");
	} else if (!node->is_broken) {
		add_key(r, d, node->text, node);
	}
}

static void read_keys(struct reader *r, struct draft *d, const struct tree_node *node)
{
	unsigned count = 0;

	if (node->kind != TREE_LIST || !node->first) {
		note(r, NOTE_SHAPE, node, "keys must be a list with at least one entry");
		note_hint(r, "write keys: [\"${KEY_A}\", \"${KEY_B}\"]");
		return;
	}
	for (const struct tree_item *it = node->first; it; it = it->next) {
		if (count++ == KEYS_MOST) {
			note(r, NOTE_TOO_MANY, it->value, "more than %d keys", KEYS_MOST);
			return;
		}
		read_key(r, d, it->value);
	}
}

/* The i-th variable its key may be in; empty: no more. */
static str known_variable(const struct known *k, unsigned i)
{
	for (unsigned j = 0; j < countof(k->facts.env) && k->facts.env[j].len > 0; j++)
		if (!is_template(k->facts.url, k->facts.env[j]) && i-- == 0)
			return k->facts.env[j];
	return STR_NONE;
}

static void note_no_key(struct reader *r, const struct draft *d)
{
	str variable = known_variable(&d->known, 0);

	if (variable.len == 0) {
		note(r, NOTE_NO_CREDENTIAL, d->at, "provider \"%.*s\" has no key",
		     STR_ARG(d->p->name));
		note_hint(r, "write key: \"${...}\", or key: none when it takes none");
		return;
	}
	note(r, NOTE_NO_CREDENTIAL, d->at,
	     "provider \"%.*s\" has no key, and the variable %.*s is not set",
	     STR_ARG(d->p->name), STR_ARG(variable));
	note_hint(r, "set %.*s, or write key: ...", STR_ARG(variable));
}

/* No credential was written: the catalogue knows where it may be. */
static void key_from_environment(struct reader *r, struct draft *d)
{
	str name;

	for (unsigned i = 0; (name = known_variable(&d->known, i)).len > 0; i++) {
		const char *value = reader_env(r, str_z(&r->work, name));

		if (!value)
			continue;
		add_key(r, d, str_from_z(value), d->at);
		if (d->p->key_count > 0)
			return;
	}
	if (d->is_empty || d->p->auth == AUTH_NONE)
		return;
	if (d->known.is_known && known_variable(&d->known, 0).len == 0)
		d->p->auth = AUTH_NONE; /* vLLM, Ollama: a key is possible, not usual */
	else
		note_no_key(r, d);
}

static void read_auth(struct draft *d)
{
	const struct tree_node *written = found_value(&d->found, "auth");
	const struct config_section *section = &config_sections[SECTION_PROVIDER];
	struct provider *p = d->p;
	unsigned index, place;
	int word;

	p->auth = d->known.row && p->format == d->known.row->format ? d->known.row->auth
	          : p->is_mock                                      ? AUTH_NONE
	                       : wire_format_auth(p->format);
	if (!written || written->kind != TREE_SCALAR)
		return;
	word = config_word_find(
	        config_key_find(section, STR("auth"), &index, &place)->words,
	        written->text);
	if (word >= 0)
		p->auth = (enum auth_kind)word;
}
_Static_assert(AUTH_NONE == 0 && AUTH_BEARER == 1 && AUTH_API_KEY == 2 &&
                       AUTH_X_API_KEY == 3 && AUTH_X_GOOG_API_KEY == 4,
               "the words of providers.NAME.auth are in this order");

static void read_credentials(struct reader *r, struct draft *d)
{
	const struct tree_node *one = found_value(&d->found, "key");
	const struct tree_node *several = found_value(&d->found, "keys");
	struct provider *p = d->p;
	unsigned errors = r->notes->errors;

	p->keys = arena_array(r->keep, struct secret, several ? KEYS_MOST : 1);
	if (one && several) {
		note(r, NOTE_BOTH, several, "key and keys exclude each other");
		return;
	}
	if (one && one->kind == TREE_SCALAR && str_eq(one->text, STR("none"))) {
		p->auth = AUTH_NONE;
		return;
	}
	if (one)
		read_key(r, d, one);
	else if (several)
		read_keys(r, d, several);
	else
		key_from_environment(r, d);
	if (p->key_count == 0 && d->is_empty && r->notes->errors == errors) {
		const struct tree_node *at = one ? one : several ? several : d->at;
		str variable = one       ? one->variable
		               : several ? several->first->value->variable
		                         : known_variable(&d->known, 0);

		note(r, NOTE_EMPTY_KEY, at,
		     "%.*s is empty; provider \"%.*s\" is disabled",
		     STR_ARG(variable.len ? variable : STR("its key")), STR_ARG(p->name));
		p->disabled = STR("its key is empty");
	}
	if (p->key_count > 0 && p->auth == AUTH_NONE && !found_value(&d->found, "auth"))
		p->auth = AUTH_BEARER;
}

/* ---- all of them ---- */

static bool is_provider_name(str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char low = char_lower(name.ptr[i]);
		bool is_plain = (low >= 'a' && low <= 'z') || char_is_digit(low);

		if (!is_plain && (i == 0 || str_find(STR("._-"), low) == 3))
			return false;
	}
	return name.len > 0 && name.len <= NAME_MOST;
}

static void read_provider(struct reader *r, const struct tree_item *it,
                          struct provider *p)
{
	struct draft d = { .p = p, .at = it->key, .known = known_find(it->key->text) };

	p->name = arena_copy(r->keep, it->key->text);
	if (!is_provider_name(p->name)) {
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
	section_read(r, SECTION_PROVIDER, it->value, p, &d.extras, &d.found);
	p->is_mock = str_eq(p->name, STR("mock")) && !found_value(&d.found, "url");
	read_format(r, &d);
	read_url(r, &d);
	read_auth(&d);
	if (d.known.is_known || found_value(&d.found, "url") || p->is_mock)
		read_credentials(r, &d);
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
