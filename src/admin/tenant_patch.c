/* tenant_patch.c - what a JSON object sets in a node.
 *
 * What may be set is a table of members with a function each; an object inside has a
 * table of its own. */
#include "admin/tenant_json.h"

#include "base/mem.h"
#include "codec/text.h"
#include "codec/utf8.h"
#include "config/scalar.h"

enum { PATH_MOST = 128, MEMBERS_MOST = 32 };

struct patch {
	struct tenant_row *row;
	usec wall;
	struct arena *keep;
	struct buf *why;
	str path; /* of the member that is looked at */
	char room[PATH_MOST];
};

/* A member that may be set.  `at` is where its value goes. */
struct setter {
	str name;
	bool (*set)(struct patch *p, struct json_value v, void *at);
	size_t offset; /* of `at` in what the object stands for */
};

static bool bad(struct patch *p, const char *what)
{
	buf_addf(p->why, "%.*s: %s", STR_ARG(p->path), what);
	return false;
}

static void suggest(struct patch *p, const struct setter *table, size_t count, str name)
{
	unsigned best = 3;
	str near = STR_NONE;

	for (size_t i = 0; i < count; i++) {
		unsigned distance = str_distance(name, table[i].name, 2);

		if (distance >= best)
			continue;
		best = distance;
		near = table[i].name;
	}
	if (near.len)
		buf_addf(p->why, "; did you mean %.*s?", STR_ARG(near));
}

/* Path and name; *ret_before is what to go back to. */
static void step_into(struct patch *p, str name, str *ret_before)
{
	size_t room = sizeof(p->room) - p->path.len, n;

	*ret_before = p->path;
	if (p->path.len && room) {
		p->room[p->path.len++] = '.';
		room--;
	}
	n = min_of(room, name.len);
	if (n)
		memcpy(p->room + p->path.len, name.ptr, n);
	p->path = str_of(p->room, p->path.len + n);
}

static bool set_members(struct patch *p, struct json_value v, const struct setter *table,
                        size_t count, void *base)
{
	struct json_member members[MEMBERS_MOST];
	size_t n;

	if (v.type != JSON_OBJECT)
		return bad(p, "this is no object");
	if (json_object_members(v, members, MEMBERS_MOST, &n))
		return bad(p, "a member stands twice, or there are too many");
	for (size_t k = 0; k < n; k++) {
		size_t i = 0;
		str before;

		while (i < count && !str_eq(table[i].name, members[k].key))
			i++;
		step_into(p, members[k].key, &before);
		if (i == count) {
			bad(p, "there is nothing of this name to be set");
			suggest(p, table, count, members[k].key);
			return false;
		}
		if (!table[i].set(p, members[k].value, (char *)base + table[i].offset))
			return false;
		p->path = before;
	}
	return true;
}

/* The text of a string without control characters, kept; at most `most` bytes. */
static bool take_text(struct patch *p, struct json_value v, size_t most, str *ret)
{
	str text;

	if (v.type != JSON_STRING)
		return bad(p, "this is no string");
	if (v.raw.len > 6 * most + 2)
		return bad(p, "this is too long");
	text = json_text(v, arena_alloc(p->keep, v.raw.len));
	if (text.len > most)
		return bad(p, "this is too long");
	if (utf8_has_steering(text))
		return bad(p, "control characters are not allowed");
	*ret = arena_copy(p->keep, text);
	return true;
}

static bool set_count(struct patch *p, struct json_value v, void *at)
{
	uint64_t n = 0;

	if (v.type != JSON_NULL && (!json_u64(v, &n) || n == 0 || n > UINT32_MAX))
		return bad(p,
		           "this is no number from 1 to 4294967295 (null: not bounded)");
	*(uint32_t *)at = (uint32_t)n;
	return true;
}

static bool set_money(struct patch *p, struct json_value v, void *at)
{
	nanousd amount = COST_UNKNOWN;
	str text = v.raw;

	if (v.type == JSON_STRING && !take_text(p, v, 64, &text))
		return false;
	if (v.type != JSON_NULL && !usd_parse(text, &amount))
		return bad(p,
		           "this is no amount of dollars like \"50\" or \"0.25\" (null: "
		           "not bounded)");
	*(nanousd *)at = amount;
	return true;
}

static bool set_budget(struct patch *p, struct json_value v, void *at)
{
	static const struct setter table[] = {
		{ STR_INIT("hour"), set_money, BUDGET_HOUR * sizeof(nanousd) },
		{ STR_INIT("day"), set_money, BUDGET_DAY * sizeof(nanousd) },
		{ STR_INIT("week"), set_money, BUDGET_WEEK * sizeof(nanousd) },
		{ STR_INIT("month"), set_money, BUDGET_MONTH * sizeof(nanousd) },
		{ STR_INIT("total"), set_money, BUDGET_TOTAL * sizeof(nanousd) },
	};
	nanousd *budget = at;

	if (v.type != JSON_NULL)
		return set_members(p, v, table, countof(table), at);
	for (int i = 0; i < BUDGET_WINDOWS; i++)
		budget[i] = COST_UNKNOWN;
	return true;
}

static bool set_caps(struct patch *p, struct json_value v, void *at)
{
	static const struct setter table[] = {
		{ STR_INIT("rpm"), set_count, offsetof(struct tenant_caps, rpm) },
		{ STR_INIT("tpm"), set_count, offsetof(struct tenant_caps, tpm) },
		{ STR_INIT("concurrent"), set_count,
		  offsetof(struct tenant_caps, concurrent) },
		{ STR_INIT("budget"), set_budget, offsetof(struct tenant_caps, budget) },
	};

	if (v.type != JSON_NULL)
		return set_members(p, v, table, countof(table), at);
	*(struct tenant_caps *)at = (struct tenant_caps)TENANT_CAPS_NONE;
	return true;
}

/* Patterns are joined by commas, so that none may have one. */
static bool set_list(struct patch *p, struct json_value v, void *at)
{
	struct buf joined = BUF_LIMIT(TENANT_LIST_MOST);
	struct json_member m;
	bool is_good = true;

	if (v.type == JSON_NULL) {
		*(str *)at = STR_NONE;
		return true;
	}
	if (v.type != JSON_ARRAY)
		return bad(p, "this is no list of patterns (null: all are allowed)");
	for (struct json_iter it = json_iter(v);
	     is_good && !joined.over && json_next(&it, &m);) {
		str text = STR_NONE;

		is_good = take_text(p, m.value, TENANT_LIST_MOST, &text);
		if (is_good &&
		    (text.len == 0 || str_find_any(text, STR(", \t")) != text.len))
			is_good = bad(p, "a pattern is not empty and has neither blanks "
			                 "nor commas");
		if (joined.len)
			buf_add_char(&joined, ',');
		buf_add(&joined, text);
	}
	if (is_good && joined.len == 0)
		is_good = bad(p, "an empty list would allow nothing; null allows all");
	if (is_good && joined.over)
		is_good = bad(p, "these are too many");
	if (is_good)
		*(str *)at = arena_copy(p->keep, buf_str(&joined));
	buf_free(&joined);
	return is_good;
}

static bool set_allow(struct patch *p, struct json_value v, void *at)
{
	static const struct setter table[] = {
		{ STR_INIT("routes"), set_list, offsetof(struct tenant_row, routes) },
		{ STR_INIT("models"), set_list, offsetof(struct tenant_row, models) },
		{ STR_INIT("providers"), set_list,
		  offsetof(struct tenant_row, providers) },
		{ STR_INIT("regions"), set_list, offsetof(struct tenant_row, regions) },
	};
	struct tenant_row *row = at;

	if (v.type != JSON_NULL)
		return set_members(p, v, table, countof(table), at);
	row->routes = row->models = row->providers = row->regions = STR_NONE;
	return true;
}

/* As gateway/tags.h reads them; what is not of that kind would stand on no record. */
static bool is_tag_name(str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = char_lower(name.ptr[i]);

		if (!(c >= 'a' && c <= 'z') && !char_is_digit(c) &&
		    str_find(STR("_-."), c) == 3)
			return false;
	}
	return name.len > 0 && name.len <= TENANT_TAG_NAME_MOST;
}

static bool is_tag_value(str value)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];

		if (c <= ' ' || c > '~' || c == ',' || c == '=')
			return false;
	}
	return value.len > 0 && value.len <= TENANT_TAG_VALUE_MOST;
}

static bool set_tags(struct patch *p, struct json_value v, void *at)
{
	struct json_member members[MEMBERS_MOST];
	struct buf joined = BUF_LIMIT(TENANT_TAGS_BYTES);
	bool is_good = v.type == JSON_OBJECT || v.type == JSON_NULL ||
	               bad(p, "this is no object of texts (null: none)");
	size_t n = 0;

	if (v.type == JSON_OBJECT &&
	    (json_object_members(v, members, MEMBERS_MOST, &n) || n > TENANT_TAGS_MOST))
		is_good = bad(p, "a tag stands twice, or there are more than eight");
	for (size_t i = 0; is_good && i < n; i++) {
		struct json_member m = members[i];
		str value = STR_NONE;

		is_good = take_text(p, m.value, TENANT_TAGS_BYTES, &value);
		if (is_good && !is_tag_name(m.key))
			is_good = bad(p, "the name of a tag has up to 32 letters, digits "
			                 "and _-.");
		if (is_good && !is_tag_value(value))
			is_good = bad(p, "the value of a tag has up to 64 characters of "
			                 "ASCII without blanks, commas and =");
		if (joined.len)
			buf_add_char(&joined, ',');
		buf_add(&joined, m.key);
		buf_add_char(&joined, '=');
		buf_add(&joined, value);
	}
	if (is_good && joined.over)
		is_good = bad(p, "tags have 256 bytes at most");
	if (is_good)
		*(str *)at = arena_copy(p->keep, buf_str(&joined));
	buf_free(&joined);
	return is_good;
}

/* Checked JSON on one line: answers at the socket are lines. */
static str without_blanks(struct arena *keep, str json)
{
	char *to = arena_alloc(keep, json.len);
	bool is_inside = false;
	size_t n = 0;

	for (size_t i = 0; i < json.len; i++) {
		char c = json.ptr[i];

		if (!is_inside && str_find(STR(" \t\r\n"), c) < 4)
			continue;
		to[n++] = c;
		if (is_inside && c == '\\')
			to[n++] = json.ptr[++i];
		else if (c == '"')
			is_inside = !is_inside;
	}
	return str_of(to, n);
}

static bool set_metadata(struct patch *p, struct json_value v, void *at)
{
	static const struct json_limits limits = { TENANT_METADATA_DEPTH,
		                                   TENANT_METADATA_MOST,
		                                   TENANT_METADATA_MOST, 64 };

	if (v.type == JSON_NULL)
		v.raw = STR_NONE;
	else if (v.type != JSON_OBJECT)
		return bad(p, "this is no object (null: none)");
	if (v.raw.len > TENANT_METADATA_MOST)
		return bad(p, "metadata has 4096 bytes at most");
	if (v.raw.len && json_check(v.raw, &limits, NULL))
		return bad(p, "metadata has eight levels at most");
	*(str *)at = without_blanks(p->keep, v.raw);
	return true;
}

static bool set_bool(struct patch *p, struct json_value v, void *at)
{
	if (v.type != JSON_TRUE && v.type != JSON_FALSE)
		return bad(p, "this is neither true nor false");
	*(bool *)at = v.type == JSON_TRUE;
	return true;
}

static bool set_ending(struct patch *p, struct json_value v, void *at)
{
	str text = STR_NONE;

	if (v.type == JSON_STRING && !take_text(p, v, 64, &text))
		return false;
	if (!tenant_ending_parse(text, at))
		return bad(p, "this is none of finish, stop and error");
	return true;
}

static bool set_route(struct patch *p, struct json_value v, void *at)
{
	*(str *)at = STR_NONE;
	return v.type == JSON_NULL || take_text(p, v, 256, at);
}

/* yyyy-mm-dd */
static bool parse_date(str text, usec *ret)
{
	char room[32];
	struct buf whole = { room, .cap = sizeof(room), .limit = sizeof(room) };

	buf_add(&whole, text);
	buf_add(&whole, STR("T00:00:00Z"));
	return text.len == 10 && rfc3339_parse(buf_str(&whole), ret);
}

static bool set_time(struct patch *p, struct json_value v, void *at)
{
	str text = STR_NONE;
	uint64_t span;
	usec when = 0;

	if (v.type == JSON_NULL) {
		*(usec *)at = 0;
		return true;
	}
	if (!take_text(p, v, 64, &text))
		return false;
	if (scalar_time(text, &span) == SCALAR_OK && span < (uint64_t)INT64_MAX / 2)
		when = p->wall + (usec)span;
	else if (!rfc3339_parse(text, &when) && !parse_date(text, &when))
		return bad(p, "this is neither a span like 30d, nor a date like "
		              "2026-12-31, nor a time of RFC 3339");
	if (when <= p->wall)
		return bad(p, "this is not in the future");
	*(usec *)at = when;
	return true;
}

bool tenant_patch(struct tenant_row *row, struct json_value set, usec wall,
                  struct arena *keep, struct buf *why, str *ret_param)
{
	static const struct setter table[] = {
		{ STR_INIT("expires"), set_time,
		  offsetof(struct tenant_row, expires_wall) },
		{ STR_INIT("limits"), set_caps, offsetof(struct tenant_row, caps) },
		{ STR_INIT("user_limits"), set_caps,
		  offsetof(struct tenant_row, per_user) },
		{ STR_INIT("allow"), set_allow, 0 },
		{ STR_INIT("tags"), set_tags, offsetof(struct tenant_row, tags) },
		{ STR_INIT("metadata"), set_metadata,
		  offsetof(struct tenant_row, metadata) },
		{ STR_INIT("soft"), set_bool, offsetof(struct tenant_row, soft) },
		{ STR_INIT("phi"), set_bool, offsetof(struct tenant_row, phi) },
		{ STR_INIT("on_exhausted"), set_ending,
		  offsetof(struct tenant_row, on_exhausted) },
		{ STR_INIT("downgrade"), set_route,
		  offsetof(struct tenant_row, downgrade) },
	};
	struct patch p = { .row = row, .wall = wall, .keep = keep, .why = why };

	if (set_members(&p, set, table, countof(table), row))
		return true;
	*ret_param = arena_copy(keep, p.path);
	return false;
}

bool tenant_name_check(str name, struct buf *why)
{
	if (name.len == 0)
		buf_add(why, STR("name: a name is needed"));
	else if (name.len > TENANT_NAME_MOST)
		buf_addf(why, "name: a name has at most %d bytes", TENANT_NAME_MOST);
	else if (utf8_has_steering(name))
		buf_add(why, STR("name: a name has no control characters"));
	return why->len == 0;
}
