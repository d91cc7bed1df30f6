/* From argv to a command, with a table of our own. */
#include "tests/unit/main/capture.h"

#include "main/help.h"

static struct {
	unsigned calls;
	int argc;
	char first[64], config[64], data[64], listen[64];
	bool json, follows, has_listen;
} seen;

static void keep(char to[64], const char *from)
{
	snprintf(to, 64, "%s", from ? from : "");
}

static int probe(struct command *c)
{
	seen.calls++;
	seen.argc = c->argc;
	keep(seen.first, c->argc ? c->argv[0] : NULL);
	keep(seen.config, c->config);
	keep(seen.data, c->data);
	keep(seen.listen, command_value(c, "listen"));
	seen.has_listen = command_has(c, "listen");
	seen.follows = command_has(c, "follow");
	seen.json = c->json;
	return EXIT_OK;
}

static int count(struct command *c)
{
	uint64_t n;

	if (!command_number(c, "lines", 100, 10, &n))
		return EXIT_USAGE;
	printf("%llu", (unsigned long long)n);
	return EXIT_OK;
}

/* Larger than what stdio holds back, and nothing after it. */
static int pour(struct command *c)
{
	char block[64 * KiB];

	memset(block, 'x', sizeof(block));
	fwrite(block, 1, sizeof(block), stdout);
	return EXIT_OK;
}

static const struct command_option probe_options[] = {
	{ "listen", 'l', "ADDR", "where" },
	{ "follow", 'f', NULL, "on and on" },
	{ 0 },
};
static const struct command_option count_options[] = { { "lines", 'n', "N", "how many" },
	                                               { 0 } };
static const struct command_row rows[] = {
	{ "serve", "", "run", NULL, probe, probe_options, 0, false },
	{ "probe", "[A] [B]", "look", "Help of\nprobe.", probe, probe_options, 2, false },
	{ "count", "", "count", NULL, count, count_options, 0, false },
	{ "pour", "", "pour", NULL, pour, NULL, 0, false },
	{ "hidden", "", "hide", NULL, probe, NULL, 0, true },
	{ 0 },
};

static int run(struct captured *c, const char *words)
{
	memset(&seen, 0, sizeof(seen));
	capture(c, rows, words);
	return c->code;
}

TEST(options_are_taken_out_wherever_they_stand)
{
	struct captured c = { 0 };

	unsetenv("SLUICE_CONFIG");
	CHECK_INT(run(&c, ""), 0);
	CHECK_INT(seen.calls, 1);
	CHECK(!seen.has_listen && !*seen.config);
	CHECK_INT(run(&c, "-c a.yaml --listen=1:2"), 0);
	CHECK(strcmp(seen.config, "a.yaml") == 0 && strcmp(seen.listen, "1:2") == 0);
	CHECK_INT(run(&c, "probe one -l x two --json --data /d -f"), 0);
	CHECK(seen.argc == 2 && strcmp(seen.first, "one") == 0);
	CHECK(strcmp(seen.listen, "x") == 0 && seen.json && seen.follows);
	CHECK(strcmp(seen.data, "/d") == 0);
	CHECK_INT(run(&c, "probe -lx -- --json -"), 0);
	CHECK(seen.argc == 2 && strcmp(seen.first, "--json") == 0 && !seen.json);
	CHECK(strcmp(seen.listen, "x") == 0);
	CHECK_INT(run(&c, "probe --listen --json"),
	          0); /* a value may look like an option */
	CHECK(strcmp(seen.listen, "--json") == 0 && !seen.json);
	setenv("SLUICE_CONFIG", "env.yaml", 1);
	CHECK_INT(run(&c, "probe"), 0);
	CHECK(strcmp(seen.config, "env.yaml") == 0);
	CHECK_INT(run(&c, "probe -c other.yaml"), 0);
	CHECK(strcmp(seen.config, "other.yaml") == 0);
	unsetenv("SLUICE_CONFIG");
	captured_done(&c);
}

TEST(what_is_not_known_is_refused_with_the_nearest)
{
	static const struct {
		const char *words, *says;
	} lines[] = {
		{ "prob", "did you mean \"probe\"?" },
		{ "nonsense", "see: sluice --help" },
		{ "hiden", "see: sluice --help" },
		{ "probe --lisen x", "did you mean --listen?" },
		{ "probe --jsn", "did you mean --json?" },
		{ "probe --nonsense", "unknown option --nonsense\n" },
		{ "probe -x", "unknown option -x\n" },
		{ "probe --listen", "needs a value" },
		{ "probe -l", "needs a value" },
		{ "probe --listen=", "its value is empty" },
		{ "probe --config= --follow", "its value is empty" },
		{ "probe --data=", "its value is empty" },
		{ "probe --follow=yes", "takes no value" },
		{ "probe -fx", "takes no value" },
		{ "probe a b c", "\"c\" is one word too many" },
		{ "-c a.yaml probe", "stand behind the command: sluice probe [OPTIONS]" },
		{ "-c a.yaml serve", "stand behind the command: sluice serve [OPTIONS]" },
		{ "-c a.yaml nonsense", "\"nonsense\" is one word too many" },
		{ "serve a.yaml", "behind -c: sluice serve -c a.yaml" },
		{ "a.yaml", "behind -c: sluice serve -c a.yaml" },
		{ "count a.yml", "behind -c: sluice count -c a.yml" },
		{ "--lisen x", "did you mean --listen?" },
		{ "count --lines 101", "not a number from 1 to 100" },
		{ "count --lines 0", "not a number from 1 to 100" },
		{ "count -n x", "not a number" },
		{ "count -n -1", "not a number" },
	};
	struct captured c = { 0 };

	for (size_t i = 0; i < countof(lines); i++) {
		CHECK_INT(run(&c, lines[i].words), EXIT_USAGE);
		CHECK_INT(seen.calls, 0);
		CHECK_INT(c.out.len, 0);
		if (!str_has(buf_str(&c.err), str_from_z(lines[i].says)))
			check_failed(__FILE__, __LINE__, "%s: %.*s", lines[i].words,
			             (int)c.err.len, c.err.ptr);
	}
	CHECK_INT(run(&c, "count -n 7"), 0);
	CHECK_STR(buf_str(&c.out), "7");
	CHECK_INT(run(&c, "count"), 0);
	CHECK_STR(buf_str(&c.out), "10");
	captured_done(&c);
}

TEST(help_comes_from_the_table)
{
	struct captured c = { 0 };

	CHECK_INT(run(&c, "--help"), 0);
	CHECK(str_has(buf_str(&c.out), STR("  probe      look\n")));
	CHECK(!str_has(buf_str(&c.out), STR("hidden")));
	CHECK_INT(run(&c, "probe a b c --help"), 0);
	CHECK(seen.calls == 0);
	CHECK(str_has(buf_str(&c.out),
	              STR("usage: sluice probe [A] [B] [OPTIONS]\n\nlook\n\n"
	                  "Help of\nprobe.\n")));
	CHECK(str_has(buf_str(&c.out), STR("  -l, --listen ADDR        where\n")));
	CHECK(str_has(buf_str(&c.out), STR("      --json               print JSON\n")));
	CHECK_INT(run(&c, "--version"), 0);
	CHECK_STR(buf_str(&c.out), "sluice " SLUICE_VERSION "\n");
	captured_done(&c);
}

TEST(every_command_is_documented)
{
	struct captured c = { 0 };

	capture(&c, command_rows, "cli-docs");
	CHECK_INT(c.code, 0);
	for (const struct command_row *row = command_rows; row->name; row++) {
		struct buf title = BUF_LIMIT(KiB);

		CHECK(row->summary && row->run && row->usage);
		buf_addf(&title, "\n## sluice %s", row->name);
		CHECK(str_has(buf_str(&c.out), buf_str(&title)) == !row->is_hidden);
		buf_free(&title);
	}
	captured_done(&c);
}

TEST(output_that_is_lost_is_a_failure)
{
	static const char *const words[] = { "pour", "count", "--version", "--help",
		                             "probe --help" };
	struct captured c = { 0 };

	for (size_t i = 0; i < countof(words); i++) {
		capture_to(&c, rows, words[i], "/dev/full");
		CHECK_INT(c.code, EXIT_FAILED);
		CHECK(str_has(buf_str(&c.err), STR("the output could not be written")));
		CHECK_INT(run(&c, words[i]), 0); /* and not for ever */
	}
	captured_done(&c);
}
