/* defaults.c - what runs without a file: a configuration which nobody had to write.
 *
 * The environment is searched for the variables of the catalogue's providers, and the
 * text of a configuration is made from what was found and read like any other.  A
 * variable that several providers share, or that has other uses (GITHUB_TOKEN), is told
 * but never enables anything; which these are is the catalogue's knowledge. */
#include "config/reader.h"

#include "base/assert.h"
#include "config/vault.h"

enum {
	TEXT_MOST = 64 * KiB,
	SHOWN = 3,        /* last characters of a key that are printed */
	SHOWN_LEAST = 16, /* of keys with so many at least */
	NAMED_MOST = 4,   /* providers listed for a shared variable */
};

struct detection {
	const struct config_source *source;
	struct buf *found;
	struct buf text; /* of the configuration */
};

static const char *value_of(const struct detection *d, str name)
{
	struct reader r = { .source = d->source };
	char z[128];
	const char *value;

	if (name.len == 0 || name.len >= sizeof(z))
		return NULL;
	memcpy(z, name.ptr, name.len);
	z[name.len] = 0;
	value = reader_env(&r, z);
	return value && *value ? value : NULL;
}

/* The name of the variable and the last characters of its value. */
static void print_variable(struct detection *d, str name, const char *value)
{
	size_t len = strlen(value);

	buf_addf(d->found, "%.*s", STR_ARG(name));
	if (len < SHOWN_LEAST)
		return;
	for (const char *at = value + len - SHOWN; *at; at++)
		if (*at <= ' ' || *at >= 0x7f)
			return;
	buf_addf(d->found, " (...%s)", value + len - SHOWN);
}

static bool has_variable(const struct catalog_provider *p, str name)
{
	for (size_t i = 0; i < countof(p->env); i++)
		if (str_eq(p->env[i], name))
			return true;
	return false;
}

/* A variable that enables nothing is told once, with the providers that want it. */
static void tell(struct detection *d, str name, const char *value, unsigned first)
{
	struct catalog_provider p;
	unsigned count = 0;

	for (unsigned i = 0; i < first && catalog_provider_at(i, &p); i++)
		if (p.env_is_shared && has_variable(&p, name))
			return;
	print_variable(d, name, value);
	buf_add(d->found,
	        STR(" found, not enabled: name in a configuration what it is for: "));
	for (unsigned i = first; catalog_provider_at(i, &p); i++) {
		if (!has_variable(&p, name) || count++ >= NAMED_MOST)
			continue;
		buf_addf(d->found, "%s%.*s", count > 1 ? ", " : "", STR_ARG(p.id));
	}
	buf_add(d->found, count > NAMED_MOST ? STR(" and others\n") : STR("\n"));
}

static void detect_provider(struct detection *d, unsigned index,
                            const struct catalog_provider *p)
{
	const char *value = NULL;
	str name = STR_NONE;

	for (size_t i = 0; i < countof(p->env) && !value; i++)
		value = value_of(d, name = p->env[i]);
	if (!value)
		return;
	if (p->env_is_shared || str_has(p->url, STR("${"))) {
		tell(d, name, value, index);
		return;
	}
	buf_addf(d->found, "%-10.*s from ", STR_ARG(p->id));
	print_variable(d, name, value);
	if (p->format == WIRE_NONE || p->url.len == 0) {
		buf_add(d->found,
		        STR(" - not enabled: its format is not in this version\n"));
	} else if (!credential_is_sendable(str_from_z(value))) {
		buf_add(d->found,
		        STR(" - not enabled: it has a blank or a line break in it\n"));
	} else {
		buf_add_char(d->found, '\n');
		buf_addf(&d->text, "  %.*s: {}\n", STR_ARG(p->id));
	}
}

static void detect(struct detection *d)
{
	struct catalog_provider p;

	for (unsigned i = 0; catalog_provider_at(i, &p); i++)
		detect_provider(d, i, &p);
}

/* Is there a line for that provider already? */
static bool has_provider(const struct detection *d, str name)
{
	struct buf line = BUF_LIMIT(KiB);
	bool is_there;

	buf_addf(&line, "\n  %.*s: ", STR_ARG(name));
	is_there = str_has(buf_str(&d->text), buf_str(&line));
	buf_free(&line);
	return is_there;
}

/* Would a configuration with that line alone be read?  One that is not is left out: a key
 * in the store is no reason for a gateway not to start.  What is wrong with the store
 * itself is told when everything is read. */
static bool is_readable(const struct detection *d, str line, struct buf *why)
{
	struct config_source source = *d->source;
	struct arena keep = { 0 };
	struct config_notes notes = { .arena = &keep };
	struct buf text = BUF_LIMIT(TEXT_MOST);
	struct config *c;
	bool is_good;

	buf_addf(&text, "version: 1\nauth: open\nproviders:\n%.*s", STR_ARG(line));
	source.path = STR_NONE;
	source.text = buf_str(&text);
	c = config_read(&source, &notes);
	is_good = c != NULL;
	for (unsigned i = 0; !is_good && i < notes.count; i++) {
		if (!notes.list[i].is_error)
			continue;
		is_good = notes.list[i].code == note_rows[NOTE_STORE].code;
		buf_set(why, notes.list[i].text);
		break;
	}
	config_unref(&c);
	arena_done(&keep);
	buf_free(&text);
	return is_good;
}

static void add_stored(struct detection *d, str name, str format, str url)
{
	struct buf line = BUF_LIMIT(8 * KiB), why = BUF_LIMIT(4 * KiB);

	buf_addf(&line, "  %.*s: { key: store", STR_ARG(name));
	if (url.len)
		buf_addf(&line, ", format: %.*s, url: '%.*s'", STR_ARG(format),
		         STR_ARG(url));
	buf_add(&line, STR(" }\n"));
	buf_addf(d->found, "%-10.*s from the store", STR_ARG(name));
	if (is_readable(d, buf_str(&line), &why))
		buf_add(&d->text, buf_str(&line));
	else
		buf_addf(d->found,
		         " - not enabled: %.*s; take it out with: sluice providers "
		         "remove %.*s",
		         STR_ARG(buf_str(&why)), STR_ARG(name));
	buf_add_char(d->found, '\n');
	buf_free(&line);
	buf_free(&why);
}

/* What `sluice providers add` has stored works without a configuration too.  The names
 * are believed only as far as they are names: reading the configuration opens the store.
 */
static void detect_stored(struct detection *d)
{
	struct buf data = BUF_LIMIT(4 * KiB), text;
	struct config_source nothing = *d->source;
	struct arena keep = { 0 };
	struct config_notes unsaid = { .arena = &keep }; /* the reading says it again */
	str rest, name, format, url;
	bool is_found;

	nothing.path = STR_NONE;
	is_found = config_find_data(&nothing, &data, &unsaid);
	arena_done(&keep);
	if (!is_found) {
		buf_free(&data);
		return;
	}
	vault_text(buf_str(&data), &text);
	rest = buf_str(&text);
	while (vault_next_name(&rest, &name, &format, &url)) {
		if (has_provider(d, name) ||
		    str_find_any(name, STR(" :#{}\"'\\")) < name.len)
			continue;
		add_stored(d, name, format, url);
	}
	buf_free(&text);
	buf_free(&data);
}

struct config *config_builtin(const struct config_source *source, struct buf *found,
                              struct config_notes *notes)
{
	struct config_source made = *source;
	struct detection d = { source, found, BUF_LIMIT(TEXT_MOST) };
	struct config *c;

	buf_add(&d.text, STR("version: 1\nauth: open\nproviders:\n  mock: {}\n"));
	if (!source->no_detect)
		detect(&d);
	detect_stored(&d);
	assert(!d.text.over);
	made.path = STR_NONE;
	made.text = buf_str(&d.text);
	c = config_read(&made, notes);
	buf_free(&d.text);
	return c;
}

struct config *config_defaults(str mock_host, config_env_fn *env, void *env_arg,
                               struct buf *found, struct config_notes *notes)
{
	struct config_source source = { .env = env,
		                        .env_arg = env_arg,
		                        .mock_host = mock_host };

	return config_builtin(&source, found, notes);
}
