/* head.h - the heads of HTTP/1.1 messages (RFC 9112), read where they stand.
 *
 * Strict: what is ambiguous is refused (guarantees R01-R77, U05-U07).  The parser draws
 * the conclusions about framing; nobody else looks at Content-Length, Transfer-Encoding,
 * Connection or Expect again.  Pure: no I/O. */
#pragma once
#include "base/buf.h"
#include "base/fault.h"

enum {
	HTTP_FIELDS_MOST = 200,     /* requests are held to limits.fields, up to this */
	HTTP_HEAD_MOST = 256 * KiB, /* and to limits.head, up to this */
};

struct http_limits {
	size_t target;              /* bytes of a request target; 8 KiB, 414 */
	size_t head;                /* bytes of a head; 32 KiB, 431 */
	unsigned fields;            /* header lines; 100, 431 */
	uint64_t body;              /* bytes of a request body; 32 MiB, 413 */
	unsigned header_timeout_ms; /* a head must be whole by then; 10 s, 408 */
	unsigned body_timeout_ms;   /* longest silence inside a body; 30 s, 408 */
	unsigned body_rate; /* least bytes/s of a body after its first 10 s; 1 KiB, 408 */
	unsigned idle_timeout_ms;  /* between requests; 75 s */
	unsigned write_timeout_ms; /* a client that takes nothing; 60 s */
};
extern const struct http_limits http_limits_default;

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_OTHER, /* a token we do not know: 405 */
};

/* The names that mean something to us: looked up once, when a head is read, so that
 * every later question about a field is one about a number.  One that ends in '-' stands
 * for all that begin so and have no row of their own. */
#define HTTP_NAMES(NAME)                                                                 \
	NAME(ACCEPT_ENCODING, "accept-encoding")                                         \
	NAME(ALT_SVC, "alt-svc")                                                         \
	NAME(API_KEY, "api-key")                                                         \
	NAME(AUTHORIZATION, "authorization")                                             \
	NAME(CLEAR_SITE_DATA, "clear-site-data")                                         \
	NAME(CLIENT_IP, "client-ip")                                                     \
	NAME(CONNECTION, "connection")                                                   \
	NAME(CONTENT_ENCODING, "content-encoding")                                       \
	NAME(CONTENT_LENGTH, "content-length")                                           \
	NAME(CONTENT_TYPE, "content-type")                                               \
	NAME(COOKIE, "cookie")                                                           \
	NAME(EXPECT, "expect")                                                           \
	NAME(HOST, "host")                                                               \
	NAME(HTTP2_SETTINGS, "http2-settings")                                           \
	NAME(KEEP_ALIVE, "keep-alive")                                                   \
	NAME(OPENAI_ORGANIZATION, "openai-organization")                                 \
	NAME(OPENAI_BETA, "openai-beta")                                                 \
	NAME(OPENAI_PROJECT, "openai-project")                                           \
	NAME(ORIGIN, "origin")                                                           \
	NAME(PROXY_AUTHENTICATE, "proxy-authenticate")                                   \
	NAME(PROXY_AUTHORIZATION, "proxy-authorization")                                 \
	NAME(PROXY_CONNECTION, "proxy-connection")                                       \
	NAME(RANGE, "range")                                                             \
	NAME(REFERER, "referer")                                                         \
	NAME(RETRY_AFTER, "retry-after")                                                 \
	NAME(RETRY_AFTER_MS, "retry-after-ms")                                           \
	NAME(SESSION_ID, "session-id")                                                   \
	NAME(SET_COOKIE, "set-cookie")                                                   \
	NAME(STRICT_TRANSPORT_SECURITY, "strict-transport-security")                     \
	NAME(TE, "te")                                                                   \
	NAME(TRACEPARENT, "traceparent")                                                 \
	NAME(TRACESTATE, "tracestate")                                                   \
	NAME(TRAILER, "trailer")                                                         \
	NAME(TRANSFER_ENCODING, "transfer-encoding")                                     \
	NAME(UPGRADE, "upgrade")                                                         \
	NAME(USER_AGENT, "user-agent")                                                   \
	NAME(X_AMZ_CONTENT_SHA256, "x-amz-content-sha256")                               \
	NAME(X_AMZ_DATE, "x-amz-date")                                                   \
	NAME(X_AMZ_SECURITY_TOKEN, "x-amz-security-token")                               \
	NAME(X_API_KEY, "x-api-key")                                                     \
	NAME(X_CLAUDE_CODE_SESSION_ID, "x-claude-code-session-id")                       \
	NAME(X_CLIENT_REQUEST_ID, "x-client-request-id")                                 \
	NAME(X_GOOG_API_KEY, "x-goog-api-key")                                           \
	NAME(X_HTTP_METHOD, "x-http-method")                                             \
	NAME(X_MS_RETRY_AFTER_MS, "x-ms-retry-after-ms")                                 \
	NAME(X_OPENWEBUI_CHAT_ID, "x-openwebui-chat-id")                                 \
	NAME(X_REQUEST_ID, "x-request-id")                                               \
	NAME(X_SESSION_AFFINITY, "x-session-affinity")                                   \
	NAME(X_SESSION_ID, "x-session-id")                                               \
	NAME(ANTHROPIC_, "anthropic-")                                                   \
	NAME(CONTENT_SECURITY_, "content-security-")                                     \
	NAME(RATELIMIT_, "ratelimit-")                                                   \
	NAME(X_ACCEL_, "x-accel-")                                                       \
	NAME(X_GOOG_, "x-goog-")                                                         \
	NAME(X_RATELIMIT_, "x-ratelimit-")                                               \
	NAME(X_SLUICE_, "x-sluice-")                                                     \
	NAME(ACCESS_CONTROL_, "access-control-")

/* Names that are one of these to us; those that end in '-' as above.  Of two beginnings
 * that fit, the first of this list counts, and before the rows above. */
#define HTTP_ALIASES(ALSO)                                                               \
	ALSO(LOCATION, CLEAR_SITE_DATA, "location")                                      \
	ALSO(NEL, CLEAR_SITE_DATA, "nel")                                                \
	ALSO(REFRESH, CLEAR_SITE_DATA, "refresh")                                        \
	ALSO(REPORT_TO, CLEAR_SITE_DATA, "report-to")                                    \
	ALSO(REPORTING_ENDPOINTS, CLEAR_SITE_DATA, "reporting-endpoints")                \
	ALSO(WWW_AUTHENTICATE, CLEAR_SITE_DATA, "www-authenticate")                      \
	ALSO(X_SENDFILE, CLEAR_SITE_DATA, "x-sendfile")                                  \
	ALSO(X_LIGHTTPD_, CLEAR_SITE_DATA, "x-lighttpd-")                                \
	ALSO(X_REPROXY_, CLEAR_SITE_DATA, "x-reproxy-")                                  \
	ALSO(CF_ACCESS_, CLIENT_IP, "cf-access-")                                        \
	ALSO(CF_CONNECTING_, CLIENT_IP, "cf-connecting-")                                \
	ALSO(CF_IPCITY, CLIENT_IP, "cf-ipcity")                                          \
	ALSO(CF_IPCONTINENT, CLIENT_IP, "cf-ipcontinent")                                \
	ALSO(CF_IPCOUNTRY, CLIENT_IP, "cf-ipcountry")                                    \
	ALSO(CF_IPLATITUDE, CLIENT_IP, "cf-iplatitude")                                  \
	ALSO(CF_IPLONGITUDE, CLIENT_IP, "cf-iplongitude")                                \
	ALSO(CF_METRO_CODE, CLIENT_IP, "cf-metro-code")                                  \
	ALSO(CF_POSTAL_CODE, CLIENT_IP, "cf-postal-code")                                \
	ALSO(CF_PSEUDO_IPV4, CLIENT_IP, "cf-pseudo-ipv4")                                \
	ALSO(CF_RAY, CLIENT_IP, "cf-ray")                                                \
	ALSO(CF_REGION, CLIENT_IP, "cf-region")                                          \
	ALSO(CF_REGION_CODE, CLIENT_IP, "cf-region-code")                                \
	ALSO(CF_TIMEZONE, CLIENT_IP, "cf-timezone")                                      \
	ALSO(CF_VISITOR, CLIENT_IP, "cf-visitor")                                        \
	ALSO(CF_WARP_TAG_ID, CLIENT_IP, "cf-warp-tag-id")                                \
	ALSO(CLIENT_CERT, CLIENT_IP, "client-cert")                                      \
	ALSO(CLIENT_CERT_CHAIN, CLIENT_IP, "client-cert-chain")                          \
	ALSO(CLOUDFRONT_, CLIENT_IP, "cloudfront-")                                      \
	ALSO(DO_CONNECTING_IP, CLIENT_IP, "do-connecting-ip")                            \
	ALSO(FASTLY_CLIENT_IP, CLIENT_IP, "fastly-client-ip")                            \
	ALSO(FLY_CLIENT_IP, CLIENT_IP, "fly-client-ip")                                  \
	ALSO(FLY_FORWARDED_, CLIENT_IP, "fly-forwarded-")                                \
	ALSO(FORWARDED, CLIENT_IP, "forwarded")                                          \
	ALSO(FORWARDED_FOR, CLIENT_IP, "forwarded-for")                                  \
	ALSO(PROXY_CLIENT_IP, CLIENT_IP, "proxy-client-ip")                              \
	ALSO(REMOTE_ADDR, CLIENT_IP, "remote-addr")                                      \
	ALSO(REMOTE_EMAIL, CLIENT_IP, "remote-email")                                    \
	ALSO(REMOTE_GROUPS, CLIENT_IP, "remote-groups")                                  \
	ALSO(REMOTE_NAME, CLIENT_IP, "remote-name")                                      \
	ALSO(REMOTE_USER, CLIENT_IP, "remote-user")                                      \
	ALSO(SSL_CLIENT_, CLIENT_IP, "ssl-client-")                                      \
	ALSO(TAILSCALE_USER_, CLIENT_IP, "tailscale-user-")                              \
	ALSO(TRUE_CLIENT_IP, CLIENT_IP, "true-client-ip")                                \
	ALSO(VIA, CLIENT_IP, "via")                                                      \
	ALSO(WL_PROXY_CLIENT_IP, CLIENT_IP, "wl-proxy-client-ip")                        \
	ALSO(X_AMZN_MTLS_, CLIENT_IP, "x-amzn-mtls-")                                    \
	ALSO(X_AMZN_OIDC_, CLIENT_IP, "x-amzn-oidc-")                                    \
	ALSO(X_APPENGINE_, CLIENT_IP, "x-appengine-")                                    \
	ALSO(X_AUTH_REQUEST_, CLIENT_IP, "x-auth-request-")                              \
	ALSO(X_AUTHENTIK_, CLIENT_IP, "x-authentik-")                                    \
	ALSO(X_AZURE_, CLIENT_IP, "x-azure-")                                            \
	ALSO(X_CLIENT_CERT, CLIENT_IP, "x-client-cert")                                  \
	ALSO(X_CLIENT_IP, CLIENT_IP, "x-client-ip")                                      \
	ALSO(X_CLUSTER_CLIENT_IP, CLIENT_IP, "x-cluster-client-ip")                      \
	ALSO(X_CONSUMER_, CLIENT_IP, "x-consumer-")                                      \
	ALSO(X_CREDENTIAL_IDENTIFIER, CLIENT_IP, "x-credential-identifier")              \
	ALSO(X_ENVOY_, CLIENT_IP, "x-envoy-")                                            \
	ALSO(X_FORWARDED, CLIENT_IP, "x-forwarded")                                      \
	ALSO(X_FORWARDED_, CLIENT_IP, "x-forwarded-")                                    \
	ALSO(X_GOOG_AUTHENTICATED_USER_, CLIENT_IP, "x-goog-authenticated-user-")        \
	ALSO(X_GOOG_IAP_, CLIENT_IP, "x-goog-iap-")                                      \
	ALSO(X_MS_CLIENT_PRINCIPAL, CLIENT_IP, "x-ms-client-principal")                  \
	ALSO(X_MS_CLIENT_PRINCIPAL_, CLIENT_IP, "x-ms-client-principal-")                \
	ALSO(X_MS_TOKEN_, CLIENT_IP, "x-ms-token-")                                      \
	ALSO(X_NF_CLIENT_CONNECTION_IP, CLIENT_IP, "x-nf-client-connection-ip")          \
	ALSO(X_ORIGINAL_, CLIENT_IP, "x-original-")                                      \
	ALSO(X_ORIGINATING_IP, CLIENT_IP, "x-originating-ip")                            \
	ALSO(X_POMERIUM_, CLIENT_IP, "x-pomerium-")                                      \
	ALSO(X_PROXYUSER_IP, CLIENT_IP, "x-proxyuser-ip")                                \
	ALSO(X_REAL_IP, CLIENT_IP, "x-real-ip")                                          \
	ALSO(X_REMOTE_ADDR, CLIENT_IP, "x-remote-addr")                                  \
	ALSO(X_REMOTE_GROUP, CLIENT_IP, "x-remote-group")                                \
	ALSO(X_REMOTE_IP, CLIENT_IP, "x-remote-ip")                                      \
	ALSO(X_REMOTE_USER, CLIENT_IP, "x-remote-user")                                  \
	ALSO(X_REWRITE_, CLIENT_IP, "x-rewrite-")                                        \
	ALSO(X_SSL_CLIENT_, CLIENT_IP, "x-ssl-client-")                                  \
	ALSO(X_USERINFO, CLIENT_IP, "x-userinfo")                                        \
	ALSO(X_VERCEL_, CLIENT_IP, "x-vercel-")                                          \
	ALSO(X_WEBAUTH_, CLIENT_IP, "x-webauth-")                                        \
	ALSO(APIKEY, COOKIE, "apikey")                                                   \
	ALSO(COOKIE2, COOKIE, "cookie2")                                                 \
	ALSO(OCP_APIM_SUBSCRIPTION_KEY, COOKIE, "ocp-apim-subscription-key")             \
	ALSO(PRIVATE_TOKEN, COOKIE, "private-token")                                     \
	ALSO(TELEPORT_JWT_ASSERTION, COOKIE, "teleport-jwt-assertion")                   \
	ALSO(X_ACCESS_TOKEN, COOKIE, "x-access-token")                                   \
	ALSO(X_APIKEY, COOKIE, "x-apikey")                                               \
	ALSO(X_AUTH_KEY, COOKIE, "x-auth-key")                                           \
	ALSO(X_AUTH_TOKEN, COOKIE, "x-auth-token")                                       \
	ALSO(X_AUTHORIZATION, COOKIE, "x-authorization")                                 \
	ALSO(X_CSRF_TOKEN, COOKIE, "x-csrf-token")                                       \
	ALSO(X_ID_TOKEN, COOKIE, "x-id-token")                                           \
	ALSO(X_JWT_ASSERTION, COOKIE, "x-jwt-assertion")                                 \
	ALSO(X_REFRESH_TOKEN, COOKIE, "x-refresh-token")                                 \
	ALSO(X_XSRF_TOKEN, COOKIE, "x-xsrf-token")                                       \
	ALSO(ANTHROPIC_ORGANIZATION_ID, OPENAI_ORGANIZATION,                             \
	     "anthropic-organization-id")                                                \
	ALSO(X_GOOG_USER_PROJECT, OPENAI_ORGANIZATION, "x-goog-user-project")            \
	ALSO(IF_MATCH, RANGE, "if-match")                                                \
	ALSO(IF_MODIFIED_SINCE, RANGE, "if-modified-since")                              \
	ALSO(IF_NONE_MATCH, RANGE, "if-none-match")                                      \
	ALSO(IF_RANGE, RANGE, "if-range")                                                \
	ALSO(IF_UNMODIFIED_SINCE, RANGE, "if-unmodified-since")                          \
	ALSO(MAX_FORWARDS, RANGE, "max-forwards")                                        \
	ALSO(ANTHROPIC_PRIORITY_, RATELIMIT_, "anthropic-priority-")                     \
	ALSO(RATELIMIT, RATELIMIT_, "ratelimit")                                         \
	ALSO(X_RATELIMITBYSIZE_, RATELIMIT_, "x-ratelimitbysize-")                       \
	ALSO(SEC_, REFERER, "sec-")                                                      \
	ALSO(X_HTTP_METHOD_OVERRIDE, X_HTTP_METHOD, "x-http-method-override")            \
	ALSO(X_METHOD_OVERRIDE, X_HTTP_METHOD, "x-method-override")

enum http_name {
	HTTP_NAME_UNREAD, /* nobody has looked yet: a field not made by the parser */
	HTTP_NAME_OTHER,
	HTTP_NAME_UNDERSCORED, /* any with a '_', which some take for a '-' */
#define NAME(id, text) HTTP_NAME_##id,
	HTTP_NAMES(NAME)
#undef NAME
	        HTTP_NAMES_COUNT,
	HTTP_FAMILIES_FROM = HTTP_NAME_ANTHROPIC_, /* the rows that end in '-' */
};
_Static_assert(HTTP_NAMES_COUNT <= 64, "a bit for each");

struct http_field {
	str name;             /* as written; compare with str_eq_nocase */
	str value;            /* without blanks around it */
	enum http_name known; /* see http_field_name */
};

enum http_body_kind {
	HTTP_BODY_NONE,
	HTTP_BODY_LENGTH,
	HTTP_BODY_CHUNKED,
	HTTP_BODY_TO_EOF, /* answers only */
};

struct http_request {
	enum http_method method;
	str target; /* origin-form; of an absolute-form, what follows the authority */
	str path, query; /* target split at the first '?'; query without it */
	str host;        /* for the Host rules of open mode; never for routing or auth */
	unsigned minor;  /* HTTP/1.minor */
	bool keep_alive;
	bool expects_continue;
	bool upgrades;   /* asks for a WebSocket: ignored, or 426; h2c is just ignored */
	bool names_hops; /* Connection names fields of its own: see http_is_named_hop */
	enum http_body_kind body;
	uint64_t length; /* of HTTP_BODY_LENGTH */
	uint64_t names; /* a bit for each enum http_name there is; 0: nobody has looked */
	unsigned count;
	struct http_field fields[HTTP_FIELDS_MOST];
};

struct http_response {
	int status;
	unsigned minor;
	bool keep_alive;
	bool names_hops;
	enum http_body_kind body; /* by the head; HEAD is the caller's business */
	uint64_t length;
	uint64_t names;
	unsigned count;
	struct http_field fields[HTTP_FIELDS_MOST];
};

/* Where the head at the front of `bytes` ends (behind its blank line), or 0: more is
 * needed.  *seen (0 at first) remembers how far was looked.  Refuses early: a bare LF, a
 * target or head over the limit.  Up to one empty line before a request line is let pass
 * (RFC 9112 2.2) and counted into the head. */
must_check fault_t http_head_end(str bytes, const struct http_limits *limits,
                                 bool is_request, size_t *seen, size_t *ret_end);
/* head: exactly what http_head_end found.  Slices point into it. */
must_check fault_t http_request_parse(str head, const struct http_limits *limits,
                                      struct http_request *ret);
/* 64 KiB and 200 fields (U06): UPSTREAM_LARGE; all else that is wrong:
 * UPSTREAM_MALFORMED. */
extern const struct http_limits http_response_limits;
must_check fault_t http_response_parse(str head, struct http_response *ret);
/* Both in one, which is one walk over a head that is here as a whole.  Neither a fault
 * nor an end: more is needed.  After a fault *ret_end may be 0. */
must_check fault_t http_request_read(str bytes, const struct http_limits *limits,
                                     size_t *seen, size_t *ret_end,
                                     struct http_request *ret);
must_check fault_t http_response_read(str bytes, size_t *seen, size_t *ret_end,
                                      struct http_response *ret);

/* The value of the first field of that (lower-case) name; ptr NULL when there is none. */
str http_request_get(const struct http_request *r, str name);
str http_response_get(const struct http_response *r, str name);

/* May a field of that name, or of one of those (a bit each), be there?  False is certain.
 */
static inline bool http_may_have(uint64_t names, uint64_t wanted)
{
	return names == 0 || (names & wanted) != 0;
}
static inline uint64_t http_name_bit(enum http_name name)
{
	return (uint64_t)1 << (name & 63);
}

/* The same for a name that has a row; much cheaper. */
str http_request_find(const struct http_request *r, enum http_name name);
str http_response_find(const struct http_response *r, enum http_name name);
/* Which of the names it is; never UNREAD. */
enum http_name http_name_of(str name);
static inline enum http_name http_field_name(const struct http_field *f)
{
	return likely(f->known) ? f->known : http_name_of(f->name);
}

/* "OK" for 200, and so on; "Unknown" for what has no name. */
str http_reason(int status);
/* Is it a header field of the connection itself (RFC 9110 7.6.1): never forwarded? */
bool http_is_hop_by_hop(str name);
/* Does one of the Connection fields name it (R73)? Ask only when names_hops is set. */
bool http_is_named_hop(const struct http_field *fields, unsigned count, str name);
/* Neither CR, LF, NUL nor another control byte: may stand in a header value. */
bool http_value_is_safe(str value);
