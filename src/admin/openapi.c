/* openapi.c - see openapi.h.  Each row of routes.def becomes an operation, each of
 * schemas.def a schema; what is the same for all (errors, headers, tokens) stands here.
 */
#include "admin/openapi.h"

#include "admin/api.h"

/* ---- types ---- */

static void write_ref(struct json_writer *w, const char *where, str name)
{
	struct buf ref = BUF_LIMIT(256);

	buf_addf(&ref, "#/components/%s/%.*s", where, STR_ARG(name));
	json_key_str(w, STR("$ref"), buf_str(&ref));
	buf_free(&ref);
}

/* What JSON Schema says of the types that are no schema of ours. */
static const struct type {
	str name;
	const char *json; /* its type */
	const char *more; /* further members */
} types[] = {
	{ STR_INIT("id"), "string", "\"pattern\":\"^[0-9a-f]{12,16}$\"" },
	{ STR_INIT("text"), "string", NULL },
	{ STR_INIT("time"), "string", "\"format\":\"date-time\"" },
	{ STR_INIT("usd"), "string", "\"pattern\":\"^-?[0-9]+\\\\.[0-9]{9}$\"" },
	{ STR_INIT("dollars"), "string", "\"pattern\":\"^[0-9]+\\\\.[0-9]{2,9}$\"" },
	{ STR_INIT("int"), "integer", "\"format\":\"int64\"" },
	{ STR_INIT("number"), "number", NULL },
	{ STR_INIT("bool"), "boolean", NULL },
	{ STR_INIT("object"), "object", NULL },
};

static const struct type *type_find(str name)
{
	for (size_t i = 0; i < countof(types); i++)
		if (str_eq(types[i].name, name))
			return &types[i];
	return NULL;
}

static void write_type(struct json_writer *w, str type, bool optional);

static void write_list_type(struct json_writer *w, str items, bool optional)
{
	json_key(w, STR("type"));
	if (optional) {
		json_open(w, '[');
		json_str(w, STR("array"));
		json_str(w, STR("null"));
		json_close(w, ']');
	} else {
		json_str(w, STR("array"));
	}
	json_key(w, STR("items"));
	write_type(w, items, false);
}

static void write_plain_type(struct json_writer *w, const struct type *t, bool optional)
{
	struct buf more = BUF_LIMIT(KiB);

	if (optional)
		buf_addf(&more, "[\"%s\",\"null\"]", t->json);
	else
		buf_addf(&more, "\"%s\"", t->json);
	if (t->more)
		buf_addf(&more, ",%s", t->more);
	json_key(w, STR("type"));
	json_raw(w, buf_str(&more));
	buf_free(&more);
}

/* A schema as a value. */
static void write_type(struct json_writer *w, str type, bool optional)
{
	const struct type *plain = type_find(type);

	json_open(w, '{');
	if (str_starts(type, STR("["))) {
		write_list_type(w, str_of(type.ptr + 1, type.len - 2), optional);
	} else if (plain) {
		write_plain_type(w, plain, optional);
	} else if (admin_schema_find(type) && !optional) {
		write_ref(w, "schemas", type);
	} else if (admin_schema_find(type)) {
		json_key(w, STR("anyOf"));
		json_open(w, '[');
		write_type(w, type, false);
		json_raw(w, STR("{\"type\":\"null\"}"));
		json_close(w, ']');
	}
	json_close(w, '}');
}

/* ---- schemas ---- */

static void write_schema(struct json_writer *w, const struct admin_schema *s)
{
	str fields = s->fields, name, type;
	bool optional;

	json_key(w, s->name);
	json_open(w, '{');
	json_key_str(w, STR("description"), s->about);
	json_key_str(w, STR("type"), s->media ? STR("string") : STR("object"));
	if (fields.len) {
		json_key(w, STR("properties"));
		json_open(w, '{');
		while (admin_field_next(&fields, &name, &type, &optional)) {
			json_key(w, name);
			write_type(w, type, optional);
		}
		json_close(w, '}');
		json_key(w, STR("required"));
		json_open(w, '[');
		fields = s->fields;
		while (admin_field_next(&fields, &name, &type, &optional))
			if (!optional)
				json_str(w, name);
		json_close(w, ']');
	}
	json_close(w, '}');
}

/* ---- operations ---- */

static void write_parameter(struct json_writer *w, const char *in, str name, str type,
                            bool required)
{
	json_open(w, '{');
	json_key_str(w, STR("name"), name);
	json_key_str(w, STR("in"), str_from_z(in));
	json_key_bool(w, STR("required"), required);
	json_key(w, STR("schema"));
	write_type(w, type, false);
	json_close(w, '}');
}

static void write_shared(struct json_writer *w, const char *name)
{
	json_open(w, '{');
	write_ref(w, "parameters", str_from_z(name));
	json_close(w, '}');
}

static void write_parameters(struct json_writer *w, const struct admin_route *r)
{
	str path = r->path, query = r->query, name, type;
	bool optional;

	json_key(w, STR("parameters"));
	json_open(w, '[');
	while (path.len > 0) {
		str segment = str_cut(&path, '/');

		if (str_starts(segment, STR("{")))
			write_parameter(w, "path",
			                str_of(segment.ptr + 1, segment.len - 2),
			                STR("text"), true);
	}
	/* A time may also be a span back from now. */
	while (admin_field_next(&query, &name, &type, &optional)) {
		bool required = str_ends(type, STR("!"));

		type = str_cut(&type, '!');
		write_parameter(w, "query", name,
		                str_eq(type, STR("time")) ? STR("text") : type, required);
	}
	if (r->method == HTTP_POST)
		write_shared(w, "IdempotencyKey");
	if (r->method == HTTP_GET)
		write_shared(w, "IfNoneMatch");
	else if (admin_route_thing(r))
		write_shared(w, "IfMatch");
	json_close(w, ']');
}

static void write_content(struct json_writer *w, str schema)
{
	const char *text = admin_schema_media(schema);
	str media = text ? str_from_z(text) : STR("application/json");

	json_key(w, STR("content"));
	json_open(w, '{');
	while (media.len > 0) {
		json_key(w, str_cut(&media, ' '));
		json_open(w, '{');
		json_key(w, STR("schema"));
		json_open(w, '{');
		write_ref(w, "schemas", schema);
		json_close(w, '}');
		json_close(w, '}');
	}
	json_close(w, '}');
}

static void write_responses(struct json_writer *w, const struct admin_route *r)
{
	json_key(w, STR("responses"));
	json_open(w, '{');
	json_key(w, r->method == HTTP_GET ? STR("200") : STR("2XX"));
	json_open(w, '{');
	json_key_str(w, STR("description"), admin_schema_find(r->answer)->about);
	write_content(w, r->answer);
	json_close(w, '}');
	if (r->method == HTTP_GET)
		json_raw((json_key(w, STR("304")), w),
		         STR("{\"description\":\"It is as If-None-Match says\"}"));
	json_key(w, STR("default"));
	json_open(w, '{');
	write_ref(w, "responses", STR("Problem"));
	json_close(w, '}');
	json_close(w, '}');
}

static void write_security(struct json_writer *w, const struct admin_route *r)
{
	json_key_str(w, STR("x-sluice-scope"), admin_class_name(r->access));
	json_key(w, STR("security"));
	json_raw(w,
	         r->access == ADMIN_CLASS_PUBLIC ? STR("[]") : STR("[{\"token\":[]}]"));
}

static void write_operation(struct json_writer *w, const struct admin_route *r)
{
	char room[16];
	struct buf method = { room, .cap = sizeof(room), .limit = sizeof(room) };
	str name = admin_method_name(r->method), tag = r->path;

	str_skip(&tag, STR("/admin/v1"));
	tag = str_from(tag, 1);
	for (size_t i = 0; i < name.len; i++)
		buf_add_char(&method, char_lower(name.ptr[i]));
	json_key(w, buf_str(&method));
	json_open(w, '{');
	json_key_str(w, STR("operationId"), r->name);
	json_key_str(w, STR("summary"), r->summary);
	json_key(w, STR("tags"));
	json_open(w, '[');
	json_str(w, str_first(tag, str_find_any(tag, STR("/."))));
	json_close(w, ']');
	write_security(w, r);
	write_parameters(w, r);
	if (r->request.len) {
		json_key(w, STR("requestBody"));
		json_open(w, '{');
		json_key_bool(w, STR("required"), true);
		write_content(w, r->request);
		json_close(w, '}');
	}
	write_responses(w, r);
	json_close(w, '}');
}

static bool is_first_of_path(unsigned at)
{
	for (unsigned i = 0; i < at; i++)
		if (str_eq(admin_route_at(i)->path, admin_route_at(at)->path))
			return false;
	return true;
}

static void write_paths(struct json_writer *w)
{
	const struct admin_route *r, *other;

	json_key(w, STR("paths"));
	json_open(w, '{');
	for (unsigned i = 0; (r = admin_route_at(i)); i++) {
		if (!is_first_of_path(i))
			continue;
		json_key(w, r->path);
		json_open(w, '{');
		for (unsigned j = i; (other = admin_route_at(j)); j++)
			if (str_eq(other->path, r->path))
				write_operation(w, other);
		json_close(w, '}');
	}
	json_close(w, '}');
}

/* ---- what is the same for all ---- */

/* clang-format off */
static const struct {
	str key, json;
} shared[] = {
	{ STR_INIT("parameters"), STR_INIT(
	"{\"IdempotencyKey\":{\"name\":\"Idempotency-Key\",\"in\":\"header\",\"required\":false,"
	"\"schema\":{\"type\":\"string\",\"maxLength\":255},\"description\":\"The same request with "
	"the same key within 24 hours is answered as the first was, and changes nothing; another "
	"request with it is refused (422)\"},"
	"\"IfMatch\":{\"name\":\"If-Match\",\"in\":\"header\",\"required\":false,"
	"\"schema\":{\"type\":\"string\"},\"description\":\"Refuse (412) when its ETag is another one\"},"
	"\"IfNoneMatch\":{\"name\":\"If-None-Match\",\"in\":\"header\",\"required\":false,"
	"\"schema\":{\"type\":\"string\"},\"description\":\"Say 304 when its ETag is this one\"}}") },
	{ STR_INIT("responses"), STR_INIT(
	"{\"Problem\":{\"description\":\"Nothing was changed\",\"content\":{"
	"\"application/problem+json\":{\"schema\":{\"$ref\":\"#/components/schemas/Problem\"}}}}}") },
	{ STR_INIT("securitySchemes"), STR_INIT(
	"{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":"
	"\"sl-admin-...: sluice tokens create. x-sluice-scope says which scope an operation needs; "
	"keys and config may read as well, all may everything\"}}") },
};

static const char info[] =
	"{\"title\":\"Sluice admin API\",\"version\":\"" SLUICE_VERSION "\",\"description\":"
	"\"Served at the address `admin` and, for the owner of the data, at $data/admin.sock\"}";
/* clang-format on */

void openapi_write(struct json_writer *w)
{
	const struct admin_schema *s;

	json_open(w, '{');
	json_key_str(w, STR("openapi"), STR("3.1.0"));
	json_key(w, STR("info"));
	json_raw(w, str_from_z(info));
	json_key(w, STR("servers"));
	json_raw(w, STR("[{\"url\":\"http://127.0.0.1:8081\"}]"));
	write_paths(w);
	json_key(w, STR("components"));
	json_open(w, '{');
	json_key(w, STR("schemas"));
	json_open(w, '{');
	for (unsigned i = 0; (s = admin_schema_at(i)); i++)
		write_schema(w, s);
	json_close(w, '}');
	for (size_t i = 0; i < countof(shared); i++) {
		json_key(w, shared[i].key);
		json_raw(w, shared[i].json);
	}
	json_close(w, '}');
	json_close(w, '}');
}

int api_openapi(struct admin_call *c)
{
	openapi_write(&c->to);
	return 200;
}
