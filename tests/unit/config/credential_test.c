/* How providers authenticate: what is written, what the environment has, and what the URL
 * becomes by it. */
#include "tests/unit/codec/rsa.h"
#include "tests/unit/config/helper.h"

#include "codec/json_write.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* NAME, VALUE, ..., NULL */
static const char *list_env(void *arg, const char *name)
{
	for (const char *const *at = arg; *at; at += 2)
		if (strcmp(at[0], name) == 0)
			return at[1];
	return strcmp(name, "HOME") == 0 ? "/h" : NULL;
}

/* The first provider of `providers: { TEXT }`. */
static const struct provider *read_one(struct reading *r, const char *text,
                                       const char *const *env)
{
	struct buf b = BUF_LIMIT(8 * KiB);
	static const char *const none[] = { NULL };

	buf_addf(&b, "version: 1\nproviders: { %s }\n", text);
	struct config_source source = { .path = STR("sluice.yaml"),
		                        .text = buf_str(&b),
		                        .env = list_env,
		                        .env_arg =
		                                (void *)(uintptr_t)(env ? env : none) };
	read_with(r, &source);
	if (!CHECK(r->config))
		print_notes(r);
	buf_free(&b);
	return r->config ? &r->config->providers[0] : NULL;
}

static const char *const aws_env[] = { "AWS_ACCESS_KEY_ID",
	                               "AKIA",
	                               "AWS_SECRET_ACCESS_KEY",
	                               "secret",
	                               "AWS_SESSION_TOKEN",
	                               "session",
	                               "AWS_REGION",
	                               "eu-west-3",
	                               NULL };

TEST(bedrock_signs_when_there_is_no_key)
{
	const struct provider *p;
	struct reading r;

	if ((p = read_one(&r, "amazon-bedrock: {}", aws_env))) {
		CHECK_INT(p->auth, AUTH_SIGV4);
		CHECK_STR(p->aws.access_key, "AKIA");
		CHECK_STR(secret_reveal(&p->aws.secret_key), "secret");
		CHECK_STR(secret_reveal(&p->aws.session_token), "session");
		CHECK_STR(p->region, "eu-west-3");
		CHECK_STR(p->host, "bedrock-runtime.eu-west-3.amazonaws.com");
		CHECK_INT(p->key_count, 0);
	}
	reading_done(&r);
	/* What is written goes first, all of it: no session of the environment's. */
	if ((p = read_one(&r,
	                  "amazon-bedrock: { access_key: A, secret_key: b, region: "
	                  "us-east-1 }",
	                  aws_env))) {
		CHECK_STR(p->aws.access_key, "A");
		CHECK_STR(secret_reveal(&p->aws.secret_key), "b");
		CHECK(!secret_is_set(&p->aws.session_token));
		CHECK_STR(p->host, "bedrock-runtime.us-east-1.amazonaws.com");
	}
	reading_done(&r);
	if ((p = read_one(&r, "amazon-bedrock: { key: k, aws_region: us-west-2 }",
	                  aws_env))) {
		CHECK_INT(p->auth, AUTH_BEARER);
		CHECK_STR(p->host, "bedrock-runtime.us-west-2.amazonaws.com");
	}
	reading_done(&r);
	if ((p = read_one(&r, "x: { format: bedrock, url: \"https://a.b\", auth: sigv4 }",
	                  aws_env)))
		CHECK(p->auth == AUTH_SIGV4 && str_eq(p->region, STR("eu-west-3")));
	reading_done(&r);
}

TEST(bedrock_prefers_a_bearer_key)
{
	static const char *const env[] = { "AWS_ACCESS_KEY_ID",
		                           "AKIA",
		                           "AWS_SECRET_ACCESS_KEY",
		                           "secret",
		                           "AWS_BEARER_TOKEN_BEDROCK",
		                           "bearer",
		                           NULL };
	const struct provider *p;
	struct reading r;

	if ((p = read_one(&r, "amazon-bedrock: { region: eu-west-3 }", env))) {
		CHECK_INT(p->auth, AUTH_BEARER);
		CHECK_STR(secret_reveal(&p->keys[0]), "bearer");
	}
	reading_done(&r);
	if ((p = read_one(&r, "amazon-bedrock: { region: eu-west-3, auth: sigv4 }", env)))
		CHECK_INT(p->auth, AUTH_SIGV4);
	reading_done(&r);
}

TEST(an_empty_secret_disables_its_provider)
{
	const struct provider *p;
	struct reading r;

	if ((p = read_one(&r,
	                  "amazon-bedrock: { access_key: \"\", secret_key: b, region: r "
	                  "}",
	                  NULL)))
		CHECK(p->disabled.len);
	CHECK_INT(r.notes.warnings, 2); /* and nothing else is there */
	reading_done(&r);
}

TEST(azure_has_deployments_by_version)
{
	static const struct {
		const char *text, *path, *query;
		bool also;
	} rows[] = {
		{ "azure: { key: k, azure_resource_name: r }", "/openai/v1", "", true },
		{ "azure: { key: k, azure_resource_name: r, api_version: 2024-10-21 }",
		  "/openai/deployments/{model}", "api-version=2024-10-21", false },
		{ "azure: { key: k, url: \"https://r.openai.azure.com\", api_version: "
		  "preview }",
		  "/openai/deployments/{model}", "api-version=preview", false },
		{ "azure: { key: k, url: \"https://gate.example/az/openai/\", "
		  "api_version: v1 }",
		  "/az/openai/deployments/{model}", "api-version=v1", false },
		{ "azure: { key: k, url: \"https://r.openai.azure.com/openai/"
		  "deployments/d\", api_version: v1 }",
		  "/openai/deployments/d", "api-version=v1", false },
		{ "azure: { key: k, format: openai-responses, url: "
		  "\"https://r.openai.azure.com/openai\", api_version: v1 }",
		  "/openai", "api-version=v1", false },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct reading r;
		const struct provider *p = read_one(&r, rows[i].text, NULL);

		if (p) {
			CHECK_STR_EQ(p->base_path, str_from_z(rows[i].path));
			CHECK_STR_EQ(p->query, str_from_z(rows[i].query));
			CHECK_INT(p->also != 0, rows[i].also);
			if (p->format == WIRE_OPENAI_CHAT)
				CHECK_INT(p->auth, AUTH_API_KEY);
		}
		reading_done(&r);
	}
}

/* ---- Vertex AI ---- */

struct account_file {
	char path[64];
};

static void write_account(struct account_file *f, const char *type, str pem,
                          const char *token_uri)
{
	struct buf b = BUF_LIMIT(16 * KiB);
	struct json_writer w = { .to = &b };
	int fd;

	json_open(&w, '{');
	json_key_str(&w, STR("type"), str_from_z(type));
	json_key_str(&w, STR("project_id"), STR("their-project"));
	json_key_str(&w, STR("private_key_id"), STR("kid"));
	json_key_str(&w, STR("private_key"), pem);
	json_key_str(&w, STR("client_email"), STR("robot@x"));
	if (token_uri)
		json_key_str(&w, STR("token_uri"), str_from_z(token_uri));
	json_close(&w, '}');
	snprintf(f->path, sizeof(f->path), "/tmp/sluice-account-XXXXXX");
	fd = mkstemp(f->path);
	CHECK(fd >= 0 && write(fd, b.ptr, b.len) == (ssize_t)b.len);
	close(fd);
	buf_free(&b);
}

TEST(vertex_is_where_the_account_is)
{
	struct account_file f;
	const char *const env[] = { "GOOGLE_APPLICATION_CREDENTIALS", f.path, NULL };
	const char *const all[] = { "GOOGLE_APPLICATION_CREDENTIALS",
		                    f.path,
		                    "GOOGLE_VERTEX_PROJECT",
		                    "p",
		                    "GOOGLE_VERTEX_LOCATION",
		                    "us-east5",
		                    NULL };
	const char *const key[] = { "GOOGLE_APPLICATION_CREDENTIALS", f.path,
		                    "GOOGLE_VERTEX_API_KEY", "express", NULL };
	BIO *owner;
	const struct provider *p;
	struct reading r;

	write_account(&f, "service_account", test_pem(test_rsa(), &owner), NULL);
	if ((p = read_one(&r, "google-vertex: {}", env)) && CHECK(p->account)) {
		CHECK_INT(p->auth, AUTH_SERVICE_ACCOUNT);
		CHECK_STR(p->host, "aiplatform.googleapis.com");
		CHECK_STR(p->base_path, "/v1/projects/their-project/locations/global/"
		                        "publishers/google");
		CHECK_STR(p->account->email, "robot@x");
		CHECK_STR(p->account->key_id, "kid");
		CHECK_STR(p->account->token_url, "https://oauth2.googleapis.com/token");
		CHECK_STR(p->account->host, "oauth2.googleapis.com");
		CHECK(p->account->tls && p->account->port == 443);
		CHECK_STR(p->account->path, "/token");
		CHECK(str_starts(secret_reveal(&p->account->key),
		                 STR("-----BEGIN PRIVATE KEY-----\n")));
	}
	reading_done(&r);
	if ((p = read_one(&r, "google-vertex: {}", all))) {
		CHECK_STR(p->host, "us-east5-aiplatform.googleapis.com");
		CHECK_STR(p->base_path,
		          "/v1/projects/p/locations/us-east5/publishers/google");
	}
	reading_done(&r);
	if ((p = read_one(&r, "google-vertex: { project: mine, location: global }", all)))
		CHECK_STR(p->url, "https://aiplatform.googleapis.com/v1/projects/mine/"
		                  "locations/global/publishers/google");
	reading_done(&r);
	/* A key: express mode, also when both are in the environment. */
	if ((p = read_one(&r, "google-vertex: {}", key))) {
		CHECK_INT(p->auth, AUTH_X_GOOG_API_KEY);
		CHECK_STR(p->url,
		          "https://aiplatform.googleapis.com/v1/publishers/google");
	}
	reading_done(&r);
	if ((p = read_one(&r, "google-vertex: { key: k }", env)))
		CHECK_INT(p->auth, AUTH_X_GOOG_API_KEY);
	reading_done(&r);
	unlink(f.path);
	BIO_free(owner);
}

static void check_bad_account(const char *type, str pem, const char *uri, const char *why)
{
	struct account_file f;
	struct reading r;
	char text[256];

	write_account(&f, type, pem, uri);
	snprintf(text, sizeof(text),
	         "version: 1\nproviders:\n  google-vertex:\n    credentials: %s\n",
	         f.path);
	read_text(&r, str_from_z(text));
	CHECK(!r.config && r.notes.errors == 1);
	if (r.notes.count) {
		CHECK(strcmp(r.notes.list[0].code, "E209") == 0);
		CHECK_INT(r.notes.list[0].line, 4);
		CHECK_INT(r.notes.list[0].column, 18);
		if (!CHECK(str_has(r.notes.list[0].text, str_from_z(why))))
			print_notes(&r);
		CHECK(!str_has(r.notes.list[0].text, STR("BEGIN")));
	}
	reading_done(&r);
	unlink(f.path);
}

/* Google's names seen from inside a private network (Private Service Connect). */
TEST(a_token_endpoint_is_as_private_as_its_provider)
{
	static const struct {
		const char *line, *token_uri;
		bool allow_private;
	} rows[] = {
		{ "google-vertex: {}", NULL, false },
		{ "google-vertex: { private: yes }", NULL, true },
		{ "google-vertex: { private: yes }", "https://tokens.corp/t", true },
		{ "google-vertex: {}", "http://127.0.0.1:8000/t", true },
		{ "google-vertex: { url: \"http://10.0.0.1/v1\" }", NULL, false },
	};
	BIO *owner;
	str pem = test_pem(test_rsa(), &owner);

	for (size_t i = 0; i < countof(rows); i++) {
		struct account_file f;
		const char *const env[] = { "GOOGLE_APPLICATION_CREDENTIALS", f.path,
			                    NULL };
		const struct provider *p;
		struct reading r;

		write_account(&f, "service_account", pem, rows[i].token_uri);
		if ((p = read_one(&r, rows[i].line, env)) && CHECK(p->account))
			CHECK(p->account->allow_private == rows[i].allow_private);
		reading_done(&r);
		unlink(f.path);
	}
	BIO_free(owner);
}

TEST(accounts_that_cannot_work_are_refused)
{
	BIO *owner;
	str pem = test_pem(test_rsa(), &owner);

	check_bad_account("external_account", pem, NULL, "neither");
	check_bad_account("service_account", STR(""), NULL, "\"private_key\" is missing");
	check_bad_account("service_account", STR("-----BEGIN X-----"), NULL,
	                  "not an RSA");
	check_bad_account("service_account", pem, "http://oauth.example/token",
	                  "not an https");
	check_bad_account("service_account", pem, "ftp://x", "not an https");
	check_bad_account("authorized_user", pem, NULL, "\"client_id\" is missing");
	BIO_free(owner);
}

/* Nobody writes into the one, and of the others there is no text. */
TEST(what_is_no_file_is_not_waited_for)
{
	const char *dir = test_dir();
	char path[PATH_MAX], text[PATH_MAX + 128];
	const char *const rows[][2] = { { "pipe", "pipe is no regular file" },
		                        { ".", "is no regular file" } };

	snprintf(path, sizeof(path), "%s/pipe", dir);
	CHECK(mkfifo(path, 0600) == 0);
	for (size_t i = 0; i < countof(rows); i++) {
		struct reading r;

		snprintf(text, sizeof(text),
		         "version: 1\nproviders:\n  google-vertex:\n    credentials: "
		         "%s/%s\n",
		         dir, rows[i][0]);
		read_text(&r, str_from_z(text));
		CHECK(!r.config && r.notes.errors == 1);
		CHECK(r.notes.count &&
		      str_has(r.notes.list[0].text, str_from_z(rows[i][1])));
		reading_done(&r);
	}
}

TEST(secrets_of_all_kinds_are_masked)
{
	struct reading r;
	struct buf text = BUF_LIMIT(16 * KiB);

	read_text(&r, STR("version: 1\nproviders:\n"
	                  "  amazon-bedrock: { access_key: AKIALITERAL99, secret_key: "
	                  "literal/secret, session_token: literal-token, bad: 1 }\n"));
	config_notes_print(&r.notes, STR("sluice.yaml"), &text);
	CHECK(str_has(buf_str(&text), STR("session_token")));
	CHECK(!str_has(buf_str(&text), STR("literal/secret")));
	CHECK(!str_has(buf_str(&text), STR("literal-token")));
	CHECK(!str_has(buf_str(&text), STR("AKIALITERAL99")));
	buf_free(&text);
	reading_done(&r);
}
