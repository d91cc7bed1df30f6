/* credential.c - how a provider authenticates, and with what.
 *
 * One of three ways: keys, an AWS secret that signs, or an account that is given access
 * tokens.  `auth` says which; without it what is written says it, and then what the
 * environment has.  A provider with an empty credential stays, disabled, so that its
 * targets can be told apart from typos. */
#include "config/provider_private.h"

#include "config/value.h"

enum { KEY_MOST = 8 * KiB /* bytes of one credential */ };

/* Which keys of the file belong to which way. */
enum way { WAY_KEY, WAY_SIGN, WAY_ACCOUNT, WAYS };

static const char *const ways[WAYS][4] = {
	[WAY_KEY] = { "key", "keys" },
	[WAY_SIGN] = { "access_key", "secret_key", "session_token" },
	[WAY_ACCOUNT] = { "credentials" },
};

static enum way way_of(enum auth_kind auth)
{
	return auth == AUTH_SIGV4             ? WAY_SIGN
	       : auth == AUTH_SERVICE_ACCOUNT ? WAY_ACCOUNT
	                                      : WAY_KEY;
}

static const struct tree_node *written_for(const struct draft *d, enum way way)
{
	for (unsigned i = 0; i < countof(ways[way]) && ways[way][i]; i++) {
		const struct tree_node *node = found_value(&d->found, ways[way][i]);

		if (node)
			return node;
	}
	return NULL;
}

bool credential_is_sendable(str key)
{
	for (size_t i = 0; i < key.len; i++)
		if (key.ptr[i] <= ' ' || key.ptr[i] >= 0x7f)
			return false;
	return key.len <= KEY_MOST;
}

bool take_secret(struct reader *r, struct draft *d, const char *name, str text,
                 const struct tree_node *at, struct secret *ret)
{
	if (text.len == 0) {
		d->is_empty = true;
	} else if (!credential_is_sendable(text)) {
		note(r, NOTE_CREDENTIAL, at,
		     "the %s of provider \"%.*s\" has a blank or a byte which a header "
		     "cannot carry",
		     name, STR_ARG(d->p->name));
	} else {
		*ret = secret_keep(&r->config->room, text);
		return true;
	}
	return false;
}

/* One written credential, or the file of one; quotes around it do not matter. */
static bool read_secret(struct reader *r, struct draft *d, const char *name,
                        const struct tree_node *node, struct secret *ret)
{
	if (node->kind == TREE_MAP)
		return secret_from_file(r, d, name, node, ret);
	if (node->kind != TREE_SCALAR) {
		note(r, NOTE_SHAPE, node, "%s is %s, but must be a single value", name,
		     tree_kind_name(node->kind));
		if (strcmp(name, "key") == 0)
			note_hint(r, "several: keys: [\"${KEY_A}\", \"${KEY_B}\"]");
	} else if (tree_is_null(node)) {
		note(r, NOTE_EMPTY, node, "%s has no value", name);
		if (strcmp(name, "key") == 0)
			note_hint(r, "write key: none when it takes none");
	} else if (text_needs_quotes(node)) {
		note(r, NOTE_QUOTE, node,
		     "the %s of provider \"%.*s\" is a number or a boolean, not text",
		     name, STR_ARG(d->p->name));
		note_hint(r, "write it in quotes");
	} else if (node->is_bare) {
		note(r, NOTE_VARIABLE, node,
		     "the %s of provider \"%.*s\" is a variable without braces", name,
		     STR_ARG(d->p->name));
		note_hint(r, "write \"${NAME}\"; $$ is a dollar sign");
	} else if (!node->is_broken) {
		return take_secret(r, d, name, node->text, node, ret);
	}
	return false;
}

/* ---- keys ---- */

static void add_key(struct reader *r, struct draft *d, str text,
                    const struct tree_node *at)
{
	struct provider *p = d->p;

	if (take_secret(r, d, "key", text, at, &p->keys[p->key_count]))
		p->key_count++;
}

static void read_key(struct reader *r, struct draft *d, const struct tree_node *node)
{
	struct provider *p = d->p;

	if (read_secret(r, d, "key", node, &p->keys[p->key_count]))
		p->key_count++;
}

/* One of several is nothing, and nobody wrote that it may be. */
static void note_unused(struct reader *r, const struct draft *d,
                        const struct tree_node *at)
{
	bool is_named = at->variable.len > 0;

	note(r, NOTE_EMPTY_KEY, at,
	     "%.*s is empty; provider \"%.*s\" has its other keys only",
	     STR_ARG(is_named ? at->variable : STR("a key")), STR_ARG(d->p->name));
	if (is_named)
		note_hint(r, "write \"${%.*s:-}\" if it may be empty",
		          STR_ARG(at->variable));
}

static void read_keys(struct reader *r, struct draft *d, const struct tree_node *node)
{
	const struct tree_node *empty[KEYS_MOST];
	unsigned count = 0, empty_count = 0;
	bool any_empty = false;

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
		d->is_empty = false;
		read_key(r, d, it->value);
		if (d->is_empty && !it->value->may_be_empty)
			empty[empty_count++] = it->value;
		any_empty |= d->is_empty;
	}
	d->is_empty = any_empty;
	for (unsigned i = 0; i < empty_count && d->p->key_count > 0; i++)
		note_unused(r, d, empty[i]);
}

/* The i-th variable its key may be in; empty: no more. */
static str known_variable(const struct known *k, unsigned i)
{
	for (unsigned j = 0; j < countof(k->facts.env) && k->facts.env[j].len > 0; j++)
		if (!url_has_variable(k->facts.url, k->facts.env[j]) && i-- == 0)
			return k->facts.env[j];
	return STR_NONE;
}

/* What it may have instead of a key, to be written or set. */
static const char *other_way(const struct draft *d)
{
	switch (d->known.row ? way_of(d->known.row->without_key) : WAY_KEY) {
	case WAY_SIGN:
		return "; or access_key and secret_key, or AWS_ACCESS_KEY_ID and "
		       "AWS_SECRET_ACCESS_KEY";
	case WAY_ACCOUNT:
		return "; or credentials: FILE, or GOOGLE_APPLICATION_CREDENTIALS";
	case WAY_KEY:
	case WAYS:
		break;
	}
	return "";
}

static void note_no_key(struct reader *r, struct draft *d)
{
	str variable = known_variable(&d->known, 0);

	if (variable.len == 0) {
		note(r, NOTE_NO_CREDENTIAL, d->at, "provider \"%.*s\" has no key",
		     STR_ARG(d->p->name));
		note_hint(r, "write key: \"${...}\", or key: none when it takes none");
		return;
	}
	draft_misses(r, d, variable);
	note(r, NOTE_NO_CREDENTIAL, d->at,
	     "provider \"%.*s\" has no key, and the variable %.*s is not set",
	     STR_ARG(d->p->name), STR_ARG(variable));
	note_hint(r,
	          "set %.*s, or write key: ..., or put it into the store: sluice "
	          "providers add %.*s%s",
	          STR_ARG(variable), STR_ARG(d->p->name), other_way(d));
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
	if (keys_from_store(r, d) || d->is_empty || d->p->auth == AUTH_NONE)
		return;
	if (d->known.is_known && known_variable(&d->known, 0).len == 0)
		d->p->auth = AUTH_NONE; /* vLLM, Ollama: a key is possible, not usual */
	else
		note_no_key(r, d);
}

static bool is_word(const struct tree_node *n, const char *word)
{
	return n && n->kind == TREE_SCALAR && str_eq(n->text, str_from_z(word));
}

static void disable(struct reader *r, const struct draft *d, const struct tree_node *at,
                    str variable)
{
	if (is_word(found_value(&d->found, "key"), "store")) {
		note(r, NOTE_EMPTY_KEY, at,
		     "the store has no key of provider \"%.*s\", which is disabled",
		     STR_ARG(d->p->name));
		note_hint(r, "sluice providers add %.*s", STR_ARG(d->p->name));
		d->p->disabled = STR("it has no key in the store");
		return;
	}
	note(r, NOTE_EMPTY_KEY, at, "%.*s is empty; provider \"%.*s\" is disabled",
	     STR_ARG(variable.len ? variable : STR("its key")), STR_ARG(d->p->name));
	d->p->disabled = STR("its key is empty");
}

static void read_key_way(struct reader *r, struct draft *d)
{
	const struct tree_node *one = found_value(&d->found, "key");
	const struct tree_node *several = found_value(&d->found, "keys");
	struct provider *p = d->p;
	unsigned errors = r->notes->errors;

	p->keys = arena_array(r->keep, struct secret, KEYS_MOST);
	if (one && several) {
		note(r, NOTE_BOTH, several, "key and keys exclude each other");
		return;
	}
	if (is_word(one, "none")) {
		p->auth = AUTH_NONE;
		return;
	}
	if (is_word(one, "store"))
		d->is_empty = !keys_from_store(r, d);
	else if (one)
		read_key(r, d, one);
	else if (several)
		read_keys(r, d, several);
	else
		key_from_environment(r, d);
	if (p->key_count == 0 && d->is_empty && r->notes->errors == errors)
		disable(r, d,
		        one       ? one
		        : several ? several
		                  : d->at,
		        one       ? one->variable
		        : several ? several->first->value->variable
		                  : known_variable(&d->known, 0));
	if (p->key_count > 0 && p->auth == AUTH_NONE && !found_value(&d->found, "auth"))
		p->auth = AUTH_BEARER;
}

/* ---- a secret that signs ---- */

/* The three of them come from one place, or they would not fit each other. */
static const struct {
	const char *key, *variable;
	bool may_lack;
} signing[] = {
	{ "access_key", "AWS_ACCESS_KEY_ID", false },
	{ "secret_key", "AWS_SECRET_ACCESS_KEY", false },
	{ "session_token", "AWS_SESSION_TOKEN", true },
};

static bool is_region(str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!(s.ptr[i] >= 'a' && s.ptr[i] <= 'z') && !char_is_digit(s.ptr[i]) &&
		    s.ptr[i] != '-')
			return false;
	return s.len > 0 && s.len <= NAME_MOST;
}

static void read_region(struct reader *r, struct draft *d)
{
	const struct tree_node *written = found_value(&d->found, "region");
	struct provider *p = d->p;

	for (unsigned i = 0; i < d->extras.count && !written; i++)
		if (str_eq(d->extra[i].name, STR("aws_region")))
			written = d->extra[i].value;
	if (p->region.len == 0 && written && written->kind == TREE_SCALAR)
		p->region = arena_copy(r->keep, written->text);
	if (p->region.len == 0)
		p->region = arena_copy(r->keep, str_from_z(reader_env(r, "AWS_REGION")));
	if (p->region.len == 0) {
		draft_misses(r, d, STR("AWS_REGION"));
		/* The URL of the catalogue asks for it anyway. */
		if (!url_has_variable(d->known.facts.url, STR("AWS_REGION")) ||
		    found_value(&d->found, "url")) {
			note(r, NOTE_MISSING_KEY, d->at,
			     "provider \"%.*s\" needs the key \"region\", which is "
			     "signed for",
			     STR_ARG(p->name));
			note_hint(r, "write region: us-east-1, or set the variable "
			             "AWS_REGION");
		}
	} else if (!is_region(p->region)) {
		const struct tree_node unwritten = { .variable = STR("AWS_REGION") };
		const struct tree_node *said = written ? written : &unwritten;

		note(r, NOTE_VALUE, written ? written : d->at,
		     "region: %s%.*s%s is not a region of AWS", QUOTE_ARG(said));
		note_hint(r, "write it like this: us-east-1");
	}
}

static void read_signing(struct reader *r, struct draft *d)
{
	struct provider *p = d->p;
	struct aws_credentials *aws = &p->aws;
	struct secret access_key = { 0 };
	struct secret *const to[] = { &access_key, &aws->secret_key,
		                      &aws->session_token };
	bool is_written = written_for(d, WAY_SIGN) != NULL;

	aws->service = STR("bedrock");
	for (unsigned i = 0; i < countof(signing); i++) {
		const struct tree_node *node = found_value(&d->found, signing[i].key);
		const char *value = reader_env(r, signing[i].variable);
		bool is_missing = is_written ? !node : !value;

		d->is_empty = false;
		if (is_missing && !signing[i].may_lack) {
			if (!is_written)
				draft_misses(r, d, str_from_z(signing[i].variable));
			note(r, is_written ? NOTE_MISSING_KEY : NOTE_NO_CREDENTIAL, d->at,
			     is_written ? "provider \"%.*s\" has no %s"
			                : "provider \"%.*s\" has no %s, and its variable "
			                  "is not set",
			     STR_ARG(p->name), signing[i].key);
			note_hint(r, "write %s: \"${%s}\"%s", signing[i].key,
			          signing[i].variable,
			          is_written ? "" : ", or set that variable");
		} else if (!is_missing && node) {
			read_secret(r, d, signing[i].key, node, to[i]);
		} else if (!is_missing) {
			take_secret(r, d, signing[i].variable, str_from_z(value), d->at,
			            to[i]);
		}
		if (d->is_empty && !signing[i].may_lack) {
			disable(r, d, node ? node : d->at,
			        node ? node->variable : str_from_z(signing[i].variable));
			return;
		}
	}
	aws->access_key = arena_copy(r->keep, secret_reveal(&access_key));
	read_region(r, d);
}

/* ---- an account ---- */

static void read_account_way(struct reader *r, struct draft *d)
{
	const struct tree_node *written = found_value(&d->found, "credentials");
	const char *path = d->p->credentials_file;

	if (!written)
		path = reader_env(r, "GOOGLE_APPLICATION_CREDENTIALS");
	if (path && *path) {
		/* `private` was read; what the URL gives leave to is another place. */
		d->p->account = read_account(r, path, written ? written : d->at,
		                             d->p->allow_private);
		if (!d->p->account)
			draft_misses(r, d, str_from_z(path));
	} else if (!written) { /* else it was noted */
		draft_misses(r, d, STR("GOOGLE_APPLICATION_CREDENTIALS"));
		note(r, NOTE_NO_CREDENTIAL, d->at,
		     "provider \"%.*s\" has no credentials, and the variable "
		     "GOOGLE_APPLICATION_CREDENTIALS is not set",
		     STR_ARG(d->p->name));
		note_hint(r, "write credentials: /path/of/account.json");
	}
}

/* ---- which of them ---- */

static bool is_set(const struct reader *r, const char *variable)
{
	const char *value = reader_env(r, variable);

	return value && *value;
}

static bool key_is_set(struct reader *r, const struct draft *d)
{
	str name;

	for (unsigned i = 0; (name = known_variable(&d->known, i)).len > 0; i++)
		if (is_set(r, str_z(&r->work, name)))
			return true;
	return false;
}

/* Its way without a key, when the environment has what that needs, and neither that nor
 * the store has a key. */
static bool goes_without_key(struct reader *r, const struct draft *d)
{
	enum auth_kind other = d->known.row ? d->known.row->without_key : AUTH_NONE;

	return other != AUTH_NONE && !key_is_set(r, d) && !has_stored_key(r, d) &&
	       is_set(r, other == AUTH_SIGV4 ? "AWS_ACCESS_KEY_ID"
	                                     : "GOOGLE_APPLICATION_CREDENTIALS");
}

static enum auth_kind usual_auth(struct reader *r, const struct draft *d)
{
	const struct provider_row *row = d->known.row;
	const struct provider *p = d->p;
	bool is_row = row && p->format == row->format;

	if (written_for(d, WAY_KEY))
		return is_row ? row->auth : wire_format_auth(p->format);
	if (written_for(d, WAY_SIGN))
		return AUTH_SIGV4;
	if (written_for(d, WAY_ACCOUNT))
		return AUTH_SERVICE_ACCOUNT;
	if (goes_without_key(r, d))
		return row->without_key;
	return is_row ? row->auth : p->is_mock ? AUTH_NONE : wire_format_auth(p->format);
}

static enum auth_kind read_auth(struct reader *r, struct draft *d)
{
	const struct tree_node *written = found_value(&d->found, "auth");
	const struct config_section *section = &config_sections[SECTION_PROVIDER];
	unsigned index, place;
	int word;

	if (!written || written->kind != TREE_SCALAR)
		return usual_auth(r, d);
	word = config_word_find(
	        config_key_find(section, STR("auth"), &index, &place)->words,
	        written->text);
	return word >= 0 ? (enum auth_kind)word : usual_auth(r, d);
}
_Static_assert(AUTH_NONE == 0 && AUTH_BEARER == 1 && AUTH_API_KEY == 2 &&
                       AUTH_X_API_KEY == 3 && AUTH_X_GOOG_API_KEY == 4 &&
                       AUTH_SIGV4 == 5 && AUTH_SERVICE_ACCOUNT == 6,
               "the words of providers.NAME.auth are in this order");

/* What is written for another way than the chosen one. */
static void note_others(struct reader *r, const struct draft *d, enum way chosen)
{
	for (unsigned way = 0; way < WAYS; way++) {
		const struct tree_node *node =
		        way == chosen ? NULL : written_for(d, (enum way)way);

		if (!node)
			continue;
		if (written_for(d, chosen))
			note(r, NOTE_BOTH, node, "%s and %s exclude each other",
			     ways[chosen][0], ways[way][0]);
		else
			note(r, NOTE_BOTH, node, "%s does not belong to this auth",
			     ways[way][0]);
		note_hint(r, "one of: key, or access_key with secret_key, or "
		             "credentials");
	}
}

void read_credentials(struct reader *r, struct draft *d)
{
	enum way way;

	d->p->auth = read_auth(r, d);
	way = way_of(d->p->auth);
	note_others(r, d, way);
	switch (way) {
	case WAY_SIGN:
		read_signing(r, d);
		return;
	case WAY_ACCOUNT:
		read_account_way(r, d);
		return;
	case WAY_KEY:
	case WAYS:
		read_key_way(r, d);
	}
}
