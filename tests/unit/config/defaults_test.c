#include "tests/unit/config/helper.h"

#include "config/vault.h"

#include <unistd.h>

/* pairs: name, value, ..., NULL */
static const char *env_of_list(void *arg, const char *name)
{
	const char *const *pairs = arg;

	for (; *pairs; pairs += 2)
		if (strcmp(pairs[0], name) == 0)
			return pairs[1];
	return NULL;
}

struct result {
	struct arena arena;
	struct config_notes notes;
	struct buf found;
	struct config *config;
};

static void run(struct result *r, const char *const *env, bool no_detect)
{
	struct config_source source = { .env = env_of_list,
		                        .env_arg = (void *)(uintptr_t)env,
		                        .no_detect = no_detect,
		                        .mock_host = STR("unix:@test") };

	*r = (struct result){ .found = BUF_LIMIT(64 * KiB) };
	r->notes.arena = &r->arena;
	r->config = config_builtin(&source, &r->found, &r->notes);
	CHECK(r->config != NULL);
}

static void done(struct result *r)
{
	config_unref(&r->config);
	buf_free(&r->found);
	arena_done(&r->arena);
}

TEST(without_anything_there_is_the_mock)
{
	static const char *const env[] = { "HOME", "/home/x", NULL };
	struct result r;

	run(&r, env, false);
	CHECK_INT(r.config->provider_count, 1);
	CHECK(r.config->providers[0].is_mock);
	CHECK_STR(r.config->providers[0].host, "unix:@test");
	CHECK_INT(r.config->auth, AUTH_MODE_OPEN);
	CHECK_INT(r.config->listen_count, 1);
	CHECK(net_is_loopback(&r.config->listen[0]));
	CHECK_STR(r.config->file, "");
	CHECK_STR(r.config->data, "/home/x/.local/state/sluice");
	CHECK_INT(r.found.len, 0);
	CHECK_INT(r.notes.errors + r.notes.warnings, 0);
	done(&r);
}

TEST(the_data_is_where_the_environment_says)
{
	static const char *const xdg[] = { "HOME", "/h", "XDG_STATE_HOME", "/s", NULL };
	static const char *const ours[] = { "HOME", "/h", "SLUICE_DATA", "/d", NULL };
	struct result r;

	run(&r, xdg, false);
	CHECK_STR(r.config->data, "/s/sluice");
	CHECK_STR(r.config->access_log, "/s/sluice/access.log");
	done(&r);
	run(&r, ours, false);
	CHECK_STR(r.config->data, "/d");
	done(&r);
}

TEST(unambiguous_variables_enable_their_providers)
{
	static const char *const env[] = { "HOME",
		                           "/h",
		                           "OPENAI_API_KEY",
		                           "sk-proj-0123456789abcdefXYZ",
		                           "DEEPSEEK_API_KEY",
		                           "short",
		                           "GROQ_API_KEY",
		                           "",
		                           NULL };
	struct result r;

	run(&r, env, false);
	CHECK_INT(r.config->provider_count, 3);
	CHECK(config_find_provider(r.config, STR("openai")) != NULL);
	CHECK(config_find_provider(r.config, STR("deepseek")) != NULL);
	CHECK(config_find_provider(r.config, STR("groq")) == NULL);
	CHECK(str_has(buf_str(&r.found),
	              STR("openai     from OPENAI_API_KEY (...XYZ)\n")));
	CHECK(str_has(buf_str(&r.found), STR("deepseek   from DEEPSEEK_API_KEY\n")));
	CHECK(!str_has(buf_str(&r.found), STR("0123")));
	CHECK(!str_has(buf_str(&r.found), STR("short")));
	done(&r);

	run(&r, env, true);
	CHECK_INT(r.config->provider_count, 1);
	CHECK_INT(r.found.len, 0);
	done(&r);
}

TEST(ambiguous_variables_are_told_and_enable_nothing)
{
	static const char *const env[] = { "HOME",
		                           "/h",
		                           "DASHSCOPE_API_KEY",
		                           "sk-0123456789abcdef",
		                           "GITHUB_TOKEN",
		                           "ghp_0123456789abcdef",
		                           "AWS_ACCESS_KEY_ID",
		                           "AKIA0123456789abcdef",
		                           NULL };
	struct result r;

	run(&r, env, false);
	CHECK_INT(r.config->provider_count, 1);
	CHECK(str_has(buf_str(&r.found),
	              STR("DASHSCOPE_API_KEY (...def) found, not enabled: name in a "
	                  "configuration what it is for: alibaba, alibaba-cn\n")));
	CHECK(str_has(buf_str(&r.found),
	              STR("GITHUB_TOKEN (...def) found, not enabled")));
	/* each of them once */
	size_t at = str_find_str(buf_str(&r.found), STR("DASHSCOPE"));
	CHECK(!str_has(str_from(buf_str(&r.found), at + 1), STR("DASHSCOPE")));
	done(&r);
}

TEST(what_cannot_be_used_yet_says_why)
{
	static const char *const env[] = { "HOME",
		                           "/h",
		                           "VENICE_API_KEY",
		                           "sk-ant-0123456789abc",
		                           "OPENAI_API_KEY",
		                           "sk-0123456789abcdef\n",
		                           "CLOUDFLARE_ACCOUNT_ID",
		                           "acc",
		                           "CLOUDFLARE_API_KEY",
		                           "0123456789abcdefghi",
		                           NULL };
	struct result r;

	run(&r, env, false);
	CHECK_INT(r.config->provider_count, 1);
	CHECK(str_has(buf_str(&r.found),
	              STR("venice     from VENICE_API_KEY (...abc) - not "
	                  "enabled: its format")));
	CHECK(str_has(buf_str(&r.found),
	              STR("OPENAI_API_KEY - not enabled: it has a blank")));
	CHECK(str_has(buf_str(&r.found), STR("CLOUDFLARE_API_KEY (...ghi) found, not "
	                                     "enabled: name in a configuration "
	                                     "what it is for: cloudflare-workers-ai\n")));
	done(&r);
}

static void store(str data, const struct vault_row *rows, unsigned count)
{
	struct master_place at = { .data = data };
	struct buf why = BUF_LIMIT(KiB);
	struct master master;
	struct vault vault;

	CHECK(master_load(&at, &master, NULL, &why));
	CHECK(vault_read(data, &master, &vault, &why));
	for (unsigned i = 0; i < count; i++)
		CHECK(vault_put(&vault, &rows[i], false, &why));
	CHECK(vault_write(data, &master, &vault, &why));
	vault_done(&vault);
	master_done(&master);
	buf_free(&why);
}

TEST(what_is_in_the_store_is_no_reason_not_to_start)
{
	static const struct vault_row rows[] = {
		{ .provider = STR_INIT("nosuch"), .key = { STR_INIT("sk-1") } },
		{ .provider = STR_INIT("openai"), .key = { STR_INIT("sk-2") } },
		{ .provider = STR_INIT("mine"),
		  .format = STR_INIT("openai-chat"),
		  .url = STR_INIT("http://127.0.0.1:9/v1"),
		  .key = { STR_INIT("sk-3") } },
	};
	const char *env[] = { "SLUICE_DATA", test_dir(), NULL };
	char path[600];
	struct result r;

	store(str_from_z(env[1]), rows, countof(rows));
	run(&r, env, false);
	CHECK(config_find_provider(r.config, STR("openai")) != NULL);
	CHECK(config_find_provider(r.config, STR("mine")) != NULL);
	CHECK(config_find_provider(r.config, STR("nosuch")) == NULL);
	CHECK(str_has(buf_str(&r.found), STR("openai     from the store\n")));
	CHECK(str_has(buf_str(&r.found),
	              STR("nosuch     from the store - not enabled: ")));
	CHECK(str_has(buf_str(&r.found), STR("sluice providers remove nosuch\n")));
	done(&r);

	/* What is wrong with the store as a whole is. */
	snprintf(path, sizeof(path), "%s/master.key", env[1]);
	CHECK(unlink(path) == 0);
	struct config_source source = { .env = env_of_list, .env_arg = env };
	struct arena keep = { 0 };
	struct config_notes notes = { .arena = &keep };
	struct buf found = BUF_LIMIT(KiB);
	CHECK(config_builtin(&source, &found, &notes) == NULL);
	arena_done(&keep);
	buf_free(&found);
}

TEST(the_mock_has_an_address_of_this_process)
{
	char want[40];

	snprintf(want, sizeof(want), "unix:@sluice-mock-%d", (int)getpid());
	CHECK_STR_EQ(config_mock_host(), str_from_z(want));
}
