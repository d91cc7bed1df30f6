/* telemetry.c - where traces go: `telemetry.otlp` of the file, else the variables that
 * OpenTelemetry's programs have in common.
 *
 * One rule holds for both: a private address that is written is its own permission, and a
 * name that leads to one needs `private: yes` in the file, as a provider's does.  Who
 * sets a variable need not be who wrote the file (a chart, an operator's injection), and
 * a name can be led elsewhere later by whoever answers for it. */
#include "config/reader.h"

#include "base/mem.h"
#include "codec/text.h"
#include "config/endpoint.h"
#include "config/replace.h"
#include "config/scalar.h"
#include "config/section.h"
#include "config/value.h"

enum { HEADERS_MOST = 16, LIST_MOST = 8 * KiB };

/* A variable that is for traces alone, else the one for all signals. */
static str variable(const struct reader *r, const char *for_traces, const char *for_all)
{
	const char *value = reader_env(r, for_traces);

	if (!value || !*value)
		value = reader_env(r, for_all);
	return str_trim(str_from_z(value));
}

/* ---- lists: name=value,name=value, values percent-encoded ---- */

static bool is_name(str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = char_lower(name.ptr[i]);

		if (!(c >= 'a' && c <= 'z') && !char_is_digit(c) && c != '-' &&
		    c != '_' && c != '.')
			return false;
	}
	return name.len > 0;
}

/* One pair of the list, its value in room (LIST_MOST bytes); false: it is none. */
static bool take_pair(str *rest, char *room, str *ret_name, str *ret_value)
{
	str value = str_trim(str_cut(rest, ','));

	bool is_pair = str_find(value, '=') < value.len;

	*ret_name = str_trim(str_cut(&value, '='));
	value = str_trim(value);
	if (!is_pair)
		*ret_name = STR_NONE;
	return is_name(*ret_name) && value.len <= LIST_MOST &&
	       url_decode(value, room, ret_value);
}

/* Visible characters, and blanks between them. */
static bool is_header_value(str value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.ptr[i] < ' ' || value.ptr[i] >= 0x7f)
			return false;
	}
	return str_trim(value).len == value.len;
}

/* Ours are not theirs to set. */
static bool is_taken(str name)
{
	static const str taken[] = {
		STR_INIT("host"),       STR_INIT("content-length"),
		STR_INIT("connection"), STR_INIT("content-type"),
		STR_INIT("expect"),     STR_INIT("transfer-encoding")
	};

	for (unsigned i = 0; i < countof(taken); i++) {
		if (str_eq_nocase(name, taken[i]))
			return true;
	}
	return false;
}

/* As lines of a request's head; false: *ret_bad is the name of what is wrong. */
static bool header_lines(str list, char *room, struct buf *ret, str *ret_bad)
{
	while (list.len > 0) {
		str name, value;

		if (!take_pair(&list, room, &name, &value) || is_taken(name) ||
		    !is_header_value(value)) {
			/* What is no name may be the credential itself. */
			*ret_bad = is_name(name) ? name : STR("...");
			return false;
		}
		buf_addf(ret, "%.*s: %.*s\r\n", STR_ARG(name), STR_ARG(value));
	}
	*ret_bad = STR("(too long)");
	return !ret->over;
}

static bool has_name(str list, str which)
{
	char room[LIST_MOST];
	str name, value;

	while (list.len > 0) {
		if (take_pair(&list, room, &name, &value) && str_eq(name, which))
			return true;
	}
	return false;
}

/* ---- the endpoint ---- */

/* is_whole: the path is that of the traces, else they are below it. */
static void set_endpoint(struct reader *r, str url, bool is_whole,
                         const struct tree_node *at)
{
	struct otlp_settings *o = &r->config->otlp;
	struct endpoint e;
	const char *why;

	if (!endpoint_parse(url, r->keep, &e, &why)) {
		note(r, NOTE_URL, at, "telemetry.otlp.endpoint: %s", why);
		note_hint(r, "write it like this: http://127.0.0.1:4318");
		return;
	}
	o->endpoint = arena_copy(r->keep, url);
	o->tls = e.tls;
	o->host = e.host;
	o->port = e.port;
	o->authority = e.authority;
	if (is_whole)
		o->path = e.base_path.len ? e.base_path : STR("/");
	else
		o->path = str_ends(e.base_path, STR("/v1/traces"))
		                  ? e.base_path
		                  : arena_printf(r->keep, "%.*s/v1/traces",
		                                 STR_ARG(e.base_path));
	if (!e.tls && !e.is_private_literal && !o->allow_private) {
		note(r, NOTE_CLEAR_TEXT, at, "http://%.*s: traces travel unencrypted",
		     STR_ARG(e.authority));
		note_hint(r, "write https://, or telemetry: { otlp: { private: yes } } "
		             "when it is inside your network");
	}
	o->allow_private |= e.is_private_literal;
}

static bool is_disabled(const struct reader *r)
{
	str exporter = variable(r, "OTEL_TRACES_EXPORTER", "OTEL_TRACES_EXPORTER");

	return str_eq_nocase(variable(r, "OTEL_SDK_DISABLED", "OTEL_SDK_DISABLED"),
	                     STR("true")) ||
	       (exporter.len && !str_has(exporter, STR("otlp")));
}

static void use_environment(struct reader *r)
{
	str whole = variable(r, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
	                     "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
	str base =
	        variable(r, "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT");
	str protocol = variable(r, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
	                        "OTEL_EXPORTER_OTLP_PROTOCOL");

	if (is_disabled(r) || (!whole.len && !base.len))
		return;
	if (str_eq(protocol, STR("grpc"))) {
		note(r, NOTE_TELEMETRY, NULL,
		     "OTEL_EXPORTER_OTLP_PROTOCOL is grpc, which is not spoken here: no "
		     "traces are sent");
		note_hint(r, "set it to http/json, and the endpoint to port 4318");
		return;
	}
	set_endpoint(r, whole.len ? whole : base, whole.len > 0, NULL);
}

/* ---- the rest ---- */

/* Of the file, of a file of its own, or of the environment; false: noted. */
static bool find_headers(struct reader *r, const struct tree_node *node, struct buf *file,
                         str *ret_list)
{
	static const char name[] = "telemetry.otlp.headers";
	const char *path;

	if (!node) {
		*ret_list = variable(r, "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
		                     "OTEL_EXPORTER_OTLP_HEADERS");
		return true;
	}
	if (node->kind != TREE_MAP)
		return scalar_text(r, name, node, ret_list);
	if (!read_secret_file(r, name, node, file, &path))
		return false;
	*ret_list = buf_str(file);
	return true;
}

static void wipe(struct buf *b)
{
	if (b->ptr)
		mem_wipe(b->ptr, b->cap);
	buf_free(b);
}

static void keep_headers(struct reader *r, const struct tree_node *node, str list)
{
	struct buf lines = BUF_LIMIT(LIST_MOST);
	char room[LIST_MOST];
	str bad;

	if (header_lines(list, room, &lines, &bad)) {
		r->config->otlp.headers = secret_keep(&r->config->room, buf_str(&lines));
	} else {
		note(r, NOTE_TELEMETRY, node,
		     "%s: \"%.*s\" is not a header that can be sent",
		     node ? "telemetry.otlp.headers" : "OTEL_EXPORTER_OTLP_HEADERS",
		     STR_ARG(bad));
		note_hint(r, "write it like this: "
		             "\"authorization=Bearer%%20...,x-team=blue\"");
	}
	mem_wipe(room, sizeof(room));
	wipe(&lines);
}

static void read_headers(struct reader *r, const struct tree_node *node)
{
	struct buf file = BUF_LIMIT(SECRET_FILE_MOST);
	str list;

	if (find_headers(r, node, &file, &list))
		keep_headers(r, node, list);
	wipe(&file);
}

/* A list of a resource's attributes on its way. */
struct attributes {
	const char *from;
	const struct tree_node *node;
	struct buf list; /* each name once, as it was said last */
	str service;     /* service.name, which is not in the list; empty: not said */
};

/* False: it is no list. */
static bool take_attributes(struct reader *r, str list, struct attributes *to)
{
	char room[LIST_MOST];
	str name, value;

	while (list.len > 0) {
		str pair = str_first(list, str_find(list, ','));

		if (!take_pair(&list, room, &name, &value))
			return false;
		if (has_name(list, name))
			continue;
		if (value.len > OTLP_VALUE_MOST)
			note(r, NOTE_TELEMETRY, to->node,
			     "%s: of %.*s the first %d bytes are sent", to->from,
			     STR_ARG(name), OTLP_VALUE_MOST);
		if (str_eq(name, STR("service.name")))
			to->service = arena_copy(r->keep, value);
		else
			buf_addf(&to->list, "%s%.*s", to->list.len ? "," : "",
			         STR_ARG(pair));
	}
	return true;
}

static void read_resource(struct reader *r, const struct tree_node *node)
{
	struct otlp_settings *o = &r->config->otlp;
	str name = variable(r, "OTEL_SERVICE_NAME", "OTEL_SERVICE_NAME");
	bool is_written = o->attributes.len > 0;
	struct attributes a = { .from = is_written ? "telemetry.otlp.attributes"
		                                   : "OTEL_RESOURCE_ATTRIBUTES",
		                .node = node,
		                .list = BUF_LIMIT(LIST_MOST) };
	str list = is_written ? o->attributes : variable(r, a.from, a.from);

	if (!take_attributes(r, list, &a) || a.list.over) {
		note(r, NOTE_TELEMETRY, node, "%s is not a list of name=value", a.from);
		buf_clear(&a.list);
		a.service = STR_NONE;
	}
	o->attributes = arena_copy(r->keep, buf_str(&a.list));
	buf_free(&a.list);
	/* The file goes before the variables, a name before a list. */
	if (o->service.len)
		return;
	if (name.len && !(is_written && a.service.len))
		o->service = arena_copy(r->keep, name);
	else
		o->service = a.service.len ? a.service : STR("sluice");
}

static void read_roots(struct reader *r, const struct tree_node *node)
{
	struct otlp_settings *o = &r->config->otlp;
	str path = variable(r, "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
	                    "OTEL_EXPORTER_OTLP_CERTIFICATE");
	struct buf why = BUF_LIMIT(8 * KiB);

	if (o->ca_file) {
		check_ca(r, "telemetry.otlp.ca", o->ca_file, node, o->ca_sum);
	} else if (path.len && o->tls) {
		o->ca_file = str_z(r->keep, path);
		if (file_is_readable(o->ca_file, &why))
			check_ca(r, "OTEL_EXPORTER_OTLP_CERTIFICATE", o->ca_file, NULL,
			         o->ca_sum);
		else
			note(r, NOTE_PATH, NULL, "OTEL_EXPORTER_OTLP_CERTIFICATE: %.*s",
			     STR_ARG(buf_str(&why)));
	}
	buf_free(&why);
}

void read_telemetry(struct reader *r, const struct tree_node *node)
{
	const struct tree_node *otlp = tree_find(node, STR("otlp"));
	const struct tree_node *at = tree_find(otlp, STR("endpoint"));
	struct otlp_settings *o = &r->config->otlp;
	str written = o->endpoint;

	o->endpoint = STR_NONE;
	if (r->source->lenient)
		return;
	if (written.len && !str_eq(written, STR("off")))
		set_endpoint(r, written, false, at);
	else if (!written.len)
		use_environment(r);
	if (!o->endpoint.len)
		return;
	read_roots(r, tree_find(otlp, STR("ca")));
	read_headers(r, tree_find(otlp, STR("headers")));
	read_resource(r, tree_find(otlp, STR("attributes")));
}
