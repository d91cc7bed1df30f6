/* table.c - the rows. A key that is not here does not exist; a default that is not here
 * is made where `otherwise` says. */
#include "config/table.h"

#include "base/compiler.h"
#include "config/config.h"

#define LATER(key, what)                                                                 \
	{                                                                                \
		.name = key, .kind = KIND_LATER, .place = NO_PLACE, .help = what         \
	}
#define AT(type, member) .place = offsetof(struct type, member)

/* clang-format off */
static const struct config_key root_keys[] = {
	{ .name = "version", .kind = KIND_COUNT, .place = NO_PLACE, .low = "1",
	  .high = "1", .example = "1", .is_required = true,
	  .help = "The version of this format." },
	{ .name = "listen", .kind = KIND_ADDRESSES, .place = NO_PLACE,
	  .otherwise = "127.0.0.1:8080", .example = "127.0.0.1:8080",
	  .help = "Where clients connect: one address or a list. An IP literal with a "
	          "port, `unix:/path` or `unix:@name`. `--listen` wins." },
	{ .name = "admin", .kind = KIND_ADDRESS, .place = NO_PLACE, .words = "off",
	  .otherwise = "127.0.0.1:8081", .example = "127.0.0.1:8081",
	  .help = "Address of the admin API (docs/admin-api.md), or `off`. Beyond loopback it "
	          "needs `tls`. Where it is not written and the port is taken, the API is "
	          "at the socket in the data directory alone." },
	{ .name = "insecure_admin", .kind = KIND_BOOL, AT(config, insecure_admin),
	  .fallback = "false", .example = "false",
	  .help = "Lets `admin` listen beyond loopback without TLS. Everyone on the way "
	          "reads the tokens." },
	{ .name = "data", .kind = KIND_DIR, AT(config, data),
	  .otherwise = "$SLUICE_DATA, else $XDG_STATE_HOME/sluice, else ~/.local/state/sluice",
	  .example = "/var/lib/sluice",
	  .help = "Directory of journal, ledger, access log and secrets." },
	{ .name = "auth", .kind = KIND_WORD, AT(config, auth), .words = "keys|open",
	  .fallback = "keys", .example = "keys",
	  .help = "`keys`: clients show a virtual key (`sluice keys create`). `open`: "
	          "no keys, on loopback only." },
	{ .name = "insecure_open", .kind = KIND_BOOL, AT(config, insecure_open),
	  .fallback = "false", .example = "false",
	  .help = "Lets `auth: open` listen beyond loopback. Everyone who reaches the "
	          "port spends your money." },
	{ .name = "workers", .kind = KIND_WORKERS, .place = NO_PLACE, .low = "1",
	  .high = "32", .words = "auto", .otherwise = "auto: as many as cores, at most 4",
	  .example = "auto",
	  .help = "Threads that serve requests." },
	{ .name = "tls", .kind = KIND_SECTION, .place = 0, .section = SECTION_TLS,
	  .help = "Serve HTTPS. The files are read again on reload." },
	{ .name = "secrets", .kind = KIND_SECTION, .place = 0,
	  .section = SECTION_SECRETS,
	  .help = "What encrypts the store of provider keys (`sluice providers add`) and "
	          "everything else that is encrypted at rest. See docs/security.md." },
	{ .name = "sandbox", .kind = KIND_ON_OFF, AT(config, sandbox), .fallback = "on",
	  .example = "on",
	  .help = "Give up, before the first request, what a gateway never needs: other "
	          "files (Landlock), starting programs, debugging and the like (seccomp). "
	          "A change needs a restart." },
	{ .name = "limits", .kind = KIND_SECTION, .place = 0, .section = SECTION_LIMITS,
	  .help = "What a client may send, and how slowly." },
	{ .name = "memory", .kind = KIND_SIZE, AT(config, memory), .low = "64KiB",
	  .high = "1TiB", .fallback = "512MiB", .example = "512MiB",
	  .help = "For request bodies kept until they are answered and answers that "
	          "clients have not read, all together." },
	{ .name = "ledger", .kind = KIND_WORD, AT(config, ledger),
	  .words = "strict|best-effort", .fallback = "strict", .example = "strict",
	  .help = "When records cannot be written: `strict` answers 503, `best-effort` "
	          "goes on and leaves a gap row." },
	{ .name = "ledger_keep", .kind = KIND_TIME, AT(config, ledger_keep), .low = "1h",
	  .high = "10000d", .words = "forever", .fallback = "forever", .example = "400d",
	  .help = "How long attempts stay in the ledger. Sums (`sluice cost`, `sluice "
	          "report`) stay for ever." },
	{ .name = "ledger_max", .kind = KIND_SIZE, AT(config, ledger_max), .low = "16MiB",
	  .high = "100TiB", .otherwise = "no bound", .example = "20GiB",
	  .help = "The oldest attempts go when the ledger is larger than that." },
	{ .name = "unknown_price", .kind = KIND_WORD, AT(config, unknown_price),
	  .words = "allow|deny", .fallback = "allow", .example = "allow",
	  .help = "A model whose price the catalogue does not know: `allow` uses it and "
	          "records no cost, `deny` refuses it (`price_unknown`)." },
	{ .name = "prices", .kind = KIND_MAP, .place = NO_PLACE, .section = SECTION_PRICE,
	  .help = "What models cost, by `provider/model` with `*`; goes before the "
	          "catalogue. See docs/money.md." },
	{ .name = "drain", .kind = KIND_TIME, AT(config, drain), .low = "0s",
	  .high = "1d", .fallback = "120s", .example = "120s",
	  .help = "How long running requests may take to end when the gateway stops." },
	{ .name = "timezone", .kind = KIND_TEXT, AT(config, timezone), .fallback = "UTC",
	  .example = "Europe/Berlin",
	  .help = "In which days, weeks and months of budgets begin: a name of the system's "
	          "zone files. Read at the start." },
	{ .name = "access_log", .kind = KIND_LOG, .place = NO_PLACE,
	  .words = "stdout|off", .otherwise = "access.log in the data directory",
	  .example = "stdout",
	  .help = "One JSON line for each request: a path, `stdout` or `off`." },
	{ .name = "defaults", .kind = KIND_SECTION, AT(config, defaults),
	  .section = SECTION_DEFAULTS,
	  .help = "Times and retries of routes which do not say otherwise, and of "
	          "targets that clients name directly." },
	{ .name = "providers", .kind = KIND_MAP, .place = NO_PLACE,
	  .section = SECTION_PROVIDER,
	  .help = "Accounts at vendors, by name. A name of the catalogue (`sluice "
	          "providers`) brings format, URL and variable of the key." },
	{ .name = "routes", .kind = KIND_MAP, .place = NO_PLACE, .section = SECTION_ROUTE,
	  .help = "Model names of your own, with the targets that answer them." },
	{ .name = "log", .kind = KIND_SECTION, AT(config, log), .section = SECTION_LOG,
	  .help = "What is kept of what is said; nothing, unless it is written here. See "
	          "docs/content.md." },
	{ .name = "trials", .kind = KIND_MAP, .place = NO_PLACE, .section = SECTION_TRIAL,
	  .help = "Comparisons of two routes on real traffic, by name. See docs/trial.md." },
	{ .name = "metrics", .kind = KIND_SECTION, .place = 0, .section = SECTION_METRICS,
	  .help = "What Prometheus is told (docs/telemetry.md)." },
	{ .name = "telemetry", .kind = KIND_SECTION, .place = 0,
	  .section = SECTION_TELEMETRY,
	  .help = "Where traces go (docs/telemetry.md)." },
	LATER("trusted_proxies", "addresses whose X-Forwarded-For is believed"),
	LATER("teams", "to name them here; `sluice teams` and the admin API make them"),
	LATER("store", "PostgreSQL instead of the embedded ledger"),
	LATER("cache", "answers that are given again"),
	LATER("guards", "rules on what passes"),
};

static const struct config_key tls_keys[] = {
	{ .name = "cert", .kind = KIND_FILE, AT(config, tls_cert),
	  .example = "/etc/sluice/cert.pem",
	  .help = "The certificate and its chain, PEM." },
	{ .name = "key", .kind = KIND_FILE, AT(config, tls_key),
	  .example = "/etc/sluice/key.pem",
	  .help = "Its private key, PEM." },
};

static const struct config_key secrets_keys[] = {
	{ .name = "key_file", .kind = KIND_FILE, AT(config, key_file),
	  .otherwise = "the systemd credential `sluice-master-key`, else master.key in the "
	               "data directory, made when it is first needed",
	  .example = "/etc/sluice/master.key",
	  .help = "The master keys: 32 bytes, or lines of base64 or hexadecimal. The last "
	          "one seals, all of them open. Readable by the gateway's user alone." },
};

static const struct config_key metrics_keys[] = {
	{ .name = "series", .kind = KIND_COUNT, AT(config, metrics.series), .low = "10",
	  .high = "16000", .fallback = "1000", .example = "1000",
	  .help = "Most series of one metric, and 16 MiB of its text; what comes beyond counts as `other`." },
	{ .name = "keys", .kind = KIND_ON_OFF, AT(config, metrics.keys),
	  .fallback = "off", .example = "on",
	  .help = "Also requests and cost by virtual key." },
};

static const struct config_key telemetry_keys[] = {
	{ .name = "otlp", .kind = KIND_SECTION, .place = 0, .section = SECTION_OTLP,
	  .help = "A collector of OpenTelemetry's, over HTTP with JSON." },
};

static const struct config_key otlp_keys[] = {
	{ .name = "endpoint", .kind = KIND_TEXT, AT(config, otlp.endpoint), .words = "off",
	  .otherwise = "$OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, else "
	               "$OTEL_EXPORTER_OTLP_ENDPOINT, else none",
	  .example = "http://127.0.0.1:4318",
	  .help = "Its URL; `/v1/traces` is added. `off`: the variables count for "
	          "nothing." },
	{ .name = "headers", .kind = KIND_SECRET, .place = NO_PLACE,
	  .otherwise = "$OTEL_EXPORTER_OTLP_HEADERS",
	  .example = "\"authorization=Bearer%20${OTLP_TOKEN:-token}\"",
	  .help = "Header lines of each request: `name=value,name=value`, the values "
	          "percent-encoded." },
	{ .name = "ca", .kind = KIND_FILE, AT(config, otlp.ca_file),
	  .otherwise = "$OTEL_EXPORTER_OTLP_CERTIFICATE, else the machine's",
	  .example = "/etc/sluice/ca.pem",
	  .help = "Roots that are trusted for it, PEM." },
	{ .name = "private", .kind = KIND_YES_NO, AT(config, otlp.allow_private),
	  .fallback = "no", .example = "yes",
	  .help = "Lets its host name resolve to a private address." },
	{ .name = "sample", .kind = KIND_PERCENT, AT(config, otlp.sample), .low = "0",
	  .high = "100", .fallback = "100", .example = "10%",
	  .help = "The share of requests that is traced; those which come with a "
	          "`traceparent` go by what it says." },
	{ .name = "queue", .kind = KIND_SIZE, AT(config, otlp.queue), .low = "64KiB",
	  .high = "1GiB", .fallback = "8MiB", .example = "8MiB",
	  .help = "What may wait for the collector; then the oldest is dropped, and "
	          "counted." },
	{ .name = "timeout", .kind = KIND_TIME, AT(config, otlp.timeout), .low = "100ms",
	  .high = "10m", .fallback = "10s", .example = "10s",
	  .help = "How long the collector may take for one request." },
	{ .name = "service", .kind = KIND_TEXT, AT(config, otlp.service),
	  .otherwise = "$OTEL_SERVICE_NAME, else sluice", .example = "sluice",
	  .help = "`service.name`." },
	{ .name = "attributes", .kind = KIND_TEXT, AT(config, otlp.attributes),
	  .otherwise = "$OTEL_RESOURCE_ATTRIBUTES",
	  .example = "deployment.environment.name=production",
	  .help = "Of the resource: `name=value,name=value`." },
};

#define LIMIT(member)                                                                    \
	.place = offsetof(struct config, limits) + offsetof(struct http_limits, member)

static const struct config_key limits_keys[] = {
	{ .name = "target", .kind = KIND_SIZE, LIMIT(target), .low = "256B",
	  .high = "64KiB", .fallback = "8KiB", .example = "8KiB",
	  .help = "The request target (path and query); else 414." },
	{ .name = "head", .kind = KIND_SIZE, LIMIT(head), .low = "1KiB", .high = "256KiB",
	  .fallback = "32KiB", .example = "32KiB",
	  .help = "All header lines together; else 431." },
	{ .name = "fields", .kind = KIND_COUNT, LIMIT(fields), .low = "10", .high = "200",
	  .fallback = "100", .example = "100",
	  .help = "Number of header lines; else 431." },
	{ .name = "body", .kind = KIND_SIZE, LIMIT(body), .low = "1KiB", .high = "1GiB",
	  .fallback = "32MiB", .example = "32MiB",
	  .help = "A JSON body; else 413." },
	{ .name = "upload", .kind = KIND_SIZE, AT(config, upload_limit), .low = "1KiB",
	  .high = "64GiB", .fallback = "512MiB", .example = "512MiB",
	  .help = "A multipart body (images, audio); else 413." },
	{ .name = "header_timeout", .kind = KIND_TIME_MS, LIMIT(header_timeout_ms),
	  .low = "100ms", .high = "10m", .fallback = "10s", .example = "10s",
	  .help = "A request's head must be whole by then; else 408." },
	{ .name = "body_timeout", .kind = KIND_TIME_MS, LIMIT(body_timeout_ms),
	  .low = "100ms", .high = "1h", .fallback = "30s", .example = "30s",
	  .help = "Longest silence inside a body; else 408." },
	{ .name = "idle_timeout", .kind = KIND_TIME_MS, LIMIT(idle_timeout_ms),
	  .low = "100ms", .high = "1d", .fallback = "75s", .example = "75s",
	  .help = "A connection without requests is closed after it." },
	{ .name = "write_timeout", .kind = KIND_TIME_MS, LIMIT(write_timeout_ms),
	  .low = "100ms", .high = "1d", .fallback = "60s", .example = "60s",
	  .help = "A client that takes nothing for so long is cut off." },
};

static const struct config_key defaults_keys[] = {
	{ .name = "first_token", .kind = KIND_TIME, AT(route_limits, first_token),
	  .low = "10ms", .high = "1h", .fallback = "30s", .example = "30s",
	  .help = "Before it the answer must begin, or the next target is tried." },
	{ .name = "idle", .kind = KIND_TIME, AT(route_limits, idle), .low = "10ms",
	  .high = "1h", .fallback = "30s", .example = "30s",
	  .help = "Longest gap between meaningful events of a stream." },
	{ .name = "answer", .kind = KIND_TIME, AT(route_limits, answer), .low = "10ms",
	  .high = "1d", .fallback = "5m", .example = "5m",
	  .help = "Longest wait for an answer that is not streamed, for each attempt." },
	{ .name = "total", .kind = KIND_TIME, AT(route_limits, total), .low = "10ms",
	  .high = "1d", .fallback = "10m", .example = "10m",
	  .help = "Longest time for a request with all its attempts. Written, it holds "
	          "for streams too, unless `total_stream` is written." },
	{ .name = "total_stream", .kind = KIND_TIME, AT(route_limits, total_stream),
	  .low = "10ms", .high = "1d", .fallback = "60m", .example = "60m",
	  .help = "The same for streams." },
	{ .name = "hedge", .kind = KIND_TIME, AT(route_limits, hedge), .low = "10ms",
	  .high = "1h", .words = "off|p95", .fallback = "off", .example = "p95",
	  .help = "When the first token (or the answer, where it is not streamed) takes "
	          "longer, the next target is asked as well; the first that answers wins, "
	          "both are paid. `p95`: longer than 19 of 20 lately took. A request says "
	          "`x-sluice-hedge: off` for itself." },
	{ .name = "hedge_share", .kind = KIND_PERCENT, AT(route_limits, hedge_share),
	  .low = "1", .high = "100", .fallback = "10%", .example = "10%",
	  .help = "At most so many of 100 requests are hedged." },
	{ .name = "retry", .kind = KIND_SECTION, .place = 0, .section = SECTION_RETRY,
	  .help = "How often it is tried before the first token." },
};

static const struct config_key retry_keys[] = {
	{ .name = "same_target", .kind = KIND_COUNT, AT(route_limits, same_target),
	  .low = "0", .high = "10", .fallback = "1", .example = "1",
	  .help = "Retries at the same target after a passing failure." },
	{ .name = "attempts", .kind = KIND_COUNT, AT(route_limits, attempts), .low = "1",
	  .high = "32", .otherwise = "3, or the number of targets when that is more",
	  .example = "3",
	  .help = "Attempts in all." },
	{ .name = "max_retry_after", .kind = KIND_TIME, AT(route_limits, max_retry_after),
	  .low = "0s", .high = "10m", .fallback = "5s", .example = "5s",
	  .help = "Longest wait a provider may ask for when no other target is left." },
};

static const struct config_key provider_keys[] = {
	{ .name = "format", .kind = KIND_WORD, .place = NO_PLACE,
	  .words = "openai-chat|openai-responses|anthropic|gemini|bedrock|cohere",
	  .otherwise = "the catalogue's", .example = "openai-chat",
	  .help = "The wire format it speaks. Required for a name that is not in the "
	          "catalogue." },
	{ .name = "url", .kind = KIND_URL, .place = NO_PLACE,
	  .otherwise = "the catalogue's", .example = "http://127.0.0.1:9000/v1",
	  .help = "Everything before the format's own path, version included; also "
	          "`unix:/path:/v1`. Required for a name that is not in the catalogue." },
	{ .name = "key", .kind = KIND_SECRET, .place = NO_PLACE,
	  .otherwise = "the catalogue's variable", .example = "${OPENAI_API_KEY:-}",
	  .help = "The credential; `none`; `store`: those that `sluice providers add` has "
	          "put into the encrypted store; or `{ file: PATH }`. An empty one disables "
	          "the provider. Not written, and not in the variable: the store's." },
	{ .name = "keys", .kind = KIND_SECRETS, .place = NO_PLACE,
	  .example = "${KEY_A:-}",
	  .help = "Several credentials (each may be `{ file: PATH }`), used by health: the first, until it is refused or "
	          "limited; then the one whose last 429 is longest ago. Empty ones are left out: "
	          "W031, but for `${NAME:-}`." },
	{ .name = "auth", .kind = KIND_WORD, .place = NO_PLACE,
	  .words = "none|bearer|api-key|x-api-key|x-goog-api-key|sigv4|"
	           "service-account",
	  .otherwise = "the provider's", .example = "bearer",
	  .help = "How we prove who we are. A key travels as `Authorization: Bearer`, or "
	          "in the header of that name; `sigv4` signs each request (AWS); "
	          "`service-account` has access tokens made and renewed (Google)." },
	{ .name = "access_key", .kind = KIND_SECRET, .place = NO_PLACE,
	  .otherwise = "$AWS_ACCESS_KEY_ID", .example = "${AWS_ACCESS_KEY_ID:-}",
	  .help = "For `sigv4`: the id of the access key." },
	{ .name = "secret_key", .kind = KIND_SECRET, .place = NO_PLACE,
	  .otherwise = "$AWS_SECRET_ACCESS_KEY",
	  .example = "${AWS_SECRET_ACCESS_KEY:-}",
	  .help = "For `sigv4`: the secret that signs. It is never sent." },
	{ .name = "session_token", .kind = KIND_SECRET, .place = NO_PLACE,
	  .otherwise = "$AWS_SESSION_TOKEN", .example = "${AWS_SESSION_TOKEN:-}",
	  .help = "For `sigv4` with temporary credentials; empty: none. Without "
	          "`access_key` here all three are the environment's." },
	{ .name = "credentials", .kind = KIND_FILE, AT(provider, credentials_file),
	  .otherwise = "$GOOGLE_APPLICATION_CREDENTIALS",
	  .example = "/etc/sluice/account.json",
	  .help = "For `service-account`: the JSON file of a service account, or what "
	          "`gcloud auth application-default login` has written. Read at start "
	          "and on reload." },
	{ .name = "region", .kind = KIND_TEXT, AT(provider, region), .example = "us",
	  .help = "Where the account is. For AWS also the region in the URL and in the "
	          "signature (else `$AWS_REGION`)." },
	{ .name = "project", .kind = KIND_TEXT, AT(provider, project),
	  .otherwise = "$GOOGLE_VERTEX_PROJECT, else as in `credentials`",
	  .example = "my-project",
	  .help = "The project, for a URL that has one (Vertex AI)." },
	{ .name = "location", .kind = KIND_TEXT, AT(provider, location),
	  .otherwise = "$GOOGLE_VERTEX_LOCATION, else `global`",
	  .example = "europe-west4",
	  .help = "The location, for a URL that has one (Vertex AI)." },
	{ .name = "api_version", .kind = KIND_VERSION, AT(provider, api_version),
	  .example = "2024-12-01-preview",
	  .help = "Azure OpenAI by deployments: requests go to "
	          "`/openai/deployments/MODEL/...?api-version=`, whatever the URL ends "
	          "in; a URL with a deployment in it is kept. Without it the URL is as "
	          "it stands (`.../openai/v1`)." },
	{ .name = "private", .kind = KIND_YES_NO, AT(provider, allow_private),
	  .fallback = "no", .example = "no",
	  .help = "Lets its host name, and that of its token endpoint, resolve to a private "
	          "address. A literal private address needs no permission." },
	{ .name = "discover", .kind = KIND_TIME, AT(provider, discover), .low = "1s",
	  .high = "30d", .otherwise = "never", .example = "15m",
	  .help = "How often its list of models is read. One that the catalogue does not "
	          "know works at once; what it costs is unknown." },
	{ .name = "tls", .kind = KIND_SECTION, .place = 0,
	  .section = SECTION_PROVIDER_TLS,
	  .help = "How its certificate is verified." },
	LATER("proxy", "a CONNECT proxy on the way to it"),
	{ .name = "limits", .kind = KIND_SECTION, .place = 0,
	  .section = SECTION_PROVIDER_LIMITS,
	  .help = "What it may be asked at most, with all its keys together; else "
	          "another target is tried." },
	{ .name = "retry", .kind = KIND_SECTION, .place = 0,
	  .section = SECTION_PROVIDER_RETRY,
	  .help = "Instead of the route's, for targets of this provider." },
	{ .name = "queue", .kind = KIND_TIME, AT(provider, queue), .low = "0s",
	  .high = "10m", .fallback = "0s", .example = "5s",
	  .help = "How long a request may wait for room within `limits` when no other "
	          "target has any." },
	{ .name = "phi", .kind = KIND_WORD, AT(provider, phi), .words = "refused|allowed",
	  .fallback = "refused", .example = "refused",
	  .help = "`allowed`: requests with `phi: on` (of the route, key or team) may go "
	          "there; there is a contract that says so." },
	{ .name = "probe", .kind = KIND_TIME, AT(provider, probe), .low = "1s",
	  .high = "1d", .otherwise = "never", .example = "30s",
	  .help = "How often it is connected to when no request has been, so that one "
	          "which is down, or back, is known before a request finds out. Costs no "
	          "tokens." },
	{ .name = "prices", .kind = KIND_MAP, .place = NO_PLACE, .section = SECTION_PRICE,
	  .help = "What its models cost, by model with `*`; goes before `prices` at the "
	          "top level." },
	{ .name = "discount", .kind = KIND_SHARE, AT(provider, discount), .low = "0%",
	  .high = "100%", .fallback = "0%", .example = "10%",
	  .help = "Off the catalogue's prices of its models. Prices that are written in "
	          "the file are what is paid." },
	{ .name = "trace", .kind = KIND_YES_NO, AT(provider, trace), .fallback = "no",
	  .example = "yes",
	  .help = "Tells it which trace its requests belong to (`traceparent`, and the "
	          "client's `tracestate`). Others are never told." },
	LATER("weight", "its share; write weights at the targets of a route"),
};

static const struct config_key provider_tls_keys[] = {
	{ .name = "ca", .kind = KIND_FILE, AT(provider, ca_file),
	  .otherwise = "the machine's", .example = "/etc/sluice/ca.pem",
	  .help = "Roots that are trusted for it, PEM." },
};

static const struct config_key provider_limits_keys[] = {
	{ .name = "rpm", .kind = KIND_COUNT, AT(provider, limits.rpm), .low = "1",
	  .high = "10000000", .otherwise = "unbounded", .example = "500",
	  .help = "Requests in any minute." },
	{ .name = "tpm", .kind = KIND_COUNT, AT(provider, limits.tpm), .low = "1",
	  .high = "200000000", .otherwise = "unbounded", .example = "200000",
	  .help = "Tokens in any minute, estimated when a request begins (four bytes of "
	          "body for one, 1,000 for a picture, and `max_tokens`) and put right "
	          "when it ends." },
	{ .name = "concurrent", .kind = KIND_COUNT, AT(provider, limits.concurrent),
	  .low = "1", .high = "1000000", .otherwise = "unbounded", .example = "50",
	  .help = "Requests at a time." },
};

static const struct config_key provider_retry_keys[] = {
	{ .name = "same_target", .kind = KIND_COUNT, AT(provider, retry_same),
	  .low = "0", .high = "10", .otherwise = "the route's", .example = "1",
	  .help = "Retries at the same target after a passing failure." },
	{ .name = "max_retry_after", .kind = KIND_TIME, AT(provider, retry_wait),
	  .low = "0s", .high = "10m", .otherwise = "the route's", .example = "5s",
	  .help = "Longest wait it may ask for when no other target is left." },
};

static const struct config_key route_keys[] = {
	{ .name = "targets", .kind = KIND_TARGETS, .place = NO_PLACE,
	  .section = SECTION_TARGET, .example = "[openai/gpt-5-mini]",
	  .is_required = true,
	  .help = "`provider/model`, best first, at most 32; or `{target: "
	          "provider/model, weight: 3}`." },
	{ .name = "strategy", .kind = KIND_WORD, AT(route, strategy),
	  .words = "ordered|weighted|fastest|cheapest|least-busy|adaptive",
	  .fallback = "ordered", .example = "ordered",
	  .help = "`ordered`: the first that works. `weighted`: by chance, by weight. "
	          "`fastest`: whose first token comes soonest, as learned. `cheapest`: by "
	          "the price of this request. `least-busy`: with the fewest requests under "
	          "way, by weight. `adaptive`: cost, latency and failures together. See "
	          "docs/routing.md." },
	{ .name = "on_empty", .kind = KIND_WORD, AT(route, on_empty),
	  .words = "next|pass", .fallback = "next", .example = "next",
	  .help = "An answer without content: try the `next` target, or `pass` it on." },
	{ .name = "on_filter", .kind = KIND_WORD, AT(route, on_filter),
	  .words = "final|next", .fallback = "final", .example = "final",
	  .help = "An answer that a content filter or the model refused is `final`; or "
	          "the `next` target is asked, and the last one's refusal is the answer." },
	{ .name = "resume", .kind = KIND_WORD, AT(route, resume),
	  .words = "off|on|always", .fallback = "on", .example = "off",
	  .help = "Continue a stream that died after its first token, by another target "
	          "or key whose answer is proven to go on there; else it ends with an "
	          "error event. `always`: where there is no other, the same is asked once "
	          "more. Per request: `x-sluice-resume: off`." },
	{ .name = "tool_hold", .kind = KIND_ON_OFF, AT(route, tool_hold),
	  .fallback = "on", .example = "off",
	  .help = "Give a streamed tool call to the client when it is whole (at the "
	          "latest after 64 KiB or 10 s), so that one cut in its middle can be "
	          "made again. Without effect on routes with one target, or without "
	          "`resume`. Per request: `x-sluice-tool-hold: off`." },
	{ .name = "comments", .kind = KIND_ON_OFF, AT(route, comments), .fallback = "on",
	  .example = "on",
	  .help = "SSE comments of ours in streams: signs of life, and what it cost." },
	{ .name = "strict", .kind = KIND_ON_OFF, AT(route, strict), .fallback = "off",
	  .example = "off",
	  .help = "Between two formats: refuse a request some of which cannot be said to "
	          "the provider, instead of naming it in `x-sluice-dropped`." },
	{ .name = "phi", .kind = KIND_ON_OFF, AT(route, phi), .fallback = "off",
	  .example = "off",
	  .help = "Health data and the like: nothing of what is said is kept anywhere, and "
	          "only providers with `phi: allowed` are asked. See docs/content.md." },
	LATER("budget", "a bound on what it may cost"),
	LATER("cache", "answers that are given again"),
};

static const struct config_key target_keys[] = {
	{ .name = "target", .kind = KIND_TEXT, .place = NO_PLACE, .is_required = true,
	  .example = "openai/gpt-5-mini",
	  .help = "`provider/model`." },
	{ .name = "weight", .kind = KIND_PERCENT, AT(target, weight), .low = "1",
	  .high = "1000", .fallback = "1", .example = "3",
	  .help = "Its share with `strategy: weighted`, `least-busy` and `adaptive`; also "
	          "as a percentage." },
};

static const struct config_key log_keys[] = {
	{ .name = "bodies", .kind = KIND_WORD, AT(log_settings, bodies),
	  .words = "off|errors|all", .fallback = "off", .example = "errors",
	  .help = "Request and answer as the client sent and got them: never, of requests "
	          "that failed, or always. Compressed and encrypted, in `bodies` of the data "
	          "directory; `sluice show ID --body` shows them." },
	{ .name = "redact", .kind = KIND_TEXTS, .place = NO_PLACE,
	  .example = "email",
	  .help = "What is taken out before it is written: `email`, `phone`, `card`, `iban`, "
	          "`secret`, or `/a regular expression/` (POSIX extended)." },
	{ .name = "keep", .kind = KIND_TIME, AT(log_settings, keep), .low = "1m",
	  .high = "3650d", .fallback = "30d", .example = "30d",
	  .help = "Nothing is kept longer; files are deleted up to a tenth of it earlier." },
	{ .name = "max", .kind = KIND_SIZE, AT(log_settings, max), .low = "1MiB",
	  .high = "1024TiB", .fallback = "5GiB", .example = "5GiB",
	  .help = "All of it together; the oldest goes first." },
};

#define BASE(what)                                                                       \
	.place = offsetof(struct price_rule, base.of) + PRICE_##what * sizeof(picousd)
#define FIGURE(what)                                                                     \
	.place = offsetof(struct price_figures, of) + PRICE_##what * sizeof(picousd)

static const struct config_key price_tier_keys[] = {
	{ .name = "above", .kind = KIND_COUNT, AT(price_figures, above), .low = "1",
	  .high = "99999999", .example = "200000", .is_required = true,
	  .help = "It holds for prompts of more than so many tokens." },
	{ .name = "input", .kind = KIND_TOKEN_PRICE, FIGURE(INPUT),
	  .low = "free", .high = "$10000/1M", .example = "$2.50/1M",
	  .help = "Of a prompt token." },
	{ .name = "cache_read", .kind = KIND_TOKEN_PRICE, FIGURE(CACHE_READ),
	  .low = "free", .high = "$10000/1M", .example = "$0.25/1M",
	  .help = "Of one that was in the provider's cache." },
	{ .name = "cache_write", .kind = KIND_TOKEN_PRICE, FIGURE(CACHE_WRITE),
	  .low = "free", .high = "$10000/1M", .example = "$3.75/1M",
	  .help = "Of one that was put there for five minutes." },
	{ .name = "cache_write_1h", .kind = KIND_TOKEN_PRICE, FIGURE(CACHE_WRITE_1H),
	  .low = "free", .high = "$10000/1M", .example = "$6/1M",
	  .help = "Of the same for an hour." },
	{ .name = "audio_input", .kind = KIND_TOKEN_PRICE, FIGURE(AUDIO_INPUT),
	  .low = "free", .high = "$10000/1M", .example = "$40/1M",
	  .help = "Of one of audio that is heard." },
	{ .name = "output", .kind = KIND_TOKEN_PRICE, FIGURE(OUTPUT),
	  .low = "free", .high = "$10000/1M", .example = "$10/1M",
	  .help = "Of a generated token." },
	{ .name = "reasoning", .kind = KIND_TOKEN_PRICE, FIGURE(REASONING),
	  .low = "free", .high = "$10000/1M", .example = "$10/1M",
	  .help = "Of one of reasoning." },
	{ .name = "audio_output", .kind = KIND_TOKEN_PRICE, FIGURE(AUDIO_OUTPUT),
	  .low = "free", .high = "$10000/1M", .example = "$80/1M",
	  .help = "Of one of audio that is spoken." },
	{ .name = "image", .kind = KIND_PRICE, FIGURE(IMAGE),
	  .low = "free", .high = "$10000", .example = "$0.04",
	  .help = "Of a generated image." },
	{ .name = "request", .kind = KIND_PRICE, FIGURE(REQUEST),
	  .low = "free", .high = "$10000", .example = "$0.10",
	  .help = "Of the request itself." },
	{ .name = "search", .kind = KIND_PRICE, FIGURE(SEARCH),
	  .low = "free", .high = "$10000", .example = "$0.01",
	  .help = "Of a web search of the vendor's; also a search unit of a ranking." },
};

/* A price's own figures are those of a tier that begins at nothing. */
static const struct config_key price_keys[] = {
	{ .name = "input", .kind = KIND_TOKEN_PRICE, BASE(INPUT),
	  .low = "free", .high = "$10000/1M", .example = "$2.50/1M",
	  .help = "Of a prompt token." },
	{ .name = "cache_read", .kind = KIND_TOKEN_PRICE, BASE(CACHE_READ),
	  .low = "free", .high = "$10000/1M", .example = "$0.25/1M",
	  .help = "Of one that was in the provider's cache." },
	{ .name = "cache_write", .kind = KIND_TOKEN_PRICE, BASE(CACHE_WRITE),
	  .low = "free", .high = "$10000/1M", .example = "$3.75/1M",
	  .help = "Of one that was put there for five minutes." },
	{ .name = "cache_write_1h", .kind = KIND_TOKEN_PRICE, BASE(CACHE_WRITE_1H),
	  .low = "free", .high = "$10000/1M", .example = "$6/1M",
	  .help = "Of the same for an hour." },
	{ .name = "audio_input", .kind = KIND_TOKEN_PRICE, BASE(AUDIO_INPUT),
	  .low = "free", .high = "$10000/1M", .example = "$40/1M",
	  .help = "Of one of audio that is heard." },
	{ .name = "output", .kind = KIND_TOKEN_PRICE, BASE(OUTPUT),
	  .low = "free", .high = "$10000/1M", .example = "$10/1M",
	  .help = "Of a generated token." },
	{ .name = "reasoning", .kind = KIND_TOKEN_PRICE, BASE(REASONING),
	  .low = "free", .high = "$10000/1M", .example = "$10/1M",
	  .help = "Of one of reasoning." },
	{ .name = "audio_output", .kind = KIND_TOKEN_PRICE, BASE(AUDIO_OUTPUT),
	  .low = "free", .high = "$10000/1M", .example = "$80/1M",
	  .help = "Of one of audio that is spoken." },
	{ .name = "image", .kind = KIND_PRICE, BASE(IMAGE),
	  .low = "free", .high = "$10000", .example = "$0.04",
	  .help = "Of a generated image." },
	{ .name = "request", .kind = KIND_PRICE, BASE(REQUEST),
	  .low = "free", .high = "$10000", .example = "$0.10",
	  .help = "Of the request itself." },
	{ .name = "search", .kind = KIND_PRICE, BASE(SEARCH),
	  .low = "free", .high = "$10000", .example = "$0.01",
	  .help = "Of a web search of the vendor's; also a search unit of a ranking." },
	{ .name = "tiers", .kind = KIND_TIERS, .place = NO_PLACE,
	  .section = SECTION_PRICE_TIER, .otherwise = "the catalogue's",
	  .help = "Other figures for long prompts, at most two of them; what a tier does "
	          "not say is as in the one before." },
	{ .name = "discount", .kind = KIND_SHARE, AT(price_rule, discount), .low = "0%",
	  .high = "100%", .otherwise = "the provider's", .example = "10%",
	  .help = "Off those of the catalogue's figures which are not written here." },
	{ .name = "since", .kind = KIND_DATE, AT(price_rule, since), .low = "1970-01-01",
	  .high = "2199-12-31", .otherwise = "unknown", .example = "2026-11-01",
	  .help = "As of when it was told: stands with each cost in the ledger." },
};

static const struct config_key trial_keys[] = {
	{ .name = "route", .kind = KIND_TEXT, AT(trial, route_name), .is_required = true,
	  .example = "fast",
	  .help = "The route whose traffic it is: the control. One trial for a route." },
	{ .name = "candidate", .kind = KIND_TEXT, AT(trial, candidate_name),
	  .is_required = true, .example = "fast-new",
	  .help = "The route that is tried." },
	{ .name = "share", .kind = KIND_TEXT, AT(trial, share_text), .is_required = true,
	  .example = "10%",
	  .help = "`10%`: so many conversations are answered by the candidate, with the "
	          "control behind it in case it fails. `shadow`: the control answers all, "
	          "and the same requests go to the candidate, whose answers are thrown "
	          "away; `shadow 10%`: a part of them. At most four digits behind the "
	          "point." },
	{ .name = "until", .kind = KIND_VERSION, AT(trial, until_text),
	  .otherwise = "no end", .example = "2027-01-31",
	  .help = "The last day, in UTC." },
	{ .name = "max_cost", .kind = KIND_TEXT, AT(trial, cost_text),
	  .otherwise = "not bounded", .example = "$200",
	  .help = "What the candidate may cost in all; before it would cost more, the "
	          "trial stops." },
};

/* clang-format on */

#define KEYS(array) .keys = array, .count = countof(array)
_Static_assert(countof(root_keys) <= SECTION_KEYS_MOST, "found.value is too small");
_Static_assert(countof(provider_keys) <= SECTION_KEYS_MOST, "found.value is too small");
_Static_assert(countof(route_keys) + countof(defaults_keys) <= SECTION_KEYS_MOST,
               "found.value is too small");

const struct config_section config_sections[SECTIONS] = {
	[SECTION_ROOT] = { .path = "", KEYS(root_keys), .help = "" },
	[SECTION_TLS] = { .path = "tls", KEYS(tls_keys), .help = "Both are needed." },
	[SECTION_SECRETS] = { .path = "secrets", KEYS(secrets_keys), .help = "" },
	[SECTION_LIMITS] = { .path = "limits", KEYS(limits_keys), .help = "" },
	[SECTION_METRICS] = { .path = "metrics", KEYS(metrics_keys), .help = "" },
	[SECTION_TELEMETRY] = { .path = "telemetry", KEYS(telemetry_keys), .help = "" },
	[SECTION_OTLP] = { .path = "telemetry.otlp", KEYS(otlp_keys), .help = "" },
	[SECTION_DEFAULTS] = { .path = "defaults",
	                       KEYS(defaults_keys),
	                       .help = "A route may have each of these keys as well." },
	[SECTION_RETRY] = { .path = "defaults.retry, routes.NAME.retry",
	                    KEYS(retry_keys),
	                    .help = "" },
	[SECTION_PROVIDER] = { .path = "providers.NAME",
	                       KEYS(provider_keys),
	                       .help = "A catalogue URL with a variable in it, such as "
	                               "`${CLOUDFLARE_ACCOUNT_ID}`, makes a key of that "
	                               "name "
	                               "in lower case (`cloudflare_account_id`); without "
	                               "it "
	                               "the variable of the environment is taken." },
	[SECTION_PROVIDER_TLS] = { .path = "providers.NAME.tls",
	                           KEYS(provider_tls_keys),
	                           .help = "" },
	[SECTION_PROVIDER_LIMITS] = { .path = "providers.NAME.limits",
	                              KEYS(provider_limits_keys),
	                              .help = "" },
	[SECTION_PROVIDER_RETRY] = { .path = "providers.NAME.retry",
	                             KEYS(provider_retry_keys),
	                             .help = "" },
	[SECTION_ROUTE] = { .path = "routes.NAME",
	                    KEYS(route_keys),
	                    .also = &config_sections[SECTION_DEFAULTS],
	                    .also_place = offsetof(struct route, limits),
	                    .help = "Also each key of `defaults`, with its value there "
	                            "as "
	                            "default." },
	[SECTION_TARGET] = { .path = "routes.NAME.targets",
	                     KEYS(target_keys),
	                     .help = "" },
	[SECTION_LOG] = { .path = "log", KEYS(log_keys), .help = "" },
	[SECTION_PRICE] = { .path = "prices.MODEL, providers.NAME.prices.MODEL",
	                    KEYS(price_keys),
	                    .help = "Figures that are not written are the "
	                            "catalogue's. Of several that fit a model, the "
	                            "provider's go before those at the top level, then "
	                            "the one that spells out the most of its "
	                            "name." },
	[SECTION_PRICE_TIER] = { .path = "prices.MODEL.tiers",
	                         KEYS(price_tier_keys),
	                         .help = "" },
	[SECTION_TRIAL] = { .path = "trials.NAME", KEYS(trial_keys), .help = "" },
};

const struct config_synonym config_synonyms[] = {
	{ STR_INIT("api_key"), "key" },       { STR_INIT("api_keys"), "keys" },
	{ STR_INIT("base_url"), "url" },      { STR_INIT("api_base"), "url" },
	{ STR_INIT("endpoint"), "url" },      { STR_INIT("type"), "format" },
	{ STR_INIT("kind"), "format" },       { STR_INIT("models"), "routes" },
	{ STR_INIT("model_list"), "routes" }, { STR_INIT("aliases"), "routes" },
	{ STR_INIT("fallbacks"), "targets" }, { STR_INIT("backends"), "targets" },
	{ STR_INIT("model"), "target" },      { STR_INIT("timeout"), "total" },
	{ STR_INIT("retries"), "retry" },     { STR_INIT("port"), "listen" },
	{ STR_INIT("host"), "listen" },       { STR_INIT("bind"), "listen" },
	{ STR_INIT("address"), "listen" },    { STR_INIT("threads"), "workers" },
	{ STR_INIT("data_dir"), "data" },     { STR_INIT("certificate"), "cert" },
};
const unsigned config_synonym_count = countof(config_synonyms);

const struct config_key *config_key_at(const struct config_section *section, unsigned i)
{
	if (i < section->count)
		return &section->keys[i];
	i -= section->count;
	return section->also && i < section->also->count ? &section->also->keys[i] : NULL;
}

const struct config_key *config_key_find(const struct config_section *section, str name,
                                         unsigned *ret_index, unsigned *ret_place)
{
	const struct config_key *key;

	for (unsigned i = 0; (key = config_key_at(section, i)); i++) {
		if (!str_eq(str_from_z(key->name), name))
			continue;
		*ret_index = i;
		*ret_place = key->place;
		if (i >= section->count && key->place != NO_PLACE)
			*ret_place += section->also_place;
		return key;
	}
	return NULL;
}

int config_word_find(const char *words, str word)
{
	str rest = str_from_z(words);

	for (int i = 0; rest.len > 0; i++)
		if (str_eq(str_cut(&rest, '|'), word))
			return i;
	return -1;
}
