/* telemetry_doc.c - the rows of meter/metric.def and meter/span.def as docs/telemetry.md,
 * with what is the same for all of them around. */
#include "main/telemetry_doc.h"

#include "base/fault.h"
#include "meter/client_name.h"
#include "meter/fault_label.h"
#include "meter/metric.h"
#include "meter/span.h"

/* clang-format off */
static const char head[] =
"# Telemetry\n"
"\n"
"<!-- Made by `sluice config telemetry` from src/meter/metric.def and src/meter/span.def; do\n"
"not edit. -->\n"
"\n"
"Metrics for Prometheus, traces for a collector of OpenTelemetry's, and the access log (see\n"
"[api.md](api.md)). None of them says a word of a prompt or an answer, and none can delay a\n"
"request: everything is counted, and handed on, by the thread that writes the ledger.\n"
"\n"
"## Metrics\n"
"\n"
"```yaml\n"
"scrape_configs:                            # prometheus.yml\n"
"  - job_name: sluice\n"
"    authorization: { credentials_file: /etc/prometheus/sluice-token }\n"
"    static_configs: [{ targets: [\"127.0.0.1:8081\"] }]\n"
"```\n"
"\n"
"with a token (`sluice tokens create --name prometheus --scope read`), at the address `admin` of\n"
"the configuration; or without one at the gateway's own socket, as the user it runs as: `curl\n"
"--unix-socket $data/admin.sock http://sluice/metrics`. The page is in Prometheus' text format,\n"
"or in OpenMetrics 1.0 where the `Accept` header asks for it: with units, the time counting began (`_created`), and exemplars, whose `trace_id` is that of the\n"
"traces below and whose `request_id` is the `x-request-id` that `sluice show` takes. Rules and\n"
"dashboards to begin with are in `packaging/prometheus` and `packaging/grafana`.\n"
"\n"
"Counters begin at 0 with the process. A request counts once, when its last attempt has ended\n"
"and its row is written, a tenth of a second later at most. Amounts are exact: a cost is the\n"
"decimal of an integer in billionths of a dollar, a sum of seconds one in millionths.\n"
"\n"
"Labels are bounded. `route`, `provider` and `team` are names of the configuration, or of who\n"
"administers it; `model` only counts under its own name when the configuration, the catalogue\n"
"or the provider's list has it, else as `other`; a team whose name another organisation has given\n"
"as well comes with its id (`dev 0123456789ab`; one that was counted before the other was made, with\n"
"the next start); everything else is of a closed list. A metric\n"
"has at most `metrics.series` series, and not more than 16 MiB of the page (some 3000 series of a\n"
"histogram), so that a page can always be had: what comes beyond counts under `other` in place of its\n"
"names, and `sluice_metrics_overflow_total` says so. By virtual key there is something only\n"
"with `metrics: {keys: on}`. `route` is `direct` when the client named a provider's model\n"
"itself, and `none` when it was refused before that.\n"
"\n";

static const char errors[] =
"### error and outcome\n"
"\n"
"`error` is what the client's request ended with, `outcome` what an attempt did: `none` and\n"
"`ok` when all was well, `unknown` when the process died in between, else a row of\n"
"[errors.md](errors.md) in lower case, behind who would have to do something about it. An alarm\n"
"belongs on `gateway_`, perhaps on `provider_`, hardly on `caller_` and `policy_` (what a limit,\n"
"a budget or a rule of yours has refused). `gateway_other` should never be seen.\n"
"\n";

static const char clients[] =
"### client\n"
"\n"
"The program a request comes from, by how its `User-Agent` begins; `none` without one, `other`\n"
"for one that is not listed:\n";

static const char traces[] =
"\n"
"## Traces\n"
"\n"
"```yaml\n"
"telemetry:\n"
"  otlp:\n"
"    endpoint: http://127.0.0.1:4318       # /v1/traces is added\n"
"    headers: \"authorization=Bearer%20${OTLP_TOKEN}\"\n"
"    sample: 10%\n"
"```\n"
"\n"
"or the variables that OpenTelemetry's programs have in common: `OTEL_EXPORTER_OTLP_ENDPOINT`,\n"
"`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_CERTIFICATE` (these also with `_TRACES_`),\n"
"`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`; `OTEL_SDK_DISABLED=true` and\n"
"`OTEL_TRACES_EXPORTER=none` turn them off. What is sent is OTLP over HTTP with JSON, whatever\n"
"`OTEL_EXPORTER_OTLP_PROTOCOL` says; with `grpc` nothing is sent, and a warning says so. The\n"
"file goes before the variables, and a name before the `service.name` of a list of attributes;\n"
"each attribute is sent once, as it was said last, and 512 bytes of it. A host name that resolves to a private address needs\n"
"`private: yes` in the file, also when it stands in a variable; a private address that is written\n"
"as one does not.\n"
"\n"
"A request is a SERVER span, and each of its attempts a CLIENT span below it: one that failed\n"
"over has two. Names are those of OpenTelemetry's semantic conventions 1.41.0 (GenAI and HTTP)\n"
"where there is one. Events of an attempt are `sluice.connected`, `sluice.first_byte`,\n"
"`sluice.first_token`, and `sluice.another_was_faster` for one that lost against a hedge. Cached\n"
"tokens are counted in the input, reasoning in the output, as the conventions want it.\n"
"\n"
"The trace's id begins with the request id, so one id finds both. When a client sends a valid\n"
"`traceparent`, its trace goes on instead, and is sampled as it says. Providers are told of a\n"
"trace (`traceparent`, and the client's `tracestate`) only with `trace: yes`, as sampled when its\n"
"spans are sent (`sample`); these headers never\n"
"pass by themselves.\n"
"\n"
"Spans are sent each second, or 512 at a time. When the collector answers 429, 502, 503 or 504,\n"
"or not at all, a batch is tried again for five minutes, with pauses of 1 to 30 s, or as long as\n"
"`Retry-After` says; anything else it refuses is dropped. `telemetry.otlp.queue` bounds what may\n"
"wait meanwhile: beyond it the oldest goes. `sluice_telemetry_dropped_total` counts by `reason`:\n"
"`queue_full`, `rejected`, `unreachable`. A wait that `Retry-After` wants beyond the five minutes\n"
"drops the batch, and the next one is sent when it is over, five minutes later at most. When the gateway stops, what waits is sent once more,\n"
"for five seconds at most.\n"
"\n";
/* clang-format on */

static void write_errors(struct buf *to)
{
	char room[FAULT_LABEL_MOST];

	for (unsigned id = FAULT_ID_NONE + 1; id < FAULT_IDS; id++) {
		str label = fault_label(fault_by_id((enum fault_id)id), room);

		buf_addf(to, "%s`%.*s`", id > 1 ? ", " : "", STR_ARG(label));
	}
	buf_add(to, STR(".\n\n"));
}

static void write_clients(struct buf *to)
{
	str before = STR_NONE;

	for (unsigned i = 0; client_name_at(i).len; i++) {
		str name = client_name_at(i);

		if (!str_eq(name, before))
			buf_addf(to, "%s`%.*s`", i ? ", " : "", STR_ARG(name));
		before = name;
	}
	buf_add(to, STR(".\n"));
}

void telemetry_doc_write(struct buf *to)
{
	buf_add(to, str_from_z(head));
	metric_docs_write(to);
	buf_add(to, str_from_z(errors));
	write_errors(to);
	buf_add(to, str_from_z(clients));
	write_clients(to);
	buf_add(to, str_from_z(traces));
	span_docs_write(to);
}
