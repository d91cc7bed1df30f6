/* admin_cmd.c - sluice admin routes|openapi|docs: what the admin API has, from its
 * tables.
 *
 * `routes` lists every route of the program, those of clients as well: there are no
 * others. */
#include "admin/openapi.h"
#include "admin/route.h"
#include "gateway/endpoint.h"
#include "main/admin_doc.h"
#include "main/command.h"

#include <stdio.h>

struct line {
	const char *listener; /* "clients", "admin" */
	str method, path, access;
	bool has_prefixes;
};

static void add_line(struct buf *to, struct json_writer *w, bool json,
                     const struct line *l)
{
	if (!json) {
		buf_addf(to, "%-8s %-7.*s %-7.*s %.*s\n", l->listener, STR_ARG(l->access),
		         STR_ARG(l->method), STR_ARG(l->path));
		return;
	}
	json_open(w, '{');
	json_key_str(w, STR("listener"), str_from_z(l->listener));
	json_key_str(w, STR("method"), l->method);
	json_key_str(w, STR("path"), l->path);
	json_key_str(w, STR("access"), l->access);
	json_key_bool(w, STR("prefixes"), l->has_prefixes);
	json_close(w, '}');
}

static void add_endpoints(struct buf *to, struct json_writer *w, bool json)
{
	const struct endpoint *e;
	bool is_own;

	for (unsigned i = 0; (e = endpoint_at(i, &is_own)); i++) {
		struct buf path = BUF_LIMIT(KiB);
		bool has_rest = e->kind == ENDPOINT_MODEL || e->suffix.len || e->of_id;
		/* Cohere's and Bedrock's paths have no version of ours. */
		bool is_plain = is_own || str_starts(e->path, STR("/v2/")) ||
		                str_starts(e->path, STR("/model/"));
		struct line l = { "clients",
			          admin_method_name(e->method),
			          { 0 },
			          e->auth == AUTH_CLASS_KEY ? STR("key") : STR("none"),
			          !is_own };

		buf_addf(&path, "%s%.*s%s%.*s", is_plain ? "" : "/v1", STR_ARG(e->path),
		         has_rest ? "{id}" : "", STR_ARG(e->suffix));
		l.path = buf_str(&path);
		add_line(to, w, json, &l);
		buf_free(&path);
	}
}

static void routes_write(struct buf *to, bool json)
{
	struct json_writer w = { .to = to };
	const struct admin_route *r;

	if (json)
		json_open(&w, '[');
	add_endpoints(to, &w, json);
	for (unsigned i = 0; (r = admin_route_at(i)); i++)
		add_line(to, &w, json,
		         &(struct line){ "admin", admin_method_name(r->method), r->path,
		                         admin_class_name(r->access), false });
	if (json) {
		json_close(&w, ']');
		buf_add_char(to, '\n');
	}
}

int admin_command(struct command *c)
{
	struct buf text = BUF_LIMIT(4 * MiB);
	struct json_writer w = { .to = &text };
	const char *what = c->argc > 0 ? c->argv[0] : "";

	if (strcmp(what, "routes") == 0) {
		routes_write(&text, c->json);
	} else if (strcmp(what, "openapi") == 0) {
		openapi_write(&w);
		buf_add_char(&text, '\n');
	} else if (strcmp(what, "docs") == 0) {
		admin_doc_write(&text);
	} else {
		return command_misused(c, "admin: say routes, openapi or docs");
	}
	fwrite(text.ptr, 1, text.len, stdout);
	buf_free(&text);
	return EXIT_OK;
}
