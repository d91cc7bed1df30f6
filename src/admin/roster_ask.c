/* roster_ask.c - the operations of roster.h, asked for in a line of JSON. */
#include "admin/roster.h"

#include "config/scalar.h"

enum { WHICH_MOST = 1024, DEFAULT_GRACE_HOURS = 24 };

struct asked {
	struct json_value request;
	enum tenant_kind kind;
	str which;
	uint64_t serial;
};

static str text(struct roster *t, const struct asked *a, str name)
{
	struct json_value v = json_get(a->request, name);

	if (v.type != JSON_STRING || v.raw.len > WHICH_MOST)
		return STR_NONE;
	return json_text(v, arena_alloc(t->keep, v.raw.len));
}

static enum roster_result create(struct roster *t, const struct asked *a,
                                 struct json_writer *to)
{
	return roster_create(t, a->kind, json_get(a->request, STR("set")), to);
}

static enum roster_result show(struct roster *t, const struct asked *a,
                               struct json_writer *to)
{
	return roster_show(t, a->kind, a->which, to);
}

static enum roster_result update(struct roster *t, const struct asked *a,
                                 struct json_writer *to)
{
	return roster_update(t, a->kind, a->which, a->serial,
	                     json_get(a->request, STR("set")), to);
}

static enum roster_result rotate(struct roster *t, const struct asked *a,
                                 struct json_writer *to)
{
	uint64_t grace = (uint64_t)(DEFAULT_GRACE_HOURS * USEC_HOUR);
	str written = text(t, a, STR("grace"));

	if (written.len && scalar_time(written, &grace) != SCALAR_OK) {
		buf_add(t->why, STR("grace: this is no span like 24h"));
		t->param = STR("grace");
		return ROSTER_INVALID;
	}
	return roster_rotate(t, a->which, a->serial, (usec)grace, to);
}

static enum roster_result revoke(struct roster *t, const struct asked *a,
                                 struct json_writer *to)
{
	return roster_revoke(t, a->kind, a->which, a->serial, to);
}

static enum roster_result list(struct roster *t, const struct asked *a,
                               struct json_writer *to)
{
	struct roster_filter filter = {
		.parent = text(t, a, STR("parent")),
		.cursor = text(t, a, STR("cursor")),
		.active = json_get(a->request, STR("active")).type == JSON_TRUE,
	};
	uint64_t most;

	if (json_u64(json_get(a->request, STR("most")), &most))
		filter.most = (unsigned)min_of(most, (uint64_t)UINT32_MAX);
	return roster_list(t, a->kind, &filter, to);
}

static const struct ask_row {
	str name;
	enum roster_result (*run)(struct roster *t, const struct asked *a,
	                          struct json_writer *to);
} rows[] = {
	{ STR_INIT("tenant_create"), create }, { STR_INIT("tenant_show"), show },
	{ STR_INIT("tenant_update"), update }, { STR_INIT("tenant_rotate"), rotate },
	{ STR_INIT("tenant_revoke"), revoke }, { STR_INIT("tenant_list"), list },
};

enum roster_result roster_ask(struct roster *t, struct json_value request,
                              struct json_writer *to)
{
	struct json_value what = json_get(request, STR("do"));
	struct asked a = { .request = request, .kind = TENANT_KEY };
	str kind = text(t, &a, STR("kind"));

	a.which = text(t, &a, STR("which"));
	t->actor = text(t, &a, STR("actor"));
	if (!json_u64(json_get(request, STR("serial")), &a.serial))
		a.serial = 0;
	if (kind.len && !tenant_kind_parse(kind, &a.kind)) {
		buf_add(t->why, STR("kind: this is none of organisation, team, key and "
		                    "user"));
		return ROSTER_INVALID;
	}
	for (size_t i = 0; i < countof(rows); i++)
		if (json_text_is(what, rows[i].name))
			return rows[i].run(t, &a, to);
	buf_add(t->why, STR("this cannot be asked here"));
	return ROSTER_INVALID;
}
