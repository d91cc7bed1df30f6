/* chat_names.c - names of tools that a format cannot hold: said otherwise, and back.
 *
 * A client of Gemini may call a tool "files.read", and some call theirs in Chinese; most
 * vendors take 64 letters, digits, "_" and "-" and refuse the whole request for one more.
 * The name for the provider follows from the client's alone, so that the same history is
 * written the same way in every turn, for the sake of the vendors' caches.  It stands for
 * the tool in the request, its history and its choice; the emitter turns it back.
 *
 * Facts: the vendors' schemas of a function's name. */
#include "wire/chat.h"

enum { NAME_MOST = 64, HASH_DIGITS = 8 };

/* Gemini takes dots and colons too, but wants a letter or "_" in front. */
static bool is_kept(char c, bool is_first, enum wire_format to)
{
	bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

	if (is_letter)
		return true;
	if (to == WIRE_GEMINI && is_first)
		return false;
	return char_is_digit(c) || c == '-' ||
	       (to == WIRE_GEMINI && (c == '.' || c == ':'));
}

static bool fits(jstr name, enum wire_format to)
{
	for (size_t i = 0; i < name.len; i++) {
		if (!is_kept(name.ptr[i], i == 0, to))
			return false;
	}
	return name.len <= NAME_MOST;
}

/* FNV-1a, of the name as it is meant. */
static uint32_t hash_of(str name, uint32_t salt)
{
	uint32_t hash = 2166136261u + salt;

	for (size_t i = 0; i < name.len; i++)
		hash = (hash ^ (unsigned char)name.ptr[i]) * 16777619u;
	return hash;
}

/* What fits of the name, and a hash of all of it. */
static jstr make_name(struct chat_request *r, str name, enum wire_format to,
                      uint32_t salt)
{
	char text[NAME_MOST];
	size_t n = 0;

	for (size_t i = 0; i < name.len && n < NAME_MOST - HASH_DIGITS - 1; i++) {
		char c = name.ptr[i];

		if ((c & 0xc0) == 0x80)
			continue; /* one "_" for a character */
		text[n] = is_kept(c, n == 0, to) ? c : '_';
		n++;
	}
	return arena_printf(r->keep, "%.*s_%08x", (int)n, text, hash_of(name, salt));
}

static void each_name(struct chat_request *r,
                      void (*visit)(struct chat_request *r, jstr *name,
                                    enum wire_format to),
                      enum wire_format to)
{
	for (struct chat_tool *t = r->tools; t; t = t->next) {
		if (t->kind == TOOL_FUNCTION || t->kind == TOOL_CUSTOM)
			visit(r, &t->name, to);
	}
	for (struct chat_message *m = r->messages; m; m = m->next) {
		for (struct chat_part *p = m->parts; p; p = p->next) {
			if (p->kind == CHAT_CALL)
				visit(r, &p->name, to);
		}
	}
	visit(r, &r->choose_name, to);
	for (unsigned i = 0; i < r->allowed_count; i++)
		visit(r, &r->allowed[i], to);
}

static const struct chat_renamed *find_by_client(const struct chat_request *r, jstr name)
{
	const struct chat_renamed *n = r->renamed;

	while (n && !str_eq(n->client, name))
		n = n->next;
	return n;
}

static const struct chat_renamed *find_by_provider(const struct chat_renamed *n,
                                                   jstr name)
{
	while (n && !str_eq(n->provider, name))
		n = n->next;
	return n;
}

static bool is_taken(const struct chat_request *r, jstr name)
{
	for (const struct chat_tool *t = r->tools; t; t = t->next) {
		if (str_eq(t->name, name))
			return true;
	}
	return find_by_provider(r->renamed, name);
}

static void rename_one(struct chat_request *r, jstr *name, enum wire_format to)
{
	const struct chat_renamed *known;
	struct chat_renamed *n;
	str plain;

	if (fits(*name, to))
		return;
	known = find_by_client(r, *name);
	if (known) {
		*name = known->provider;
		return;
	}
	n = arena_try(r->keep, sizeof(*n));
	if (!n) {
		r->why = r->why ? r->why : FAULT_JSON_LIMIT;
		return;
	}
	plain = chat_plain(r->keep, *name);
	*n = (struct chat_renamed){ .next = r->renamed, .client = *name };
	for (uint32_t salt = 0; !salt || is_taken(r, n->provider); salt++)
		n->provider = make_name(r, plain, to, salt);
	r->renamed = n;
	*name = n->provider;
}

static void name_back(struct chat_request *r, jstr *name, enum wire_format to)
{
	(void)to;
	*name = chat_client_name(r->renamed, *name);
}

void chat_rename_tools(struct chat_request *r, enum wire_format to)
{
	if (r->renamed)
		each_name(r, name_back, to);
	r->renamed = NULL;
	if (r->from != to)
		each_name(r, rename_one, to);
}

jstr chat_client_name(const struct chat_renamed *renamed, jstr name)
{
	const struct chat_renamed *n = find_by_provider(renamed, name);

	return n ? n->client : name;
}
