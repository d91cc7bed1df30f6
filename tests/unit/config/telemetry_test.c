#include "tests/unit/config/helper.h"
#include "tests/unit/loop/cert.h"

#define HEAD "version: 1\nproviders: { mock: {} }\n"

static const char *const (*variables)[2];

static const char *env(void *arg, const char *name)
{
	for (const char *const(*v)[2] = variables; v && (*v)[0]; v++)
		if (strcmp((*v)[0], name) == 0)
			return (*v)[1];
	return test_env(arg, name);
}

static const struct otlp_settings *read_otlp(struct reading *r, const char *text,
                                             const char *const (*set)[2])
{
	struct config_source source = { .path = STR("sluice.yaml"),
		                        .text = str_from_z(text),
		                        .env = env };

	variables = set;
	read_with(r, &source);
	if (!CHECK(r->config))
		print_notes(r);
	return r->config ? &r->config->otlp : NULL;
}

TEST(telemetry_goes_nowhere_unless_told)
{
	struct reading r;
	const struct otlp_settings *o = read_otlp(&r, HEAD, NULL);

	CHECK(o && o->endpoint.len == 0);
	CHECK(o && r.config->metrics.series == 1000 && !r.config->metrics.keys);
	reading_done(&r);
}

TEST(telemetry_of_the_file)
{
	struct reading r;
	const struct otlp_settings *o = read_otlp(
	        &r,
	        HEAD "telemetry:\n  otlp:\n    endpoint: http://127.0.0.1:4318/otel/\n"
	             "    headers: \"authorization=Bearer%20abc,x-team=blue\"\n"
	             "    sample: 10%\n    service: gate\n",
	        NULL);

	if (o) {
		CHECK(!o->tls && o->allow_private);
		CHECK_STR(o->host, "127.0.0.1");
		CHECK_INT(o->port, 4318);
		CHECK_STR(o->path, "/otel/v1/traces");
		CHECK_STR(secret_reveal(&o->headers),
		          "authorization: Bearer abc\r\nx-team: blue\r\n");
		CHECK_STR(o->service, "gate");
		CHECK_INT(o->sample, 10);
		CHECK_INT(r.notes.count, 0);
	}
	reading_done(&r);
}

TEST(telemetry_of_the_environment)
{
	static const char *const base[][2] = {
		{ "OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318" },
		{ "OTEL_EXPORTER_OTLP_HEADERS", "api-key = se%3Dcret " },
		{ "OTEL_SERVICE_NAME", "edge" },
		{ "OTEL_RESOURCE_ATTRIBUTES", "a.b=c,d=e%20f" },
		{ NULL, NULL },
	};
	static const char *const bare[][2] = {
		{ "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://t.example.com" },
		{ NULL, NULL },
	};
	static const char *const whole[][2] = {
		{ "OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318" },
		{ "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://t.example.com/in" },
		{ NULL, NULL },
	};
	struct reading r;
	const struct otlp_settings *o = read_otlp(&r, HEAD, base);

	if (o) {
		CHECK_STR(o->host, "collector");
		CHECK(!o->allow_private); /* as if it stood in the file */
		CHECK(r.notes.count == 1 && strcmp(r.notes.list[0].code, "W042") == 0);
		CHECK_STR(o->path, "/v1/traces");
		CHECK_STR(secret_reveal(&o->headers), "api-key: se=cret\r\n");
		CHECK_STR(o->service, "edge");
		CHECK_STR(o->attributes, "a.b=c,d=e%20f");
	}
	reading_done(&r);
	o = read_otlp(&r, HEAD "telemetry: { otlp: { private: yes } }\n", base);
	CHECK(o && o->allow_private && r.notes.count == 0);
	reading_done(&r);
	o = read_otlp(&r, HEAD, whole);
	if (o) {
		CHECK(o->tls);
		CHECK_STR(o->path, "/in");
	}
	reading_done(&r);
	o = read_otlp(&r, HEAD, bare);
	CHECK(o && str_eq(o->path, STR("/")));
	reading_done(&r);
	/* The file wins. */
	o = read_otlp(&r, HEAD "telemetry: { otlp: { endpoint: \"off\" } }\n", whole);
	CHECK(o && o->endpoint.len == 0);
	reading_done(&r);
	o = read_otlp(&r, HEAD "telemetry: { otlp: { endpoint: off } }\n", whole);
	CHECK(o && o->endpoint.len == 0);
	reading_done(&r);
}

TEST(telemetry_names_its_service_once)
{
	static const char *const list[][2] = {
		{ "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318" },
		{ "OTEL_RESOURCE_ATTRIBUTES", "a=1,service.name=bil%20ling, a=2 ,b=3" },
		{ NULL, NULL },
	};
	static const char *const named[][2] = {
		{ "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318" },
		{ "OTEL_RESOURCE_ATTRIBUTES", "service.name=billing" },
		{ "OTEL_SERVICE_NAME", "edge" },
		{ NULL, NULL },
	};
	struct reading r;
	const struct otlp_settings *o = read_otlp(&r, HEAD, list);

	if (o) {
		CHECK_STR(o->service, "bil ling");
		CHECK_STR(o->attributes, " a=2 ,b=3");
	}
	reading_done(&r);
	o = read_otlp(&r, HEAD, named);
	CHECK(o && str_eq(o->service, STR("edge")) && o->attributes.len == 0);
	reading_done(&r);
	o = read_otlp(
	        &r, HEAD "telemetry: { otlp: { attributes: \"service.name=x,y=z\" } }\n",
	        named);
	CHECK(o && str_eq(o->service, STR("x")) && str_eq(o->attributes, STR("y=z")));
	CHECK_INT(r.notes.count, 0);
	reading_done(&r);
}

TEST(telemetry_says_what_of_an_attribute_is_too_long)
{
	static char text[800] = "long=";
	static const char *const set[][2] = {
		{ "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318" },
		{ "OTEL_RESOURCE_ATTRIBUTES", text },
		{ NULL, NULL },
	};
	struct reading r;

	memset(text + 5, 'x', OTLP_VALUE_MOST);
	read_otlp(&r, HEAD, set);
	CHECK_INT(r.notes.count, 0);
	reading_done(&r);
	memset(text + 5, 'x', OTLP_VALUE_MOST + 1);
	read_otlp(&r, HEAD, set);
	CHECK_INT(r.notes.warnings, 1);
	CHECK(r.notes.count == 1 &&
	      str_has(r.notes.list[0].text,
	              STR("OTEL_RESOURCE_ATTRIBUTES: of long the first 512")));
	reading_done(&r);
}

TEST(telemetry_certificates_of_the_environment)
{
	static const char *const none[][2] = {
		{ "OTEL_EXPORTER_OTLP_ENDPOINT", "https://t.example.com" },
		{ "OTEL_EXPORTER_OTLP_CERTIFICATE", "" },
		{ NULL, NULL },
	};
	struct cert_files files = cert_make("DNS:example.test", 1);
	const char *const own[][2] = {
		{ "OTEL_EXPORTER_OTLP_ENDPOINT", "https://t.example.com" },
		{ "OTEL_EXPORTER_OTLP_CERTIFICATE", "/dev/null/none/all.pem" },
		{ "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", files.ca },
		{ NULL, NULL },
	};
	static const char *const wrong[][2] = {
		{ "OTEL_EXPORTER_OTLP_ENDPOINT", "https://t.example.com" },
		{ "OTEL_EXPORTER_OTLP_CERTIFICATE", "/dev/null/none/all.pem" },
		{ NULL, NULL },
	};
	struct config_source source = { .path = STR("sluice.yaml"),
		                        .text = STR(HEAD),
		                        .env = env };
	struct reading r;
	const struct otlp_settings *o = read_otlp(&r, HEAD, none);

	CHECK(o && !o->ca_file);
	reading_done(&r);
	o = read_otlp(&r, HEAD, own);
	CHECK(o && o->ca_file && strcmp(o->ca_file, files.ca) == 0);
	reading_done(&r);
	variables = wrong;
	read_with(&r, &source);
	CHECK(!r.config && r.notes.count == 1 &&
	      strcmp(r.notes.list[0].code, "E119") == 0);
	reading_done(&r);
}

TEST(telemetry_that_cannot_be)
{
	static const char *const grpc[][2] = {
		{ "OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317" },
		{ "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc" },
		{ NULL, NULL },
	};
	static const char *const disabled[][2] = {
		{ "OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318" },
		{ "OTEL_SDK_DISABLED", "true" },
		{ NULL, NULL },
	};
	static const char *const bad[][2] = {
		{ "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318" },
		{ "OTEL_EXPORTER_OTLP_HEADERS", "a=b%0d%0aevil: 1" },
		{ "OTEL_RESOURCE_ATTRIBUTES", "no list" },
		{ NULL, NULL },
	};
	struct reading r;
	const struct otlp_settings *o = read_otlp(&r, HEAD, grpc);

	CHECK(o && o->endpoint.len == 0);
	CHECK(r.notes.count == 1 && strcmp(r.notes.list[0].code, "W049") == 0);
	reading_done(&r);
	o = read_otlp(&r, HEAD, disabled);
	CHECK(o && o->endpoint.len == 0);
	reading_done(&r);
	o = read_otlp(&r, HEAD, bad);
	CHECK(o && !secret_is_set(&o->headers) && o->attributes.len == 0);
	CHECK_INT(r.notes.warnings, 2);
	reading_done(&r);
}

TEST(telemetry_headers_are_not_shown)
{
	struct buf text = BUF_LIMIT(64 * KiB);
	struct reading r;

	read_text(&r, STR(HEAD "telemetry: { otlp: { endpoint: \"nonsense\", headers: "
	                       "\"x=CANARY-CANARY\" } }\n"));
	config_notes_print(&r.notes, STR("sluice.yaml"), &text);
	CHECK(str_has(buf_str(&text), STR("E115")));
	CHECK(!str_has(buf_str(&text), STR("CANARY")));
	buf_free(&text);
	reading_done(&r);
}
