/* gemini_schema.c - schemas in Google's two dialects.
 *
 * `parameters` and `responseSchema` are an OpenAPI subset: types in capitals, nullable,
 * counts as strings, member names in either spelling.  They become JSON Schema when read.
 * Written is always JSON Schema (`parametersJsonSchema`, `responseJsonSchema`), without
 * the few words Google refuses (wire-formats 6.2). */
#include "wire/gemini.h"

#include "base/mem.h"

/* What the value of a schema's member is. */
enum holds { PLAIN, SCHEMA, SCHEMAS, MAP, TYPE, COUNT, NULLABLE, EXAMPLE, DROPPED };

static const struct word {
	str name, snake; /* in the OpenAPI subset */
	enum holds holds;
} words[] = {
	{ STR_INIT("type"), STR_INIT(""), TYPE },
	{ STR_INIT("nullable"), STR_INIT(""), NULLABLE },
	{ STR_INIT("example"), STR_INIT(""), EXAMPLE },
	{ STR_INIT("propertyOrdering"), STR_INIT("property_ordering"), DROPPED },
	{ STR_INIT("items"), STR_INIT(""), SCHEMA },
	{ STR_INIT("not"), STR_INIT(""), SCHEMA },
	{ STR_INIT("additionalProperties"), STR_INIT("additional_properties"), SCHEMA },
	{ STR_INIT("anyOf"), STR_INIT("any_of"), SCHEMAS },
	{ STR_INIT("oneOf"), STR_INIT("one_of"), SCHEMAS },
	{ STR_INIT("allOf"), STR_INIT("all_of"), SCHEMAS },
	{ STR_INIT("prefixItems"), STR_INIT("prefix_items"), SCHEMAS },
	{ STR_INIT("properties"), STR_INIT(""), MAP },
	{ STR_INIT("$defs"), STR_INIT("defs"), MAP },
	{ STR_INIT("definitions"), STR_INIT(""), MAP },
	{ STR_INIT("patternProperties"), STR_INIT(""), MAP },
	{ STR_INIT("minItems"), STR_INIT("min_items"), COUNT },
	{ STR_INIT("maxItems"), STR_INIT("max_items"), COUNT },
	{ STR_INIT("minLength"), STR_INIT("min_length"), COUNT },
	{ STR_INIT("maxLength"), STR_INIT("max_length"), COUNT },
	{ STR_INIT("minProperties"), STR_INIT("min_properties"), COUNT },
	{ STR_INIT("maxProperties"), STR_INIT("max_properties"), COUNT },
};

static const struct word *word_of(str key)
{
	for (size_t i = 0; i < countof(words); i++) {
		if (str_eq(words[i].name, key) ||
		    (words[i].snake.len && str_eq(words[i].snake, key)))
			return &words[i];
	}
	return NULL;
}

typedef void write_fn(struct json_writer *w, struct json_value schema);

static void write_list(struct json_writer *w, struct json_value list, write_fn *each)
{
	struct json_member m;

	json_open(w, '[');
	for (struct json_iter it = json_iter(list); json_next(&it, &m);)
		each(w, m.value);
	json_close(w, ']');
}

/* Keys are written as they stand, escapes included. */
static void write_key(struct json_writer *w, str raw_key)
{
	if (str_find(raw_key, '\\') == raw_key.len) {
		json_key(w, raw_key);
		return;
	}
	struct json_value v = { JSON_STRING, str_of(raw_key.ptr - 1, raw_key.len + 2) };
	char *room = mem_new(v.raw.len);

	json_key(w, json_text(v, room));
	free(room);
}

static void write_map(struct json_writer *w, struct json_value map, write_fn *each)
{
	struct json_member m;

	json_open(w, '{');
	for (struct json_iter it = json_iter(map); json_next(&it, &m);) {
		write_key(w, m.key);
		each(w, m.value);
	}
	json_close(w, '}');
}

/* False: it is no place for schemas, the value is written as it stands. */
static bool write_nested(struct json_writer *w, enum holds holds, struct json_value v,
                         write_fn *each)
{
	if (holds == SCHEMA && v.type == JSON_OBJECT)
		each(w, v);
	else if ((holds == SCHEMA || holds == SCHEMAS) && v.type == JSON_ARRAY)
		write_list(w, v, each);
	else if (holds == MAP && v.type == JSON_OBJECT)
		write_map(w, v, each);
	else
		return false;
	return true;
}

/* ---- the subset read ---- */

static void write_lower(struct json_writer *w, struct json_value type)
{
	char lower[16];
	size_t n = 0;

	for (size_t i = 1; i + 1 < type.raw.len && n < sizeof(lower); i++)
		lower[n++] = char_lower(type.raw.ptr[i]);
	json_str(w, str_of(lower, n));
}

static void write_type(struct json_writer *w, struct json_value type, bool nullable)
{
	if (type.type != JSON_STRING) {
		json_raw(w, type.raw);
	} else if (nullable) {
		json_open(w, '[');
		write_lower(w, type);
		json_str(w, STR("null"));
		json_close(w, ']');
	} else {
		write_lower(w, type);
	}
}

/* int64 counts travel as strings in Google's JSON. */
static void write_count(struct json_writer *w, struct json_value v)
{
	str digits =
	        v.type == JSON_STRING ? str_of(v.raw.ptr + 1, v.raw.len - 2) : STR_NONE;
	uint64_t count;

	if (str_to_u64(digits, &count))
		json_uint(w, count);
	else
		json_raw(w, v.raw);
}

static void write_enum(struct json_writer *w, struct json_value list)
{
	struct json_member m;
	bool has_null = false;

	json_open(w, '[');
	for (struct json_iter it = json_iter(list); json_next(&it, &m);) {
		json_raw(w, m.value.raw);
		has_null |= m.value.type == JSON_NULL;
	}
	if (!has_null)
		json_null(w);
	json_close(w, ']');
}

static void from_subset(struct json_writer *w, struct json_value schema);

/* A member of a schema; type and nullable are one and are written by the caller. */
static void member_from_subset(struct json_writer *w, const struct json_member *m,
                               bool nullable)
{
	const struct word *word = word_of(m->key);
	enum holds holds = word ? word->holds : PLAIN;

	if (holds == TYPE || holds == NULLABLE || holds == DROPPED)
		return;
	if (str_eq(m->key, STR("format")) && json_text_is(m->value, STR("enum")))
		return;
	if (holds == EXAMPLE) {
		json_key(w, STR("examples"));
		json_open(w, '[');
		json_raw(w, m->value.raw);
		json_close(w, ']');
		return;
	}
	word ? json_key(w, word->name) : write_key(w, m->key);
	if (holds == COUNT)
		write_count(w, m->value);
	else if (nullable && str_eq(m->key, STR("enum")) && m->value.type == JSON_ARRAY)
		write_enum(w, m->value);
	else if (!write_nested(w, holds, m->value, from_subset))
		json_raw(w, m->value.raw);
}

static void write_members(struct json_writer *w, struct json_value schema, bool nullable)
{
	struct json_value type = json_get(schema, STR("type"));
	struct json_member m;

	json_open(w, '{');
	if (type.type != JSON_NONE && !json_text_is(type, STR("TYPE_UNSPECIFIED"))) {
		json_key(w, STR("type"));
		write_type(w, type, nullable);
	}
	for (struct json_iter it = json_iter(schema); json_next(&it, &m);)
		member_from_subset(w, &m, nullable);
	json_close(w, '}');
}

static void from_subset(struct json_writer *w, struct json_value schema)
{
	bool nullable = json_get(schema, STR("nullable")).type == JSON_TRUE;
	bool has_type = json_get(schema, STR("type")).type == JSON_STRING;

	if (schema.type != JSON_OBJECT) {
		json_raw(w, schema.raw);
		return;
	}
	if (!nullable || has_type) {
		write_members(w, schema, nullable);
		return;
	}
	/* Nothing to add null to: a choice of the two. */
	json_open(w, '{');
	json_key(w, STR("anyOf"));
	json_open(w, '[');
	write_members(w, schema, false);
	json_raw(w, STR("{\"type\":\"null\"}"));
	json_close(w, ']');
	json_close(w, '}');
}

struct json_value gemini_schema_read(struct chat_request *r, struct json_value schema)
{
	struct buf b = BUF_LIMIT(schema.raw.len * 4 + KiB);
	struct json_writer w = { .to = &b };
	struct json_value ret = { 0 };
	char *room;

	if (schema.type != JSON_OBJECT)
		return ret;
	from_subset(&w, schema);
	room = b.over ? NULL : arena_try(r->keep, b.len);
	if (room) {
		memcpy(room, b.ptr, b.len);
		ret = (struct json_value){ JSON_OBJECT, str_of(room, b.len) };
	} else if (!r->why) {
		r->why = FAULT_JSON_LIMIT;
	}
	buf_free(&b);
	return ret;
}

/* ---- JSON Schema written ---- */

/* Words Google's reader of JSON Schema refuses or trips over. */
static bool is_refused(str key)
{
	static const str refused[] = { STR_INIT("$schema"), STR_INIT("$id"),
		                       STR_INIT("$comment"), STR_INIT("discriminator"),
		                       STR_INIT("examples") };

	for (size_t i = 0; i < countof(refused); i++) {
		if (str_eq(key, refused[i]))
			return true;
	}
	return false;
}

static bool is_known_format(struct json_value v)
{
	static const str known[] = { STR_INIT("date-time"), STR_INIT("date"),
		                     STR_INIT("time"),      STR_INIT("int32"),
		                     STR_INIT("int64"),     STR_INIT("float"),
		                     STR_INIT("double") };

	for (size_t i = 0; i < countof(known); i++) {
		if (json_text_is(v, known[i]))
			return true;
	}
	return false;
}

/* A format that Google does not know is said in words. */
static void write_description(struct json_writer *w, struct json_value said,
                              struct json_value format)
{
	jstr text = said.type == JSON_STRING ? str_of(said.raw.ptr + 1, said.raw.len - 2)
	                                     : STR_NONE;

	json_key(w, STR("description"));
	json_raw(w, STR("\""));
	buf_add(w->to, text);
	buf_add(w->to, text.len ? STR(" (format: ") : STR("(format: "));
	buf_add(w->to, str_of(format.raw.ptr + 1, format.raw.len - 2));
	buf_add(w->to, STR(")\""));
}

static void to_google(struct json_writer *w, struct json_value schema);

static void member_to_google(struct json_writer *w, const struct json_member *m)
{
	const struct word *word = word_of(m->key);

	if (str_eq(m->key, STR("const"))) {
		json_key(w, STR("enum"));
		json_open(w, '[');
		json_raw(w, m->value.raw);
		json_close(w, ']');
		return;
	}
	write_key(w, m->key);
	if (!word || !str_eq(word->name, m->key) ||
	    !write_nested(w, word->holds, m->value, to_google))
		json_raw(w, m->value.raw);
}

static void write_cleaned(struct json_writer *w, struct json_value schema, jstr title)
{
	struct json_value format = json_get(schema, STR("format"));
	bool has_enum = json_get(schema, STR("enum")).type != JSON_NONE;
	bool in_words = format.type == JSON_STRING && !is_known_format(format);
	struct json_member m;

	json_open(w, '{');
	if (title.len && json_get(schema, STR("title")).type == JSON_NONE)
		json_key_jstr(w, STR("title"), title);
	for (struct json_iter it = json_iter(schema); json_next(&it, &m);) {
		bool is_said =
		        str_eq(m.key, STR("description")) || str_eq(m.key, STR("format"));

		if (is_refused(m.key) || (in_words && is_said) ||
		    (has_enum && str_eq(m.key, STR("const"))))
			continue;
		member_to_google(w, &m);
	}
	if (in_words)
		write_description(w, json_get(schema, STR("description")), format);
	json_close(w, '}');
}

static void to_google(struct json_writer *w, struct json_value schema)
{
	if (schema.type == JSON_OBJECT)
		write_cleaned(w, schema, STR_NONE);
	else
		json_raw(w, schema.raw);
}

void gemini_schema_write(struct json_writer *w, struct json_value schema, jstr title)
{
	if (schema.type == JSON_OBJECT)
		write_cleaned(w, schema, title);
	else
		json_raw(w, schema.raw);
}
