/* admin_doc.c - docs/admin-api.md: what is the same for all routes, and their table. */
#include "main/admin_doc.h"

#include "admin/route.h"

/* clang-format off */
static const char head[] =
"# The admin API\n"
"\n"
"<!-- Made by `sluice admin docs` from src/admin/routes.def and schemas.def; do not edit. -->\n"
"\n"
"Everything the commands do can be asked over HTTP: at the address `admin` (127.0.0.1:8081 when\n"
"nothing else is written; `off` turns it off), and at the socket `admin.sock` in the data directory.\n"
"The same routes are served at both. `GET /admin/v1/openapi.json` (or `sluice admin openapi`) is this\n"
"page for programs: OpenAPI 3.1.\n"
"\n"
"```\n"
"curl -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:8081/admin/v1/status\n"
"curl --unix-socket DATA/admin.sock http://sluice/admin/v1/status\n"
"```\n"
"\n"
"## Who may\n"
"\n"
"At the address a token is needed: `sluice tokens create --name ci --scope read` prints one, once;\n"
"kept is scrypt of it. The first one, with all scopes, is printed when a gateway starts for the first\n"
"time on a data directory. Behind the socket is the owner of the data (its user, or root), who needs\n"
"none and may everything.\n"
"\n"
"| scope | may |\n"
"|---|---|\n"
"| `read` | look at everything but secrets |\n"
"| `keys` | look, and change keys, teams, organisations and users |\n"
"| `config` | look, reload the configuration, end a trial, and replace facts and prices of the catalogue: budgets count with these |\n"
"| `all` | everything: also tokens, the store of provider keys, corrections, and what was said |\n"
"\n"
"A token that is revoked or has expired is refused with the next request. A wrong one costs as much\n"
"time as an unknown one; after ten wrong ones from an address (an IPv6 /64) one more is looked at\n"
"every six seconds, the others are answered 429. So it is after sixty from all addresses together,\n"
"one more a second. The last 1024 tokens that were right are not held up by either, and\n"
"one that was revoked or has expired is no guess and holds up nobody. There are 128 connections at\n"
"most; one more closes the oldest on which no good token came.\n"
"Keys of clients (`sk-sl-...`) open nothing here, and tokens nothing there.\n"
"\n"
"`Host`, `X-Forwarded-*`, `X-Original-URL` and their like are not read. A path is compared as it\n"
"stands, and nothing in it is decoded: what is not in the table below is 404, and without a token\n"
"401. What has a name stands there with it if that is of letters and digits of ASCII and `-_.:`, 64 at\n"
"most; else with its id. Pages of other sites\n"
"(`Origin`, `Sec-Fetch-Site`) change nothing: 403. Beyond loopback the API is served with the\n"
"certificate of `tls` alone, unless `insecure_admin: true`; a reload that changes this holds for connections made after it. On a\n"
"loopback address it is plain HTTP.\n"
"\n"
"## Requests and answers\n"
"\n"
"* Bodies are JSON (`Content-Type: application/json`, else 415), at most 256 KiB (413); those of all\n"
"  connections, of which some may be larger, have 64 MiB together (503 `busy`: later). A member that\n"
"  is not known, is missing or has another type is refused (400, `param` names it); so is a parameter.\n"
"* Errors are problem documents (RFC 9457) with the member `error`:\n"
"  `{\"type\":\"urn:sluice:not_found\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"...\",\n"
"  \"error\":{\"type\":\"not_found\",\"message\":\"...\",\"param\":null}}`.\n"
"* Lists have `data` and `next`; `?cursor=` gets the next page, which begins where the one\n"
"  before ended whatever was added meanwhile. `?limit=` is 100, from 1 to 1000. Short lists (`/tokens`,\n"
"  `/trials`, `/models`) come whole, and take neither.\n"
"* A GET is answered with an `ETag`; `If-None-Match` gets 304. A key, team, organisation or user\n"
"  has its id and serial as ETag, `\"0123456789ab-3\"` (and is always told whole: what it has used changes without it); a change of anything that has an id is refused with `If-Match` (412) when its ETag is another one by now.\n"
"* A POST with an `Idempotency-Key` is answered once: the same request with the same key gets the same\n"
"  answer for 24 hours (`idempotency-replayed: true`), another one with that key 422. What changes nothing is worked out anew instead: `reconcile`, `?dry_run=true`, a\n"
"  repricing that finds nothing to correct.\n"
"* Times are RFC 3339; `since` and `until` also take a span back from now: `24h`, `30d`.\n"
"* Secrets are in the answer that makes them and nowhere else.\n"
"\n"
"## The audit log\n"
"\n"
"Every change, and every look at what is secret, is an entry: who (a token, a user of this machine),\n"
"from where, what, and the thing before and after, without secrets. It is written in the transaction\n"
"of the change: after a crash there are both or neither. What cannot be undone (`forget`) has one\n"
"before it begins, and another with what came of it; the store of provider keys, a file, is replaced\n"
"as the last act of its entry's transaction. Entries hang together:\n"
"\n"
"    hash(n) = SHA-256(hash(n-1) | the entry as a line of JSON, without hash and mac)\n"
"    mac(n)  = HMAC-SHA-256(a key made from $data/pepper, \"entry\\0\\0\\0\" | n | hash(n))\n"
"\n"
"and the last one is noted beside them with a MAC of its own. So `sluice audit verify` finds an entry\n"
"that was changed, taken away, moved or added, and the last ones missing, when somebody has changed\n"
"the database. Where that record is gone, or does not fit the last entry, the next entry leaves a\n"
"number out: the log is never whole again. Who may also read the pepper can write a log of his own,\n"
"and who can put an older copy of the whole database in place, or begin the log anew, takes the later\n"
"entries away: against these, note the head that\n"
"`verify` prints somewhere else, and give it to `sluice audit verify --expect HEAD` later.\n"
"\n";
/* clang-format on */

static void add_routes(struct buf *to)
{
	const struct admin_route *r;

	buf_add(to, STR("## Routes\n\n"
	                "| route | scope | body | answer | audit | |\n"
	                "|---|---|---|---|---|---|\n"));
	for (unsigned i = 0; (r = admin_route_at(i)); i++) {
		str query = r->query, name, type;
		bool optional, first = true;

		buf_addf(to, "| `%.*s %.*s", STR_ARG(admin_method_name(r->method)),
		         STR_ARG(r->path));
		while (admin_field_next(&query, &name, &type, &optional)) {
			buf_addf(to, "%c%.*s=", first ? '?' : '&', STR_ARG(name));
			first = false;
		}
		buf_addf(to, "` | %.*s | %.*s | %.*s | %s | %.*s |\n",
		         STR_ARG(admin_class_name(r->access)), STR_ARG(r->request),
		         STR_ARG(r->answer),
		         r->trace == ADMIN_TRACE_CHANGE   ? "change"
		         : r->trace == ADMIN_TRACE_ACCESS ? "access"
		                                          : "",
		         STR_ARG(r->summary));
	}
}

static void add_schemas(struct buf *to)
{
	const struct admin_schema *s;

	buf_add(to,
	        STR("\n## Bodies and answers\n\nA type in brackets is a list of them; "
	            "what may be missing or null has a `?`.\n"));
	for (unsigned i = 0; (s = admin_schema_at(i)); i++) {
		str fields = s->fields, name, type;
		bool optional;

		buf_addf(to, "\n**%.*s**: %.*s", STR_ARG(s->name), STR_ARG(s->about));
		if (fields.len)
			buf_add(to, STR("\n\n| member | type |\n|---|---|\n"));
		else
			buf_add_char(to, '\n');
		while (admin_field_next(&fields, &name, &type, &optional))
			buf_addf(to, "| `%.*s` | %.*s%s |\n", STR_ARG(name),
			         STR_ARG(type), optional ? "?" : "");
	}
}

void admin_doc_write(struct buf *to)
{
	buf_add(to, str_from_z(head));
	add_routes(to);
	add_schemas(to);
}
