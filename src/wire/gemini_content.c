/* gemini_content.c - messages as "systemInstruction" and "contents".
 *
 * Neighbours of one side become one content; parts are never joined, because signatures
 * belong to parts.  Results have a content of their own (the API takes a mixed one for
 * the model's), in the order of the calls they answer.
 *
 * Facts: wire-formats 6.2, 6.3, 13.2, 13.4. */
#include "wire/gemini.h"

#include <stdlib.h>

enum side { NOBODY, USER, RESULTS, MODEL };

enum { SORT_MOST = 256 }; /* results of one turn that are put in order */

struct out {
	struct chat_request *r;
	const struct gemini_model *model;
	struct json_writer *w;
	str *detail;
	enum side open;
	bool any;                         /* a content was written */
	bool has_called;                  /* the open content of the model has a call */
	jstr seal;                        /* for the part that comes next */
	const struct chat_message *asked; /* where the model's last turn begins */
	fault_t why;
};

static void refuse(struct out *o, fault_t why, str detail)
{
	if (o->why)
		return;
	o->why = why;
	*o->detail = detail;
}

/* ---- contents and parts ---- */

static void flush_seal(struct out *o);

static void close_content(struct out *o)
{
	if (o->open == NOBODY)
		return;
	if (o->open == MODEL)
		flush_seal(o);
	json_close(o->w, ']');
	json_close(o->w, '}');
	o->open = NOBODY;
}

static void open_content(struct out *o, enum side side)
{
	json_open(o->w, '{');
	json_key_str(o->w, STR("role"), side == MODEL ? STR("model") : STR("user"));
	json_key(o->w, STR("parts"));
	json_open(o->w, '[');
	o->open = side;
	o->any = true;
	o->has_called = false;
}

/* A turn of the user where the format needs one. */
static void write_dot(struct out *o)
{
	open_content(o, USER);
	json_open(o->w, '{');
	json_key_str(o->w, STR("text"), STR("."));
	json_close(o->w, '}');
	close_content(o);
}

/* What is written next stands in a content of that side. */
static void enter(struct out *o, enum side side)
{
	if (o->open == side)
		return;
	close_content(o);
	if (!o->any && side != USER) /* the user has to begin */
		write_dot(o);
	open_content(o, side);
}

static void open_part(struct out *o, enum side side)
{
	enter(o, side);
	json_open(o->w, '{');
}

/* Ends a part, with the signature that waits for it. */
static void close_part(struct out *o)
{
	if (o->seal.len && o->open == MODEL) {
		json_key_jstr(o->w, STR("thoughtSignature"), o->seal);
		o->seal = STR_NONE;
	}
	json_close(o->w, '}');
}

/* A signature that no part has taken stands on an empty text. */
static void flush_seal(struct out *o)
{
	if (!o->seal.len)
		return;
	open_part(o, MODEL);
	json_key_str(o->w, STR("text"), STR(""));
	close_part(o);
}

static void write_text(struct out *o, enum side side, jstr text)
{
	if (!text.len)
		return;
	open_part(o, side);
	json_key_jstr(o->w, STR("text"), text);
	close_part(o);
}

/* ---- media ---- */

/* The inside of a part. False: it cannot be said. */
static bool write_media(struct out *o, const struct chat_part *p)
{
	bool is_inline = p->source == SOURCE_BASE64;

	if (p->source == SOURCE_ID && o->r->from != WIRE_GEMINI) {
		refuse(o, FAULT_NOT_OFFERED, STR("a file id of another vendor"));
		return false;
	}
	json_key(o->w, is_inline ? STR("inlineData") : STR("fileData"));
	json_open(o->w, '{');
	json_key_jstr(o->w, STR("mimeType"), gemini_media_type(p));
	json_key_jstr(o->w, is_inline ? STR("data") : STR("fileUri"),
	              is_inline ? gemini_base64(o->r, p->data) : p->data);
	json_close(o->w, '}');
	if (p->name.len)
		chat_drop(o->r, STR("filename"));
	return true;
}

static void write_file(struct out *o, enum side side, const struct chat_part *p)
{
	switch (p->source) {
	case SOURCE_NONE:
		return;
	case SOURCE_TEXT:
		write_text(o, side, p->data);
		return;
	case SOURCE_BASE64:
	case SOURCE_URL:
	case SOURCE_ID:
		open_part(o, side);
		write_media(o, p);
		close_part(o);
		return;
	}
}

/* ---- the model's parts ---- */

/* Thoughts nobody signed are taken; those of another vendor are not its own. */
static void write_reasoning(struct out *o, const struct chat_part *p)
{
	bool fits = chat_seal_fits(&p->seal, WIRE_GEMINI);

	if (p->seal.origin != WIRE_GEMINI &&
	    (p->seal.origin != WIRE_NONE || o->r->from != WIRE_GEMINI)) {
		chat_drop(o->r, STR("reasoning"));
		return;
	}
	flush_seal(o);
	if (fits)
		o->seal = p->seal.blob;
	if (!p->text.len)
		return;
	open_part(o, MODEL);
	json_key_jstr(o->w, STR("text"), p->text);
	json_key_bool(o->w, STR("thought"), true);
	close_part(o);
}

/* Before Gemini 3 calls have no ids but those it gave, and are told apart by order. */
static bool takes_id(const struct out *o, jstr id)
{
	return id.len && (o->model->generation >= 3 || o->r->from == WIRE_GEMINI);
}

static void write_call(struct out *o, const struct chat_part *p)
{
	open_part(o, MODEL);
	json_key(o->w, STR("functionCall"));
	json_open(o->w, '{');
	if (takes_id(o, p->id))
		json_key_jstr(o->w, STR("id"), p->id);
	json_key_jstr(o->w, STR("name"), p->name);
	json_key(o->w, STR("args"));
	if (p->is_custom) {
		json_open(o->w, '{');
		json_key_jstr(o->w, STR("input"), p->args);
		json_close(o->w, '}');
	} else {
		json_raw(o->w, p->args.len ? p->args : STR("{}"));
	}
	json_close(o->w, '}');
	if (!o->seal.len && !o->has_called && o->model->generation >= 3)
		o->seal = STR(GEMINI_UNSIGNED);
	o->has_called = true;
	close_part(o);
}

static void write_foreign(struct out *o, enum side side, const struct chat_part *p)
{
	if (o->r->from != WIRE_GEMINI) /* named by chat_cross */
		return;
	flush_seal(o);
	enter(o, side);
	json_raw(o->w, p->raw.raw);
}

static void write_part(struct out *o, enum side side, const struct chat_part *p)
{
	switch (p->kind) {
	case CHAT_TEXT:
	case CHAT_REFUSAL:
		write_text(o, side, p->text);
		break;
	case CHAT_REASONING:
		if (side == MODEL)
			write_reasoning(o, p);
		break;
	case CHAT_IMAGE:
	case CHAT_AUDIO:
	case CHAT_VIDEO:
	case CHAT_FILE:
		write_file(o, side, p);
		break;
	case CHAT_CALL:
		if (side == MODEL)
			write_call(o, p);
		break;
	case CHAT_FOREIGN:
		write_foreign(o, side, p);
		break;
	case CHAT_RESULT:
		break;
	}
}

/* ---- results ---- */

/* An object as it is, anything else as one member of one. */
static void write_value(struct out *o, const struct chat_part *result, jstr text)
{
	str plain = chat_plain(o->r->keep, text);
	struct json_value v = { 0 };
	bool is_json = !json_check(plain, &json_limits_default, &v);

	if (is_json && v.type == JSON_OBJECT && !result->is_error) {
		json_raw(o->w, v.raw);
		return;
	}
	json_open(o->w, '{');
	json_key(o->w, result->is_error ? STR("error") : STR("output"));
	if (is_json && (v.type == JSON_OBJECT || v.type == JSON_ARRAY))
		json_raw(o->w, v.raw);
	else
		json_jstr(o->w, text);
	json_close(o->w, '}');
}

static void write_texts(struct out *o, const struct chat_part *result)
{
	json_open(o->w, '{');
	json_key(o->w, result->is_error ? STR("error") : STR("output"));
	json_open(o->w, '[');
	for (const struct chat_part *p = result->parts; p; p = p->next) {
		if (p->kind == CHAT_TEXT)
			json_jstr(o->w, p->text);
	}
	json_close(o->w, ']');
	json_close(o->w, '}');
}

static bool is_media(const struct chat_part *p)
{
	return (p->kind == CHAT_IMAGE || p->kind == CHAT_AUDIO || p->kind == CHAT_VIDEO ||
	        p->kind == CHAT_FILE) &&
	       p->source != SOURCE_NONE && p->source != SOURCE_TEXT;
}

static void write_result_media(struct out *o, const struct chat_part *result)
{
	bool any = false;

	for (const struct chat_part *p = result->parts; p; p = p->next) {
		if (!is_media(p))
			continue;
		if (!any) {
			json_key(o->w, STR("parts"));
			json_open(o->w, '[');
		}
		any = true;
		json_open(o->w, '{');
		write_media(o, p);
		json_close(o->w, '}');
	}
	if (any)
		json_close(o->w, ']');
}

/* The call a result answers, in the turn before it; *ret_place counts calls. */
static const struct chat_part *find_call(const struct chat_message *turn, jstr id,
                                         unsigned *ret_place)
{
	*ret_place = 0;
	for (; turn && turn->role == CHAT_ASSISTANT; turn = turn->next) {
		for (const struct chat_part *p = turn->parts; p; p = p->next) {
			if (p->kind != CHAT_CALL)
				continue;
			if (str_eq(p->id, id))
				return p;
			++*ret_place;
		}
	}
	return NULL;
}

static jstr name_of(struct out *o, const struct chat_part *result)
{
	unsigned place;
	const struct chat_part *call = find_call(o->asked, result->id, &place);
	jstr name = call ? call->name : chat_call_name(o->r, result->id);

	return name.len ? name : result->name;
}

static void write_result(struct out *o, const struct chat_part *result)
{
	jstr name = name_of(o, result);
	unsigned texts = 0;

	if (!name.len) {
		refuse(o, FAULT_BAD_REQUEST,
		       arena_printf(o->r->keep,
		                    "the tool result \"%.*s\" answers no call",
		                    STR_ARG(str_first(result->id, 64))));
		return;
	}
	for (const struct chat_part *p = result->parts; p; p = p->next)
		texts += p->kind == CHAT_TEXT;
	open_part(o, RESULTS);
	json_key(o->w, STR("functionResponse"));
	json_open(o->w, '{');
	if (takes_id(o, result->id))
		json_key_jstr(o->w, STR("id"), result->id);
	json_key_jstr(o->w, STR("name"), name);
	json_key(o->w, STR("response"));
	if (texts > 1)
		write_texts(o, result);
	else
		write_value(o, result, chat_join_text(o->r, result->parts, STR_NONE));
	if (o->model->generation >= 3)
		write_result_media(o, result);
	json_close(o->w, '}');
	close_part(o);
}

/* Files a result cannot hold: as text inside it they are lost, so they follow it. */
static void write_result_files(struct out *o, const struct chat_part *result)
{
	for (const struct chat_part *p = result->parts; p; p = p->next) {
		bool is_text = p->source == SOURCE_TEXT && p->kind == CHAT_FILE;

		if (is_text || (is_media(p) && o->model->generation < 3))
			write_file(o, USER, p);
	}
}

struct ordered {
	const struct chat_part *result;
	unsigned at; /* of its call among the calls, then its own place */
};

static int compare(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* All messages of results from m on; returns the last of them. */
static const struct chat_message *write_results(struct out *o,
                                                const struct chat_message *m)
{
	struct ordered list[SORT_MOST];
	const struct chat_message *end = m, *last = m;
	unsigned n = 0, total = 0;

	for (; end && end->role == CHAT_TOOL; last = end, end = end->next) {
		for (const struct chat_part *p = end->parts; p; p = p->next, total++) {
			if (n == SORT_MOST || p->kind != CHAT_RESULT)
				continue;
			unsigned place;
			find_call(o->asked, p->id, &place);
			place = min_of(place, (unsigned)SORT_MOST);
			list[n] = (struct ordered){ p, place * SORT_MOST + n };
			n++;
		}
	}
	if (total == n) {
		qsort(list, n, sizeof(list[0]), compare);
		for (unsigned i = 0; i < n; i++)
			write_result(o, list[i].result);
	}
	for (const struct chat_message *each = m; each != end; each = each->next) {
		for (const struct chat_part *p = each->parts; p; p = p->next) {
			if (total != n && p->kind == CHAT_RESULT)
				write_result(o, p);
		}
	}
	for (const struct chat_message *each = m; each != end; each = each->next) {
		for (const struct chat_part *p = each->parts; p; p = p->next) {
			if (p->kind == CHAT_RESULT)
				write_result_files(o, p);
			else
				write_part(o, USER, p);
		}
	}
	return last;
}

/* ---- messages ---- */

static const struct chat_message *write_system(struct out *o)
{
	const struct chat_message *m = o->r->messages;
	bool any = false;

	for (; m && m->role == CHAT_SYSTEM; m = m->next) {
		for (const struct chat_part *p = m->parts; p; p = p->next) {
			if (p->kind != CHAT_TEXT || !p->text.len)
				continue;
			if (!any) {
				json_key(o->w, STR("systemInstruction"));
				json_open(o->w, '{');
				json_key(o->w, STR("parts"));
				json_open(o->w, '[');
				any = true;
			}
			json_open(o->w, '{');
			json_key_jstr(o->w, STR("text"), p->text);
			json_close(o->w, '}');
		}
	}
	if (any) {
		json_close(o->w, ']');
		json_close(o->w, '}');
	}
	return m;
}

/* In the middle of a conversation the system speaks within the user's turn. */
static void write_late_system(struct out *o, const struct chat_message *m)
{
	for (const struct chat_part *p = m->parts; p; p = p->next) {
		if (p->kind != CHAT_TEXT || !p->text.len)
			continue;
		open_part(o, USER);
		json_key(o->w, STR("text"));
		json_raw(o->w, STR("\"<system>"));
		buf_add(o->w->to, p->text);
		buf_add(o->w->to, STR("</system>\""));
		close_part(o);
	}
}

static const struct chat_message *write_message(struct out *o,
                                                const struct chat_message *m)
{
	switch (m->role) {
	case CHAT_SYSTEM:
		write_late_system(o, m);
		break;
	case CHAT_TOOL:
		return write_results(o, m);
	case CHAT_USER:
		for (const struct chat_part *p = m->parts; p; p = p->next)
			write_part(o, USER, p);
		break;
	case CHAT_ASSISTANT:
		if (o->open != MODEL)
			o->asked = m;
		for (const struct chat_part *p = m->parts; p; p = p->next)
			write_part(o, MODEL, p);
		flush_seal(o);
		break;
	}
	return m;
}

fault_t gemini_write_contents(struct chat_request *r, const struct gemini_model *m,
                              struct json_writer *w, str *ret_detail)
{
	struct out o = { .r = r, .model = m, .w = w, .detail = ret_detail };
	const struct chat_message *at = write_system(&o);

	json_key(w, STR("contents"));
	json_open(w, '[');
	for (; at && !o.why; at = at->next)
		at = write_message(&o, at);
	close_content(&o);
	if (!o.any)
		write_dot(&o);
	json_close(w, ']');
	return o.why;
}
