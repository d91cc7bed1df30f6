#include "gateway/headers.h"
#include "tests/check.h"

static struct http_request req;

static const struct http_request *with(const char *lines)
{
	str rest = str_from_z(lines);

	req.count = 0;
	req.names = 0; /* nobody has looked */
	while (rest.len) {
		str line = str_cut(&rest, '\n'), name = str_cut(&line, ':');

		req.fields[req.count++] = (struct http_field){ name, str_trim(line) };
		req.names_hops |= str_eq_nocase(name, STR("connection"));
	}
	return &req;
}

static str forwarded(const char *lines)
{
	static struct buf to = { .limit = 4096 };

	buf_clear(&to);
	headers_to_upstream(with(lines), &to);
	return buf_str(&to);
}

TEST(what_is_not_denied_is_forwarded_as_written)
{
	CHECK_STR(
	        forwarded("X-Stainless-Lang: js\nHTTP-Referer: https://x\n"
	                  "User-Agent: t/1"),
	        "X-Stainless-Lang: js\r\nHTTP-Referer: https://x\r\nUser-Agent: t/1\r\n");
}

TEST(features_are_those_of_the_client_s_own_format)
{
	static const char lines[] =
	        "OpenAI-Beta: a=v1\nanthropic-beta: b\nx-goog-api-client: c\nX: 1\n"
	        "anthropic-version: 1\nx-goog-api-key: k";
	struct buf to = BUF_LIMIT(1024);

	headers_features(with(lines), WIRE_ANTHROPIC, &to);
	CHECK_STR(buf_str(&to), "anthropic-beta: b\r\nanthropic-version: 1\r\n");
	buf_clear(&to);
	headers_features(with(lines), WIRE_OPENAI_CHAT, &to);
	CHECK_STR(buf_str(&to), "OpenAI-Beta: a=v1\r\n");
	buf_clear(&to);
	headers_features(with(lines), WIRE_GEMINI, &to);
	CHECK_STR(buf_str(&to), "x-goog-api-client: c\r\n");
	/* What Connection names is of that connection, whatever it is. */
	buf_clear(&to);
	headers_features(with("Connection: openai-beta, x-a\nOpenAI-Beta: b"),
	                 WIRE_OPENAI_CHAT, &to);
	CHECK_STR(buf_str(&to), "");
	headers_features(with("anthropic-beta: b\nanthropic-version: v\n"
	                      "Connection: Anthropic-Beta"),
	                 WIRE_ANTHROPIC, &to);
	CHECK_STR(buf_str(&to), "anthropic-version: v\r\n");
	buf_free(&to);
}

TEST(what_is_denied_never_leaves)
{
	CHECK_STR(
	        forwarded("Authorization: Bearer k\nX-API-Key: k\nCookie: a=b\nHost: x\n"
	                  "Content-Length: 5\nTransfer-Encoding: chunked\nConnection: "
	                  "x-mine\n"
	                  "X-Mine: 1\nOpenAI-Organization: o\nopenai-project: p\n"
	                  "X-Forwarded-For: 1.2.3.4\nForwarded: for=1\nAccept-Encoding: "
	                  "gzip\n"
	                  "anthropic-beta: b\nx-goog-api-key: k\nKeep-Alive: 5\nTE: "
	                  "trailers\n"
	                  "X-Request-Id: r\nx-sluice-strict: 1\nProxy-Authorization: p\n"
	                  "content_length: 5\nUpgrade: h2c\nCookie2: c\nCF-Visitor: v\n"
	                  "X-HTTP-Method: DELETE\nX-HTTP-Method-Override: DELETE\n"
	                  "X-Method-Override: DELETE"),
	        "");
}

TEST(what_a_browser_says_of_its_page_never_leaves)
{
	CHECK_STR(
	        forwarded("Origin: app://obsidian.md\nReferer: https://x/chat?id=1\n"
	                  "Sec-Fetch-Mode: cors\nsec-fetch-site: same-origin\n"
	                  "Sec-CH-UA: \"a\"\nSec-GPC: 1\n"
	                  "Access-Control-Request-Method: POST\nHTTP-Referer: https://x"),
	        "HTTP-Referer: https://x\r\n");
}

/* What access services, load balancers and edges before us add for their own server; and
 * beside each what a client says to a provider on purpose. */
TEST(what_a_proxy_before_us_says_of_the_client_never_leaves)
{
	CHECK_STR(
	        forwarded(
	                "Cf-Access-Jwt-Assertion: j\nCF-Access-Client-Secret: s\n"
	                "CF-Connecting-IPv6: ::1\nCF-IPCity: x\ncf-aig-metadata: m\n"
	                "X-Amzn-Oidc-Data: j\nX-Amzn-Oidc-Accesstoken: j\n"
	                "X-Amzn-Bedrock-Trace: ENABLED\n"
	                "X-Auth-Request-Access-Token: t\nX-Auth-Request-Email: e\n"
	                "X-MS-TOKEN-AAD-ACCESS-TOKEN: t\nX-MS-CLIENT-PRINCIPAL: p\n"
	                "X-MS-CLIENT-PRINCIPAL-NAME: n\nx-ms-client-request-id: 1\n"
	                "X-Authorization: a\nX-Auth-Token: t\nX-Access-Token: t\n"
	                "Ocp-Apim-Subscription-Key: k\napikey: k\nX-CSRF-Token: t\n"
	                "X-Envoy-External-Address: 1.2.3.4\nFly-Client-IP: 1.2.3.4\n"
	                "Fastly-Client-IP: 1.2.3.4\nX-Cluster-Client-IP: 1.2.3.4\n"
	                "X-Azure-ClientIP: 1.2.3.4\nCloudFront-Viewer-Address: 1.2.3.4\n"
	                "X-Appengine-User-IP: 1.2.3.4\nX-Vercel-Forwarded-For: 1.2.3.4\n"
	                "Via: 1.1 inner\nRemote-User: u\nX-Title: app\n"
	                "X-Goog-Iap-Jwt-Assertion: j\nX-Real-IP: 1.2.3.4\n"
	                "X-Original-Forwarded-For: 1.2.3.4\nTrue-Client-IP: 1.2.3.4"),
	        "cf-aig-metadata: m\r\nX-Amzn-Bedrock-Trace: ENABLED\r\n"
	        "x-ms-client-request-id: 1\r\nX-Title: app\r\n");
}

TEST(whose_project_pays_and_what_less_is_wanted_is_not_the_client_s_to_say)
{
	struct buf to = BUF_LIMIT(1024);

	CHECK_STR(forwarded("Range: bytes=0-1\nIf-Range: x\nIf-Match: x\n"
	                    "If-None-Match: *\nIf-Modified-Since: x\n"
	                    "If-Unmodified-Since: x\nMax-Forwards: 0\n"
	                    "x-goog-user-project: p"),
	          "");
	headers_features(with("x-goog-user-project: p\nx-goog-api-client: c\n"
	                      "X-Goog-IAP-JWT-Assertion: j\n"
	                      "X-Goog-Authenticated-User-Email: e"),
	                 WIRE_GEMINI, &to);
	CHECK_STR(buf_str(&to), "x-goog-api-client: c\r\n");
	buf_free(&to);
}

static str returned(const char *lines)
{
	static struct buf to = { .limit = 4096 };
	static struct http_response res;
	const struct http_request *same = with(lines);

	memcpy(res.fields, same->fields, same->count * sizeof(same->fields[0]));
	res.count = same->count;
	res.names_hops = false;
	buf_clear(&to);
	headers_to_client(&res, &to);
	return buf_str(&to);
}

TEST(what_marks_our_account_and_what_moves_a_browser_does_not_come_back)
{
	CHECK_STR(returned("anthropic-organization-id: o\n"
	                   "anthropic-priority-input-tokens-limit: 1\n"
	                   "anthropic-ratelimit-requests-limit: 1\n"
	                   "x-ratelimitbysize-limit-minute: 1\nratelimit: r\n"
	                   "RateLimit-Policy: p\nratelimit-remaining: 1\n"
	                   "x-ratelimit-limit: 1\nReport-To: {}\nNEL: {}\n"
	                   "Reporting-Endpoints: a\nx-lighttpd-send-file: /etc/passwd\n"
	                   "X-Reproxy-URL: http://e/\nanthropic-version: v\ncf-ray: x\n"
	                   "via: 1.1 google\nx-envoy-upstream-service-time: 5"),
	          "anthropic-version: v\r\ncf-ray: x\r\nvia: 1.1 google\r\n"
	          "x-envoy-upstream-service-time: 5\r\n");
}

/* A line that is not written as we write it stands alone; runs end at what is denied. */
TEST(lines_are_put_together_as_written_and_otherwise_made_anew)
{
	static const char head[] =
	        "POST / HTTP/1.1\r\nA: 1\r\nB:2\r\nC:   3\r\n"
	        "D: 4 \r\nE: 5\r\nHost: h\r\nF:\r\nG: \r\nH: 8\r\n\r\n";
	struct buf to = { .limit = 4096 };

	CHECK_OK(http_request_parse(str_from_z(head), &http_limits_default, &req));
	headers_to_upstream(&req, &to);
	CHECK_STR(buf_str(&to), "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: \r\nG: \r\n"
	                        "H: 8\r\n");
	buf_free(&to);
}

TEST(an_underscore_never_leaves_also_in_a_family)
{
	CHECK_STR(forwarded("x_a: 1\nX-RateLimit-a_b: 2\naccess-control-_: 3\n"
	                    "X-RateLimit-a: 4\nx-accel-: 5"),
	          "X-RateLimit-a: 4\r\nx-accel-: 5\r\n");
}

#define OURS "sk-sl-0123456789ab-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"

TEST(one_credential_or_a_clear_refusal)
{
	str key;

	CHECK_OK(headers_credential(with("authorization: bearer abc"), &key));
	CHECK_STR(key, "abc");
	CHECK_OK(headers_credential(with("x-api-key: abc\nAuthorization: Bearer abc"),
	                            &key));
	CHECK_OK(headers_credential(with("api-key: abc"), &key));
	CHECK_OK(headers_credential(with("x-goog-api-key: abc"), &key));
	CHECK_FAULT(headers_credential(with("x-api-key: abd\nAuthorization: Bearer abc"),
	                               &key),
	            FAULT_KEYS_DIFFER);
	CHECK_FAULT(headers_credential(
	                    with("Authorization: Bearer abc\nAuthorization: Bearer abc"),
	                    &key),
	            FAULT_KEYS_DIFFER);
	CHECK_OK(headers_credential(with("authorization: Basic abc"), &key));
	CHECK_INT(key.len, 0);
	CHECK_OK(headers_credential(with("authorization: Bearer"), &key));
	CHECK_INT(key.len, 0);
	CHECK_FAULT(headers_credential(with("x: y"), &key), FAULT_NO_KEY);
	CHECK_FAULT(headers_credential(with("authorization: " OURS), &key),
	            FAULT_NO_BEARER);
	CHECK_OK(headers_credential(with("authorization: " OURS "\nx-api-key: abc"),
	                            &key));
	CHECK_STR(key, "abc");
	CHECK_OK(headers_credential(with("authorization: Basic " OURS), &key));
	CHECK_INT(key.len, 0);
}

TEST(open_mode_is_for_this_machine)
{
	static const struct {
		str host;
		const char *origin;
		bool want;
	} rows[] = {
		{ STR_INIT("127.0.0.1:8080"), "", true },
		{ STR_INIT("localhost"), "", true },
		{ STR_INIT("[::1]:8080"), "", true },
		{ STR_INIT("localhost:8080"), "origin: http://localhost:3000", true },
		{ STR_INIT("example.com"), "", false },
		{ STR_INIT("127.0.0.1.example.com"), "", false },
		{ STR_INIT("localhost.example.com:8080"), "", false },
		{ STR_INIT("127.0.0.1:8080"), "origin: https://example.com", false },
		{ STR_INIT("127.0.0.1:8080"), "origin: null", false },
		{ STR_INIT(""), "", false },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		with(rows[i].origin);
		req.host = rows[i].host;
		CHECK_INT(headers_are_local(&req), rows[i].want);
	}
}
