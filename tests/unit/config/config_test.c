/* What a correct configuration becomes. */
#include "tests/unit/config/helper.h"
#include "tests/unit/loop/cert.h"

#include "config/section.h"

/* Reads what must be right; prints what was found when it is not. */
static const struct config *read_good(struct reading *r, str text)
{
	read_text(r, text);
	if (!CHECK(r->config != NULL))
		print_notes(r);
	return r->config;
}

static bool has_note(const struct reading *r, const char *code)
{
	for (unsigned i = 0; i < r->notes.count; i++)
		if (strcmp(r->notes.list[i].code, code) == 0)
			return true;
	return false;
}

static bool has_hint(const struct reading *r, str part)
{
	for (unsigned i = 0; i < r->notes.count; i++)
		if (str_has(r->notes.list[i].hint, part))
			return true;
	return false;
}

TEST(the_example_of_the_design_is_read)
{
	struct reading r;
	const struct config *c = read_good(
	        &r,
	        STR("version: 1\n"
	            "listen: 127.0.0.1:8080\n"
	            "data:   /var/lib/sluice           # journal, ledger, secrets\n"
	            "auth:   keys                      # keys | open\n"
	            "workers: 2\n"
	            "providers:\n"
	            "  openai:    { key: \"${OPENAI_API_KEY}\" }\n"
	            "  deepseek:  { keys: [\"${KEY_A}\", \"${KEY_B:-}\"], region: us }\n"
	            "  local:     { format: openai-chat, url: "
	            "\"http://127.0.0.1:9000/v1\", key: "
	            "none }\n"
	            "routes:\n"
	            "  fast:\n"
	            "    targets: [openai/gpt-5-mini, {target: local/a/b:c, weight: 3}]\n"
	            "    strategy: weighted\n"
	            "    first_token: 20s\n"
	            "    idle: 1m\n"
	            "    total: 10m\n"
	            "    retry: { same_target: 2, attempts: 5, max_retry_after: 700ms }\n"
	            "    on_empty: pass\n"
	            "    on_filter: next\n"
	            "    comments: off\n"));

	if (!c)
		return;
	CHECK_INT(c->listen_count, 1);
	CHECK_INT(net_port(&c->listen[0]), 8080);
	CHECK_STR(c->data, "/var/lib/sluice");
	CHECK_STR(c->access_log, "/var/lib/sluice/access.log");
	CHECK_INT(c->auth, AUTH_MODE_KEYS);
	CHECK_INT(c->workers, 2);
	CHECK_INT(c->provider_count, 3);

	const struct provider *openai = config_find_provider(c, STR("openai"));
	CHECK_INT(openai->format, WIRE_OPENAI_CHAT);
	CHECK_INT(openai->auth, AUTH_BEARER);
	CHECK_STR(secret_reveal(&openai->keys[0]), "sk-test-0123456789abcdefXYZ");
	CHECK_INT(openai->key_count, 1);
	CHECK_STR(openai->host, "api.openai.com");
	CHECK_STR(openai->authority, "api.openai.com");
	CHECK_STR(openai->base_path, "/v1");
	CHECK_INT(openai->port, 443);
	CHECK(openai->tls && !openai->allow_private && !openai->is_mock);

	const struct provider *deepseek = config_find_provider(c, STR("deepseek"));
	CHECK_INT(deepseek->key_count, 1); /* the second is empty */
	CHECK_INT(deepseek->index, 1);
	CHECK_STR(deepseek->region, "us");
	CHECK(deepseek->quirks & QUIRK_LEADING_BLANKS);

	const struct provider *local = config_find_provider(c, STR("local"));
	CHECK_INT(local->auth, AUTH_NONE);
	CHECK_INT(local->key_count, 0);
	CHECK_STR(local->authority, "127.0.0.1:9000");
	CHECK(!local->tls && local->allow_private);

	const struct route *fast = config_find_route(c, STR("fast"));
	CHECK(config_find_route(c, STR("slow")) == NULL);
	CHECK_INT(fast->strategy, STRATEGY_WEIGHTED);
	CHECK_INT(fast->on_empty, ON_EMPTY_PASS);
	CHECK_INT(fast->on_filter, ON_FILTER_NEXT);
	CHECK(!fast->comments && fast->resume);
	CHECK_INT(fast->target_count, 2);
	CHECK_STR(fast->targets[1].model, "a/b:c");
	CHECK_INT(fast->targets[1].weight, 3);
	CHECK_INT(fast->targets[0].weight, 1);
	CHECK(fast->targets[0].is_known && fast->targets[0].facts.prices > 0);
	CHECK(fast->targets[0].provider == openai && fast->targets[1].provider == local);
	CHECK_INT(fast->limits.first_token, 20 * USEC_SEC);
	CHECK_INT(fast->limits.idle, USEC_MIN);
	CHECK_INT(fast->limits.total, 10 * USEC_MIN);
	CHECK_INT(fast->limits.total_stream, 10 * USEC_MIN);
	CHECK_INT(fast->limits.same_target, 2);
	CHECK_INT(fast->limits.attempts, 5);
	CHECK_INT(fast->limits.max_retry_after, 700 * USEC_MS);
	CHECK_INT(r.notes.warnings, 0);
	reading_done(&r);
}

TEST(what_is_not_written_has_its_default)
{
	struct reading r;
	const struct config *c = read_good(
	        &r, STR("version: 1\nproviders: { mock: {} }\nroutes: { a: { targets: "
	                "[mock/echo] } }\n"));
	const struct route *a;

	if (!c)
		return;
	CHECK_INT(c->listen_count, 1);
	CHECK(net_is_loopback(&c->listen[0]));
	CHECK(net_is_loopback(&c->admin) && net_port(&c->admin) == 8081);
	CHECK(!c->admin_is_written);
	CHECK_STR(c->data, "/home/test/.local/state/sluice");
	CHECK_INT(c->auth, AUTH_MODE_KEYS);
	CHECK(c->workers >= 1 && c->workers <= 4);
	CHECK(!c->tls_cert && !c->tls_key && !c->insecure_open);
	CHECK_INT(c->upload_limit, 512 * MiB);
	CHECK_INT(c->memory, 512 * MiB);
	CHECK_INT(c->ledger, LEDGER_STRICT);
	CHECK_INT(c->drain, 120 * USEC_SEC);
	CHECK(memcmp(&c->limits, &http_limits_default, sizeof(c->limits)) == 0);
	CHECK_INT(c->defaults.answer, 5 * USEC_MIN);
	CHECK_INT(c->defaults.attempts, 3);
	a = config_find_route(c, STR("a"));
	CHECK_INT(a->limits.first_token, 30 * USEC_SEC);
	CHECK_INT(a->limits.idle, 30 * USEC_SEC);
	CHECK_INT(a->limits.total, 10 * USEC_MIN);
	CHECK_INT(a->limits.total_stream, 60 * USEC_MIN);
	CHECK_INT(a->limits.same_target, 1);
	CHECK_INT(a->limits.attempts, 3);
	CHECK_INT(a->limits.max_retry_after, 5 * USEC_SEC);
	CHECK_INT(a->on_empty, ON_EMPTY_NEXT);
	CHECK_INT(a->on_filter, ON_FILTER_FINAL);
	CHECK(a->comments && a->resume && a->tool_hold);
	reading_done(&r);
}

TEST(routes_inherit_from_defaults)
{
	struct reading r;
	const struct config *c = read_good(
	        &r,
	        STR("version: 1\nproviders: { mock: {} }\n"
	            "defaults: { idle: 5s, total: 1m, retry: { attempts: 7 } }\n"
	            "routes:\n"
	            "  b: { targets: [mock/echo], idle: 6s, total_stream: 3m }\n"
	            "  a: { targets: [mock/a, mock/b, mock/c, mock/d], total: 2m }\n"));

	if (!c)
		return;
	CHECK_STR(c->routes[0].name, "a"); /* sorted */
	CHECK_INT(c->defaults.total_stream, USEC_MIN);
	CHECK_INT(c->routes[0].limits.idle, 5 * USEC_SEC);
	CHECK_INT(c->routes[0].limits.total, 2 * USEC_MIN);
	CHECK_INT(c->routes[0].limits.total_stream, 2 * USEC_MIN);
	CHECK_INT(c->routes[0].limits.attempts, 7);
	CHECK_INT(c->routes[1].limits.idle, 6 * USEC_SEC);
	CHECK_INT(c->routes[1].limits.total, USEC_MIN);
	CHECK_INT(c->routes[1].limits.total_stream, 3 * USEC_MIN);
	reading_done(&r);

	c = read_good(&r,
	              STR("version: 1\nproviders: { mock: {} }\nroutes: { a: { targets: "
	                  "[mock/a, mock/b, mock/c, mock/d] } }\n"));
	if (c)
		CHECK_INT(c->routes[0].limits.attempts, 4);
	reading_done(&r);
}

TEST(every_top_level_value_arrives)
{
	struct cert_files files = cert_make("IP:127.0.0.1", 10);
	struct buf text = BUF_LIMIT(4 * KiB);
	const struct config *c;
	struct reading r;

	buf_addf(&text, "tls: { cert: %s, key: %s }\n", files.cert, files.key);
	buf_add(&text,
	        STR("version: 1\nlisten: [127.0.0.1:0, \"[::1]:9\", \"unix:/run/s\"]\n"
	            "data: state\nauth: open\nworkers: \"${NUMBER}\"\nmemory: 1GiB\n"
	            "ledger: best-effort\ndrain: 2h\naccess_log: stdout\n"
	            "limits: { target: 1KiB, head: 64KiB, fields: 20, body: 8MiB, "
	            "upload: 1GiB,\n"
	            "  header_timeout: 1s, body_timeout: 2s, idle_timeout: 3m, "
	            "write_timeout: "
	            "1500ms }\n"
	            "providers: { mock: ~ }\n"));
	c = read_good(&r, buf_str(&text));
	buf_free(&text);
	if (!c)
		return;
	CHECK_INT(c->listen_count, 3);
	CHECK_INT(net_port(&c->listen[1]), 9);
	CHECK_STR(c->data, "state");
	CHECK_INT(c->auth, AUTH_MODE_OPEN);
	CHECK_INT(c->workers, 3);
	CHECK_INT(c->memory, 1024 * (int64_t)MiB);
	CHECK_INT(c->ledger, LEDGER_BEST_EFFORT);
	CHECK_INT(c->drain, 2 * USEC_HOUR);
	CHECK_STR(c->access_log, "stdout");
	CHECK(strcmp(c->tls_cert, files.cert) == 0);
	CHECK_INT(c->limits.target, KiB);
	CHECK_INT(c->limits.head, 64 * KiB);
	CHECK_INT(c->limits.fields, 20);
	CHECK_INT(c->limits.body, 8 * MiB);
	CHECK_INT(c->upload_limit, 1024 * (int64_t)MiB);
	CHECK_INT(c->limits.header_timeout_ms, 1000);
	CHECK_INT(c->limits.body_timeout_ms, 2000);
	CHECK_INT(c->limits.idle_timeout_ms, 180000);
	CHECK_INT(c->limits.write_timeout_ms, 1500);
	reading_done(&r);
}

/* ---- warnings ---- */

TEST(what_is_doubtful_is_a_warning)
{
	static const struct {
		const char *text, *code;
	} rows[] = {
		{ "version: 1\n", "W044" },
		{ "version: 1\nproviders: { openai: { key: \"${EMPTY}\" } }\n", "W031" },
		{ "version: 1\nproviders: { mistral: {} }\n", "W031" },
		{ "version: 1\nproviders: { openai: { keys: [\"\", \"${EMPTY}\"] } }\n",
		  "W031" },
		{ "version: 1\nproviders: { openai: { keys: [a, \"${EMPTY}\"] } }\n",
		  "W031" },
		{ "version: 1\nproviders: { openai: { keys: [\"\", a] } }\n", "W031" },
		{ "version: 1\nproviders: { openai: { url: \"http://8.8.8.8/v1\" } }\n",
		  "W042" },
		{ "version: 1\nproviders: { openai: { url: \"http://x.y/v1\" } }\n",
		  "W042" },
		{ "version: 1\nproviders: { openai: {} }\nroutes: { a: { targets: "
		  "[openai/gpt5-mini] } }\n",
		  "W041" },
		{ "version: 1\nproviders: { mock: {} }\nroutes: { a: { targets: [mock/x, "
		  "mock/x] } }\n",
		  "W047" },
		{ "version: 1\nproviders: { mock: {} }\nroutes: { a: { targets: "
		  "[{target: "
		  "mock/x, weight: 2}] } }\n",
		  "W046" },
		{ "version: 1\nproviders: { mock: {}, openai: { key: \"\" } }\nroutes: { "
		  "a: { "
		  "targets: [openai/gpt-5, mock/x] } }\n",
		  "W032" },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct reading r;

		if (read_good(&r, str_from_z(rows[i].text)) &&
		    !has_note(&r, rows[i].code)) {
			check_failed(__FILE__, __LINE__, "%s is wanted for\n%s",
			             rows[i].code, rows[i].text);
			print_notes(&r);
		}
		reading_done(&r);
	}
}

/* Each of them, but what is written as something that may be missing. */
TEST(keys_that_are_empty_are_told_of)
{
	struct reading r;

	read_text(&r, STR("version: 1\nproviders: { openai: { keys: [\"${EMPTY:-}\", "
	                  "\"${EMPTY}\", a, \"${UNSET:-}\", \"\"] } }\n"));
	if (CHECK(r.config != NULL)) {
		CHECK_INT(r.config->providers[0].key_count, 1);
		CHECK_INT(r.config->providers[0].disabled.len, 0);
	}
	if (CHECK_INT(r.notes.count, 2)) {
		CHECK_STR_EQ(r.notes.list[0].text,
		             STR("EMPTY is empty; provider \"openai\" has its other keys "
		                 "only"));
		CHECK_STR_EQ(r.notes.list[1].text,
		             STR("a key is empty; provider \"openai\" has its other keys "
		                 "only"));
	}
	reading_done(&r);
}

TEST(the_nearest_models_are_named)
{
	struct reading r;

	read_text(&r,
	          STR("version: 1\nproviders: { openai: {} }\nroutes: { a: { targets: "
	              "[openai/gpt5-mini] } }\n"));
	if (CHECK(r.notes.count == 1))
		CHECK(str_has(r.notes.list[0].hint,
		              STR("nearest: openai/gpt-5-mini, openai/")));
	reading_done(&r);
}

TEST(a_disabled_provider_stays_and_its_targets_go)
{
	struct reading r;
	const struct config *c =
	        read_good(&r, STR("version: 1\nproviders: { mock: {}, openai: { key: "
	                          "\"\" } }\nroutes: { a: "
	                          "{ targets: [openai/gpt-5, mock/x] } }\n"));

	if (!c)
		return;
	CHECK(config_find_provider(c, STR("openai"))->disabled.len > 0);
	CHECK_INT(c->routes[0].target_count, 1);
	CHECK_STR(c->routes[0].targets[0].provider->name, "mock");
	reading_done(&r);
}

/* ---- providers ---- */

TEST(variables_of_a_url_are_keys_of_the_provider)
{
	struct reading r;
	const struct config *c = read_good(
	        &r, STR("version: 1\nproviders: { cloudflare-workers-ai: { key: k, "
	                "cloudflare_account_id: abc } }\n"));

	if (!c)
		return;
	CHECK_STR(c->providers[0].url,
	          "https://api.cloudflare.com/client/v4/accounts/abc/ai/v1");
	CHECK_STR(c->providers[0].base_path, "/client/v4/accounts/abc/ai/v1");
	reading_done(&r);
}

TEST(who_may_choose_models_is_known_by_name_and_by_host)
{
	struct reading r;
	const struct config *c = read_good(
	        &r, STR("version: 1\nproviders:\n"
	                "  mine: { format: anthropic, key: k, url: "
	                "\"https://openrouter.ai/api/v1\" }\n"
	                "  openrouter: { key: k, url: \"http://10.0.0.5:8000/v1\" }\n"
	                "  openai: { key: k }\n"));

	if (!c)
		return;
	CHECK(config_find_provider(c, STR("mine"))->choice);
	CHECK(config_find_provider(c, STR("openrouter"))->choice);
	CHECK(!config_find_provider(c, STR("openai"))->choice);
	reading_done(&r);
}

TEST(the_file_wins_over_the_catalogue)
{
	struct reading r;
	const struct config *c =
	        read_good(&r, STR("version: 1\nproviders:\n"
	                          "  openai: { url: \"https://proxy.example:8443/x/\", "
	                          "auth: api-key }\n"
	                          "  ollama: {}\n"
	                          "  vllm: { key: k, url: \"http://10.0.0.5:8000/v1\" }\n"
	                          "  mock: { url: \"http://127.0.0.1:7/v1\", key: none, "
	                          "format: openai-chat }\n"
	                          "  sock: { format: openai-chat, url: "
	                          "\"unix:/run/x.sock:/v1\", key: none }\n"
	                          "  inside: { format: openai-chat, url: "
	                          "\"http://llm.lan/v1\", key: none, "
	                          "private: yes }\n"));
	const struct provider *p;

	if (!c)
		return;
	p = &c->providers[0];
	CHECK_STR(p->host, "proxy.example");
	CHECK_STR(p->authority, "proxy.example:8443");
	CHECK_STR(p->base_path, "/x");
	CHECK_INT(p->auth, AUTH_API_KEY);
	CHECK_INT(p->key_count, 1); /* from its variable */
	p = &c->providers[1];
	CHECK_INT(p->auth, AUTH_NONE);
	CHECK_INT(p->port, 11434);
	CHECK(p->allow_private);
	p = &c->providers[2];
	CHECK_INT(p->auth, AUTH_BEARER);
	CHECK_INT(p->key_count, 1);
	p = &c->providers[3];
	CHECK(!p->is_mock);
	CHECK_INT(p->port, 7);
	p = &c->providers[4];
	CHECK_STR(p->host, "unix:/run/x.sock");
	CHECK_STR(p->base_path, "/v1");
	CHECK_STR(p->authority, "localhost");
	p = &c->providers[5];
	CHECK(p->allow_private);
	CHECK_INT(r.notes.warnings, 0);
	reading_done(&r);
}

TEST(the_mock_is_where_the_process_says)
{
	struct config_source source = { .text = STR(
		                                "version: 1\nproviders: { mock: {} }\n"),
		                        .env = test_env,
		                        .mock_host = STR("unix:@test-mock") };
	struct reading r;

	read_with(&r, &source);
	if (CHECK(r.config != NULL)) {
		CHECK(r.config->providers[0].is_mock);
		CHECK_STR(r.config->providers[0].host, "unix:@test-mock");
		CHECK_STR(r.config->providers[0].base_path, "/v1");
		CHECK_INT(r.config->providers[0].auth, AUTH_NONE);
	}
	reading_done(&r);
}

/* ---- what comes from outside the file ---- */

TEST(the_command_line_wins)
{
	struct config_source source = {
		.path = STR("/tmp/sluice.yaml"),
		.text = STR("version: 1\nlisten: 0.0.0.0:1\nauth: open\n"
		            "data: here\naccess_log: a.log\n"
		            "providers: { mock: {} }\n"),
		.env = test_env
	};
	struct reading r;

	read_with(&r, &source);
	CHECK(!r.config && has_note(&r, "E301"));
	reading_done(&r);

	/* Without a file nobody can write a line into it. */
	source.path = STR_NONE;
	read_with(&r, &source);
	CHECK(!r.config && has_hint(&r, STR("with -c, or add --insecure-open")));
	reading_done(&r);

	source.path = STR("/tmp/sluice.yaml");
	source.insecure_open = true;
	read_with(&r, &source);
	if (CHECK(r.config != NULL)) {
		CHECK_STR(r.config->data, "/tmp/here");
		CHECK_STR(r.config->access_log, "/tmp/a.log");
	}
	reading_done(&r);

	source.insecure_open = false;
	source.listen = STR("127.0.0.1:2");
	source.data = STR("/tmp/x");
	read_with(&r, &source);
	if (CHECK(r.config != NULL)) {
		CHECK_INT(net_port(&r.config->listen[0]), 2);
		CHECK_STR(r.config->data, "/tmp/x");
	}
	reading_done(&r);

	source.listen = STR("nonsense");
	read_with(&r, &source);
	CHECK(!r.config && has_note(&r, "E114"));
	reading_done(&r);
}

TEST(a_config_is_counted)
{
	struct reading r;
	struct config *second;

	read_text(&r, STR("version: 1\nproviders: { mock: {} }\n"));
	second = config_ref(r.config);
	config_unref(&r.config);
	CHECK(r.config == NULL);
	CHECK_STR(second->providers[0].name, "mock");
	config_unref(&second);
	config_unref(&second);
	reading_done(&r);
}
