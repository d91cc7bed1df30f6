/* chat_lost.c - what a request says that the target has no word for: named as dropped, or
 * refused (concept.def says which), always in the client's own words.
 *
 * A request is written for several targets, one after the other or beside one another,
 * and their answers come in any order.  So it is said otherwise only while it is written
 * (chat_cross to chat_uncross), and what that means for the answer goes with the attempt
 * (struct chat_written). */
#include "wire/chat.h"

#include <stdarg.h>
#include <stdio.h>

enum { NAME_MOST = 120 };

void chat_mark(struct chat_request *r, enum concept concept)
{
	r->marked[concept / 64] |= (uint64_t)1 << concept % 64;
}

bool chat_is_marked(const struct chat_request *r, enum concept concept)
{
	return r->marked[concept / 64] >> concept % 64 & 1;
}

/* Names go into a header line: what has no place there becomes '?'. */
static void clean(char *to, str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		to[i] = c > ' ' && c < 127 && c != ',' ? c : '?';
	}
}

static str clean_name(struct chat_request *r, str name)
{
	char *room = arena_try(r->keep, name.len ? name.len : 1);

	if (!room)
		return STR_NONE;
	clean(room, name);
	return str_of(room, name.len);
}

enum concept chat_foreign_of(const struct chat_message *m)
{
	bool is_clients = m && (m->role == CHAT_USER || m->role == CHAT_SYSTEM);

	return is_clients ? CONCEPT_FOREIGN_PART : CONCEPT_FOREIGN_BLOCK;
}

void chat_mark_as(struct chat_request *r, enum concept concept, const char *fmt, ...)
{
	char text[NAME_MOST + 1];
	struct chat_odd **at = &r->odd, *odd;
	unsigned count = 0;
	va_list args;
	str name;
	int n;

	chat_mark(r, concept);
	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	name = str_of(text, n > 0 ? min_of((size_t)n, sizeof(text) - 1) : 0);
	clean(text, name);
	for (; *at; at = &(*at)->next) {
		if ((*at)->concept == concept && str_eq((*at)->name, name))
			return;
		count++;
	}
	odd = count < CHAT_DROPS ? arena_try(r->keep, sizeof(*odd)) : NULL;
	if (!odd)
		return;
	*odd = (struct chat_odd){ .concept = concept,
		                  .name = arena_printf(r->keep, "%.*s", STR_ARG(name)) };
	*at = odd;
}

void chat_drop(struct chat_request *r, str name)
{
	name = str_first(name, NAME_MOST);
	for (unsigned i = 0; i < r->dropped_count; i++) {
		if (str_eq(r->dropped[i], name))
			return;
	}
	if (r->dropped_count == CHAT_DROPS) {
		r->dropped_more++;
		return;
	}
	name = clean_name(r, name);
	for (unsigned i = 0; i < r->dropped_count; i++) {
		if (str_eq(r->dropped[i], name))
			return;
	}
	if (name.len)
		r->dropped[r->dropped_count++] = name;
}

void chat_dropf(struct chat_request *r, const char *fmt, ...)
{
	char text[NAME_MOST + 1];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n > 0)
		chat_drop(r, str_of(text, min_of((size_t)n, sizeof(text) - 1)));
}

static bool is_said(const struct chat_request *r, unsigned i)
{
	if (i == CONCEPT_STORE) /* who asks to keep nothing gets that anyway */
		return r->options[i].type == JSON_TRUE;
	return chat_is_marked(r, (enum concept)i) || r->options[i].type != JSON_NONE;
}

/* In the client's own words where it has some. */
static str name_of(const struct chat_request *r, unsigned i)
{
	str path = concepts[i].path[r->from];

	if (path.len)
		return path;
	/* Of one account, so no format has a place for it in another. */
	if (i == CONCEPT_FILE_ID || i == CONCEPT_IMAGE_ID)
		return r->from == WIRE_GEMINI ? STR("fileUri") : STR("file_id");
	/* Both stand in one list. */
	if (i == CONCEPT_IMAGE_OUT)
		return concepts[CONCEPT_AUDIO_OUT].path[r->from];
	if (i == CONCEPT_AUDIO_OUT)
		return concepts[CONCEPT_IMAGE_OUT].path[r->from];
	for (const struct chat_odd *odd = r->odd; odd; odd = odd->next) {
		if ((unsigned)odd->concept == i)
			return odd->name;
	}
	return concepts[i].name;
}

/* One that goes by several names is dropped under each. */
static void drop_concept(struct chat_request *r, unsigned i)
{
	chat_drop(r, name_of(r, i));
	for (const struct chat_odd *odd = r->odd; odd; odd = odd->next) {
		if ((unsigned)odd->concept == i)
			chat_drop(r, odd->name);
	}
}

/* Agents offer a vendor's search beside tools of their own, and do without it. */
static bool is_optional(const struct chat_request *r, unsigned i)
{
	return (i == CONCEPT_WEB_SEARCH || i == CONCEPT_CODE_TOOL ||
	        i == CONCEPT_FETCH_TOOL) &&
	       chat_has_functions(r);
}

/* A Gemini client wants all calls to fit their schemas: where that is said tool by tool,
 * it holds for those with a closed schema alone. */
static void drop_validation(struct chat_request *r)
{
	const enum concept strict = CONCEPT_TOOL_STRICT;

	if (r->options[strict].type == JSON_NONE)
		return;
	for (const struct chat_tool *t = r->tools; t; t = t->next) {
		if (t->kind == TOOL_FUNCTION && t->strict != TRI_YES) {
			chat_drop(r, concepts[strict].path[r->from]);
			return;
		}
	}
}

fault_t chat_cross(struct chat_request *r, enum wire_format to, str *ret_detail)
{
	chat_free_choice(r, to);
	chat_rename_tools(r, to);
	chat_wrap_custom(r, chat_wraps_custom(r->from, to));
	if (r->from == to)
		return NULL;
	for (unsigned i = 0; i < CONCEPTS; i++) {
		if (concepts[i].path[to].len || !is_said(r, i))
			continue;
		switch (is_optional(r, i) ? DROP : concepts[i].lost) {
		case REFUSE:
			*ret_detail = arena_printf(
			        r->keep, "\"%.*s\" cannot be said in the format %.*s",
			        STR_ARG(name_of(r, i)), STR_ARG(wire_format_name(to)));
			return FAULT_NOT_OFFERED;
		case DROP:
			drop_concept(r, i);
			break;
		case QUIET:
		case OURS:
			break;
		}
	}
	drop_validation(r);
	return NULL;
}

/* ---- and back ---- */

static bool is_custom(const struct chat_tool *t)
{
	return t->was_custom || t->kind == TOOL_CUSTOM;
}

static void keep_customs(struct chat_request *r, struct chat_written *to)
{
	unsigned count = 0;
	jstr *names;

	for (const struct chat_tool *t = r->tools; t; t = t->next)
		count += is_custom(t);
	if (!count)
		return;
	names = arena_try(r->keep, count * sizeof(*names));
	if (!names) {
		r->why = r->why ? r->why : FAULT_JSON_LIMIT;
		return;
	}
	for (const struct chat_tool *t = r->tools; t; t = t->next) {
		if (is_custom(t))
			names[to->custom_count++] = t->name;
	}
	to->customs = names;
}

void chat_uncross(struct chat_request *r, struct chat_written *ret)
{
	*ret = (struct chat_written){ .renamed = r->renamed,
		                      .stops_kept = r->stops_kept };
	if (r->answer_tool)
		ret->answer = r->answer_tool->name;
	keep_customs(r, ret);
	r->stops_kept = 0;
	chat_schema_undo(r);
	chat_free_choice(r, r->from);
	chat_rename_tools(r, r->from);
	chat_wrap_custom(r, false);
}
