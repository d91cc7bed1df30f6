/* Keys that stand neither in the file nor in the environment. */
#include "tests/unit/config/helper.h"

#include "config/replace.h"
#include "config/vault.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *dir_env(void *arg, const char *name)
{
	return strcmp(name, "DIR") == 0 ? arg : strcmp(name, "HOME") == 0 ? "/h" : NULL;
}

static void read_in(struct reading *r, const char *dir, const char *text)
{
	static char path[PATH_MAX + 16];
	struct config_source source = { .env = dir_env,
		                        .env_arg = (void *)(uintptr_t)dir,
		                        .text = str_from_z(text) };

	snprintf(path, sizeof(path), "%s/sluice.yaml", dir);
	source.path = str_from_z(path);
	read_with(r, &source);
}

static bool has_code(const struct reading *r, const char *code)
{
	for (unsigned i = 0; i < r->notes.count; i++)
		if (strcmp(r->notes.list[i].code, code) == 0)
			return true;
	return false;
}

/* A directory with a store that has keys of some providers, and the file of another key.
 */
static const char *stored_dir(void)
{
	static const char *const names[] = { "openai", "amazon-bedrock",
		                             "google-vertex" };
	static char dir[PATH_MAX];
	struct buf why = BUF_LIMIT(KiB);
	struct master_place at;
	struct master master;
	struct vault vault;
	char path[PATH_MAX + 8];

	snprintf(dir, sizeof(dir), "%s", test_dir());
	at = (struct master_place){ .data = str_from_z(dir) };
	CHECK(master_load(&at, &master, NULL, &why));
	CHECK(vault_read(at.data, &master, &vault, &why));
	for (size_t i = 0; i < countof(names); i++) {
		struct vault_row row = { .provider = str_from_z(names[i]),
			                 .key = { STR("sk-from-the-store") } };

		CHECK(vault_put(&vault, &row, false, &why));
	}
	CHECK(vault_write(at.data, &master, &vault, &why));
	vault_done(&vault);
	master_done(&master);
	snprintf(path, sizeof(path), "%s/key", dir);
	CHECK(file_replace(path, STR("sk-from-a-file\n"), false, &why));
	buf_free(&why);
	return dir;
}

TEST(keys_come_from_files_and_from_the_store)
{
	static const struct {
		const char *provider;
		const char *key; /* NULL: disabled */
		unsigned count;
	} rows[] = {
		{ "openai: { key: store }", "sk-from-the-store", 1 },
		{ "openai: {}", "sk-from-the-store", 1 },
		{ "openai: { key: { file: key } }", "sk-from-a-file", 1 },
		{ "openai: { keys: [ a, { file: \"${DIR}/key\" }, { file: key } ] }", "a",
		  3 },
		{ "anthropic: { key: store }", NULL, 0 },
	};
	char text[PATH_MAX + 512];

	for (size_t i = 0; i < countof(rows); i++) {
		const char *dir = stored_dir();
		struct reading r;

		snprintf(text, sizeof(text), "version: 1\ndata: %s\nproviders:\n  %s\n",
		         dir, rows[i].provider);
		read_in(&r, dir, text);
		if (!CHECK(r.config != NULL)) {
			reading_done(&r);
			continue;
		}
		const struct provider *p = &r.config->providers[0];
		CHECK_INT(p->key_count, rows[i].count);
		CHECK((p->disabled.len > 0) == !rows[i].key);
		if (rows[i].key)
			CHECK_STR_EQ(secret_reveal(&p->keys[0]), str_from_z(rows[i].key));
		reading_done(&r);
	}
}

static const char *cloud_env(void *arg, const char *name)
{
	static const char *const set[][2] = {
		{ "OPENAI_API_KEY", "" },
		{ "ANTHROPIC_API_KEY", "" },
		{ "AWS_ACCESS_KEY_ID", "AKIA" },
		{ "AWS_SECRET_ACCESS_KEY", "secret" },
		{ "AWS_REGION", "eu-west-3" },
		{ "GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/account.json" },
		{ "GOOGLE_VERTEX_PROJECT", "p" },
	};

	for (size_t i = 0; i < countof(set); i++)
		if (strcmp(set[i][0], name) == 0)
			return set[i][1];
	return dir_env(arg, name);
}

/* Not written, and not in the variable: the store's.  What is for all programs of the
 * machine does not go before what somebody has put there for this one. */
TEST(the_store_goes_before_an_empty_variable_and_another_way)
{
	static const struct {
		const char *provider;
		unsigned count;
		enum auth_kind auth;
	} rows[] = {
		{ "openai: {}", 1, AUTH_BEARER },
		{ "anthropic: {}", 0, AUTH_X_API_KEY }, /* it has none there */
		{ "amazon-bedrock: {}", 1, AUTH_BEARER },
		{ "amazon-bedrock: { auth: sigv4 }", 0, AUTH_SIGV4 },
		{ "google-vertex: {}", 1, AUTH_X_GOOG_API_KEY },
	};
	const char *dir = stored_dir();
	char text[PATH_MAX + 512], path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/sluice.yaml", dir);
	for (size_t i = 0; i < countof(rows); i++) {
		struct config_source source = { .path = str_from_z(path),
			                        .env = cloud_env,
			                        .env_arg = (void *)(uintptr_t)dir };
		struct reading r;

		snprintf(text, sizeof(text), "version: 1\ndata: %s\nproviders:\n  %s\n",
		         dir, rows[i].provider);
		source.text = str_from_z(text);
		read_with(&r, &source);
		if (CHECK(r.config != NULL)) {
			const struct provider *p = &r.config->providers[0];

			CHECK_INT(p->key_count, rows[i].count);
			CHECK_INT(p->auth, rows[i].auth);
			CHECK((p->disabled.len > 0) == str_eq(p->name, STR("anthropic")));
		} else {
			print_notes(&r);
		}
		reading_done(&r);
	}
}

/* What the documentation says of all secrets. */
TEST(every_secret_may_be_in_a_file)
{
	const char *dir = stored_dir();
	char path[PATH_MAX + 16], text[PATH_MAX + 512];
	struct buf why = BUF_LIMIT(KiB);
	const struct provider *p;
	struct reading r;

	snprintf(path, sizeof(path), "%s/headers", dir);
	CHECK(file_replace(path, STR("authorization=Bearer%20abc\n"), false, &why));
	snprintf(
	        text, sizeof(text),
	        "version: 1\ndata: %s\nproviders:\n  amazon-bedrock: { region: "
	        "us-east-1, "
	        "access_key: { file: key }, secret_key: { file: key }, session_token: "
	        "{ file: key } }\ntelemetry: { otlp: { endpoint: \"http://127.0.0.1:1\", "
	        "headers: { file: headers } } }\n",
	        dir);
	read_in(&r, dir, text);
	if (CHECK(r.config != NULL)) {
		p = &r.config->providers[0];
		CHECK_STR_EQ(p->aws.access_key, STR("sk-from-a-file"));
		CHECK_STR_EQ(secret_reveal(&p->aws.secret_key), STR("sk-from-a-file"));
		CHECK_STR_EQ(secret_reveal(&p->aws.session_token), STR("sk-from-a-file"));
		CHECK_STR_EQ(secret_reveal(&r.config->otlp.headers),
		             STR("authorization: Bearer abc\r\n"));
		CHECK_INT(r.notes.count, 0);
	}
	reading_done(&r);
	CHECK(unlink(path) == 0);
	read_in(&r, dir, text);
	CHECK(!r.config && r.notes.errors == 1);
	CHECK(r.notes.count &&
	      str_starts(r.notes.list[0].text, STR("telemetry.otlp.headers: ")));
	reading_done(&r);
	buf_free(&why);
}

/* Also while nothing is sealed yet: it would refuse the start once something is. */
TEST(master_keys_that_are_named_are_looked_at)
{
	static const struct {
		const char *text;
		mode_t mode;
		const char *says; /* NULL: it is good */
	} rows[] = {
		{ "0123456789abcdef0123456789abcdef", 0600, NULL },
		{ "0123456789abcdef0123456789abcdef", 0644, "may be read by others" },
		{ "junk", 0600, "is no file of master keys" },
	};
	struct buf why = BUF_LIMIT(KiB);
	const char *dir = test_dir();
	char path[PATH_MAX], text[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/keys", dir);
	snprintf(text, sizeof(text),
	         "version: 1\ndata: %s\nsecrets: { key_file: keys }\n"
	         "providers: { mock: {} }\n",
	         dir);
	for (size_t i = 0; i < countof(rows); i++) {
		struct reading r;

		CHECK(file_replace(path, str_from_z(rows[i].text), false, &why));
		CHECK(chmod(path, rows[i].mode) == 0);
		read_in(&r, dir, text);
		CHECK((r.config != NULL) == !rows[i].says);
		if (rows[i].says)
			CHECK(r.notes.errors == 1 && has_code(&r, "E211") &&
			      r.notes.list[0].line == 3 &&
			      str_has(r.notes.list[0].text, str_from_z(rows[i].says)));
		reading_done(&r);
	}
	buf_free(&why);
}

TEST(a_store_that_cannot_be_opened_refuses_the_configuration)
{
	const char *dir = stored_dir();
	char path[PATH_MAX + 16], text[PATH_MAX + 512];
	struct buf why = BUF_LIMIT(KiB);
	struct reading r;

	snprintf(path, sizeof(path), "%s/master.key", dir);
	snprintf(text, sizeof(text),
	         "version: 1\ndata: %s\nproviders: { openai: { key: other } }\n", dir);
	CHECK(file_replace(path, STR("0123456789abcdef0123456789abcdef"), false, &why));
	read_in(&r, dir, text);
	CHECK(!r.config && has_code(&r, "E210"));
	reading_done(&r);
	CHECK(unlink(path) == 0);
	read_in(&r, dir, text);
	CHECK(!r.config && has_code(&r, "E210"));
	CHECK(access(path, F_OK) != 0);
	reading_done(&r);
	buf_free(&why);
}
