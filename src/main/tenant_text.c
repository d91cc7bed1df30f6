/* tenant_text.c - see tenant_text.h; what is not bounded is not mentioned. */
#include "main/tenant_text.h"

#include "codec/text.h"
#include "admin/text.h"

enum { TEXT_MOST = 8 * KiB };

static str text(struct json_value v, char room[TEXT_MOST])
{
	return v.type == JSON_STRING && v.raw.len <= TEXT_MOST ? json_text(v, room)
	                                                       : STR_NONE;
}

static void add_text(struct buf *to, struct json_value v)
{
	char room[TEXT_MOST];

	text_safe(to, text(v, room));
}

/* A time as RFC 3339, locally. */
static void add_time(struct buf *to, const char *before, struct json_value v)
{
	char room[TEXT_MOST];
	usec wall;

	if (!rfc3339_parse(text(v, room), &wall))
		return;
	buf_add(to, str_from_z(before));
	text_time(to, wall);
}

static void add_padded(struct buf *to, struct json_value v, size_t width)
{
	size_t before = to->len;

	add_text(to, v);
	while (to->len < before + width)
		buf_add_char(to, ' ');
}

/* "active (team revoked)": what it belongs to ends it as well. */
static void add_state(struct buf *to, struct json_value node, size_t width)
{
	struct json_value above = json_get(node, STR("ended_above"));

	if (above.type != JSON_STRING) {
		add_padded(to, json_get(node, STR("state")), width);
		return;
	}
	add_text(to, json_get(node, STR("state")));
	buf_add(to, STR(" ("));
	add_text(to, above);
	buf_add(to, width ? STR(")  ") : STR(")"));
}

/* ---- limits ---- */

static void separate(struct buf *to, size_t begin)
{
	if (to->len > begin)
		buf_add(to, STR(", "));
}

static void add_count(struct buf *to, size_t begin, struct json_value v, const char *unit)
{
	if (v.type != JSON_NUMBER)
		return;
	separate(to, begin);
	buf_addf(to, "%.*s %s", STR_ARG(v.raw), unit);
}

static void add_caps(struct buf *to, struct json_value caps)
{
	struct json_member m;
	size_t begin = to->len;

	add_count(to, begin, json_get(caps, STR("rpm")), "requests/min");
	add_count(to, begin, json_get(caps, STR("tpm")), "tokens/min");
	add_count(to, begin, json_get(caps, STR("concurrent")), "at a time");
	for (struct json_iter it = json_iter(json_get(caps, STR("budget")));
	     json_next(&it, &m);) {
		if (m.value.type != JSON_STRING)
			continue;
		separate(to, begin);
		buf_add_char(to, '$');
		add_text(to, m.value);
		if (str_eq(m.key, STR("total")))
			buf_add(to, STR(" in all"));
		else
			buf_addf(to, "/%.*s", STR_ARG(m.key));
	}
}

void tenant_line(struct buf *to, struct json_value node)
{
	size_t begin;

	add_text(to, json_get(node, STR("id")));
	buf_add(to, STR("  "));
	add_state(to, node, 9);
	add_time(to, "created ", json_get(node, STR("created")));
	buf_add(to, STR("  "));
	add_padded(to, json_get(node, STR("name")), 20);
	buf_add(to, STR("  "));
	add_padded(to, json_get(node, STR("parent_name")), 14);
	buf_add(to, STR("  "));
	begin = to->len;
	add_caps(to, json_get(node, STR("limits")));
	if (to->len == begin)
		to->len -= 2;
	while (to->ptr[to->len - 1] == ' ')
		to->len--;
	buf_add_char(to, '\n');
}

/* ---- a page ---- */

static void begin_line(struct buf *to, const char *name)
{
	buf_addf(to, "  %-13s", name);
}

static void caps_line(struct buf *to, const char *name, struct json_value caps)
{
	size_t before = to->len, begin;

	begin_line(to, name);
	begin = to->len;
	add_caps(to, caps);
	if (to->len == begin)
		to->len = before;
	else
		buf_add_char(to, '\n');
}

static void list_line(struct buf *to, const char *name, struct json_value list)
{
	struct json_member m;
	size_t begin;

	if (list.type != JSON_ARRAY)
		return;
	begin_line(to, name);
	begin = to->len;
	for (struct json_iter it = json_iter(list); json_next(&it, &m);) {
		separate(to, begin);
		add_text(to, m.value);
	}
	buf_add_char(to, '\n');
}

static void tags_line(struct buf *to, struct json_value tags)
{
	struct json_member m;
	size_t before = to->len, begin;

	begin_line(to, "tags");
	begin = to->len;
	for (struct json_iter it = json_iter(tags); json_next(&it, &m);) {
		separate(to, begin);
		buf_addf(to, "%.*s=", STR_ARG(m.key));
		add_text(to, m.value);
	}
	if (to->len == begin)
		to->len = before;
	else
		buf_add_char(to, '\n');
}

static void state_line(struct buf *to, struct json_value node)
{
	begin_line(to, "state");
	add_state(to, node, 0);
	add_time(to, ", created ", json_get(node, STR("created")));
	add_time(to, ", expires ", json_get(node, STR("expires")));
	add_time(to, ", revoked ", json_get(node, STR("revoked")));
	add_time(to, ", the secret before is good until ",
	         json_get(node, STR("previous_until")));
	buf_add_char(to, '\n');
}

/* What happens at the end of a budget, where it is not the usual. */
static void policy_lines(struct buf *to, struct json_value node)
{
	struct json_value ending = json_get(node, STR("on_exhausted"));
	struct json_value downgrade = json_get(node, STR("downgrade"));

	if (json_get(node, STR("soft")).type == JSON_TRUE)
		buf_add(to, STR("  soft         budgets reserve what is likely\n"));
	if (!json_text_is(ending, STR("finish"))) {
		begin_line(to, "on exhausted");
		add_text(to, ending);
		buf_add_char(to, '\n');
	}
	if (downgrade.type == JSON_STRING) {
		begin_line(to, "on budget");
		buf_add(to, STR("downgrade:"));
		add_text(to, downgrade);
		buf_add_char(to, '\n');
	}
	if (json_get(node, STR("phi")).type == JSON_TRUE)
		buf_add(to, STR("  phi          nothing of what is said is kept\n"));
}

static void use_lines(struct buf *to, struct json_value node)
{
	struct json_value usage = json_get(node, STR("usage"));
	struct json_value used = json_get(node, STR("used"));
	struct json_member m;

	if (used.type == JSON_STRING || used.type == JSON_NULL) {
		begin_line(to, "last used");
		if (used.type == JSON_NULL)
			buf_add(to, STR("never"));
		add_time(to, "", used);
		buf_add_char(to, '\n');
	}
	if (usage.type != JSON_OBJECT)
		return;
	begin_line(to, "now");
	buf_addf(to, "%.*s requests and %.*s tokens in the last minute, %.*s running\n",
	         STR_ARG(json_get(usage, STR("requests")).raw),
	         STR_ARG(json_get(usage, STR("tokens")).raw),
	         STR_ARG(json_get(usage, STR("running")).raw));
	for (struct json_iter it = json_iter(json_get(usage, STR("budget")));
	     json_next(&it, &m);) {
		begin_line(to, "spent");
		buf_add_char(to, '$');
		add_text(to, json_get(m.value, STR("spent")));
		buf_addf(to, " of the %.*s's, $", STR_ARG(m.key));
		add_text(to, json_get(m.value, STR("reserved")));
		buf_add(to, STR(" set aside"));
		add_time(to, ", until ", json_get(m.value, STR("resets")));
		buf_add_char(to, '\n');
	}
}

void tenant_page(struct buf *to, struct json_value node)
{
	struct json_value allow = json_get(node, STR("allow"));
	struct json_value metadata = json_get(node, STR("metadata"));
	struct json_value parent = json_get(node, STR("parent"));

	add_text(to, json_get(node, STR("kind")));
	buf_add_char(to, ' ');
	add_text(to, json_get(node, STR("id")));
	buf_add(to, STR("  \""));
	add_text(to, json_get(node, STR("name")));
	buf_add(to, STR("\"\n"));
	state_line(to, node);
	if (parent.type == JSON_STRING) {
		begin_line(to, "belongs to");
		add_text(to, json_get(node, STR("parent_name")));
		buf_add(to, STR(" ("));
		add_text(to, parent);
		buf_add_char(to, ')');
		buf_add_char(to, '\n');
	}
	caps_line(to, "limits", json_get(node, STR("limits")));
	caps_line(to, "each user", json_get(node, STR("user_limits")));
	list_line(to, "routes", json_get(allow, STR("routes")));
	list_line(to, "models", json_get(allow, STR("models")));
	list_line(to, "providers", json_get(allow, STR("providers")));
	list_line(to, "regions", json_get(allow, STR("regions")));
	policy_lines(to, node);
	use_lines(to, node);
	tags_line(to, json_get(node, STR("tags")));
	if (metadata.type == JSON_OBJECT && metadata.raw.len > 2) {
		begin_line(to, "metadata");
		text_safe(to, metadata.raw);
		buf_add_char(to, '\n');
	}
}
