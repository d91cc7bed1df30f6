/* The commands themselves, as far as they need no running gateway (but its clerk). */
#include "tests/unit/main/capture.h"

#include "admin/clerk.h"
#include "codec/json.h"
#include "config/datadir.h"
#include "admin/text.h"

#include <sys/stat.h>
#include <sys/wait.h>

static void run(struct captured *c, const char *fmt, ...) printf_like(2, 3);
static void run(struct captured *c, const char *fmt, ...)
{
	char words[1500];
	va_list args;

	va_start(args, fmt);
	vsnprintf(words, sizeof(words), fmt, args);
	va_end(args);
	unsetenv("SLUICE_CONFIG");
	capture(c, command_rows, words);
}

static struct json_value json_of(const struct captured *c)
{
	struct json_limits large = { 32, 4 * MiB, KiB, 64 };
	struct json_value v = { 0 };

	CHECK_OK(json_check(buf_str(&c->out), &large, &v));
	return v;
}

static unsigned count_of(struct json_value v)
{
	struct json_member m;
	unsigned count = 0;

	for (struct json_iter it = json_iter(v); json_next(&it, &m);)
		count++;
	return count;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (CHECK(f != NULL)) {
		fputs(text, f);
		fclose(f);
	}
}

TEST(check_tells_and_exits_with_3)
{
	struct captured c = { 0 };
	char path[600];

	snprintf(path, sizeof(path), "%s/check.yaml", test_dir());
	write_file(path, "version: 1\nproviders: { mock: {} }\n");
	run(&c, "check %s", path);
	CHECK_INT(c.code, 0);
	CHECK(str_has(buf_str(&c.out), STR("is right: 1 providers, 0 routes")));
	CHECK_INT(c.err.len, 0);
	run(&c, "check --json -c %s", path);
	CHECK_STR(json_get(json_of(&c), STR("errors")).raw, "0");

	write_file(path, "version: 1\nlisen: x\n");
	run(&c, "check %s", path);
	CHECK_INT(c.code, EXIT_CONFIG);
	CHECK(str_has(buf_str(&c.err), STR("check.yaml:2:1: error[E104]")));
	run(&c, "check %s --json", path);
	CHECK_INT(c.code, EXIT_CONFIG);
	CHECK_STR(json_get(json_of(&c), STR("errors")).raw, "1");

	write_file(path, "version: 1\n");
	run(&c, "check %s", path);
	CHECK_INT(c.code, 0);
	run(&c, "check %s --strict", path);
	CHECK_INT(c.code, EXIT_CONFIG);
	run(&c, "check /nowhere.yaml");
	CHECK_INT(c.code, EXIT_CONFIG);
	run(&c, "-c /nowhere.yaml");
	CHECK_INT(c.code, EXIT_CONFIG);
	captured_done(&c);
}

TEST(config_prints_what_the_table_says)
{
	struct captured c = { 0 };

	run(&c, "config schema");
	CHECK_INT(c.code, 0);
	CHECK(json_get(json_of(&c), STR("properties")).type == JSON_OBJECT);
	run(&c, "config docs");
	CHECK(str_starts(buf_str(&c.out), STR("# Configuration\n")));
	run(&c, "config errors");
	CHECK_INT(c.code, 0);
	CHECK(str_starts(buf_str(&c.out), STR("# Errors\n")));
	for (unsigned id = 1; id < FAULT_IDS; id++) {
		struct buf cell = BUF_LIMIT(KiB);

		buf_addf(&cell, "\n| `%.*s` | ", STR_ARG(fault_by_id(id)->name));
		CHECK(str_has(buf_str(&c.out), buf_str(&cell)));
		buf_free(&cell);
	}
	run(&c, "config");
	CHECK_INT(c.code, EXIT_USAGE);
	captured_done(&c);
}

/* From the root of the project, as `make unit` runs it; elsewhere there is nothing to
 * compare. */
static void compare_file(const struct captured *c, const char *path, const char *how)
{
	FILE *file = fopen(path, "r");
	struct buf text = { 0 };

	if (!file)
		return;
	capture_file(file, &text);
	if (!str_eq(buf_str(&text), buf_str(&c->out)))
		check_failed(__FILE__, __LINE__, "%s is old: %s > %s", path, how, path);
	buf_free(&text);
}

/* A file that goes on behind what the program says. */
static void compare_beginning(const struct captured *c, const char *path, const char *how)
{
	FILE *file = fopen(path, "r");
	struct buf text = { 0 };

	if (!file)
		return;
	capture_file(file, &text);
	if (!str_starts(buf_str(&text), buf_str(&c->out)))
		check_failed(__FILE__, __LINE__, "%s is old: %s", path, how);
	buf_free(&text);
}

TEST(the_documentation_in_docs_is_what_the_program_says)
{
	struct captured c = { 0 };

	run(&c, "config docs");
	compare_file(&c, "docs/config.md", "sluice config docs");
	run(&c, "config formats");
	compare_beginning(&c, "docs/formats.md", "make docs");
	run(&c, "cli-docs");
	compare_file(&c, "docs/cli.md", "sluice cli-docs");
	run(&c, "config errors");
	compare_file(&c, "docs/errors.md", "sluice config errors");
	run(&c, "admin docs");
	compare_file(&c, "docs/admin-api.md", "sluice admin docs");
	run(&c, "config telemetry");
	compare_file(&c, "docs/telemetry.md", "sluice config telemetry");
	captured_done(&c);
}

/* ---- keys ---- */

struct made {
	char id[32], key[128];
};

static struct made create(struct captured *c, const char *dir, const char *name)
{
	struct made m = { 0 };
	struct json_value v;
	char room[128];

	run(c, "keys create --name %s --json --data %s", name, dir);
	CHECK_INT(c->code, 0);
	v = json_of(c);
	CHECK_STR_EQ(json_text(json_get(v, STR("name")), room), str_from_z(name));
	snprintf(m.id, sizeof(m.id), "%.*s",
	         STR_ARG(json_text(json_get(v, STR("id")), room)));
	snprintf(m.key, sizeof(m.key), "%.*s",
	         STR_ARG(json_text(json_get(v, STR("key")), room)));
	CHECK(strlen(m.key) == KEY_TEXT && strlen(m.id) == 12);
	return m;
}

static void check_keys(struct captured *c, const char *dir, unsigned count,
                       unsigned revoked)
{
	struct json_member m;
	struct json_value v;

	run(c, "keys list --json --data %s", dir);
	v = json_of(c);
	CHECK_INT(count_of(v), count);
	for (struct json_iter it = json_iter(v); json_next(&it, &m);)
		revoked -= json_get(m.value, STR("revoked")).type == JSON_STRING;
	CHECK_INT(revoked, 0);
}

TEST(keys_are_managed_without_a_gateway)
{
	struct captured c = { 0 };
	struct made one, two;
	char dir[600];

	snprintf(dir, sizeof(dir), "%s/offline", test_dir());
	check_keys(&c, dir, 0, 0);
	one = create(&c, dir, "one");
	two = create(&c, dir, "two");
	check_keys(&c, dir, 2, 0);
	run(&c, "keys --data %s", dir);
	CHECK(str_has(buf_str(&c.out), str_from_z(one.id)));
	CHECK(!str_has(buf_str(&c.out), STR("sk-sl-")));
	run(&c, "keys revoke %s --data %s", one.id, dir);
	CHECK_INT(c.code, 0);
	run(&c, "keys revoke %s --data %s", two.key, dir); /* the whole text will do */
	CHECK_INT(c.code, 0);
	check_keys(&c, dir, 2, 2);
	run(&c, "keys revoke ffffffffffff --data %s", dir);
	CHECK_INT(c.code, EXIT_FAILED);
	run(&c, "keys revoke --data %s", dir);
	CHECK_INT(c.code, EXIT_USAGE);
	run(&c, "keys create --data %s", dir);
	CHECK_INT(c.code, EXIT_USAGE);
	run(&c, "keys create --name x --data /proc/nowhere");
	CHECK_INT(c.code, EXIT_FAILED);
	run(&c, "keys rotate --data %s", dir);
	CHECK_INT(c.code, EXIT_USAGE);
	captured_done(&c);
}

static void no_status(void *arg, struct json_writer *to)
{
}

static bool count_change(void *arg, const struct tenant_row *row,
                         const struct key_secret *secret)
{
	++*(unsigned *)arg;
	return true;
}

static bool no_reload(void *arg, struct buf *said)
{
	return false;
}

/* A new pepper would be made in silence, and every key be wrong from then on. */
TEST(a_lost_pepper_is_not_replaced_while_keys_need_it)
{
	struct captured c = { 0 };
	char dir[600], path[620], kept[620];
	struct made one, two;

	snprintf(dir, sizeof(dir), "%s/lost", test_dir());
	snprintf(path, sizeof(path), "%s/pepper", dir);
	snprintf(kept, sizeof(kept), "%s/kept", dir);
	one = create(&c, dir, "one");
	CHECK(rename(path, kept) == 0);
	run(&c, "keys create --name two --data %s", dir);
	CHECK_INT(c.code, EXIT_FAILED);
	CHECK(str_has(buf_str(&c.err), str_from_z(path)));
	CHECK(str_has(buf_str(&c.err), STR("the 1 active key in the ledger")));
	CHECK(str_has(buf_str(&c.err), STR("Restore that file from a backup")));
	CHECK(access(path, F_OK) != 0);

	CHECK(rename(kept, path) == 0); /* a backup */
	two = create(&c, dir, "two");
	unlink(path); /* no backup: what it says can be done */
	run(&c, "keys revoke %s --data %s", one.id, dir);
	CHECK_INT(c.code, 0);
	run(&c, "keys create --name three --data %s", dir);
	CHECK_INT(c.code, EXIT_FAILED);
	run(&c, "keys revoke %s --data %s", two.id, dir);
	CHECK_INT(c.code, 0);
	create(&c, dir, "three");
	CHECK(access(path, F_OK) == 0);
	check_keys(&c, dir, 3, 2);
	captured_done(&c);
}

TEST(a_running_gateway_is_asked_for_keys)
{
	static const struct admin_ops ops = { .status = no_status,
		                              .tenant_changed = count_change,
		                              .reload = no_reload };
	struct recorder_options recorder = { .workers = 1, .strict = true };
	struct buf why = BUF_LIMIT(4 * KiB);
	struct captured c = { 0 };
	uint8_t pepper[PEPPER];
	unsigned changes = 0;
	struct recorder *r;
	struct clerk *k;
	struct made one;
	char dir[600];
	int lock;

	snprintf(dir, sizeof(dir), "%s/online", test_dir());
	recorder.dir = dir;
	if (!CHECK(datadir_make(str_from_z(dir), &why) &&
	           datadir_lock(str_from_z(dir), &lock, &why) &&
	           pepper_load(str_from_z(dir), pepper, &why)))
		return;
	r = recorder_new(&recorder, &why);
	k = clerk_new(&(struct clerk_options){ .dir = str_from_z(dir),
	                                       .recorder = r,
	                                       .pepper = pepper,
	                                       .ops = &ops,
	                                       .arg = &changes },
	              &why);
	if (CHECK(r && k)) {
		one = create(&c, dir, "one");
		run(&c, "keys revoke %s --data %s", one.id, dir);
		CHECK_INT(c.code, 0);
		run(&c, "keys revoke ffffffffffff --data %s", dir);
		CHECK_INT(c.code, EXIT_FAILED);
		CHECK(str_has(buf_str(&c.err), STR("there is no key")));
		check_keys(&c, dir, 1, 1);
		run(&c, "tail --data %s", dir); /* flushes */
		CHECK_INT(c.code, 0);
	}
	clerk_free(&k);
	recorder_free(&r);
	CHECK_INT(changes, 2);
	close(lock);
	buf_free(&why);
	captured_done(&c);
}

/* ---- the catalogue ---- */

TEST(models_are_found_by_pattern)
{
	struct captured c = { 0 };
	unsigned all, some;

	run(&c, "models --json");
	all = count_of(json_of(&c));
	CHECK(all > 1000);
	run(&c, "models --json --provider openai");
	some = count_of(json_of(&c));
	CHECK(some > 5 && some < all);
	run(&c, "models --json openai/gpt-5-mini --provider openai");
	CHECK_INT(count_of(json_of(&c)), 1);
	run(&c, "models --json openai/GPT-5*mini --provider openai");
	CHECK(count_of(json_of(&c)) >= 1);
	run(&c, "models openai/gpt-5-mini --provider openai --price");
	CHECK(str_starts(buf_str(&c.out), STR("openai/gpt-5-mini ")));
	CHECK(str_has(buf_str(&c.out), STR(" 2.00  built in\n")));
	run(&c, "models nothing-like-this");
	CHECK_INT(c.code, EXIT_FAILED);
	captured_done(&c);
}

TEST(providers_are_listed)
{
	struct captured c = { 0 };
	char path[600];

	snprintf(path, sizeof(path), "%s/providers.yaml", test_dir());
	write_file(
	        path,
	        "version: 1\ndata: /d\nproviders: { mock: {}, openai: { key: '' } }\n");
	run(&c, "providers --json -c %s", path);
	CHECK_INT(c.code, 0);
	CHECK_INT(count_of(json_get(json_of(&c), STR("configured"))), 2);
	CHECK(count_of(json_get(json_of(&c), STR("known"))) > 100);
	run(&c, "providers -c %s", path);
	CHECK(str_has(buf_str(&c.out), STR("disabled")));
	captured_done(&c);
}

/* ---- what was recorded ---- */

static void put_rows(const char *dir)
{
	struct buf why = BUF_LIMIT(4 * KiB);
	struct attempt_row rows[3] = {
		{ .id = 0x100,
		  .exchange = 0x100,
		  .number = 1,
		  .began_wall = USEC_HOUR,
		  .operation = STR("chat"),
		  .asked = STR("fast"),
		  .route = STR("fast"),
		  .provider = STR("openai"),
		  .model = STR("gpt-5-mini"),
		  .stream = true,
		  .state = ROW_DONE,
		  .status = 503,
		  .fault = STR("UPSTREAM_BUSY"),
		  .detail = STR("evil \x1b[2J text"),
		  .total = 100 * USEC_MS },
		{ .id = 0x101,
		  .exchange = 0x100,
		  .number = 2,
		  .key = 0xabc,
		  .began_wall = USEC_HOUR + 100 * USEC_MS,
		  .operation = STR("chat"),
		  .asked = STR("fast"),
		  .route = STR("fast"),
		  .provider = STR("mistral"),
		  .model = STR("small"),
		  .stream = true,
		  .state = ROW_DONE,
		  .status = 200,
		  .finish = STR("stop"),
		  .connect = 5 * USEC_MS,
		  .first_byte = 50 * USEC_MS,
		  .first_token = 60 * USEC_MS,
		  .total = 100 * USEC_MS,
		  .usage_kind = USAGE_REPORTED,
		  .usage = { .input = 12, .output = 34 },
		  .cost = 123456,
		  .closes = true,
		  .client_status = 200,
		  .exchange_total = 200 * USEC_MS,
		  .overhead = 45,
		  .attempts = 2,
		  .client = STR("127.0.0.1"),
		  .agent = STR("test/1") },
		{ .id = 0x200,
		  .exchange = 0x200,
		  .began_wall = 2 * USEC_HOUR,
		  .operation = STR("chat"),
		  .asked = STR("nonsense"),
		  .state = ROW_DONE,
		  .fault = STR("NO_SUCH_MODEL"),
		  .cost = COST_UNKNOWN,
		  .closes = true,
		  .client_status = 404,
		  .client = STR("127.0.0.1") },
	};
	char path[700];
	struct ledger *l;

	CHECK(datadir_make(str_from_z(dir), &why));
	snprintf(path, sizeof(path), "%s/ledger.db", dir);
	l = ledger_open(path, &why);
	if (!CHECK(l != NULL))
		return;
	CHECK(ledger_begin(l));
	for (size_t i = 0; i < countof(rows); i++)
		CHECK(ledger_put(l, &rows[i], NULL));
	CHECK(ledger_commit(l));
	ledger_close(&l);
	buf_free(&why);
}

TEST(tail_and_show_read_the_ledger)
{
	struct captured c = { 0 };
	struct json_value v;
	char dir[600];

	snprintf(dir, sizeof(dir), "%s/recorded", test_dir());
	run(&c, "tail --data %s", dir);
	CHECK_INT(c.code, 0);
	CHECK_INT(c.out.len, 0);
	put_rows(dir);

	run(&c, "tail --data %s", dir);
	CHECK_INT(c.code, 0);
	CHECK(str_find_str(buf_str(&c.out),
	                   STR("fast -> mistral/small  12/34 tok  $0.000123456")) <
	      str_find_str(buf_str(&c.out), STR("NO_SUCH_MODEL")));
	run(&c, "tail -n 1 --json --data %s", dir);
	v = json_of(&c);
	CHECK_STR(json_get(v, STR("id")).raw, "\"0000000000000200\"");
	CHECK(json_get(v, STR("cost_nano")).type == JSON_NULL);
	run(&c, "tail -n 0 --data %s", dir);
	CHECK_INT(c.out.len, 0);

	run(&c, "show 0000000000000100 --data %s", dir);
	CHECK_INT(c.code, 0);
	CHECK(str_has(buf_str(&c.out), STR("#1 openai/gpt-5-mini  503  UPSTREAM_BUSY")));
	CHECK(str_has(buf_str(&c.out),
	              STR("|....................                    |")));
	CHECK(str_has(buf_str(&c.out),
	              STR("|                    ............========|")));
	CHECK(str_has(buf_str(&c.out), STR("evil ?[2J text")));
	CHECK(str_has(buf_str(&c.out), STR("12 in (0 cached) · 34 out (0 reasoning)")));
	CHECK(str_has(buf_str(&c.out), STR("answered 200 to 127.0.0.1 · total 200 ms")));
	run(&c, "show 256 --json --data %s", dir); /* decimal */
	CHECK_INT(count_of(json_of(&c)), 2);
	run(&c, "show 200 --data %s", dir);
	CHECK_INT(c.code, EXIT_FAILED);
	run(&c, "show 0000000000000200 --data %s", dir);
	CHECK(str_has(buf_str(&c.out), STR("refused: NO_SUCH_MODEL")));
	run(&c, "show xyz --data %s", dir);
	CHECK_INT(c.code, EXIT_USAGE);
	captured_done(&c);
}

TEST(try_says_when_no_gateway_runs)
{
	struct captured c = { 0 };

	run(&c, "try hello --data %s", test_dir());
	CHECK_INT(c.code, EXIT_FAILED);
	CHECK(str_has(buf_str(&c.err), STR("start one: sluice serve")));
	run(&c, "try");
	CHECK_INT(c.code, EXIT_USAGE);
	run(&c, "try hello -c /nowhere.yaml");
	CHECK_INT(c.code, EXIT_CONFIG);
	captured_done(&c);
}

TEST(figures_are_exact)
{
	static const struct {
		int64_t nano;
		const char *text;
	} money[] = {
		{ 0, "$0.000000" },
		{ 1, "$0.000000001" },
		{ 123456, "$0.000123456" },
		{ 1230000, "$0.001230" },
		{ 41800000000, "$41.800000" },
		{ COST_UNKNOWN, "?" },
	};
	static const struct {
		int64_t us;
		const char *text;
	} spans[] = {
		{ 0, "-" },
		{ 850, "850 us" },
		{ 1500, "1.5 ms" },
		{ 12000, "12 ms" },
		{ 2100000, "2.10 s" },
		{ 59999999, "59.99 s" },
		{ 185000000, "3m 05s" },
	};
	struct buf b = BUF_LIMIT(KiB);

	for (size_t i = 0; i < countof(money); i++) {
		buf_clear(&b);
		text_money(&b, money[i].nano);
		CHECK_STR_EQ(buf_str(&b), str_from_z(money[i].text));
	}
	for (size_t i = 0; i < countof(spans); i++) {
		buf_clear(&b);
		text_span(&b, spans[i].us);
		CHECK_STR_EQ(buf_str(&b), str_from_z(spans[i].text));
	}
	buf_clear(&b);
	text_price(&b, 250000); /* 0.25 USD per million */
	text_price(&b, PRICE_UNKNOWN);
	CHECK_STR(buf_str(&b), "0.25-");
	buf_free(&b);
}

/* What is wrong elsewhere in the file does not let them lie in another place. */
TEST(a_key_is_sealed_with_the_master_key_of_the_configuration)
{
	static const char *const rests[] = {
		"providers: { openai: { key: \"${SLUICE_TEST_NOT_SET}\" } }\n",
		"timezone: \"${SLUICE_TEST_NOT_SET}\"\nproviders: { mock: {} }\n",
	};
	const char *dir = test_dir();
	struct captured c = { 0 };
	char path[600], text[2048];

	snprintf(path, sizeof(path), "%s/key", dir);
	write_file(path, "sk-of-openai\n");
	for (size_t i = 0; i < countof(rests); i++) {
		snprintf(path, sizeof(path), "%s/masters", dir);
		write_file(path, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n");
		CHECK(chmod(path, 0600) == 0);
		snprintf(path, sizeof(path), "%s/key_file.yaml", dir);
		snprintf(text, sizeof(text),
		         "version: 1\ndata: %s/data%zu\n"
		         "secrets: { key_file: masters }\n%s",
		         dir, i, rests[i]);
		write_file(path, text);
		run(&c, "providers add openai @%s/key -c %s", dir, path);
		CHECK_INT(c.code, EXIT_OK);
		snprintf(text, sizeof(text), "%s/data%zu/master.key", dir, i);
		CHECK(access(text, F_OK) != 0);
		run(&c, "secrets -c %s", path);
		CHECK(str_has(buf_str(&c.out), STR("/masters\n")));
	}
	captured_done(&c);
}

/* In a child of its own, which becomes nobody where we are root. */
static void look_as_another(const char *dir)
{
	static const char *const words[] = {
		"keys list",
		"secrets",
		"providers keys",
		"cost",
		"audit list",
		"audit export",
		"tokens list",
		"report",
		"export",
		"tail",
		"try hello",
		"explain m",
		"show 0000000000000001",
	};
	struct captured c = { 0 };

	if (geteuid() == 0 ? setgid(65534) || setuid(65534) : chmod(dir, 0))
		_exit(99);
	for (size_t i = 0; i < countof(words); i++) {
		run(&c, "%s --data %s", words[i], dir);
		if (c.code != EXIT_FAILED || c.out.len ||
		    !str_has(buf_str(&c.err), STR("you may not look into ")) ||
		    (geteuid() == 65534 &&
		     !str_has(buf_str(&c.err), STR("sudo -u root")))) {
			fprintf(stderr, "%s: %d: %.*s\n", words[i], c.code,
			        (int)c.err.len, c.err.ptr);
			_exit((int)i + 1);
		}
	}
	_exit(0);
}

TEST(what_another_user_has_is_not_nothing)
{
	const char *dir = test_dir();
	struct captured c = { 0 };
	int status = -1;
	pid_t child;

	run(&c, "keys create k --data %s", dir);
	CHECK_INT(c.code, 0);
	child = fork();
	if (child == 0)
		look_as_another(dir);
	CHECK(waitpid(child, &status, 0) == child);
	CHECK_INT(status, 0);
	CHECK(chmod(dir, 0700) == 0);
	captured_done(&c);
}

TEST(what_a_verb_does_not_heed_is_refused)
{
	static const struct {
		const char *words, *says;
	} rows[] = {
		{ "secrets --forget-old", "secrets status does not take --forget-old" },
		{ "keys create a --name b", "are two names" },
		{ "keys create --name --team research", "no name behind it" },
		{ "keys create k --rpm 60/hour", "nor `none` for no limit" },
		{ "keys create k --concurrent 0", "nor `none` for no limit" },
		{ "users create u --of k --tpm 1.5", "nor `none` for no limit" },
		{ "keys create k --models a,,b", "`all` is for all" },
		{ "teams create k --regions ,", "`all` is for all" },
		{ "audit list --since 30d", "audit list does not take --since" },
		{ "audit export -n 1", "audit export does not take --lines" },
		{ "audit verify --until 1d", "audit verify does not take --until" },
		{ "audit list -n 0", "not a number from 1 to" },
		{ "tokens list foo", "\"foo\" is one word too many" },
		{ "tokens list --scope read", "tokens list does not take --scope" },
		{ "trial list foo", "\"foo\" is one word too many" },
		{ "trial stop t --since 1d", "trial stop does not take --since" },
		{ "providers --replace", "providers does not take --replace" },
		{ "providers list x y", "\"x\" is one word too many" },
		{ "providers keys openai", "\"openai\" is one word too many" },
		{ "providers kyes", "is not list, add, remove or keys" },
		{ "providers add p --stdin --from-env HOME", "exclude each other" },
		{ "providers add p @f --stdin", "exclude each other" },
		{ "cost --verify --by day", "no other option" },
		{ "report --json -f md", "exclude each other" },
		{ "export --json -f csv", "exclude each other" },
		{ "models --dry-run", "models does not take --dry-run" },
		{ "translate --from anthropic --to gemini --answer --stream --json",
		  "a stream is not JSON" },
	};
	const char *dir = test_dir();
	struct captured c = { 0 };

	for (size_t i = 0; i < countof(rows); i++) {
		run(&c, "%s --data %s", rows[i].words, dir);
		if (c.code != EXIT_USAGE || c.out.len ||
		    !str_has(buf_str(&c.err), str_from_z(rows[i].says)))
			check_failed(__FILE__, __LINE__, "%s: %d %.*s", rows[i].words,
			             c.code, (int)c.err.len, c.err.ptr);
	}
	run(&c, "drill --fault list --json");
	CHECK_INT(c.code, EXIT_OK);
	CHECK(count_of(json_of(&c)) > 10);
	run(&c, "providers add p @%s/nofile --data %s", dir, dir);
	CHECK_INT(c.code, EXIT_FAILED);
	CHECK(str_has(buf_str(&c.err), STR("there is no file ")));
	captured_done(&c);
}
