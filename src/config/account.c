/* account.c - Google's files of credentials: a service account's, or a person's as gcloud
 * writes it.  The file is wiped from memory after reading; what it says stays in the
 * config. */
#include "config/provider_private.h"

#include "base/mem.h"
#include "codec/json.h"
#include "codec/jwt.h"
#include "config/endpoint.h"
#include "config/replace.h"

enum { FILE_MOST = 64 * KiB, VALUE_MOST = 512 };

struct file {
	struct reader *r;
	const char *path;
	const struct tree_node *at;
	struct json_value root;
	struct service_account *a;
	bool is_bad;
};

static void note_file(struct file *f, const char *what)
{
	f->is_bad = true;
	note(f->r, NOTE_ACCOUNT, f->at, "credentials: %s: %s", f->path, what);
	note_hint(f->r, "it is the JSON file that Google gives for a service account");
}

static void note_missing(struct file *f, const char *name)
{
	struct buf what = BUF_LIMIT(KiB);

	if (!f->is_bad) {
		buf_addf(&what, "\"%s\" is missing", name);
		note_file(f, buf_z(&what));
	}
	buf_free(&what);
}

/* A member's text, kept; required ones that are missing are noted. */
static str member(struct file *f, const char *name, size_t most, bool is_required)
{
	struct json_value v = json_get(f->root, str_from_z(name));
	str text = STR_NONE;

	if (v.type == JSON_STRING && v.raw.len <= most)
		text = json_text(v, arena_alloc(f->r->keep, v.raw.len));
	if (text.len == 0 && is_required)
		note_missing(f, name);
	/* json_text may point into the file, which goes. */
	return arena_copy(f->r->keep, text);
}

/* The same for what must not be seen; always required. */
static struct secret secret_member(struct file *f, const char *name, size_t most)
{
	struct json_value v = json_get(f->root, str_from_z(name));
	struct secret kept = { 0 };

	if (v.type == JSON_STRING && v.raw.len <= most) {
		char *room = mem_new(v.raw.len);
		str text = json_text(v, room);

		if (text.len)
			kept = secret_keep(&f->r->config->room, text);
		mem_wipe(room, v.raw.len);
		free(room);
	}
	if (!secret_is_set(&kept))
		note_missing(f, name);
	return kept;
}

/* Over a clear line only to this machine or network: what travels there is as good as the
 * credential. */
static void read_token_url(struct file *f)
{
	str url = member(f, "token_uri", VALUE_MOST, false);
	struct endpoint e;
	const char *why;

	if (url.len == 0)
		url = STR("https://oauth2.googleapis.com/token");
	if (!endpoint_parse(url, f->r->keep, &e, &why) ||
	    (!e.tls && !e.is_private_literal)) {
		note_file(f, "\"token_uri\" is not an https URL");
		return;
	}
	f->a->token_url = url;
	f->a->tls = e.tls;
	f->a->allow_private |= e.is_private_literal;
	f->a->host = e.host;
	f->a->port = e.port;
	f->a->authority = e.authority;
	f->a->path = e.base_path;
}

static void read_members(struct file *f)
{
	struct service_account *a = f->a;
	str type = member(f, "type", VALUE_MOST, true);

	a->is_user = str_eq(type, STR("authorized_user"));
	if (a->is_user) {
		a->email = member(f, "client_id", VALUE_MOST, true);
		a->client_secret = secret_member(f, "client_secret", VALUE_MOST);
		a->key = secret_member(f, "refresh_token", 4 * KiB);
		a->project = member(f, "quota_project_id", VALUE_MOST, false);
	} else if (str_eq(type, STR("service_account"))) {
		a->email = member(f, "client_email", VALUE_MOST, true);
		a->key_id = member(f, "private_key_id", VALUE_MOST, false);
		a->key = secret_member(f, "private_key", 16 * KiB);
		a->project = member(f, "project_id", VALUE_MOST, false);
		if (!f->is_bad && !jwt_key_is_usable(secret_reveal(&a->key)))
			note_file(f, "\"private_key\" is not an RSA key in PEM");
	} else if (!f->is_bad) {
		note_file(f, "its \"type\" is neither service_account nor "
		             "authorized_user");
	}
	if (!f->is_bad)
		read_token_url(f);
}

static void read_text(struct file *f, str text)
{
	if (json_check(text, &json_limits_default, &f->root) ||
	    f->root.type != JSON_OBJECT)
		note_file(f, "it is not a JSON object");
	else
		read_members(f);
}

const struct service_account *read_account(struct reader *r, const char *path,
                                           const struct tree_node *at, bool allow_private)
{
	struct buf text = BUF_LIMIT(FILE_MOST), why = BUF_LIMIT(KiB);
	struct file f = { .r = r,
		          .path = path,
		          .at = at,
		          .a = arena_new(r->keep, struct service_account) };

	f.a->allow_private = allow_private;
	switch (file_read(path, 0, &text, &why)) {
	case FILE_MISSING:
		note(r, NOTE_PATH, at, "credentials: %s is missing", path);
		f.is_bad = true;
		break;
	case FILE_BAD:
		note(r, NOTE_PATH, at, "credentials: %.*s", STR_ARG(buf_str(&why)));
		f.is_bad = true;
		break;
	case FILE_FOUND:
		read_text(&f, buf_str(&text));
	}
	buf_free(&why);
	if (text.ptr)
		mem_wipe(text.ptr, text.cap);
	buf_free(&text);
	return f.is_bad ? NULL : f.a;
}

bool account_is_same(const struct service_account *a, const struct service_account *b)
{
	return str_eq(a->email, b->email) && str_eq(a->key_id, b->key_id) &&
	       a->is_user == b->is_user && secret_eq(&a->key, &b->key) &&
	       secret_eq(&a->client_secret, &b->client_secret) &&
	       str_eq(a->token_url, b->token_url) && a->allow_private == b->allow_private;
}

struct service_account account_keep(const struct service_account *a, struct arena *keep,
                                    struct secret_room *room)
{
	struct service_account copy = *a;
	str *const texts[] = { &copy.email,     &copy.key_id, &copy.project,
		               &copy.token_url, &copy.host,   &copy.authority,
		               &copy.path };

	for (size_t i = 0; i < countof(texts); i++)
		*texts[i] = arena_copy(keep, *texts[i]);
	copy.key = secret_keep(room, secret_reveal(&a->key));
	copy.client_secret = secret_keep(room, secret_reveal(&a->client_secret));
	return copy;
}
