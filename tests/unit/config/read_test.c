/* What is refused, where, and with which suggestion: one row for each way to be wrong. */
#include "tests/unit/config/helper.h"

struct broken {
	const char *text;
	const char *code;
	unsigned line, column;
	const char *hint; /* a part of it; NULL: none is wanted */
	unsigned errors;  /* in all; 0: one */
};

#define V "version: 1\n"
#define MOCK V "providers: { mock: {} }\n"
#define ROUTE MOCK "routes:\n  fast: "

static const struct broken rows[] = {
	/* the text itself */
	{ V "# x\xe2\x80\xa8insecure_open: true\n", "E101", 2, 4, "blank", 0 },
	{ V "data: \"a\xe2\x80\xa9\"\n", "E101", 2, 9, "blank", 0 },
	{ V "# \xc3\xa4\n# x\xc2\x85y\n", "E101", 3, 4, "blank", 0 },
	{ "version: 1\nlisten: [a\n", "E101", 3, 1, "that began on line 2", 0 },
	{ "version: 1\n\tlisten: x\n", "E101", 2, 1, "indent with spaces", 0 },
	{ "# \xc3\xa4\r\nversion: 1\r\nlimits:\r\n \t body: 1MiB\r\n", "E101", 4, 2,
	  "indent with spaces", 0 },
	{ "version:\t@x\n", "E101", 1, 10, "needs quotes", 0 },
	{ "version: 1\nproviders: { openai: { key: ${X} } }\n", "E101", 2, 30,
	  "a variable needs quotes", 0 },
	{ "version: 1\n# \xc3\xa4\nlisten: [a, ${B:-b}]\n", "E101", 3, 14,
	  "a variable needs quotes", 0 },
	{ "version: 1\nlisten: [\"${B}\" {\n", "E101", 2, 17, "that began on line 2", 0 },
	{ "version: 1\nlisten: \xff\n", "E101", 2, 9, NULL, 0 },
	{ "version: 1\nlisten: \x01\n", "E101", 2, 9, NULL, 0 },
	{ "version: 1\ndata: !!str x\n", "E102", 2, 7, "leave", 0 },
	{ "version: 1\n---\nversion: 1\n", "E102", 2, 1, "one document", 0 },
	{ "version: 1\ndata: *x\n", "E102", 2, 7, NULL, 0 },
	{ "a: &x [*x]\n", "E102", 1, 8, NULL, 0 },
	{ "[[[[[[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]]]]]", "E102", 1, 17, NULL, 0 },
	{ "- version\n", "E107", 1, 1, NULL, 0 },
	{ "version", "E107", 1, 1, NULL, 0 },
	{ "? [a]\n: 1\n", "E107", 1, 3, NULL, 0 },
	{ "", "E106", 1, 1, "version: 1", 0 },
	{ "# nothing\n", "E106", 1, 1, "version: 1", 0 },
	{ "version: 1\nversion: 1\n", "E103", 2, 1, "line 1", 0 },
	{ MOCK "routes:\n  a: { targets: [mock/echo], targets: [] }\n", "E103", 4, 30,
	  "line 4", 0 },
	/* keys */
	{ V "lisen: x\n", "E104", 2, 1, "did you mean \"listen\"", 0 },
	{ V "port: 8080\n", "E104", 2, 1, "did you mean \"listen\"", 0 },
	{ V "LISTEN: 127.0.0.1:1\n", "E104", 2, 1, "did you mean \"listen\"", 0 },
	{ V "first_token: 3s\n", "E104", 2, 1, "it belongs into defaults", 0 },
	{ V "providers: { openai: { timeout: 3s } }\n", "E104", 2, 24,
	  "routes have \"total\"", 0 },
	{ V "teams: {}\n", "E105", 2, 1, "sluice teams", 0 },
	{ V "workers: two\n", "E110", 2, 10, "auto, and a whole number from 1 to 32", 0 },
	{ V
	  "providers: { a: { format: openai, url: \"http://127.0.0.1:9/v1\", key: none } "
	  "}\n",
	  "E112", 2, 27, "did you mean \"openai-chat\"", 0 },
	{ ROUTE "{ targets: [mock/echo], hedge: p99 }\n", "E110", 4, 40,
	  "off or p95, and a time from 10ms to 1h", 0 },
	{ ROUTE "{ targets: [mock/echo], retry: 3 }\n", "E107", 4, 40,
	  "{ same_target: 1 }", 0 },
	{ V "limits: { bdy: 1MiB }\n", "E104", 2, 11, "did you mean \"body\"", 0 },
	{ V "providers:\n  local: { format: openai-chat, url: \"http://127.0.0.1/v1\", "
	    "key: "
	    "none, regoin: eu }\n",
	  "E104", 3, 72, "did you mean \"region\"", 0 },
	{ V "providers: { openai: { api_key: x } }\n", "E104", 2, 24,
	  "did you mean \"key\"", 0 },
	{ ROUTE "{ tiemout: 30s, targets: [mock/echo] }\n", "E104", 4, 11,
	  "did you mean \"total\"", 0 },
	{ ROUTE "{ targets: [mock/echo], colour: red }\n", "E104", 4, 33,
	  "possible: targets, strategy, on_empty, on_filter, resume, tool_hold, "
	  "comments, strict, phi, "
	  "first_token",
	  0 },
	{ ROUTE "{ frist_token: 30s, targets: [mock/echo] }\n", "E104", 4, 11,
	  "did you mean \"first_token\"", 0 },
	{ ROUTE "{ targets: [mock/echo], retry: { attemps: 3 } }\n", "E104", 4, 42,
	  "did you mean \"attempts\"", 0 },
	{ ROUTE "{ targets: [{ traget: mock/echo }] }\n", "E104", 4, 23,
	  "did you mean \"target\"", 2 },
	{ MOCK "base: &b { targets: [mock/echo] }\nroutes: { x: { <<: *b } }\n", "E104",
	  3, 1, NULL, 3 },
	/* planned */
	{ V "timezone: Europe/Bielefeld\n", "E110", 2, 11, "Europe/Berlin", 0 },
	{ V "timezone: ../../etc/passwd\n", "E110", 2, 11, "Europe/Berlin", 0 },
	{ V "teams: { a: {} }\n", "E105", 2, 1, "planned", 0 },
	{ V "trusted_proxies: []\n", "E105", 2, 1, "planned", 0 },
	{ V "providers: { openai: { proxy: \"http://x\" } }\n", "E105", 2, 24, "planned",
	  0 },
	{ V "providers: { openai: { limits: { rpm: 60/min } } }\n", "E110", 2, 39, "500",
	  0 },
	{ ROUTE "{ targets: [mock/echo], strategy: quickest }\n", "E112", 4, 43, "", 0 },
	{ ROUTE "{ targets: [mock/echo], budget: 2 }\n", "E105", 4, 33, "planned", 0 },
	/* values */
	{ "version: 2\n", "E111", 1, 10, "it must be 1", 0 },
	{ "version: one\n", "E110", 1, 10, "1", 0 },
	{ "version:\n", "E116", 1, 9, NULL, 0 },
	/* prices */
	{ V "prices: { mock/x: { input: 2.50 } }\n", "E110", 2, 28, "$2.50/1M", 0 },
	{ V "prices: { mock/x: { input: $2.50 } }\n", "E110", 2, 28, "/1M and /1k", 0 },
	{ V "prices: { mock/x: { input: $2.50/MTok } }\n", "E110", 2, 28, "$2.50/1M", 0 },
	{ V "prices: { mock/x: { input: $0.0000001/1M } }\n", "E111", 2, 28, "", 0 },
	{ V "prices: { mock/x: { input: $10001/1M } }\n", "E111", 2, 28, "$10000/1M", 0 },
	{ V "prices: { mock/x: { inptu: $1/1M } }\n", "E104", 2, 21,
	  "did you mean \"input\"", 0 },
	{ V "prices: { mock/x: {} }\n", "E116", 2, 11, "input:", 0 },
	{ V "prices: { gpt-5: { input: $1/1M } }\n", "E203", 2, 11, "openai/*", 0 },
	{ V "prices: [$1]\n", "E107", 2, 9, "local/my-model", 0 },
	{ V "prices: { mock/x: { discount: 101% } }\n", "E111", 2, 31, "100%", 0 },
	{ V "prices: { mock/x: { discount: 10 } }\n", "E110", 2, 31, "10%", 0 },
	{ V "prices: { mock/x: { input: free, since: 2026-02-31 } }\n", "E110", 2, 41,
	  "2026-11-01", 0 },
	{ V "prices: { mock/x: { tiers: [{ input: $1/1M }] } }\n", "E106", 2, 29,
	  "above: 200000", 0 },
	{ V "prices: { mock/x: { tiers: [{ above: 9 }, { above: 9 }] } }\n", "E111", 2,
	  52, NULL, 0 },
	{ V "prices: { mock/x: { tiers: {} } }\n", "E107", 2, 28, "above: 200000", 0 },
	{ V "providers: { mock: { discount: 5 } }\n", "E110", 2, 32, "10%", 0 },
	{ V "providers: { mock: { prices: { x: { image: 4 } } } }\n", "E110", 2, 44,
	  "$0.04", 0 },
	{ V "auth: key\n", "E112", 2, 7, "did you mean \"keys\"", 0 },
	{ V "auth: none\n", "E112", 2, 7, NULL, 0 },
	{ V "insecure_open: yes\n", "E113", 2, 16, "true", 0 },
	{ V "insecure_open: True\n", "E113", 2, 16, "did you mean \"true\"", 0 },
	{ V "workers: 0\n", "E111", 2, 10, "from 1 to 32", 0 },
	{ V "workers: 64\n", "E111", 2, 10, "from 1 to 32", 0 },
	{ V "workers: many\n", "E110", 2, 10, "auto", 0 },
	{ V "drain: 30\n", "E110", 2, 8, "120s", 0 },
	{ V "drain: 30sec\n", "E110", 2, 8, "ms, s, m, h and d", 0 },
	{ V "drain: 3d\n", "E111", 2, 8, "from 0s to 1d", 0 },
	{ V "drain: -3s\n", "E110", 2, 8, "120s", 0 },
	{ V "drain: [3s]\n", "E107", 2, 8, NULL, 0 },
	{ V "memory: 512MB\n", "E110", 2, 9, "MiB", 0 },
	{ V "memory: 512\n", "E110", 2, 9, "512MiB", 0 },
	{ V "memory: 99999999999999999999GiB\n", "E111", 2, 9, NULL, 0 },
	{ V "memory: 1KiB\n", "E111", 2, 9, "from 64KiB", 0 },
	{ V "limits: { fields: 1000 }\n", "E111", 2, 19, "200", 0 },
	{ V "limits: 5\n", "E107", 2, 9, NULL, 0 },
	{ V "ledger: strickt\n", "E112", 2, 9, "did you mean \"strict\"", 0 },
	{ V "data: 8080\n", "E117", 2, 7, "\"8080\"", 0 },
	{ V "data:\n", "E116", 2, 6, NULL, 0 },
	{ ROUTE "{ targets: [mock/echo], comments: of }\n", "E113", 4, 43,
	  "did you mean \"off\"", 0 },
	{ V "providers: { openai: { region: no } }\n", "E117", 2, 32, "\"no\"", 0 },
	/* addresses */
	{ V "listen: 8080\n", "E114", 2, 9, "127.0.0.1:8080", 0 },
	{ V "listen: \":8080\"\n", "E114", 2, 9, "0.0.0.0:8080", 0 },
	{ V "listen: localhost:8080\n", "E114", 2, 9, "127.0.0.1:8080", 0 },
	{ V "listen: 127.1:8080\n", "E114", 2, 9, NULL, 0 },
	{ V "listen: [127.0.0.1:1, example.com:80]\n", "E114", 2, 23, NULL, 0 },
	{ V "listen: []\n", "E116", 2, 9, NULL, 0 },
	{ V "admin: here\n", "E114", 2, 8, NULL, 0 },
	{ V "admin: false\n", "E114", 2, 8, "write off", 0 },
	{ V "listen: ::1:8080\n", "E114", 2, 9, "[::1]:8080", 0 },
	{ V "listen: [127.0.0.1:1, \"127.0.0.1:1\"]\n", "E114", 2, 23, NULL, 0 },
	{ V "listen: 127.0.0.1:9\nadmin: 127.0.0.1:9\n", "E114", 3, 8, NULL, 0 },
	/* words that are no files */
	{ V "access_log: false\n", "E110", 2, 13, "write off", 0 },
	{ V "access_log: stdot\n", "E110", 2, 13, "stdout", 0 },
	{ V "access_log: 5\n", "E110", 2, 13, "./5", 0 },
	{ V "timezone: Europe\n", "E110", 2, 11, "Europe/Berlin", 0 },
	{ V "timezone: tzdata.zi\n", "E110", 2, 11, "Europe/Berlin", 0 },
	{ V "providers: { openai: { key: $OPENAI_API_KEY } }\n", "E121", 2, 29, "${NAME}",
	  0 },
	{ V "providers: { openai: { keys: [a, $OPENAI_API_KEY] } }\n", "E121", 2, 34,
	  "${NAME}", 0 },
	{ "\xef\xbb\xbfversion: 1\nauth: none\n", "E112", 2, 7, NULL, 0 },
	{ V "admin: 0.0.0.0:8081\n", "E304", 2, 8, NULL, 0 },
	{ V "auth: open\nlisten: 0.0.0.0:8080\n", "E301", 3, 9, "insecure_open: true",
	  0 },
	{ V "auth: open\nlisten: [127.0.0.1:1, \"[::]:8080\"]\n", "E301", 3, 9, NULL, 0 },
	/* files */
	{ V "tls: { cert: /nowhere/cert.pem, key: /nowhere/key.pem }\n", "E119", 2, 14,
	  NULL, 2 },
	{ V "tls:\n", "E302", 2, 5, "cert", 0 },
	{ V "tls: ~\n", "E302", 2, 6, "cert", 0 },
	{ V "tls: {}\n", "E302", 2, 6, "cert", 0 },
	{ V "tls: { cert: /etc/passwd }\n", "E302", 2, 6, "key", 0 },
	{ V "tls: { cert: /etc/passwd, key: /etc/passwd }\n", "E302", 2, 6, NULL, 0 },
	/* variables */
	{ V "data: ${NOT_SET}\n", "E120", 2, 7, "${NOT_SET:-}", 0 },
	{ V "data: \"${NOT_SET:?where the data is}\"\n", "E120", 2, 7, NULL, 0 },
	{ V "data: \"${EMPTY:?where the data is}\"\n", "E120", 2, 7, NULL, 0 },
	{ V "data: ${NOT_SET\n", "E121", 2, 7, "${NAME}", 0 },
	{ V "data: ${}\n", "E121", 2, 7, "${NAME}", 0 },
	{ V "data: ${1X}\n", "E121", 2, 7, "${NAME}", 0 },
	{ V "data: \"${A:+b}\"\n", "E121", 2, 7, "${NAME}", 0 },
	{ V "data: ${EMPTY}\n", "E116", 2, 7, "EMPTY is empty", 0 },
	{ V "data: ${EVIL}\n", "E121", 2, 7, NULL, 0 },
	{ V "listen: ${STRUCTURE}\n", "E114", 2, 9, NULL, 0 },
	/* providers */
	{ V "providers: [openai]\n", "E107", 2, 12, "openai", 0 },
	{ V "providers: { opnai: { key: x } }\n", "E106", 2, 14,
	  "did you mean \"openai\"", 0 },
	{ V "providers: { acme: {} }\n", "E106", 2, 14, "format: openai-chat", 0 },
	{ V "providers: { acme: { url: \"https://a.b/v1\", key: none } }\n", "E106", 2,
	  14, "format", 0 },
	{ V "providers: { \"a b\": {} }\n", "E118", 2, 14, "letters", 0 },
	{ V "providers: { openai: sk-x }\n", "E107", 2, 22, "key:", 0 },
	{ V "providers: { openai: { url: \"ftp://x\" } }\n", "E115", 2, 29, "https://",
	  0 },
	{ V "providers: { openai: { url: \"https://u:p@x/v1\" } }\n", "E115", 2, 29, NULL,
	  0 },
	{ V "providers: { openai: { url: \"https://127.1/v1\" } }\n", "E115", 2, 29, NULL,
	  0 },
	{ V "providers: { openai: { format: opnai-chat } }\n", "E112", 2, 32,
	  "did you mean \"openai-chat\"", 0 },
	{ V "providers: { venice: { key: x } }\n", "E205", 2, 14, "openai-chat", 0 },
	{ V "providers: { groq: {} }\n", "E207", 2, 14, "GROQ_API_KEY", 0 },
	{ V "providers: { x: { format: openai-chat, url: \"https://a.b/v1\" } }\n",
	  "E207", 2, 14, "key: none", 0 },
	{ V "providers: { openai: { key: x, keys: [y] } }\n", "E109", 2, 38, NULL, 0 },
	{ V "providers: { openai: { keys: [] } }\n", "E107", 2, 30, "KEY_A", 0 },
	{ V "providers: { openai: { key: [a, b] } }\n", "E107", 2, 29, "keys:", 0 },
	{ V "providers: { openai: { key: no } }\n", "E117", 2, 29, "quotes", 0 },
	{ V "providers: { openai: { keys: [a, 12345] } }\n", "E117", 2, 34, "quotes", 0 },
	{ V "providers: { openai: { key: } }\n", "E116", 2, 29, "key: none", 0 },
	{ V "providers: { openai: { key: \"two words\" } }\n", "E208", 2, 29, NULL, 0 },
	{ V "providers: { openai: { auth: basic } }\n", "E112", 2, 30, NULL, 0 },
	{ V "providers: { cloudflare-workers-ai: { key: x } }\n", "E106", 2, 14,
	  "cloudflare_account_id: ...", 0 },
	/* other ways to authenticate */
	{ V "providers: { amazon-bedrock: { region: us-east-1 } }\n", "E207", 2, 14,
	  "or AWS_ACCESS_KEY_ID", 0 },
	{ V "providers: { amazon-bedrock: { access_key: a, secret_key: b } }\n", "E106",
	  2, 14, "region: ..., or set the variable AWS_REGION", 0 },
	{ V "providers: { amazon-bedrock: { access_key: a, region: r } }\n", "E106", 2,
	  14, "secret_key: \"${AWS_SECRET_ACCESS_KEY}\"", 0 },
	{ V "providers: { amazon-bedrock: { auth: sigv4, region: r } }\n", "E207", 2, 14,
	  "or set that variable", 2 },
	{ V "providers: { amazon-bedrock: { access_key: a, secret_key: b, region: U_S "
	    "} }\n",
	  "E110", 2, 70, "us-east-1", 0 },
	{ V "providers: { x: { format: bedrock, url: \"https://a.b\", access_key: a, "
	    "secret_key: b } }\n",
	  "E106", 2, 14, "AWS_REGION", 0 },
	{ V "providers: { amazon-bedrock: { access_key: [a], secret_key: b, region: r } "
	    "}\n",
	  "E107", 2, 44, NULL, 0 },
	{ V
	  "providers: { amazon-bedrock: { access_key: a, secret_key: \"b c\", region: r "
	  "} }\n",
	  "E208", 2, 59, NULL, 0 },
	{ V "providers: { amazon-bedrock: { key: k, access_key: a, region: r } }\n",
	  "E109", 2, 52, "one of", 0 },
	{ V "providers: { amazon-bedrock: { key: k, auth: sigv4, region: r } }\n", "E109",
	  2, 37, "one of", 3 },
	{ V "providers: { openai: { key: k, credentials: /etc/passwd } }\n", "E109", 2,
	  45, "one of", 0 },
	{ V "providers: { google-vertex: {} }\n", "E207", 2, 14,
	  "GOOGLE_APPLICATION_CREDENTIALS", 0 },
	{ V "providers: { google-vertex: { auth: service-account } }\n", "E207", 2, 14,
	  "credentials: /path", 0 },
	{ V "providers: { google-vertex: { credentials: /nowhere/a.json } }\n", "E119", 2,
	  44, NULL, 0 },
	{ V "providers: { google-vertex: { credentials: /etc/passwd } }\n", "E209", 2, 44,
	  "Google", 0 },
	{ V "providers: { azure: { key: k } }\n", "E106", 2, 14,
	  "azure_resource_name: ..., or set the variable AZURE_RESOURCE_NAME", 0 },
	{ V "providers: { azure: { key: k, azure_resource_name: r, api_version: "
	    "\"1&x=2\" } "
	    "}\n",
	  "E110", 2, 68, "2024", 0 },
	/* routes */
	{ V "routes: [fast]\n", "E107", 2, 9, "targets", 0 },
	{ ROUTE "[mock/echo]\n", "E107", 4, 9, "targets: [...]", 0 },
	{ ROUTE "{}\n", "E106", 4, 3, "targets: [openai/gpt-5-mini]", 0 },
	{ ROUTE "{ targets: mock/echo }\n", "E107", 4, 20, "[openai/gpt-5-mini]", 0 },
	{ ROUTE "{ targets: [] }\n", "E202", 4, 3, NULL, 0 },
	{ ROUTE "{ targets: [mok/echo] }\n", "E201", 4, 21, "did you mean \"mock\"", 0 },
	{ ROUTE "{ targets: [openai/gpt-5] }\n", "E201", 4, 21,
	  "providers: { openai: {} }", 0 },
	{ ROUTE "{ targets: [acme/gpt-5] }\n", "E201", 4, 21, "provider/model", 0 },
	{ ROUTE "{ targets: [echo] }\n", "E203", 4, 21, "mock/echo", 0 },
	{ ROUTE "{ targets: [mock/] }\n", "E203", 4, 21, NULL, 0 },
	{ ROUTE "{ targets: [{ weight: 2 }] }\n", "E106", 4, 21, "target:", 0 },
	{ ROUTE "{ targets: [{ target: mock/echo, weight: 0 }] }\n", "E111", 4, 50,
	  "1 to 1000", 0 },
	{ ROUTE "{ targets: [mock/echo], total: 5 }\n", "E110", 4, 40, "10m", 0 },
	{ ROUTE "{ targets: [mock/echo], retry: 3 }\n", "E107", 4, 40, NULL, 0 },
	{ V "providers: { openai: { key: \"\" } }\nroutes: { f: { targets: "
	    "[openai/gpt-5] } }\n",
	  "E202", 3, 11, "disabled", 0 },
};

static const struct config_note *find(const struct config_notes *notes, const char *code)
{
	for (unsigned i = 0; i < notes->count; i++)
		if (strcmp(notes->list[i].code, code) == 0)
			return &notes->list[i];
	return NULL;
}

static void check_row(const struct broken *row)
{
	const struct config_note *n;
	struct reading r;
	bool is_good;

	read_text(&r, str_from_z(row->text));
	n = find(&r.notes, row->code);
	is_good = n && !r.config && n->line == row->line && n->column == row->column &&
	          r.notes.errors == max_of(row->errors, 1u) &&
	          (!row->hint || str_has(n->hint, str_from_z(row->hint)));
	if (!is_good) {
		check_failed(__FILE__, __LINE__, "%s at %u:%u (%s) is wanted for\n%s",
		             row->code, row->line, row->column,
		             row->hint ? row->hint : "", row->text);
		print_notes(&r);
	}
	reading_done(&r);
}

TEST(broken_configurations_are_refused_where_they_are_broken)
{
	for (size_t i = 0; i < countof(rows); i++)
		check_row(&rows[i]);
}

static void read_targets(struct reading *r, unsigned count)
{
	struct buf text = BUF_LIMIT(4 * KiB);

	buf_add(&text, STR("version: 1\nproviders: { mock: {} }\nroutes:\n  many:\n"
	                   "    targets:\n"));
	for (unsigned i = 0; i < count; i++)
		buf_addf(&text, "      - { target: mock/echo, weight: %u }\n", i + 1);
	read_text(r, buf_str(&text));
	buf_free(&text);
}

/* What would never be tried is not cut off in silence. */
TEST(a_route_has_at_most_32_targets)
{
	const struct config_note *n;
	struct reading r;

	read_targets(&r, TARGETS_MOST);
	CHECK(r.config && r.config->routes[0].target_count == 32);
	reading_done(&r);
	read_targets(&r, TARGETS_MOST + 8);
	n = find(&r.notes, "E108");
	if (CHECK(!r.config && n)) {
		CHECK_INT(n->line, 5 + 33);
		CHECK_INT(n->column, 9);
		CHECK_STR(n->text, "route \"many\" has 40 targets; 32 is the most");
	}
	reading_done(&r);
}

TEST(all_errors_come_in_one_run_errors_first)
{
	struct buf text = BUF_LIMIT(64 * KiB);
	struct reading r;

	read_text(&r, STR("version: 1\n"
	                  "providers:\n"
	                  "  openai: { key: \"${EMPTY}\" }\n"
	                  "  mock: {}\n"
	                  "routes:\n"
	                  "  smart: { tiemout: 30s, targets: [mock/echo] }\n"
	                  "  fast:  { targets: [opnai/gpt5] }\n"));
	config_notes_print(&r.notes, STR("gw.yaml"), &text);
	CHECK_STR(buf_str(&text),
	          "gw.yaml:6:12: error[E104]: unknown key \"tiemout\" in routes.NAME\n"
	          "   6 |   smart: { tiemout: 30s, targets: [mock/echo] }\n"
	          "     |            ^^^^^^^ did you mean \"total\"?\n"
	          "gw.yaml:7:22: error[E201]: there is no provider \"opnai\"\n"
	          "   7 |   fast:  { targets: [opnai/gpt5] }\n"
	          "     |                      ^^^^^^^^^^ did you mean \"openai\"?\n"
	          "gw.yaml:3:18: warning[W031]: EMPTY is empty; provider \"openai\" is "
	          "disabled\n"
	          "   3 |   openai: { key: \"${EMPTY}\" }\n"
	          "     |                  ^^^^^^^^^^\n"
	          "2 errors, 1 warning\n");
	buf_free(&text);
	reading_done(&r);
}

TEST(at_most_twenty_are_shown_and_all_are_counted)
{
	struct buf text = BUF_LIMIT(64 * KiB), many = BUF_LIMIT(64 * KiB);
	struct reading r;

	buf_add(&many, STR("version: 1\n"));
	for (int i = 0; i < 200; i++)
		buf_addf(&many, "unknown%d: 1\n", i);
	read_text(&r, buf_str(&many));
	CHECK_INT(r.notes.errors, 200);
	config_notes_print(&r.notes, STR("x"), &text);
	CHECK(str_has(buf_str(&text), STR("... and 181 more\n200 errors, 1 warning\n")));
	CHECK(str_has(buf_str(&text), STR("unknown19")));
	CHECK(!str_has(buf_str(&text), STR("unknown20")));
	buf_free(&text);
	buf_free(&many);
	reading_done(&r);
}

TEST(notes_are_json_too)
{
	struct buf text = BUF_LIMIT(64 * KiB);
	struct reading r;

	read_text(&r, STR("version: 1\nlisen: \"x\"\n"));
	config_notes_json(&r.notes, STR("a.yaml"), &text);
	CHECK_STR(str_first(buf_str(&text), 188),
	          "{\"file\":\"a.yaml\",\"errors\":1,\"warnings\":1,\"notes\":[{"
	          "\"severity\":"
	          "\"error\",\"code\":\"E104\",\"line\":2,\"column\":1,\"message\":"
	          "\"unknown key "
	          "\\\"lisen\\\"\",\"suggestion\":\"did you mean "
	          "\\\"listen\\\"?\",\"source\":\"");
	buf_free(&text);
	reading_done(&r);
}

/* Neither in the line shown, nor anywhere else. */
TEST(credentials_are_not_printed)
{
	static const char *const texts[] = {
		V "providers: { openai: { key: sk-Secret-0123456789, regoin: x } }\n",
		V "providers:\n  openai:\n    keys:\n      - sk-Secret-0123456789\n"
		  "      - [sk-Secret-0123456789]\n",
		V "providers: { openai: { key: \"sk-Secret-0123456789 \" } }\n",
		V "providers: { openai: { key: sk-Secret-0123456789, a: b: c } }\n",
		V "providers: { openai: { \"keys\" : [ sk-Secret-0123456789, ] ] } }\n",
		V
		"providers: { openai: { key: \"${A:-sk-Secret-0123456789}\", x: 1 } }\n",
		V "providers: { openai: { key: sk-Secret-0123456789, key: 1 } }\n",
	};

	for (size_t i = 0; i < countof(texts); i++) {
		struct buf text = BUF_LIMIT(64 * KiB);
		struct reading r;

		read_text(&r, str_from_z(texts[i]));
		CHECK(r.notes.errors > 0);
		config_notes_print(&r.notes, STR("x"), &text);
		config_notes_json(&r.notes, STR("x"), &text);
		if (str_has(buf_str(&text), STR("Secret"))) {
			check_failed(__FILE__, __LINE__, "a credential is printed");
			print_notes(&r);
		}
		buf_free(&text);
		reading_done(&r);
	}
}

TEST(a_long_line_is_shown_around_the_error)
{
	struct buf text = BUF_LIMIT(64 * KiB), line = BUF_LIMIT(64 * KiB);
	struct reading r;

	buf_add(&line, STR("{ version: 1, data: \""));
	for (int i = 0; i < 1000; i++)
		buf_add(&line, STR("\xc3\xa4")); /* two bytes, one column */
	buf_add(&line, STR("\", lisen: x }"));
	read_text(&r, buf_str(&line));
	const struct config_note *n = find(&r.notes, "E104");
	if (CHECK(n != NULL) && n) {
		CHECK_INT(n->column, 1025);
		CHECK_INT(n->indent, 40);
		CHECK(str_ends(n->source, STR(" lisen: * }")));
	}
	config_notes_print(&r.notes, STR("x"), &text);
	CHECK(text.len < 600);
	buf_free(&text);
	buf_free(&line);
	reading_done(&r);
}

/* Few lines that would become many. */
TEST(aliases_cannot_explode)
{
	struct buf text = BUF_LIMIT(MiB);
	struct reading r;

	buf_add(&text, STR(V "a: &a [x,x,x,x,x,x,x,x,x]\n"));
	for (char c = 'b'; c < 'z'; c++)
		buf_addf(&text, "%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c,
		         c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1);
	read_text(&r, buf_str(&text));
	CHECK(find(&r.notes, "E102") != NULL);
	reading_done(&r);

	buf_clear(&text);
	buf_add(&text, STR(MOCK "routes:\n  r0: &r { targets: ["));
	for (int i = 0; i < 4000; i++)
		buf_add(&text, STR("mock/e,"));
	buf_add(&text, STR("] }\n"));
	for (int i = 0; i < 99; i++)
		buf_addf(&text, "  r%d: *r\n", i + 1);
	read_text(&r, buf_str(&text));
	CHECK(find(&r.notes, "E108") != NULL);
	reading_done(&r);
	buf_free(&text);
}

TEST(a_file_that_is_not_there_or_too_large_is_told)
{
	struct buf text = BUF_LIMIT(4 * MiB);
	struct arena arena = { 0 };
	struct config_notes notes = { .arena = &arena };
	struct reading r;

	CHECK(config_read_file("/nowhere/sluice.yaml", &notes) == NULL);
	CHECK_INT(notes.errors, 1);
	CHECK(find(&notes, "E100") != NULL);
	CHECK(config_read_file("/etc", &notes) == NULL);
	CHECK(config_read_file("/dev/zero", &notes) == NULL);
	CHECK_INT(notes.errors, 3);
	arena_done(&arena);

	while (text.len <= MiB)
		buf_add(&text, STR("# a comment of thirty-two bytes\n"));
	read_text(&r, buf_str(&text));
	CHECK(find(&r.notes, "E100") != NULL);
	reading_done(&r);
	buf_free(&text);
}

/* Whatever is cut off must not crash, and must not pass as something else. */
TEST(a_configuration_cut_anywhere_is_read_or_refused)
{
	str whole = STR(
	        "version: 1\nlisten: [127.0.0.1:8080, \"[::1]:8080\"]\nproviders:\n"
	        "  openai: { keys: [\"${KEY_A}\", \"${EMPTY:-}\"], region: us }\n"
	        "  local: { format: openai-chat, url: \"http://127.0.0.1:9000/v1\", key: "
	        "none }\nroutes:\n  fast:\n    targets: [openai/gpt-5-mini, {target: "
	        "local/x, weight: 3}]\n    retry: { same_target: 1 }\n");

	for (size_t n = 0; n <= whole.len; n++) {
		char copy[512];
		struct reading r;

		memcpy(copy, whole.ptr, n);
		read_text(&r, str_of(copy, n));
		CHECK((r.config == NULL) == (r.notes.errors > 0));
		reading_done(&r);
	}
}

TEST(a_dollar_sign_may_begin_a_key)
{
	struct reading r;

	read_text(&r, STR("\xef\xbb\xbfversion: 1\nproviders:\n"
	                  "  openai: { keys: [\"$$NAME\", \"$a-b\", \"a$NAME\"] }\n"
	                  "listen: [\"127.0.0.1:0\", \"127.0.0.1:0\"]\n"
	                  "access_log: ./5\n"));
	CHECK_INT(r.notes.errors, 0);
	if (r.notes.errors)
		print_notes(&r);
	reading_done(&r);
}
