/* The table of routes: what is found, what is not, and that every row is whole. */
#include "admin/route.h"

#include "tests/check.h"

static const struct admin_route *find(enum http_method method, const char *path)
{
	str params[ADMIN_PARAMS_MOST];
	fault_t why;

	return admin_route_find(method, str_from_z(path), params, &why);
}

TEST(every_route_is_whole)
{
	const struct admin_route *r;

	for (unsigned i = 0; (r = admin_route_at(i)); i++) {
		str list = r->query, name, type;
		bool optional;

		CHECK(r->access >= ADMIN_CLASS_PUBLIC && r->access <= ADMIN_CLASS_ALL);
		CHECK(r->run && r->summary.len && r->name.len);
		CHECK(str_starts(r->path, STR("/admin/v1/")) ||
		      str_eq(r->path, STR("/metrics")));
		CHECK(!r->request.len || admin_schema_find(r->request));
		CHECK(!r->answer.len || admin_schema_find(r->answer));
		/* A change is traced, and a look is no change; one asks with a body. */
		CHECK(r->method == HTTP_GET || r->trace == ADMIN_TRACE_CHANGE ||
		      str_eq(r->name, STR("reconcile")));
		CHECK(r->method != HTTP_GET || r->trace != ADMIN_TRACE_CHANGE);
		while (admin_field_next(&list, &name, &type, &optional)) {
			type = str_cut(&type, '!'); /* it must be there */
			CHECK(str_eq(type, STR("int")) || str_eq(type, STR("text")) ||
			      str_eq(type, STR("time")) || str_eq(type, STR("id")) ||
			      str_eq(type, STR("bool")));
		}
		for (unsigned j = 0; j < i; j++) {
			CHECK(!str_eq(admin_route_at(j)->name, r->name));
			CHECK(admin_route_at(j)->method != r->method ||
			      !str_eq(admin_route_at(j)->path, r->path));
		}
	}
}

TEST(what_a_route_changes_has_an_etag)
{
	static const struct {
		const char *name, *thing;
	} rows[] = { { "keys_update", "key" },
		     { "keys_rotate", "key" },
		     { "provider_keys_remove", "provider_key" },
		     { "tokens_revoke", "token" },
		     { "trials_stop", "trial" },
		     { "tokens_create", "" },
		     { "config_reload", "" } };
	const struct admin_route *r, *thing;
	unsigned seen = 0;

	for (unsigned i = 0; (r = admin_route_at(i)); i++) {
		for (unsigned j = 0; j < countof(rows); j++) {
			if (!str_eq(r->name, str_from_z(rows[j].name)))
				continue;
			thing = admin_route_thing(r);
			CHECK(str_eq(thing ? thing->name : STR_NONE,
			             str_from_z(rows[j].thing)));
			seen++;
		}
		/* It is looked at without a word in the audit log. */
		thing = admin_route_thing(r);
		CHECK(r->method == HTTP_GET || !thing ||
		      thing->trace == ADMIN_TRACE_NONE);
	}
	CHECK_INT(seen, countof(rows));
}

TEST(every_schema_names_what_there_is)
{
	const struct admin_schema *s;

	for (unsigned i = 0; (s = admin_schema_at(i)); i++) {
		str list = s->fields, name, type;
		bool optional;

		while (admin_field_next(&list, &name, &type, &optional)) {
			if (str_starts(type, STR("[")))
				type = str_of(type.ptr + 1, type.len - 2);
			if (type.ptr[0] >= 'A' && type.ptr[0] <= 'Z' &&
			    !CHECK(admin_schema_find(type)))
				CHECK_STR(type, "a schema");
		}
	}
}

TEST(paths_are_found_as_they_stand_and_not_otherwise)
{
	static const char *const good[] = {
		"/admin/v1/status",
		"/admin/v1/tokens",
		"/admin/v1/tokens/0123456789ab",
		"/admin/v1/exchanges/0123456789abcdef",
		"/admin/v1/tokens/a.b-c_d:e",
	};
	static const char *const bad[] = {
		"",
		"/",
		"/admin",
		"/admin/v1",
		"/admin/v1/",
		"/admin/v1/status/",
		"//admin/v1/status",
		"/admin//v1/status",
		"/admin/v1//status",
		"/admin/v1/./status",
		"/admin/v1/x/../status",
		"/admin/v1/../v1/status",
		"/admin/v1/%73tatus",
		"/admin%2fv1/status",
		"/admin/v1/status%00",
		"/admin/v1/status;x",
		"/admin/v1/status;",
		"/Admin/v1/status",
		"/admin/v1/STATUS",
		"/admin/v1/status.",
		"/admin/v1/status ",
		"admin/v1/status",
		"/admin/v1/tokens/",
		"/admin/v1/tokens/.",
		"/admin/v1/tokens/..",
		"/admin/v1/tokens/a%2fb",
		"/admin/v1/tokens/a/b",
		"/admin/v1/tokens/a;b",
		"/admin/v1/tokens/a b",
		"/admin/v1/statuses",
		"/admin/v1/stat",
		"/v1/admin/v1/status",
		"/api/admin/v1/status",
		"/admin/v1/tokens/"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"a",
	};

	for (size_t i = 0; i < countof(good); i++)
		CHECK(find(HTTP_GET, good[i]));
	for (size_t i = 0; i < countof(bad); i++)
		if (!CHECK(!find(HTTP_GET, bad[i])))
			CHECK_STR(str_from_z(bad[i]), "not to be found");
}

TEST(a_method_that_a_path_has_not_is_told_from_a_path_that_is_not)
{
	struct buf methods = BUF_LIMIT(256);
	str params[ADMIN_PARAMS_MOST];
	fault_t why;

	CHECK(!admin_route_find(HTTP_PUT, STR("/admin/v1/tokens"), params, &why));
	CHECK(why == FAULT_HTTP_METHOD);
	CHECK(!admin_route_find(HTTP_PUT, STR("/admin/v1/token"), params, &why));
	CHECK(why == FAULT_NO_SUCH_PATH);
	CHECK(find(HTTP_HEAD, "/admin/v1/tokens") == find(HTTP_GET, "/admin/v1/tokens"));
	CHECK(!find(HTTP_HEAD, "/admin/v1/config/reload"));
	CHECK(!find(HTTP_OPTIONS, "/admin/v1/tokens"));
	admin_route_methods(STR("/admin/v1/tokens"), &methods);
	CHECK_STR(buf_str(&methods), "GET, HEAD, POST, OPTIONS");
	buf_clear(&methods);
	admin_route_methods(STR("/admin/v1/tokens/"), &methods);
	CHECK_STR(buf_str(&methods), "");
	buf_free(&methods);
}

TEST(scopes_open_their_own_class_and_reading)
{
	static const struct {
		unsigned scopes;
		enum admin_class most[5];
	} rows[] = {
		{ 0, { ADMIN_CLASS_PUBLIC } },
		{ ADMIN_READ, { ADMIN_CLASS_PUBLIC, ADMIN_CLASS_READ } },
		{ ADMIN_KEYS,
		  { ADMIN_CLASS_PUBLIC, ADMIN_CLASS_READ, ADMIN_CLASS_KEYS } },
		{ ADMIN_CONFIG,
		  { ADMIN_CLASS_PUBLIC, ADMIN_CLASS_READ, ADMIN_CLASS_CONFIG } },
		{ ADMIN_ALL,
		  { ADMIN_CLASS_PUBLIC, ADMIN_CLASS_READ, ADMIN_CLASS_KEYS,
		    ADMIN_CLASS_CONFIG, ADMIN_CLASS_ALL } },
	};

	for (size_t i = 0; i < countof(rows); i++)
		for (unsigned class = 0; class < 8; class ++) {
			bool is_listed = false;

			for (size_t j = 0; j < 5; j++)
				is_listed |= class && rows[i].most[j] == class;
			CHECK_INT(admin_may(rows[i].scopes, class), is_listed);
		}
	/* A bit that is no scope opens nothing. */
	CHECK(!admin_may(16, ADMIN_CLASS_READ));
}
