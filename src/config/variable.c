/* variable.c - ${NAME}, ${NAME:-default}, ${NAME:?why} and $$ in values.
 *
 * Variables are resolved after parsing and inside scalars only, so a value can never
 * inject structure.  Keys are left alone; a '$' before anything else stays as it is
 * ("$500/month").  Every unset variable of the file is told in the same run.
 *
 * A lenient reading tells none of those that only the gateway needs; their providers are
 * marked. */
#include "config/reader.h"

#include "base/mem.h"

enum { EXPANDED_MOST = 1024 * 1024 };

struct variable {
	str name;
	char mode; /* 0, '-' or '?' */
	str rest;  /* the default, or why it is needed */
};

static bool is_name(str s)
{
	if (s.len == 0 || s.len > 128 || char_is_digit(s.ptr[0]))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char low = char_lower(s.ptr[i]);

		if (!(low >= 'a' && low <= 'z') && !char_is_digit(low) && low != '_')
			return false;
	}
	return true;
}

/* *text begins behind "${" and is moved behind the "}". */
static bool parse_variable(str *text, struct variable *ret)
{
	size_t end = str_find(*text, '}');
	struct variable v = { 0 };
	str inner = str_first(*text, end);

	if (end == text->len || str_has(inner, STR("${")))
		return false;
	*text = str_from(*text, end + 1);
	v.name = str_cut(&inner, ':');
	if (!is_name(v.name))
		return false;
	if (v.name.ptr[v.name.len] == ':') {
		v.mode = (char)(inner.len ? inner.ptr[0] : ' ');
		v.rest = str_from(inner, 1);
		if (v.mode != '-' && v.mode != '?')
			return false;
	}
	*ret = v;
	return true;
}

/* True: it may lack, which is remembered. */
static bool lacks(struct reader *r, const struct variable *v)
{
	if (r->may_lack && r->missed.len == 0)
		r->missed = arena_copy(&r->work, v->name);
	return r->may_lack;
}

/* $$ is a dollar sign in a default, too. */
static str without_escapes(struct reader *r, str text)
{
	char *to = arena_alloc(&r->work, text.len + 1);
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		to[n++] = text.ptr[i];
		if (text.ptr[i] == '$' && i + 1 < text.len && text.ptr[i + 1] == '$')
			i++;
	}
	return str_of(to, n);
}

/* The value, and false when there is none (which was noted, or may be). */
static bool look_up(struct reader *r, struct tree_node *n, const struct variable *v,
                    str *ret)
{
	char name[160];
	const char *value;

	memcpy(name, v->name.ptr, v->name.len);
	name[v->name.len] = 0;
	value = reader_env(r, name);
	if (n->variable.len == 0)
		n->variable = arena_copy(&r->work, v->name);
	if (v->mode && (!value || !*value)) {
		*ret = without_escapes(r, v->rest);
		n->may_be_empty |= v->mode == '-' && v->rest.len == 0;
		if (v->mode == '-' && !value && v->rest.len == 0)
			lacks(r, v);
		if (v->mode == '-')
			return true;
		if (lacks(r, v))
			return false;
		note(r, NOTE_UNSET, n, "the variable %s is %s: %.*s", name,
		     value ? "empty" : "not set", STR_ARG(v->rest));
		return false;
	}
	if (!value && lacks(r, v))
		return false;
	if (!value) {
		note(r, NOTE_UNSET, n, "the variable %s is not set", name);
		note_hint(r, "set it, or write ${%s:-} if it may be missing", name);
		return false;
	}
	*ret = str_from_z(value);
	return true;
}

/* Adds the value of the variable behind "${" to `to`. */
static bool expand_one(struct reader *r, struct tree_node *n, str *text, struct buf *to)
{
	struct variable v;
	str value;

	if (!parse_variable(text, &v)) {
		note(r, NOTE_VARIABLE, n, "a malformed variable");
		note_hint(r, "write ${NAME}, ${NAME:-default} or ${NAME:?why}; $$ is a "
		             "dollar sign");
		return false;
	}
	if (!look_up(r, n, &v, &value))
		return false;
	r->expanded += value.len;
	if (r->expanded > EXPANDED_MOST ||
	    memchr(value.ptr ? value.ptr : "", '\n', value.len)) {
		note(r, NOTE_VARIABLE, n, "the value of %.*s %s", STR_ARG(v.name),
		     r->expanded > EXPANDED_MOST ? "is too long" : "has a line break");
		return false;
	}
	return buf_add(to, value);
}

static void resolve_scalar(struct reader *r, struct tree_node *n)
{
	struct buf out = BUF_LIMIT(EXPANDED_MOST + MiB);
	str text = n->text;

	n->is_bare = text.len > 0 && text.ptr[0] == '$' && is_name(str_from(text, 1));
	while (text.len > 0 && !n->is_broken) {
		buf_add(&out, str_take(&text, str_find(text, '$')));
		if (str_skip(&text, STR("${")))
			n->is_broken = !expand_one(r, n, &text, &out);
		else if (str_skip(&text, STR("$$")) || str_skip(&text, STR("$")))
			buf_add_char(&out, '$');
	}
	if (!n->is_broken)
		n->text = arena_copy(&r->work, buf_str(&out));
	if (out.ptr)
		mem_wipe(out.ptr, out.len); /* most often a key */
	buf_free(&out);
}

void resolve_variables(struct reader *r, struct tree_node *n)
{
	if (n->is_resolved)
		return;
	n->is_resolved = true;
	if (n->kind == TREE_SCALAR && str_find(n->text, '$') < n->text.len)
		resolve_scalar(r, n);
	for (struct tree_item *it = n->first; it; it = it->next)
		resolve_variables(r, it->value);
}

static void resolve_leniently(struct reader *r, struct tree_node *n)
{
	r->may_lack = true;
	r->missed = STR_NONE;
	resolve_variables(r, n);
	n->missing = r->missed;
	r->may_lack = false;
}

void resolve_file(struct reader *r, struct tree_node *root)
{
	struct tree_node *providers = tree_find(root, STR("providers"));
	struct tree_node *telemetry = tree_find(root, STR("telemetry"));

	if (r->source->lenient && providers)
		for (struct tree_item *it = providers->first; it; it = it->next)
			resolve_leniently(r, it->value);
	if (r->source->lenient && telemetry)
		resolve_leniently(r, telemetry);
	resolve_variables(r, root);
}
