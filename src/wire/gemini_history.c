/* gemini_history.c - the contents of a request as messages.
 *
 * Calls may lack ids, and results then name only the function: ids are made here, and
 * results are matched by name, in their order.  A signature on a part becomes a REASONING
 * part without text before it.  Clients that saw a stream send a thought back in the
 * pieces they got; they are joined, up to the one that is signed.
 *
 * Facts: wire-formats 6.2, 6.3, 13.4. */
#include "wire/gemini.h"

#include "codec/json_text.h"

enum { LOOK_MOST = 512 }; /* open calls looked at for one result */

/* A call that no result has answered yet. */
struct open_call {
	struct open_call *next;
	jstr name, id;
};

struct history {
	struct chat_request *r;
	str *detail;
	struct open_call *open, **open_end;
	unsigned calls; /* ids made */
	bool in_model;  /* the last content was the model's */
};

enum {
	TEXT,
	THOUGHT,
	SIGNATURE,
	INLINE,
	FILE_DATA,
	CALL,
	RESPONSE,
	CODE,
	CODE_RESULT,
	TOOL_CALL,
	TOOL_RESPONSE,
	PART_NAMES
};

static const struct gemini_name part_names[PART_NAMES] = {
	[TEXT] = GEMINI_ONE("text"),
	[THOUGHT] = GEMINI_ONE("thought"),
	[SIGNATURE] = GEMINI_TWO("thoughtSignature", "thought_signature"),
	[INLINE] = GEMINI_TWO("inlineData", "inline_data"),
	[FILE_DATA] = GEMINI_TWO("fileData", "file_data"),
	[CALL] = GEMINI_TWO("functionCall", "function_call"),
	[RESPONSE] = GEMINI_TWO("functionResponse", "function_response"),
	[CODE] = GEMINI_TWO("executableCode", "executable_code"),
	[CODE_RESULT] = GEMINI_TWO("codeExecutionResult", "code_execution_result"),
	[TOOL_CALL] = GEMINI_TWO("toolCall", "tool_call"),
	[TOOL_RESPONSE] = GEMINI_TWO("toolResponse", "tool_response"),
};

/* In one walk by either name; where both are, by the first. */
static struct json_value get(struct json_value object, unsigned name)
{
	const struct gemini_name *names = &part_names[name];
	struct json_value found = { .type = JSON_NONE };
	struct json_member m;

	for (struct json_iter it = json_iter(object);
	     object.type == JSON_OBJECT && json_next(&it, &m);) {
		if (json_inside_is(m.key, names->camel))
			return m.value;
		if (found.type == JSON_NONE && names->snake.len &&
		    json_inside_is(m.key, names->snake))
			found = m.value;
	}
	return found;
}

static fault_t refuse(struct history *h, str what)
{
	*h->detail = what;
	return FAULT_BAD_REQUEST;
}

/* ---- media ---- */

static void mark_media(struct chat_request *r, const struct chat_part *p)
{
	static const enum concept marks[][3] = {
		[CHAT_IMAGE] = { CONCEPT_IMAGE_INLINE, CONCEPT_IMAGE_URL,
		                 CONCEPT_IMAGE_ID },
		[CHAT_AUDIO] = { CONCEPT_AUDIO_IN, CONCEPT_AUDIO_IN, CONCEPT_FILE_ID },
		[CHAT_VIDEO] = { CONCEPT_VIDEO_IN, CONCEPT_VIDEO_IN, CONCEPT_FILE_ID },
		[CHAT_FILE] = { CONCEPT_FILE_INLINE, CONCEPT_FILE_URL, CONCEPT_FILE_ID },
	};

	chat_mark(r, marks[p->kind][p->source == SOURCE_BASE64 ? 0
	                            : p->source == SOURCE_URL  ? 1
	                                                       : 2]);
}

/* inlineData or fileData, as the fields of a part. */
static struct chat_part read_media(struct chat_request *r, struct json_value blob,
                                   struct json_value file)
{
	enum { MIME, DATA, URI, NAME, NAMES };
	static const struct gemini_name names[NAMES] = {
		[MIME] = GEMINI_TWO("mimeType", "mime_type"),
		[DATA] = GEMINI_ONE("data"),
		[URI] = GEMINI_TWO("fileUri", "file_uri"),
		[NAME] = GEMINI_TWO("displayName", "display_name"),
	};
	bool is_inline = blob.type == JSON_OBJECT;
	struct json_value v[NAMES];
	struct chat_part p = { .source = is_inline ? SOURCE_BASE64 : SOURCE_URL };

	gemini_pick(r, is_inline ? blob : file, STR("contents[].parts[]"), names, NAMES,
	            v);
	p.data = chat_text(r, v[is_inline ? DATA : URI]);
	p.name = chat_text(r, v[NAME]);
	p.media_type = chat_text(r, v[MIME]);
	if (is_inline)
		p.data = gemini_base64(r, p.data);
	else if (gemini_is_own_file(p.data))
		p.source = SOURCE_ID;
	p.kind = gemini_kind_of(gemini_media_type(&p));
	return p;
}

static void add_media(struct chat_request *r, struct chat_part *to,
                      const struct chat_part *media)
{
	to->source = media->source;
	to->data = media->data;
	to->media_type = media->media_type;
	to->name = media->name;
	mark_media(r, to);
}

/* ---- calls and results ---- */

static void read_call(struct history *h, struct chat_message *m, struct json_value call)
{
	enum { ID, NAME, ARGS, NAMES };
	static const struct gemini_name names[NAMES] = { [ID] = GEMINI_ONE("id"),
		                                         [NAME] = GEMINI_ONE("name"),
		                                         [ARGS] = GEMINI_ONE("args") };
	struct chat_request *r = h->r;
	struct json_value v[NAMES];
	struct chat_part *p = chat_add_part(r, m, CHAT_CALL);
	struct open_call *open = arena_try(r->keep, sizeof(*open) + 24);

	gemini_pick(r, call, STR("functionCall"), names, NAMES, v);
	p->name = chat_text(r, v[NAME]);
	p->id = chat_text(r, v[ID]);
	p->args = v[ARGS].type == JSON_OBJECT ? v[ARGS].raw : STR("{}");
	h->calls++;
	if (!open) {
		r->why = r->why ? r->why : FAULT_JSON_LIMIT;
		return;
	}
	if (!p->id.len) {
		struct buf id = BUF_LIMIT(24);

		buf_addf(&id, "call_g%u", h->calls);
		memcpy(open + 1, id.ptr, id.len);
		p->id = str_of((char *)(open + 1), id.len);
		buf_free(&id);
	}
	*open = (struct open_call){ .name = p->name, .id = p->id };
	*h->open_end = open;
	h->open_end = &open->next;
}

/* Takes the open call a result belongs to; its id, or none. */
static jstr close_call(struct history *h, jstr name, jstr id)
{
	struct open_call **at = &h->open;

	for (unsigned i = 0; *at && i < LOOK_MOST; i++, at = &(*at)->next) {
		struct open_call *c = *at;

		if (id.len ? !str_eq(c->id, id) : !str_eq(c->name, name))
			continue;
		*at = c->next;
		if (h->open_end == &c->next)
			h->open_end = at;
		return c->id;
	}
	return id;
}

static jstr text_of(struct chat_request *r, struct json_value v)
{
	return v.type == JSON_STRING ? chat_text(r, v) : chat_escape(r->keep, v.raw);
}

/* {"output": x} and {"error": x} are x; anything else is meant as a whole. */
static void read_response(struct chat_request *r, struct chat_part *result,
                          struct json_value response)
{
	struct json_iter it = json_iter(response);
	struct json_member first, second;
	struct json_value said = response;

	if (json_next(&it, &first) && !json_next(&it, &second) &&
	    response.type == JSON_OBJECT) {
		result->is_error = str_eq(first.key, STR("error"));
		if (result->is_error || str_eq(first.key, STR("output")))
			said = first.value;
	}
	jstr text = text_of(r, said);
	if (text.len)
		chat_add_inner(r, result, CHAT_TEXT)->text = text;
}

static void read_result(struct history *h, struct chat_message *m,
                        struct json_value response)
{
	enum { ID, NAME, SAID, PARTS, NAMES };
	static const struct gemini_name names[NAMES] = {
		[ID] = GEMINI_ONE("id"),
		[NAME] = GEMINI_ONE("name"),
		[SAID] = GEMINI_ONE("response"),
		[PARTS] = GEMINI_ONE("parts"),
	};
	struct chat_request *r = h->r;
	struct json_value v[NAMES], single, part;
	struct chat_part *p = chat_add_part(r, m, CHAT_RESULT);

	gemini_pick(r, response, STR("functionResponse"), names, NAMES, v);
	p->name = chat_text(r, v[NAME]);
	p->id = close_call(h, p->name, chat_text(r, v[ID]));
	if (!p->id.len) /* of no call; only its own format takes that */
		chat_mark_as(r, CONCEPT_FOREIGN_PART,
		             "contents[].parts[].functionResponse");
	if (v[SAID].type != JSON_NONE)
		read_response(r, p, v[SAID]);
	for (struct json_iter it = gemini_items(v[PARTS], &single);
	     gemini_next(&it, &single, &part);) {
		struct json_value blob = get(part, INLINE), file = get(part, FILE_DATA);

		if (blob.type != JSON_OBJECT && file.type != JSON_OBJECT) {
			chat_drop(r, STR("functionResponse.parts[]"));
			continue;
		}
		struct chat_part media = read_media(r, blob, file);
		add_media(r, chat_add_inner(r, p, media.kind), &media);
	}
}

/* ---- parts ---- */

static bool is_thought(struct json_value part)
{
	return get(part, THOUGHT).type == JSON_TRUE &&
	       get(part, TEXT).type == JSON_STRING;
}

static void add_seal(struct history *h, struct chat_message *m,
                     struct json_value signature)
{
	struct chat_seal seal;

	if (!json_has_text(signature))
		return;
	seal = gemini_seal_read(h->r, chat_text(h->r, signature));
	if (seal.origin != WIRE_NONE)
		chat_add_part(h->r, m, CHAT_REASONING)->seal = seal;
}

/* One thought: this part and those behind it, up to a signature. */
static void read_thought(struct history *h, struct chat_message *m,
                         struct json_value part, struct json_iter *it)
{
	struct chat_request *r = h->r;
	struct json_value signature = get(part, SIGNATURE);
	struct json_iter ahead = *it;
	struct json_member next;
	struct chat_part *p = chat_add_part(r, m, CHAT_REASONING);
	jstr text = chat_text(r, get(part, TEXT));
	size_t length = text.len, at = 0;
	unsigned more = 0;

	while (!json_has_text(signature) && json_next(&ahead, &next) &&
	       is_thought(next.value)) {
		signature = get(next.value, SIGNATURE);
		length += chat_text(r, get(next.value, TEXT)).len;
		more++;
	}
	p->text = text;
	if (json_has_text(signature))
		p->seal = gemini_seal_read(r, chat_text(r, signature));
	if (!more)
		return;
	char *room = arena_try(r->keep, length + 1);
	for (;; more--) {
		if (room && text.len) {
			memcpy(room + at, text.ptr, text.len);
			at += text.len;
		}
		if (more == 0 || !json_next(it, &next))
			break;
		text = chat_text(r, get(next.value, TEXT));
	}
	if (room)
		p->text = str_of(room, at);
	else if (!r->why)
		r->why = FAULT_JSON_LIMIT;
}

static void add_foreign(struct history *h, struct chat_message *m, struct json_value part,
                        str name)
{
	chat_add_part(h->r, m, CHAT_FOREIGN)->raw = part;
	chat_mark_as(h->r, chat_foreign_of(m), "contents[].parts[].%.*s", STR_ARG(name));
}

/* A part with nothing that is known here: by what stands in it first. */
static void read_unknown(struct history *h, struct chat_message *m,
                         struct json_value part)
{
	struct json_iter it = json_iter(part);
	struct json_member first;

	while (json_next(&it, &first)) {
		if (first.value.type == JSON_NULL ||
		    str_starts(first.key, STR("thought")))
			continue;
		add_foreign(h, m, part, first.key);
		return;
	}
}

static fault_t read_part(struct history *h, struct chat_message *m,
                         struct json_value part)
{
	struct chat_request *r = h->r;
	struct json_value v[PART_NAMES];

	gemini_pick(r, part, STR("contents[].parts[]"), part_names, PART_NAMES, v);
	for (unsigned i = CODE; i < PART_NAMES; i++) {
		if (v[i].type != JSON_NONE) {
			add_foreign(h, m, part, part_names[i].camel);
			return NULL;
		}
	}
	add_seal(h, m, v[SIGNATURE]);
	if (v[CALL].type == JSON_OBJECT) {
		if (m->role != CHAT_ASSISTANT)
			return refuse(h, STR("a functionCall stands outside the model's "
			                     "turns"));
		read_call(h, m, v[CALL]);
	} else if (v[INLINE].type == JSON_OBJECT || v[FILE_DATA].type == JSON_OBJECT) {
		struct chat_part media = read_media(r, v[INLINE], v[FILE_DATA]);

		add_media(r, chat_add_part(r, m, media.kind), &media);
	} else if (v[TEXT].type == JSON_STRING) {
		chat_add_text(r, m, chat_text(r, v[TEXT]));
	} else {
		read_unknown(h, m, part);
	}
	return NULL;
}

static bool has_results(struct json_value parts)
{
	struct json_value single, part;

	for (struct json_iter it = gemini_items(parts, &single);
	     gemini_next(&it, &single, &part);) {
		if (get(part, RESPONSE).type == JSON_OBJECT)
			return true;
	}
	return false;
}

/* Results go into a message of their own, before what stands beside them. */
static fault_t read_parts(struct history *h, enum chat_role role, struct json_value parts)
{
	struct chat_message *results = NULL, *m = NULL;
	struct json_value single, part;
	fault_t why = NULL;

	if (has_results(parts))
		results = chat_add_message(h->r, CHAT_TOOL);
	for (struct json_iter it = gemini_items(parts, &single);
	     !why && gemini_next(&it, &single, &part);) {
		struct json_value response = { .type = JSON_NONE };

		if (results)
			response = get(part, RESPONSE);
		if (part.type != JSON_OBJECT)
			return refuse(h, STR("a part must be an object"));
		if (response.type == JSON_OBJECT) {
			read_result(h, results, response);
			continue;
		}
		if (!m)
			m = chat_add_message(h->r, role);
		if (role == CHAT_ASSISTANT && is_thought(part))
			read_thought(h, m, part, &it);
		else
			why = read_part(h, m, part);
	}
	return why;
}

static fault_t read_content(struct history *h, struct json_value content)
{
	enum { ROLE, PARTS, NAMES };
	static const struct gemini_name names[NAMES] = {
		[ROLE] = GEMINI_ONE("role"), [PARTS] = GEMINI_ONE("parts")
	};
	struct json_value v[NAMES];
	bool is_model;

	if (content.type != JSON_OBJECT)
		return refuse(h, STR("\"contents\" must hold objects with \"parts\""));
	gemini_pick(h->r, content, STR("contents[]"), names, NAMES, v);
	is_model = json_text_is(v[ROLE], STR("model"));
	if (is_model && !h->in_model) { /* what is open now stays without a result */
		h->open = NULL;
		h->open_end = &h->open;
	}
	h->in_model = is_model;
	return read_parts(h, is_model ? CHAT_ASSISTANT : CHAT_USER, v[PARTS]);
}

static fault_t read_system(struct history *h, struct json_value system)
{
	struct chat_request *r = h->r;
	struct json_value parts = json_get(system, STR("parts"));

	if (system.type == JSON_STRING) {
		chat_add_text(r, chat_add_message(r, CHAT_SYSTEM), chat_text(r, system));
		return NULL;
	}
	return system.type == JSON_OBJECT ? read_parts(h, CHAT_SYSTEM, parts) : NULL;
}

fault_t gemini_read_contents(struct chat_request *r, struct json_value system,
                             struct json_value contents, str *ret_detail)
{
	struct history h = { .r = r, .detail = ret_detail };
	struct json_value single, content;
	fault_t why;

	h.open_end = &h.open;
	why = read_system(&h, system);
	if (!why && contents.type != JSON_ARRAY && contents.type != JSON_OBJECT)
		why = refuse(&h, STR("\"contents\" is missing"));
	for (struct json_iter it = gemini_items(contents, &single);
	     !why && gemini_next(&it, &single, &content);)
		why = read_content(&h, content);
	return why;
}
