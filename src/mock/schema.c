/* schema.c - an example of what a JSON Schema describes.
 *
 * The example is the first thing that fits: const, then enum's first, then by type with
 * the bounds kept; every property of an object, one item of an array.  Schemas may refer
 * to themselves, so what is optional ends at a depth, and everything has a budget.  What
 * it does not know (pattern, conditions) it does not look at. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "mock/call.h"

enum {
	SHALLOW = 6,          /* deeper, only what is required */
	DEEPEST = 30,         /* levels of schemas within schemas */
	WORK_MOST = 16 * MiB, /* bytes of schema looked at */
	ITEMS_MOST = 100,     /* of one array */
	TEXT_MOST = 1000,     /* bytes of one string */
};

struct sketch {
	struct json_value root; /* where references begin */
	struct arena *scratch;
	struct json_writer *to;
	unsigned depth;
	size_t work;
	bool failed;
};

static void draw(struct sketch *s, struct json_value schema);

static struct json_value get(struct json_value v, const char *name)
{
	return json_get(v, str_from_z(name));
}

/* Looking at it costs this much; what is shared by reference is looked at often. */
static void work(struct sketch *s, struct json_value v)
{
	s->work += v.raw.len + 64;
	s->failed |= s->work > WORK_MOST;
}

/* Bounded by the work, like all that is kept. */
static str text_of(struct sketch *s, struct json_value v)
{
	work(s, v);
	if (s->failed)
		return STR_NONE;
	return json_text(v, arena_alloc(s->scratch, v.raw.len + 1));
}

/* A member's name as a value, quotes and all. */
static struct json_value key_of(const struct json_member *m)
{
	return (struct json_value){ JSON_STRING, str_of(m->key.ptr - 1, m->key.len + 2) };
}

/* ---- references and choices ---- */

/* "#/$defs/person", looked up from the root; NONE when it leads nowhere. */
static struct json_value follow(struct sketch *s, struct json_value ref)
{
	str path = text_of(s, ref), name;
	struct json_value at = s->root;

	work(s, at);
	if (!str_skip(&path, STR("#")))
		return (struct json_value){ JSON_NONE, STR_NONE };
	str_skip(&path, STR("/"));
	while (path.len && at.type == JSON_OBJECT) {
		name = str_cut(&path, '/');
		at = json_get(at, name);
	}
	return at;
}

/* Of several schemas the first; deep down one that ends, if there is one. */
static struct json_value choose(struct sketch *s, struct json_value options)
{
	struct json_value first = { JSON_NONE, STR_NONE };
	struct json_member m;

	for (struct json_iter it = json_iter(options); json_next(&it, &m);) {
		if (first.type == JSON_NONE)
			first = m.value;
		if (s->depth < SHALLOW)
			break;
		if (json_text_is(get(m.value, "type"), STR("null")))
			return m.value;
	}
	return first;
}

/* The type a schema names, or of several the first that says something. */
static str type_of(struct sketch *s, struct json_value schema)
{
	struct json_value type = get(schema, "type");
	struct json_member m;

	for (struct json_iter it = json_iter(type); json_next(&it, &m);) {
		bool is_null = json_text_is(m.value, STR("null"));

		if (is_null == (s->depth >= SHALLOW))
			return text_of(s, m.value);
		type = m.value;
	}
	if (type.type == JSON_STRING)
		return text_of(s, type);
	if (get(schema, "properties").type == JSON_OBJECT)
		return STR("object");
	return get(schema, "items").type != JSON_NONE ? STR("array") : STR("string");
}

/* ---- numbers ---- */

static double number(struct sketch *s, struct json_value v, double other)
{
	double value =
	        v.type == JSON_NUMBER ? strtod(str_z(s->scratch, v.raw), NULL) : other;

	return isfinite(value) ? value : other;
}

static void draw_number(struct sketch *s, struct json_value schema, bool is_whole)
{
	double least = number(s, get(schema, "minimum"), -HUGE_VAL);
	double above = number(s, get(schema, "exclusiveMinimum"), -HUGE_VAL);
	double most = number(s, get(schema, "maximum"), HUGE_VAL);
	double below = number(s, get(schema, "exclusiveMaximum"), HUGE_VAL);
	double step = number(s, get(schema, "multipleOf"), 0);
	double gap = is_whole ? 1 : 0.5, value = is_whole ? 1 : 1.5;
	char text[400];

	if (isfinite(above) && isfinite(below) && !is_whole)
		gap = (below - above) / 2;
	least = fmax(least, above + gap);
	most = fmin(most, below - gap);
	value = fmin(fmax(value, is_whole ? ceil(least) : least),
	             is_whole ? floor(most) : most);
	if (step > 0)
		value = isfinite(least) || value > 0 ? ceil(value / step) * step : 0;
	if (!isfinite(value))
		value = 0;
	snprintf(text, sizeof(text), is_whole ? "%.0f" : "%.15g", value);
	json_raw(s->to, str_from_z(text));
}

/* ---- text ---- */

static const struct {
	str format, example;
} formats[] = {
	{ STR_INIT("date-time"), STR_INIT("2026-01-01T12:00:00Z") },
	{ STR_INIT("date"), STR_INIT("2026-01-01") },
	{ STR_INIT("time"), STR_INIT("12:00:00Z") },
	{ STR_INIT("duration"), STR_INIT("PT1H") },
	{ STR_INIT("email"), STR_INIT("someone@example.com") },
	{ STR_INIT("hostname"), STR_INIT("example.com") },
	{ STR_INIT("ipv4"), STR_INIT("192.0.2.1") },
	{ STR_INIT("ipv6"), STR_INIT("2001:db8::1") },
	{ STR_INIT("uri"), STR_INIT("https://example.com/") },
	{ STR_INIT("url"), STR_INIT("https://example.com/") },
	{ STR_INIT("uuid"), STR_INIT("00000000-0000-4000-8000-000000000001") },
};

static uint64_t count(struct json_value v, uint64_t other)
{
	uint64_t n;

	return json_u64(v, &n) ? n : other;
}

static void draw_string(struct sketch *s, struct json_value schema)
{
	struct json_value format = get(schema, "format");
	uint64_t least = min_of(count(get(schema, "minLength"), 0), (uint64_t)TEXT_MOST);
	uint64_t most = count(get(schema, "maxLength"), TEXT_MOST);
	struct buf b = BUF_LIMIT(2 * TEXT_MOST);

	for (size_t i = 0; i < countof(formats); i++) {
		if (json_text_is(format, formats[i].format)) {
			json_str(s->to, formats[i].example);
			return;
		}
	}
	do {
		buf_add(&b, STR("example"));
	} while (b.len < least);
	json_str(s->to, str_first(buf_str(&b), max_of(least, min_of(most, (uint64_t)7))));
	buf_free(&b);
}

/* ---- containers ---- */

static bool is_required(struct json_value schema, struct sketch *s,
                        const struct json_member *property)
{
	struct json_value required = get(schema, "required");
	str name = text_of(s, key_of(property));
	struct json_member m;

	work(s, required);
	for (struct json_iter it = json_iter(required);
	     !s->failed && json_next(&it, &m);) {
		if (json_text_is(m.value, name))
			return true;
	}
	return false;
}

static void draw_properties(struct sketch *s, struct json_value schema)
{
	struct json_member m;

	for (struct json_iter it = json_iter(get(schema, "properties"));
	     !s->failed && json_next(&it, &m);) {
		if (s->depth >= SHALLOW && !is_required(schema, s, &m))
			continue;
		json_key(s->to, text_of(s, key_of(&m)));
		draw(s, m.value);
	}
}

/* Its own properties, and those of the parts it is made of. */
static void draw_object(struct sketch *s, struct json_value schema)
{
	struct json_member m;

	json_open(s->to, '{');
	draw_properties(s, schema);
	for (struct json_iter it = json_iter(get(schema, "allOf")); json_next(&it, &m);) {
		struct json_value ref = get(m.value, "$ref");

		draw_properties(s, ref.type == JSON_STRING ? follow(s, ref) : m.value);
	}
	json_close(s->to, '}');
}

static void draw_array(struct sketch *s, struct json_value schema)
{
	struct json_value items = get(schema, "items"), each = get(schema, "prefixItems");
	uint64_t least = count(get(schema, "minItems"), s->depth < SHALLOW ? 1 : 0);
	uint64_t most = count(get(schema, "maxItems"), ITEMS_MOST), drawn = 0;
	struct json_member m;

	most = min_of(most, (uint64_t)ITEMS_MOST);
	least = min_of(least, most);
	json_open(s->to, '[');
	for (struct json_iter it = json_iter(items.type == JSON_ARRAY ? items : each);
	     !s->failed && json_next(&it, &m); drawn++)
		draw(s, m.value);
	for (; !s->failed && drawn < least; drawn++)
		draw(s, items.type == JSON_OBJECT ? items : get(items, "none"));
	json_close(s->to, ']');
}

/* ---- one schema ---- */

static void draw_type(struct sketch *s, struct json_value schema)
{
	str type = type_of(s, schema);

	if (str_eq(type, STR("object")))
		draw_object(s, schema);
	else if (str_eq(type, STR("array")))
		draw_array(s, schema);
	else if (str_eq(type, STR("integer")))
		draw_number(s, schema, true);
	else if (str_eq(type, STR("number")))
		draw_number(s, schema, false);
	else if (str_eq(type, STR("boolean")))
		json_bool(s->to, true);
	else if (str_eq(type, STR("null")))
		json_null(s->to);
	else
		draw_string(s, schema);
}

/* The schema that stands behind this one, NONE when it stands for itself. */
static struct json_value behind(struct sketch *s, struct json_value schema)
{
	static const char *const choices[] = { "anyOf", "oneOf" };
	struct json_value found = get(schema, "$ref");
	struct json_member m;

	if (found.type == JSON_STRING)
		return follow(s, found);
	for (size_t i = 0; i < countof(choices); i++) {
		found = choose(s, get(schema, choices[i]));
		if (found.type != JSON_NONE)
			return found;
	}
	/* allOf of one part, which pydantic writes around references. */
	found = get(schema, "allOf");
	struct json_iter it = json_iter(found);
	bool is_one = json_next(&it, &m) && !json_next(&it, &(struct json_member){ 0 });
	if (is_one && get(schema, "properties").type == JSON_NONE)
		return m.value;
	return (struct json_value){ JSON_NONE, STR_NONE };
}

static void draw(struct sketch *s, struct json_value schema)
{
	struct json_value fixed = get(schema, "const"), other;
	struct json_iter it = json_iter(get(schema, "enum"));
	struct json_member first;

	work(s, schema);
	s->failed |= s->depth >= DEEPEST || s->to->to->over;
	if (s->failed) {
		json_null(s->to);
		return;
	}
	s->depth++;
	other = behind(s, schema);
	if (fixed.type != JSON_NONE)
		json_raw(s->to, fixed.raw);
	else if (json_next(&it, &first))
		json_raw(s->to, first.value.raw);
	else if (other.type != JSON_NONE)
		draw(s, other);
	else
		draw_type(s, schema);
	s->depth--;
}

bool schema_example(struct json_value schema, struct arena *scratch,
                    struct json_writer *to)
{
	struct sketch s = { .root = schema, .scratch = scratch, .to = to };

	draw(&s, schema);
	return !s.failed && !to->to->over;
}
