/* anthropic_blocks.c - the blocks of a Messages request into parts.
 *
 * Blocks are rows: a type and the function that reads it.  Every part also keeps its
 * block as it came (part->raw), because a writer of this same format gives it back
 * unchanged; the neutral members are for all others.  Facts: wire-formats 5.3. */
#include "wire/anthropic.h"

enum block_member {
	TYPE,
	TEXT,
	CACHE,
	CITATIONS,
	SOURCE,
	TITLE,
	CONTEXT,
	ID,
	NAME,
	INPUT,
	CALLER,
	TOOL_USE_ID,
	CONTENT,
	IS_ERROR,
	THINKING,
	SIGNATURE,
	DATA,
	BLOCK_MEMBERS,
};
static const str block_names[BLOCK_MEMBERS] = {
	[TYPE] = STR_INIT("type"),           [TEXT] = STR_INIT("text"),
	[CACHE] = STR_INIT("cache_control"), [CITATIONS] = STR_INIT("citations"),
	[SOURCE] = STR_INIT("source"),       [TITLE] = STR_INIT("title"),
	[CONTEXT] = STR_INIT("context"),     [ID] = STR_INIT("id"),
	[NAME] = STR_INIT("name"),           [INPUT] = STR_INIT("input"),
	[CALLER] = STR_INIT("caller"),       [TOOL_USE_ID] = STR_INIT("tool_use_id"),
	[CONTENT] = STR_INIT("content"),     [IS_ERROR] = STR_INIT("is_error"),
	[THINKING] = STR_INIT("thinking"),   [SIGNATURE] = STR_INIT("signature"),
	[DATA] = STR_INIT("data"),
};

static struct chat_part *add_part(struct anthropic_reading *in, enum chat_kind kind)
{
	struct chat_part *p = in->result ? chat_add_inner(in->r, in->result, kind)
	                                 : chat_add_part(in->r, in->to, kind);

	p->raw = in->block;
	p->cache = anthropic_read_cache(in->r, in->member[CACHE]);
	return p;
}

static void add_foreign_as(struct anthropic_reading *in, enum concept concept)
{
	struct chat_part *p = in->result ? chat_add_inner(in->r, in->result, CHAT_FOREIGN)
	                                 : chat_add_part(in->r, in->to, CHAT_FOREIGN);

	p->raw = in->block;
	chat_mark_as(in->r, concept, "messages[].content[].%.*s",
	             STR_ARG(chat_text(in->r, in->member[TYPE])));
}

static void add_foreign(struct anthropic_reading *in)
{
	add_foreign_as(in, chat_foreign_of(in->result ? NULL : in->to));
}

/* All text blocks of an array, one line below the other, behind up to two lines of
 * `before`. */
static jstr join_texts(struct chat_request *r, jstr first, jstr second,
                       struct json_value blocks)
{
	str between = STR("\\n");
	size_t len = first.len + second.len + 2 * between.len;
	struct json_member m;
	char *to, *at;

	for (struct json_iter it = json_iter(blocks); json_next(&it, &m);)
		len += chat_text(r, json_get(m.value, STR("text"))).len + between.len;
	to = at = arena_try(r->keep, len + 1);
	if (!to) {
		r->why = FAULT_JSON_LIMIT;
		return STR_NONE;
	}
#define JOIN(text)                                                                       \
	({                                                                               \
		str text_ = (text);                                                      \
		str gap_ = at > to && text_.len ? between : STR_NONE;                    \
		if (gap_.len)                                                            \
			at = (char *)mempcpy(at, gap_.ptr, gap_.len);                    \
		if (text_.len)                                                           \
			at = (char *)mempcpy(at, text_.ptr, text_.len);                  \
	})
	JOIN(first);
	JOIN(second);
	for (struct json_iter it = json_iter(blocks); json_next(&it, &m);)
		JOIN(chat_text(r, json_get(m.value, STR("text"))));
#undef JOIN
	return str_of(to, (size_t)(at - to));
}

/* Citations of what the assistant said earlier. */
static void read_citations(struct anthropic_reading *in, struct chat_part *p)
{
	struct chat_citation **next = &p->citations;
	struct json_member m;

	if (in->member[CITATIONS].type != JSON_ARRAY)
		return;
	for (struct json_iter it = json_iter(in->member[CITATIONS]);
	     json_next(&it, &m);) {
		struct chat_citation *c = arena_try(in->r->keep, sizeof(*c));

		if (!c) {
			in->r->why = FAULT_JSON_LIMIT;
			return;
		}
		anthropic_read_citation(in->r->keep, m.value, c);
		if (json_text_is(json_get(m.value, STR("encrypted_index")),
		                 STR(ANTHROPIC_NO_INDEX)))
			p->raw.type = JSON_NONE; /* not for Anthropic as it came */
		*next = c;
		next = &c->next;
		chat_mark(in->r, CONCEPT_CITATIONS);
	}
}

static void read_text(struct anthropic_reading *in)
{
	struct chat_part *p = add_part(in, CHAT_TEXT);

	if (in->member[TEXT].type != JSON_STRING)
		anthropic_refuse(in, "messages.%u.content.%u.text: must be a string",
		                 in->message, in->item);
	p->text = chat_text(in->r, in->member[TEXT]);
	read_citations(in, p);
}

/* Where an image or a document comes from.  Marks are for [is_image]. */
static void read_source(struct anthropic_reading *in, struct chat_part *p, bool is_image)
{
	struct json_value source = in->member[SOURCE];
	struct json_value type = json_get(source, STR("type"));
	static const struct source_row {
		str type, member;
		enum chat_source source;
		enum concept concept[2];
	} rows[] = {
		{ STR_INIT("base64"),
		  STR_INIT("data"),
		  SOURCE_BASE64,
		  { CONCEPT_FILE_INLINE, CONCEPT_IMAGE_INLINE } },
		{ STR_INIT("url"),
		  STR_INIT("url"),
		  SOURCE_URL,
		  { CONCEPT_FILE_URL, CONCEPT_IMAGE_URL } },
		{ STR_INIT("file"),
		  STR_INIT("file_id"),
		  SOURCE_ID,
		  { CONCEPT_FILE_ID, CONCEPT_IMAGE_ID } },
		{ STR_INIT("text"),
		  STR_INIT("data"),
		  SOURCE_TEXT,
		  { CONCEPTS, CONCEPTS } },
	};

	p->media_type = chat_text(in->r, json_get(source, STR("media_type")));
	for (size_t i = 0; i < countof(rows); i++) {
		if (!json_text_is(type, rows[i].type))
			continue;
		p->source = rows[i].source;
		p->data = chat_text(in->r, json_get(source, rows[i].member));
		if (rows[i].concept[is_image] != CONCEPTS)
			chat_mark(in->r, rows[i].concept[is_image]);
		return;
	}
	if (!is_image && json_text_is(type, STR("content"))) {
		struct json_value content = json_get(source, STR("content"));
		struct json_member m;

		p->source = SOURCE_TEXT;
		p->media_type = STR("text/plain");
		p->data = content.type == JSON_STRING
		                  ? chat_text(in->r, content)
		                  : join_texts(in->r, STR_NONE, STR_NONE, content);
		for (struct json_iter it = json_iter(content); json_next(&it, &m);) {
			struct json_value inner = json_get(m.value, STR("type"));

			if (!json_text_is(inner, STR("text")))
				chat_mark_as(in->r,
				             chat_foreign_of(in->result ? NULL : in->to),
				             "messages[].content[].document.source."
				             "content[].%.*s",
				             STR_ARG(chat_text(in->r, inner)));
		}
		return;
	}
	anthropic_refuse(in, "messages.%u.content.%u.source: its type is not known",
	                 in->message, in->item);
}

static void read_image(struct anthropic_reading *in)
{
	read_source(in, add_part(in, CHAT_IMAGE), true);
}

static void read_document(struct anthropic_reading *in)
{
	struct chat_part *p = add_part(in, CHAT_FILE);

	p->name = chat_text(in->r, in->member[TITLE]);
	read_source(in, p, false);
	if (!anthropic_is_absent(in->member[CONTEXT]))
		chat_mark(in->r, CONCEPT_FILE_CONTEXT);
	if (json_get(in->member[CITATIONS], STR("enabled")).type == JSON_TRUE)
		chat_mark(in->r, CONCEPT_FILE_CITATIONS);
}

/* For others it is what it says: title, where from, and the text. */
static void read_search_result(struct anthropic_reading *in)
{
	struct chat_part *p = add_part(in, CHAT_TEXT);

	p->text = join_texts(in->r, chat_text(in->r, in->member[TITLE]),
	                     chat_text(in->r, in->member[SOURCE]), in->member[CONTENT]);
	if (json_get(in->member[CITATIONS], STR("enabled")).type == JSON_TRUE)
		chat_mark(in->r, CONCEPT_FILE_CITATIONS);
}

static void read_thinking(struct anthropic_reading *in)
{
	struct chat_part *p = add_part(in, CHAT_REASONING);

	p->text = chat_text(in->r, in->member[THINKING]);
	p->seal = chat_seal_read(chat_text(in->r, in->member[SIGNATURE]), WIRE_ANTHROPIC);
}

static void read_redacted(struct anthropic_reading *in)
{
	struct chat_part *p = add_part(in, CHAT_REASONING);

	p->seal = chat_seal_read(chat_text(in->r, in->member[DATA]), WIRE_ANTHROPIC);
	p->seal.redacted = true;
}

static void read_call(struct anthropic_reading *in)
{
	struct chat_part *p = add_part(in, CHAT_CALL);
	struct json_value input = in->member[INPUT];

	p->id = chat_text(in->r, in->member[ID]);
	p->name = chat_text(in->r, in->member[NAME]);
	p->args = input.type == JSON_OBJECT ? input.raw : STR("{}");
	if (!anthropic_is_absent(input) && input.type != JSON_OBJECT)
		anthropic_refuse(in, "messages.%u.content.%u.input: must be an object",
		                 in->message, in->item);
	if (!p->id.len || !p->name.len)
		anthropic_refuse(in,
		                 "messages.%u.content.%u: tool_use without id or name",
		                 in->message, in->item);
}

static void read_result(struct anthropic_reading *in)
{
	struct chat_part *p = add_part(in, CHAT_RESULT);
	struct json_value content = in->member[CONTENT];

	p->id = chat_text(in->r, in->member[TOOL_USE_ID]);
	p->is_error = in->member[IS_ERROR].type == JSON_TRUE;
	if (content.type == JSON_STRING) {
		jstr text = chat_text(in->r, content);
		if (text.len)
			chat_add_inner(in->r, p, CHAT_TEXT)->text = text;
	} else if (content.type == JSON_ARRAY) {
		unsigned item = in->item;

		in->result = p;
		anthropic_read_blocks(in, content, false);
		in->result = NULL;
		in->item = item;
	}
}

/* A summary of what went before: for others the text is all that is left of it. */
static void read_compaction(struct anthropic_reading *in)
{
	if (in->member[CONTENT].type == JSON_STRING)
		add_part(in, CHAT_TEXT)->text = chat_text(in->r, in->member[CONTENT]);
	else
		add_foreign(in);
}

/* A file in a container of this vendor; nobody else could read it. */
static void read_upload(struct anthropic_reading *in)
{
	add_foreign(in);
	chat_mark(in->r, CONCEPT_CONTAINER);
}

/* From here on a tool is there, or no longer; for others it always is. */
static void read_availability(struct anthropic_reading *in)
{
	add_foreign_as(in, CONCEPT_FOREIGN_BLOCK);
}

static const struct block_row {
	str type;
	void (*read)(struct anthropic_reading *in);
	bool whole; /* raw, its members are not looked at */
} block_rows[] = {
	{ STR_INIT("text"), read_text },
	{ STR_INIT("image"), read_image },
	{ STR_INIT("document"), read_document },
	{ STR_INIT("search_result"), read_search_result },
	{ STR_INIT("thinking"), read_thinking },
	{ STR_INIT("redacted_thinking"), read_redacted },
	{ STR_INIT("tool_use"), read_call },
	{ STR_INIT("tool_result"), read_result },
	{ STR_INIT("compaction"), read_compaction, true },
	{ STR_INIT("container_upload"), read_upload, true },
	{ STR_INIT("tool_addition"), read_availability, true },
	{ STR_INIT("tool_removal"), read_availability, true },
};

/* Server tools and their results, references to tools, and what is not known yet. */
static const struct block_row other_block = { STR_INIT(""), add_foreign, true };

static const struct block_row *row_of(struct json_value type)
{
	for (size_t i = 0; i < countof(block_rows); i++) {
		if (json_text_is(type, block_rows[i].type))
			return &block_rows[i];
	}
	return &other_block;
}

static void read_block(struct anthropic_reading *in, const struct block_row *row,
                       struct json_value block)
{
	struct json_value members[BLOCK_MEMBERS] = { 0 };

	if (row->whole)
		chat_pick_some(in->r, block, block_names, BLOCK_MEMBERS, members);
	else
		chat_pick(in->r, block, STR("messages[].content[]"), block_names,
		          BLOCK_MEMBERS, members);
	in->block = block;
	in->member = members;
	row->read(in);
	in->member = NULL;
}

void anthropic_read_blocks(struct anthropic_reading *in, struct json_value content,
                           bool results)
{
	struct json_member m;

	in->item = 0;
	for (struct json_iter it = json_iter(content); json_next(&it, &m) && !in->r->why;
	     in->item++) {
		struct json_value type = json_get(m.value, STR("type"));
		const struct block_row *row = row_of(type);

		if (m.value.type != JSON_OBJECT || type.type != JSON_STRING) {
			anthropic_refuse(
			        in,
			        "messages.%u.content.%u: must be an object with a type",
			        in->message, in->item);
			return;
		}
		if ((row->read == read_result) != results || (results && in->result))
			continue;
		read_block(in, row, m.value);
	}
}

/* One walk for both, for it looks at every block up to its type. */
unsigned anthropic_kinds_of(struct json_value content)
{
	const unsigned both = ANTHROPIC_RESULTS | ANTHROPIC_OTHERS;
	unsigned found = 0;
	struct json_member m;

	for (struct json_iter it = json_iter(content);
	     found != both && json_next(&it, &m);) {
		struct json_value type = json_get(m.value, STR("type"));

		found |= row_of(type)->read == read_result ? ANTHROPIC_RESULTS
		                                           : ANTHROPIC_OTHERS;
	}
	return found;
}
