/* route.c - see route.h. */
#include "admin/route.h"

#include "admin/api.h"

enum { SEGMENT_MOST = 64 };

#define ROUTE(name, method, path, access, trace, run, query, request, answer, summary)   \
	_Static_assert(ADMIN_CLASS_##access >= ADMIN_CLASS_PUBLIC,                       \
	               "a route says who may use it");
#include "admin/routes.def"
#undef ROUTE

static const struct admin_route routes[] = {
#define ROUTE(name_, method_, path_, access_, trace_, run_, query_, request_, answer_,   \
              summary_)                                                                  \
	{ .name = STR_INIT(#name_),                                                      \
	  .method = HTTP_##method_,                                                      \
	  .path = STR_INIT(path_),                                                       \
	  .access = ADMIN_CLASS_##access_,                                               \
	  .trace = ADMIN_TRACE_##trace_,                                                 \
	  .run = run_,                                                                   \
	  .query = STR_INIT(query_),                                                     \
	  .request = STR_INIT(request_),                                                 \
	  .answer = STR_INIT(answer_),                                                   \
	  .summary = STR_INIT(summary_) },
#include "admin/routes.def"
#undef ROUTE
};

static const struct admin_schema schemas[] = {
#define SCHEMA(name, fields, about)                                                      \
	{ STR_INIT(#name), STR_INIT(fields), STR_INIT(about), NULL },
#define TEXT(name, media, about)                                                         \
	{ STR_INIT(#name), STR_INIT(""), STR_INIT(about), media },
#include "admin/schemas.def"
#undef SCHEMA
#undef TEXT
};

const str admin_scope_names[ADMIN_SCOPES] = {
	STR_INIT("read"),
	STR_INIT("keys"),
	STR_INIT("config"),
	STR_INIT("all"),
};

const struct admin_route *admin_route_at(unsigned i)
{
	return i < countof(routes) ? &routes[i] : NULL;
}

const struct admin_schema *admin_schema_at(unsigned i)
{
	return i < countof(schemas) ? &schemas[i] : NULL;
}

const struct admin_schema *admin_schema_find(str name)
{
	for (unsigned i = 0; i < countof(schemas); i++)
		if (str_eq(schemas[i].name, name))
			return &schemas[i];
	return NULL;
}

const char *admin_schema_media(str name)
{
	const struct admin_schema *s = admin_schema_find(name);

	return s ? s->media : NULL;
}

/* ---- finding ---- */

static bool may_be_param(str segment)
{
	if (segment.len == 0 || segment.len > SEGMENT_MOST || str_eq(segment, STR(".")) ||
	    str_eq(segment, STR("..")))
		return false;
	for (size_t i = 0; i < segment.len; i++) {
		char low = char_lower(segment.ptr[i]);

		if (!(low >= 'a' && low <= 'z') && !char_is_digit(low) && low != '-' &&
		    low != '_' && low != '.' && low != ':')
			return false;
	}
	return true;
}

/* Segment by segment; both begin with a slash. */
static bool is_at(str template, str path, str ret_params[ADMIN_PARAMS_MOST])
{
	unsigned params = 0;

	while (template.len > 0 && path.len > 0) {
		str want = str_cut(&template, '/'), got = str_cut(&path, '/');

		if (str_starts(want, STR("{"))) {
			if (!may_be_param(got))
				return false;
			ret_params[params++] = got;
		} else if (!str_eq(want, got)) {
			return false;
		}
	}
	return template.len == 0 && path.len == 0;
}

const struct admin_route *admin_route_find(enum http_method method, str path,
                                           str ret_params[ADMIN_PARAMS_MOST],
                                           fault_t *ret_why)
{
	enum http_method asked = method == HTTP_HEAD ? HTTP_GET : method;

	*ret_why = FAULT_NO_SUCH_PATH;
	/* What str_cut cannot tell apart: with and without a slash at the end. */
	if (str_ends(path, STR("/")))
		return NULL;
	for (size_t i = 0; i < countof(routes); i++) {
		if (!is_at(routes[i].path, path, ret_params))
			continue;
		if (routes[i].method == asked)
			return &routes[i];
		*ret_why = FAULT_HTTP_METHOD;
	}
	return NULL;
}

const struct admin_route *admin_route_thing(const struct admin_route *r)
{
	size_t at = str_find_str(r->path, STR("{id}"));
	str path = str_first(r->path, at + STR("{id}").len);

	if (at == r->path.len)
		return NULL;
	for (size_t i = 0; i < countof(routes); i++)
		if (routes[i].method == HTTP_GET && str_eq(routes[i].path, path))
			return &routes[i];
	return NULL;
}

str admin_method_name(enum http_method method)
{
	static const char *const names[] = {
		[HTTP_GET] = "GET",         [HTTP_HEAD] = "HEAD",
		[HTTP_POST] = "POST",       [HTTP_PUT] = "PUT",
		[HTTP_PATCH] = "PATCH",     [HTTP_DELETE] = "DELETE",
		[HTTP_OPTIONS] = "OPTIONS", [HTTP_OTHER] = "OTHER"
	};

	return str_from_z(names[method]);
}

void admin_route_methods(str path, struct buf *to)
{
	str params[ADMIN_PARAMS_MOST];

	if (str_ends(path, STR("/")))
		return;
	for (size_t i = 0; i < countof(routes); i++) {
		if (!is_at(routes[i].path, path, params))
			continue;
		buf_addf(to, "%.*s, %s", STR_ARG(admin_method_name(routes[i].method)),
		         routes[i].method == HTTP_GET ? "HEAD, " : "");
	}
	if (to->len)
		buf_add(to, STR("OPTIONS"));
}

/* ---- who may ---- */

bool admin_may(unsigned scopes, enum admin_class access)
{
	unsigned any = ADMIN_READ | ADMIN_KEYS | ADMIN_CONFIG | ADMIN_ALL;

	switch (access) {
	case ADMIN_CLASS_PUBLIC:
		return true;
	case ADMIN_CLASS_READ:
		return scopes & any;
	case ADMIN_CLASS_KEYS:
		return scopes & (ADMIN_KEYS | ADMIN_ALL);
	case ADMIN_CLASS_CONFIG:
		return scopes & (ADMIN_CONFIG | ADMIN_ALL);
	case ADMIN_CLASS_ALL:
		return scopes & ADMIN_ALL;
	}
	return false;
}

str admin_class_name(enum admin_class access)
{
	static const str names[] = {
		[ADMIN_CLASS_PUBLIC] = STR_INIT("public"),
		[ADMIN_CLASS_READ] = STR_INIT("read"),
		[ADMIN_CLASS_KEYS] = STR_INIT("keys"),
		[ADMIN_CLASS_CONFIG] = STR_INIT("config"),
		[ADMIN_CLASS_ALL] = STR_INIT("all"),
	};

	return names[access];
}

bool admin_field_next(str *list, str *ret_name, str *ret_type, bool *ret_optional)
{
	str field;

	*list = str_trim(*list);
	if (list->len == 0)
		return false;
	field = str_cut(list, ' ');
	*ret_name = str_cut(&field, ':');
	*ret_optional = str_ends(field, STR("?"));
	*ret_type = *ret_optional ? str_first(field, field.len - 1) : field;
	return true;
}
