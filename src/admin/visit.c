/* visit.c - one request at the desk: who asks, may he, and what he is told.
 *
 *   whose page sends it -> which route -> who asks -> may he -> its body -> answered
 *
 * The route that decides whether he may is the one that answers: there is one look at the
 * path, and neither Host nor any header that speaks of another address or path is read.
 */
#include "admin/visit_private.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>

enum {
	HEADER_MOST = 1024,                /* bytes of If-Match and the like */
	BODIES_MOST = 2 * ADMIN_TEXT_MOST, /* bytes of all bodies that are held at once */
};

static void refuse(struct visit *v, int status, const char *type, const char *text,
                   str more)
{
	admin_problem(&v->call, status, type, NULL, "%s", text);
	visit_answer(v, status, more);
}

/* ---- who asks ---- */

static bool is_local(const struct visit *v)
{
	return v->conn->server == &v->desk->local;
}

static void name_peer(struct visit *v)
{
	struct admin_who *who = &v->call.who;
	char room[sizeof(who->from)];
	struct buf from = { room, .cap = sizeof(room), .limit = sizeof(room) };

	net_print_ip(&v->conn->peer, &from);
	snprintf(who->from, sizeof(who->from), "%.*s", (int)from.len, from.ptr);
}

/* False: he was refused. */
static bool know(struct visit *v, str authorization)
{
	struct admin_call *c = &v->call;
	enum guard_found found;
	struct ledger *reader;

	if (is_local(v)) {
		c->who.scopes = ADMIN_ALL;
		snprintf(c->who.name, sizeof(c->who.name), "%s",
		         v->conn->peer.un.sun_path);
		snprintf(c->who.from, sizeof(c->who.from), "admin.sock");
		return true;
	}
	/* Where it is and what is wrong with it is not for everybody. */
	found = GUARD_FAILED;
	if ((reader = admin_reader(c)))
		found = guard_check(&v->desk->guard, reader, authorization,
		                    &v->conn->peer, v->desk->loop.now, c->wall, &c->who,
		                    &c->secret);
	switch (found) {
	case GUARD_GOOD:
		desk_conn(v->conn)->is_known = true;
		name_peer(v);
		c->secret = arena_copy(&v->keep, c->secret);
		return true;
	case GUARD_MISSING:
		refuse(v, 401, "unauthenticated",
		       "a token of the admin API is needed: Authorization: Bearer "
		       "sl-admin-... (make one: sluice tokens create)",
		       STR("www-authenticate: Bearer realm=\"sluice admin\"\r\n"));
		break;
	case GUARD_WRONG_TOKEN:
		refuse(v, 401, "unauthenticated",
		       "this is no token of the admin API, or it was revoked or has "
		       "expired",
		       STR("www-authenticate: Bearer realm=\"sluice admin\", "
		           "error=\"invalid_token\"\r\n"));
		break;
	case GUARD_TOO_OFTEN:
		refuse(v, 429, "too_many_failures",
		       "there were too many wrong tokens, from this address or from all; "
		       "wait",
		       STR("retry-after: 10\r\n"));
		break;
	case GUARD_FAILED:
		refuse(v, 503, "ledger_unavailable", "the ledger cannot be read",
		       STR_NONE);
		break;
	}
	return false;
}

/* ---- whose page ---- */

static bool is_write(enum http_method method)
{
	return method != HTTP_GET && method != HTTP_HEAD && method != HTTP_OPTIONS;
}

/* Scheme and address of the listener; a loopback one has several names. */
static bool is_own_origin(const struct visit *v, str origin)
{
	static const char *const names[] = { "127.0.0.1", "localhost", "[::1]" };
	const struct net_addr *at = &v->desk->at;
	const char *scheme = v->conn->sock.ssl ? "https" : "http";
	struct buf own = BUF_LIMIT(256);
	bool is_own;

	if (at->len == 0 || is_local(v))
		return false;
	buf_addf(&own, "%s://", scheme);
	net_print(at, &own);
	is_own = str_eq_nocase(origin, buf_str(&own));
	for (size_t i = 0; i < countof(names) && !is_own && net_is_loopback(at); i++) {
		buf_clear(&own);
		buf_addf(&own, "%s://%s:%u", scheme, names[i], net_port(at));
		is_own = str_eq_nocase(origin, buf_str(&own));
	}
	buf_free(&own);
	return is_own;
}

/* A browser says whose page sends a write; and it asks first (OPTIONS, which we do not
 * answer for other sites) before it sends JSON for one. */
static bool is_from_elsewhere(const struct visit *v, const struct http_request *req)
{
	str origin = http_request_find(req, HTTP_NAME_ORIGIN);
	str site = http_request_get(req, STR("sec-fetch-site"));

	if (!is_write(req->method))
		return false;
	if (origin.ptr && !is_own_origin(v, origin))
		return true;
	return site.ptr && !str_eq_nocase(site, STR("same-origin")) &&
	       !str_eq_nocase(site, STR("none"));
}

/* ---- the request ---- */

static str keep_field(struct visit *v, const struct http_request *req, const char *name)
{
	str value = http_request_get(req, str_from_z(name));

	return value.len ? arena_copy(&v->keep, str_first(value, HEADER_MOST)) : STR_NONE;
}

static unsigned count_fields(const struct http_request *req, enum http_name name)
{
	unsigned count = 0;

	for (unsigned i = 0; i < req->count; i++)
		count += http_field_name(&req->fields[i]) == name;
	return count;
}

/* What the route's body is; JSON, where it takes none. */
static str media_of(const struct admin_route *r)
{
	const char *media = admin_schema_media(r->request);

	return media ? str_from_z(media) : STR("application/json");
}

static bool is_of_media(str type, str media)
{
	return str_eq_nocase(str_trim(str_cut(&type, ';')), media);
}

static uint64_t body_most(const struct admin_route *r)
{
	return admin_schema_media(r->request) ? ADMIN_TEXT_MOST : ADMIN_BODY_MOST;
}

static bool has_body(const struct http_request *req)
{
	return req->body == HTTP_BODY_CHUNKED || req->length > 0;
}

static void refuse_media(struct visit *v, str media)
{
	admin_problem(&v->call, 415, "unsupported_media_type", NULL,
	              "a body of this route has another type: Content-Type: %.*s",
	              STR_ARG(media));
	visit_answer(v, 415, STR_NONE);
}

/* What its head already says against it; true: it was refused. */
static bool is_refused(struct visit *v, const struct http_request *req, fault_t why)
{
	const struct admin_route *route = v->call.route;
	str type = http_request_find(req, HTTP_NAME_CONTENT_TYPE);
	struct buf allow = BUF_LIMIT(256);

	if (!route && why == FAULT_HTTP_METHOD) {
		bool asks = req->method == HTTP_OPTIONS;

		buf_add(&allow, STR("allow: "));
		struct buf methods = BUF_LIMIT(128);
		admin_route_methods(req->path, &methods);
		buf_add(&allow, buf_str(&methods));
		buf_add(&allow, STR("\r\n"));
		buf_free(&methods);
		if (asks)
			visit_answer(v, 204, buf_str(&allow));
		else
			refuse(v, 405, "method_not_allowed",
			       "this method is not allowed here", buf_str(&allow));
		buf_free(&allow);
		return true;
	}
	if (!route)
		refuse(v, 404, "not_found", "there is no such route", STR_NONE);
	else if (!admin_may(v->call.who.scopes, route->access))
		refuse(v, 403, "scope_missing",
		       "this token may not do that: it lacks a scope", STR_NONE);
	else if (is_write(req->method) && (type.ptr || has_body(req)) &&
	         !is_of_media(type, media_of(route)))
		refuse_media(v, media_of(route));
	else
		return false;
	return true;
}

static void run_call(struct visit *v)
{
	v->call.body = buf_str(&v->body);
	visit_answer(v, admin_call_run(&v->call), STR_NONE);
}

static struct visit *visit_new(struct http_conn *conn, const struct http_request *req)
{
	struct desk *d = conn->server->owner;
	struct visit *v = new_of(struct visit);
	struct admin_call *c = &v->call;

	v->desk = d;
	v->conn = conn;
	v->making.run = visit_on_making;
	v->keep.ceiling = 4 * MiB;
	v->out.limit = ADMIN_ANSWER_MOST;
	c->house = &d->house;
	c->keep = &v->keep;
	c->out = &v->out;
	c->to.to = &v->out;
	c->wall = sys_wall();
	c->query = arena_copy(&v->keep, req->query);
	c->if_match = keep_field(v, req, "if-match");
	c->if_none_match = keep_field(v, req, "if-none-match");
	c->accept = keep_field(v, req, "accept");
	c->idempotency_key = keep_field(v, req, "idempotency-key");
	conn->owner = v;
	return v;
}

static void on_request(struct http_conn *conn, const struct http_request *req)
{
	struct visit *v = visit_new(conn, req);
	struct admin_call *c = &v->call;
	str path = arena_copy(&v->keep, req->path);
	fault_t why;

	c->route = admin_route_find(req->method, path, c->params, &why);
	if (is_from_elsewhere(v, req)) {
		refuse(v, 403, "foreign_origin",
		       "pages of other sites change nothing here", STR_NONE);
		return;
	}
	if (count_fields(req, HTTP_NAME_AUTHORIZATION) > 1) {
		refuse(v, 401, "unauthenticated", "there is more than one Authorization",
		       STR("www-authenticate: Bearer realm=\"sluice admin\"\r\n"));
		return;
	}
	/* Where there is no route, nobody is told so who may not know. */
	if (!(c->route && c->route->access == ADMIN_CLASS_PUBLIC) &&
	    !know(v, http_request_find(req, HTTP_NAME_AUTHORIZATION)))
		return;
	if (is_refused(v, req, why))
		return;
	v->body.limit = body_most(c->route);
	if (has_body(req))
		http_take_body(conn, body_most(c->route));
	else
		run_call(v);
}

static void on_body(struct http_conn *conn, str bytes, bool end)
{
	struct visit *v = conn->owner;

	if (!v)
		return;
	if (bytes.len > BODIES_MOST - v->desk->body_bytes) {
		refuse(v, 503, "busy", "others are sending large bodies; try again",
		       STR("retry-after: 5\r\n"));
		return;
	}
	v->desk->body_bytes += bytes.len;
	buf_add(&v->body, bytes);
	if (end)
		run_call(v);
}

static void on_body_fault(struct http_conn *conn, fault_t why)
{
	struct visit *v = conn->owner;

	if (v)
		refuse(v, why->status,
		       why == FAULT_HTTP_BODY_LARGE ? "body_too_large" : "bad_body",
		       why->text.ptr, STR_NONE);
}

static void on_room(struct http_conn *conn)
{
	struct visit *v = conn->owner;

	if (v)
		visit_go_on(v);
}

static void on_gone(struct http_conn *conn)
{
	struct visit *v = conn->owner;

	conn->owner = NULL;
	if (v)
		visit_free(v);
}

static void on_refused(struct http_conn *conn, fault_t why)
{
	struct buf out = BUF_LIMIT(4 * KiB);
	struct admin_call c = { .out = &out, .to = { .to = &out } };

	admin_problem(&c, why->status, "bad_request", NULL, "%.*s", STR_ARG(why->text));
	http_refuse(conn, why, c.content_type, visit_lines, buf_str(&out));
	buf_free(&out);
}

const struct http_ops visit_ops = {
	.on_request = on_request,
	.on_body = on_body,
	.on_body_fault = on_body_fault,
	.on_room = on_room,
	.on_gone = on_gone,
	.on_refused = on_refused,
};
