#include "wire/kept.h"

#include "wire/chat.h"
#include "wire/fold.h"

bool kept_id(struct json_value v, char room[KEPT_ROOM], str *ret)
{
	str id;

	if (v.type != JSON_STRING || v.raw.len > KEPT_ROOM)
		return false;
	id = json_text(v, room);
	if (!id.len || id.len > KEPT_NAME)
		return false;
	for (size_t i = 0; i < id.len; i++) {
		char c = id.ptr[i];

		if (c <= ' ' || c > '~' || c == '"' || c == '\\')
			return false;
	}
	*ret = id;
	return true;
}

/* ---- files ---- */

static const struct {
	str within, member;
} file_places[] = {
	[WIRE_OPENAI_CHAT] = { STR_INIT("messages"), STR_INIT("file_id") },
	[WIRE_OPENAI_RESPONSES] = { STR_INIT("input"), STR_INIT("file_id") },
	[WIRE_ANTHROPIC] = { STR_INIT("messages"), STR_INIT("file_id") },
	[WIRE_GEMINI] = { STR_INIT("contents"), STR_INIT("fileUri") },
};

void kept_files_init(struct kept_files *f, enum wire_format format, str body)
{
	*f = (struct kept_files){ 0 };
	if (format >= countof(file_places) || !file_places[format].member.len)
		return;
	f->member = file_places[format].member;
	/* A name that stands there differently has such an escape in it. */
	if (str_has(body, f->member) || str_has(body, STR("\\u")))
		f->rest = json_get(chat_root(body), file_places[format].within).raw;
}

/* The next string, behind which *rest then is. */
static bool next_string(str *rest, struct json_value *ret)
{
	str from = str_from(*rest, str_find(*rest, '"')), inside;

	*rest = str_from(from, 1);
	if (!from.len || !json_take_inside(rest, &inside))
		return false;
	*ret = (struct json_value){ JSON_STRING, str_of(inside.ptr - 1, inside.len + 2) };
	str_skip(rest, STR("\""));
	return true;
}

bool kept_files_next(struct kept_files *f, char room[KEPT_ROOM], str *ret)
{
	struct json_value key, name;

	while (next_string(&f->rest, &key)) {
		f->rest = json_trim(f->rest);
		if (!str_skip(&f->rest, STR(":")) || !json_text_is(key, f->member))
			continue;
		f->rest = json_trim(f->rest);
		if (str_starts(f->rest, STR("\"")) && next_string(&f->rest, &name) &&
		    kept_id(name, room, ret))
			return true;
	}
	return false;
}

/* ---- items ---- */

enum { ITEM_MEMBERS = 64 };

struct item {
	struct json_member members[ITEM_MEMBERS];
	size_t count;
};

static struct json_value member_of(const struct item *item, str name)
{
	for (size_t i = 0; i < item->count; i++) {
		if (fold_key_is(item->members[i].key, name))
			return item->members[i].value;
	}
	return (struct json_value){ 0 };
}

static bool is_missing(struct json_value v)
{
	return v.type == JSON_NONE || v.type == JSON_NULL;
}

/* Types of which all is said by one member, when it is there. */
static const struct {
	str type, member;
	bool may_be_empty;
} said[] = {
	{ STR_INIT("message"), STR_INIT("content"), true },
	{ STR_INIT("function_call"), STR_INIT("arguments"), true },
	{ STR_INIT("function_call_output"), STR_INIT("output"), true },
	{ STR_INIT("custom_tool_call"), STR_INIT("input"), true },
	{ STR_INIT("custom_tool_call_output"), STR_INIT("output"), true },
	{ STR_INIT("local_shell_call"), STR_INIT("action"), false },
	{ STR_INIT("local_shell_call_output"), STR_INIT("output"), true },
	{ STR_INIT("shell_call"), STR_INIT("action"), false },
	{ STR_INIT("shell_call_output"), STR_INIT("output"), true },
	{ STR_INIT("apply_patch_call"), STR_INIT("operation"), false },
	{ STR_INIT("reasoning"), STR_INIT("encrypted_content"), false },
	{ STR_INIT("compaction"), STR_INIT("encrypted_content"), false },
	{ STR_INIT("image_generation_call"), STR_INIT("result"), false },
};

static bool has_something(struct json_value v)
{
	struct json_iter it = json_iter(v);
	struct json_member m;

	return json_has_text(v) || json_next(&it, &m);
}

/* Without a type it is a message, if it has what makes one; else a reference. */
static bool says_all(const struct item *item, struct json_value type)
{
	if (is_missing(type))
		return json_has_text(member_of(item, STR("role"))) &&
		       !is_missing(member_of(item, STR("content")));
	for (size_t i = 0; i < countof(said); i++) {
		struct json_value v;

		if (!json_text_is(type, said[i].type))
			continue;
		v = member_of(item, said[i].member);
		return said[i].may_be_empty ? !is_missing(v) : has_something(v);
	}
	return false;
}

static enum kept_item how_of(const struct item *item, struct json_value type)
{
	if (!json_has_text(type) || json_text_is(type, STR("item_reference")))
		return ITEM_REFERENCE;
	if (json_text_is(type, STR("message")) ||
	    json_text_is(type, STR("image_generation_call")))
		return ITEM_ALONE;
	if (json_text_is(type, STR("reasoning")) &&
	    !has_something(member_of(item, STR("summary"))) &&
	    !has_something(member_of(item, STR("content"))))
		return ITEM_ALONE;
	return ITEM_BESIDE;
}

static fault_t read_item(struct json_value v, kept_item_fn *each, void *arg)
{
	struct json_value type, id;
	char room[KEPT_ROOM];
	struct item item;
	str name;
	fault_t why = json_object_members(v, item.members, ITEM_MEMBERS, &item.count);

	if (why)
		return why;
	/* What is approved is a call in an item of that id. */
	id = member_of(&item, STR("approval_request_id"));
	if (kept_id(id, room, &name) && (why = each(arg, ITEM_BESIDE, name)))
		return why;
	type = member_of(&item, STR("type"));
	id = member_of(&item, STR("id"));
	if (is_missing(id) || says_all(&item, type))
		return NULL;
	enum kept_item how = how_of(&item, type);
	if (kept_id(id, room, &name))
		return each(arg, how, name);
	return how == ITEM_BESIDE ? NULL : FAULT_BAD_REQUEST;
}

fault_t kept_items(str body, kept_item_fn *each, void *arg)
{
	struct json_value input = json_get(chat_root(body), STR("input"));
	struct json_member m;
	fault_t why = NULL;

	if (input.type != JSON_ARRAY)
		return NULL;
	for (struct json_iter it = json_iter(input); !why && json_next(&it, &m);) {
		if (m.value.type == JSON_OBJECT)
			why = read_item(m.value, each, arg);
	}
	return why;
}
