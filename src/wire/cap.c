#include "wire/cap.h"

#include "codec/json.h"
#include "wire/dialect.h"

/* Of two names the one that stands there. */
static struct json_value get(struct json_value object, str name, str too)
{
	struct json_value v = json_get(object, name);

	return v.type == JSON_NONE && too.len ? json_get(object, too) : v;
}

/* Hosts of OpenAI's format know the older name. */
static str name_of(const struct wire *wire, str provider, str model)
{
	const struct dialect_row *row;
	struct dialect d;

	if (wire->format != WIRE_OPENAI_CHAT)
		return wire->cap_names[0];
	dialect_find(provider, model, &d);
	row = dialect_fate(&d, wire->cap_names[0]);
	if (row && row->op == DIALECT_DROP)
		return STR_NONE;
	return row && row->op == DIALECT_RENAME ? row->to : wire->cap_names[0];
}

static bool is_empty(struct json_value object)
{
	struct json_iter it = json_iter(object);
	struct json_member first;

	return !json_next(&it, &first);
}

/* The limit that stands there: by the name that the host knows, or else by another. */
static struct json_value limit_in(const struct wire *wire, struct json_value object,
                                  str name)
{
	struct json_value v = json_get(object, name);

	return v.type == JSON_NONE ? get(object, wire->cap_names[0], wire->cap_names[1])
	                           : v;
}

/* The object with the limit; an explicit null is none, but the place of one. */
static struct json_value object_of(const struct wire *wire, struct json_value root)
{
	struct json_value v = json_get(root, wire->cap_in), too = { 0 };

	if (wire->cap_in_too.len && v.type != JSON_OBJECT)
		too = json_get(root, wire->cap_in_too);
	return v.type == JSON_NONE || (v.type == JSON_NULL && too.type == JSON_OBJECT)
	               ? too
	               : v;
}

/* For some hosts 0 is no limit at all. */
static bool is_no_limit(struct json_value v)
{
	uint64_t most;

	return v.type == JSON_NULL || (json_u64(v, &most) && most == 0);
}

bool cap_edit(const struct wire *wire, str body, str provider, str model, uint64_t cap,
              struct arena *keep, struct edit *ret)
{
	str name = name_of(wire, provider, model);
	struct json_value root, object, there;
	bool wraps = false;

	if (!name.len || json_check(body, &json_limits_default, &root) ||
	    root.type != JSON_OBJECT)
		return false;
	object = root;
	if (wire->cap_in.len) {
		object = object_of(wire, root);
		wraps = object.type == JSON_NONE;
	}
	if (wraps)
		object = root;
	if (object.type == JSON_NULL) {
		*ret = (struct edit){
			.at = (size_t)(object.raw.ptr - body.ptr),
			.len = object.raw.len,
			.with = arena_printf(keep, "{\"%.*s\":%llu}", STR_ARG(name),
			                     (unsigned long long)cap),
		};
		return true;
	}
	if (object.type != JSON_OBJECT)
		return false;
	there = wraps ? (struct json_value){ 0 } : limit_in(wire, object, name);
	if (is_no_limit(there)) {
		*ret = (struct edit){
			.at = (size_t)(there.raw.ptr - body.ptr),
			.len = there.raw.len,
			.with = arena_printf(keep, "%llu", (unsigned long long)cap),
		};
		return true;
	}
	if (there.type != JSON_NONE)
		return false;
	ret->at = (size_t)(object.raw.ptr - body.ptr) + 1; /* behind the brace */
	ret->len = 0;
	ret->with =
	        arena_printf(keep, "%s%.*s%s\"%.*s\":%llu%s%s", wraps ? "\"" : "",
	                     STR_ARG(wraps ? wire->cap_in : STR_NONE),
	                     wraps ? "\":{" : "", STR_ARG(name), (unsigned long long)cap,
	                     wraps ? "}" : "", is_empty(object) ? "" : ",");
	return true;
}
