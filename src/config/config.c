/* config.c - a whole reading: text, tree, table, providers, routes, and what must fit
 * together; and the life of the result.
 *
 * Everything is read even after errors, so that one run tells all.  A config with an
 * error is never returned. */
#include "config/config.h"

#include "base/assert.h"
#include "base/mem.h"
#include "config/facts.h"
#include "config/replace.h"
#include "config/section.h"
#include "config/value.h"
#include "loop/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	WORK_MOST = 64 * MiB,
	KEEP_MOST = 64 * MiB,
	LISTEN_MOST = 16,
	WORKERS_AUTO_MOST = 4,
};

/* ---- life ---- */

struct config *config_ref(struct config *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void config_unref(struct config **pc)
{
	struct config *c = move(*pc);

	if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) > 1)
		return;
	secret_room_done(&c->room);
	catalog_free(&c->catalog);
	arena_done(&c->arena);
	free(c);
}

/* ---- helpers of all parts ---- */

const char *reader_env(const struct reader *r, const char *name)
{
	if (r->source->env)
		return r->source->env(r->source->env_arg, name);
	return getenv(name);
}

str reader_path(struct reader *r, str path)
{
	const char *home;

	if (str_starts(path, STR("~/")) && (home = reader_env(r, "HOME")) && *home)
		return arena_printf(r->keep, "%s/%.*s", home, STR_ARG(str_from(path, 2)));
	if (str_starts(path, STR("/")) || r->dir.len == 0)
		return arena_copy(r->keep, path);
	return arena_printf(r->keep, "%.*s/%.*s", STR_ARG(r->dir), STR_ARG(path));
}

/* ---- addresses ---- */

static bool is_no(str text)
{
	return str_eq_nocase(text, STR("false")) || str_eq_nocase(text, STR("no")) ||
	       str_eq_nocase(text, STR("none"));
}

static void note_address(struct reader *r, const char *name, str text,
                         const struct tree_node *at)
{
	struct net_addr alone;
	uint64_t port;

	note(r, NOTE_ADDRESS, at, "%s: \"%.*s\" is not an address with a port", name,
	     STR_ARG(text));
	if (net_parse_ip(text, 0, &alone) && str_has(text, STR(":")))
		note_hint(r, "an IPv6 address stands in brackets: [::1]:8080");
	else if (str_eq(STR("admin"), str_from_z(name)) && is_no(text))
		note_hint(r, "write off");
	else if (str_to_u64(text, &port))
		note_hint(r, "write 127.0.0.1:%.*s", STR_ARG(text));
	else if (str_starts(text, STR(":")))
		note_hint(r, "write 127.0.0.1%.*s, or 0.0.0.0%.*s for all", STR_ARG(text),
		          STR_ARG(text));
	else if (str_starts(text, STR("localhost:")))
		note_hint(r, "write 127.0.0.1%.*s", STR_ARG(str_from(text, 9)));
	else
		note_hint(r, "an IP literal: 127.0.0.1:8080, [::1]:8080 or unix:/path");
}

/* Is it an address of `listen`?  Port 0 is another one each time. */
static bool is_listened(const struct config *c, const struct net_addr *a)
{
	for (unsigned i = 0; i < c->listen_count; i++)
		if (net_eq(&c->listen[i], a) &&
		    (a->sa.sa_family == AF_UNIX || net_port(a) != 0))
			return true;
	return false;
}

static void add_listen(struct reader *r, str text, const struct tree_node *at)
{
	struct config *c = r->config;

	if (c->listen_count == LISTEN_MOST)
		note(r, NOTE_TOO_MANY, at, "more than %d addresses", LISTEN_MOST);
	else if (!net_parse(text, &c->listen[c->listen_count]))
		note_address(r, at ? "listen" : "--listen", text, at);
	else if (is_listened(c, &c->listen[c->listen_count]))
		note(r, NOTE_ADDRESS, at, "listen: %.*s is named twice", STR_ARG(text));
	else
		c->listen_count++;
}

static void read_listen(struct reader *r, const struct tree_node *node)
{
	struct config *c = r->config;
	str text;

	c->listen = arena_array(r->keep, struct net_addr, LISTEN_MOST);
	if (r->source->listen.len > 0) {
		add_listen(r, r->source->listen, NULL);
	} else if (!node) {
		add_listen(r, STR("127.0.0.1:8080"), NULL);
	} else if (node->kind != TREE_LIST) {
		if (scalar_text(r, "listen", node, &text))
			add_listen(r, text, node);
	} else {
		for (const struct tree_item *it = node->first; it; it = it->next)
			if (scalar_text(r, "listen", it->value, &text))
				add_listen(r, text, it->value);
		if (!node->first)
			note(r, NOTE_EMPTY, node, "listen has no address");
	}
}

static bool is_local(const struct net_addr *a)
{
	return a->sa.sa_family == AF_UNIX || net_is_loopback(a);
}

static void read_admin(struct reader *r, const struct tree_node *node)
{
	struct config *c = r->config;
	str text = STR("127.0.0.1:8081");

	c->admin_is_written = node != NULL;
	if (node && !scalar_text(r, "admin", node, &text))
		return;
	if (str_eq(text, STR("off")))
		return;
	if (!net_parse(text, &c->admin))
		note_address(r, "admin", text, node);
	else if (node && is_listened(c, &c->admin))
		note(r, NOTE_ADDRESS, node, "admin: %.*s is an address of listen",
		     STR_ARG(text));
}

/* Tokens of the admin API are worth more than keys. */
static void check_admin(struct reader *r, const struct tree_node *node)
{
	const struct config *c = r->config;

	if (c->admin.len == 0 || c->insecure_admin || c->tls_cert || is_local(&c->admin))
		return;
	note(r, NOTE_ADMIN_CLEAR, node,
	     "the admin API beyond loopback without TLS: its tokens could be read on the "
	     "way");
	note_hint(r, "write tls, or a loopback address, or insecure_admin: true");
}

/* Open means that everybody who can connect spends the owner's money. */
static void check_open(struct reader *r, const struct found *found)
{
	const struct tree_node *at = found_value(found, "listen");
	struct config *c = r->config;

	c->insecure_open |= r->source->insecure_open;
	if (c->auth != AUTH_MODE_OPEN || c->insecure_open)
		return;
	for (unsigned i = 0; i < c->listen_count; i++) {
		struct buf text = BUF_LIMIT(160);

		if (is_local(&c->listen[i]))
			continue;
		net_print(&c->listen[i], &text);
		note(r, NOTE_OPEN, r->source->listen.len ? NULL : at,
		     "auth: open on %.*s, which is not loopback", (int)text.len,
		     text.ptr);
		if (r->source->path.len)
			note_hint(r, "write auth: keys, or insecure_open: true if "
			             "everybody may use your providers' keys");
		else
			note_hint(r, "make a configuration with auth: keys and give it "
			             "with -c, or add --insecure-open if everybody may "
			             "use your providers' keys");
		buf_free(&text);
		return;
	}
}

/* ---- the rest of the top level ---- */

static unsigned usable_cores(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

static void read_workers(struct reader *r, const struct tree_node *node)
{
	struct config_key row;
	unsigned index, place;
	str text;

	r->config->workers = min_of(usable_cores(), (unsigned)WORKERS_AUTO_MOST);
	if (!node || !scalar_text(r, "workers", node, &text) || str_eq(text, STR("auto")))
		return;
	row = *config_key_find(&config_sections[SECTION_ROOT], STR("workers"), &index,
	                       &place);
	row.kind = KIND_COUNT;
	value_store(r, &row, node, &r->config->workers);
}

void read_data(struct reader *r)
{
	struct config *c = r->config;
	const char *dir = reader_env(r, "SLUICE_DATA");

	if (r->source->data.len > 0)
		c->data = arena_copy(r->keep, r->source->data);
	else if (c->data.len > 0)
		return;
	else if (dir && *dir)
		c->data = arena_copy(r->keep, str_from_z(dir));
	else if ((dir = reader_env(r, "XDG_STATE_HOME")) && *dir == '/')
		c->data = arena_printf(r->keep, "%s/sluice", dir);
	else if ((dir = reader_env(r, "HOME")) && *dir)
		c->data = arena_printf(r->keep, "%s/.local/state/sluice", dir);
	else {
		note(r, NOTE_NO_DATA, NULL,
		     "there is no place for the data: HOME is not set");
		note_hint(r, "write data: /path, or set SLUICE_DATA");
	}
}

/* Before what names models is read; for nothing when it will be refused anyway. */
static void read_facts(struct reader *r)
{
	struct buf why = BUF_LIMIT(8 * KiB);

	if (r->notes->errors == 0 &&
	    !facts_load(r->config->data, &r->config->catalog, &why)) {
		note(r, NOTE_CATALOG, NULL, "%.*s", STR_ARG(buf_str(&why)));
		note_hint(r, "the program's own facts about models are used; see: sluice "
		             "models update");
	} else if (facts_are_older(r->config->catalog, &why)) {
		note(r, NOTE_CATALOG, NULL, "%.*s", STR_ARG(buf_str(&why)));
		note_hint(r, "sluice models update brings newer ones");
	}
	buf_free(&why);
}

/* Can it be written?  In the data directory it can, which may still be to make. */
static void check_log(struct reader *r, const struct tree_node *node)
{
	str log = r->config->access_log, dir = str_first(log, str_find_last(log, '/'));
	const char *path = str_z(r->keep, log);
	int error = 0;
	struct stat st;

	if (r->source->lenient || str_eq(dir, r->config->data))
		return;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		error = EISDIR;
	else if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0)
		error = errno;
	if (error == ENOENT) /* it is made */
		error = faccessat(AT_FDCWD,
		                  dir.len == log.len
		                          ? "."
		                          : str_z(r->keep, str_first(log, dir.len + 1)),
		                  W_OK | X_OK, AT_EACCESS)
		                ? errno
		                : 0;
	if (error)
		note(r, NOTE_PATH, node, "access_log: %s cannot be written: %s", path,
		     strerror(error));
}

static void read_log(struct reader *r, const struct tree_node *node)
{
	struct config *c = r->config;
	str text = STR_NONE;

	if (node && !scalar_text(r, "access_log", node, &text))
		return;
	if (str_eq(text, STR("stdout")) || str_eq(text, STR("off")))
		c->access_log = arena_copy(r->keep, text);
	else if (text.len > 0 && !str_has(text, STR("/")) && !str_has(text, STR("."))) {
		note(r, NOTE_VALUE, node, "access_log: \"%.*s\" is not a path",
		     STR_ARG(str_first(text, 64)));
		if (is_no(text))
			note_hint(r, "write off");
		else
			note_hint(r, "write stdout, off, or a path: ./%.*s",
			          STR_ARG(str_first(text, 64)));
	} else if (text.len > 0) {
		c->access_log = reader_path(r, text);
		check_log(r, node);
	} else
		c->access_log =
		        arena_printf(r->keep, "%.*s/access.log", STR_ARG(c->data));
}

/* tzfile(5): a directory ("Europe") and a list ("tzdata.zi") are no zones. */
static bool is_zone_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char magic[4];
	bool is_good = fd >= 0 && read(fd, magic, sizeof(magic)) == sizeof(magic) &&
	               memcmp(magic, "TZif", sizeof(magic)) == 0;

	if (fd >= 0)
		close(fd);
	return is_good;
}

bool config_knows_zone(str zone)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "/usr/share/zoneinfo/%.*s", STR_ARG(zone));

	if (str_eq(zone, STR("UTC")))
		return true;
	if (zone.len == 0 || zone.ptr[0] == '/' || str_has(zone, STR("..")))
		return false;
	return n > 0 && (size_t)n < sizeof(path) && is_zone_file(path);
}

static void check_zone(struct reader *r, const struct tree_node *node)
{
	str zone = r->config->timezone;

	if (!node || node->kind == TREE_MAP || config_knows_zone(zone))
		return;
	note(r, NOTE_VALUE, node, "\"%.*s\" is no time zone of this system",
	     STR_ARG(str_first(zone, 64)));
	note_hint(r, "names are those below /usr/share/zoneinfo, as Europe/Berlin");
}

/* Loaded as the gateway will: what is no certificate cannot start. */
static void check_pair(struct reader *r, const struct tree_node *node)
{
	const struct config *c = r->config;
	struct buf why = BUF_LIMIT(KiB);
	struct tls_server *t = NULL;

	if (!r->source->lenient && c->tls_cert && c->tls_key &&
	    !(t = tls_server_new(c->tls_cert, c->tls_key, &why)))
		note(r, NOTE_TLS_PAIR, node, "tls: %s", buf_z(&why));
	tls_server_unref(&t);
	buf_free(&why);
}

void check_ca(struct reader *r, const char *name, const char *path,
              const struct tree_node *at, uint8_t ret_sum[32])
{
	struct buf why = BUF_LIMIT(8 * KiB);
	struct tls_client t;

	file_sum(path, ret_sum);
	if (r->source->lenient)
		return;
	if (tls_client_init(&t, NULL, path, "localhost", &why))
		tls_client_done(&t);
	else
		note(r, NOTE_TLS_PAIR, at, "%s: %.*s", name, STR_ARG(buf_str(&why)));
	buf_free(&why);
}

static void check_tls(struct reader *r, const struct tree_node *node)
{
	const struct tree_node *cert = tree_find(node, STR("cert"));
	const struct tree_node *key = tree_find(node, STR("key"));

	/* With nothing behind it the gateway would speak in the clear, unasked. */
	if (!node || (node->kind != TREE_MAP && !tree_is_null(node)))
		return;
	if (cert && key) {
		check_pair(r, node);
		return;
	}
	note(r, NOTE_TLS_PAIR, node, "tls needs both cert and key");
	note_hint(r, "the key \"%s\" is missing", cert ? "key" : "cert");
}

static void check_providers(struct reader *r)
{
	const struct config *c = r->config;

	for (unsigned i = 0; i < c->provider_count; i++)
		if (c->providers[i].disabled.len == 0)
			return;
	note(r, NOTE_NOTHING, NULL,
	     "no provider is usable: every request will be refused");
	note_hint(r, "add one: providers: { openai: { key: \"${OPENAI_API_KEY}\" } }");
}

static void read_root(struct reader *r, const struct tree_node *root)
{
	struct config *c = r->config;
	struct found found;

	section_defaults(r, SECTION_ROOT, c);
	c->limits.body_rate = http_limits_default.body_rate;
	section_read(r, SECTION_ROOT, root, c, NULL, &found);
	if (root->kind != TREE_MAP)
		return;
	section_require(r, &found, root);
	if (tree_find(found_value(&found, "defaults"), STR("total")) &&
	    !tree_find(found_value(&found, "defaults"), STR("total_stream")))
		c->defaults.total_stream = c->defaults.total;
	read_listen(r, found_value(&found, "listen"));
	read_admin(r, found_value(&found, "admin"));
	read_workers(r, found_value(&found, "workers"));
	read_data(r);
	read_vault(r, found_value(&found, "secrets"));
	read_facts(r);
	read_log(r, found_value(&found, "access_log"));
	check_zone(r, found_value(&found, "timezone"));
	check_tls(r, found_value(&found, "tls"));
	read_telemetry(r, found_value(&found, "telemetry"));
	check_open(r, &found);
	check_admin(r, found_value(&found, "admin"));
	read_providers(r, found_value(&found, "providers"));
	c->prices = read_prices(r, found_value(&found, "prices"), true);
	read_routes(r, found_value(&found, "routes"));
	read_trials(r, found_value(&found, "trials"));
	read_log_settings(r, found_value(&found, "log"));
	if (c->defaults.attempts == 0)
		c->defaults.attempts = 3;
	check_providers(r);
}

void reader_begin(struct reader *r, const struct config_source *source, struct config *c,
                  struct config_notes *notes)
{
	size_t slash = str_find_last(source->path, '/');

	assert(notes->arena);
	atomic_init(&c->refs, 1);
	c->arena.ceiling = KEEP_MOST;
	*r = (struct reader){ .source = source,
		              .notes = notes,
		              .config = c,
		              .keep = &c->arena,
		              .work = { .ceiling = WORK_MOST } };
	if (slash < source->path.len)
		r->dir = str_first(source->path, slash);
}

struct config *config_read(const struct config_source *source, struct config_notes *notes)
{
	struct config *c = new_of(struct config);
	struct config_source plain = *source;
	struct tree_node *root;
	struct reader r;

	str_skip(&plain.text, BYTE_ORDER_MARK);
	source = &plain;
	reader_begin(&r, source, c, notes);
	c->file = arena_printf(&c->arena, "%.*s", STR_ARG(source->path));
	if (source->text.len > READER_FILE_MOST) {
		note(&r, NOTE_FILE, NULL, "the configuration is larger than %d bytes",
		     READER_FILE_MOST);
	} else if ((root = tree_read(&r, source->text))) {
		resolve_file(&r, root);
		read_root(&r, root);
	}
	done_vault(&r);
	arena_wipe(&r.work); /* keys of the file or the environment passed through */
	if (notes->errors > 0)
		config_unref(&c);
	return c;
}
