/* command.c - the way from argv to one row of a table of commands.
 *
 * `sluice` alone, or with options only, is `sluice serve`.  Options may stand before and
 * after operands; `--` ends them.  What is not known is refused with the nearest thing
 * that is.  So is an empty value: "$TEAM", which nobody has set, would mean no team, no
 * limit, or the usual place. */
#include "main/command.h"

#include "main/help.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Every command has these. */
const struct command_option command_common[] = {
	{ "config", 'c', "FILE", "the configuration ($SLUICE_CONFIG)" },
	{ "data", 0, "DIR", "the data directory, whatever the configuration says" },
	{ "json", 0, NULL, "print JSON" },
	{ "help", 'h', NULL, "explain the command" },
	{ 0 },
};

/* ---- messages ---- */

int command_failed(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "sluice: ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	return EXIT_FAILED;
}

int command_misused(const struct command *c, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "sluice: ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n        see: sluice %s --help\n", c->row->name);
	return EXIT_USAGE;
}

const struct command_row *command_find(const struct command_row *rows, str name,
                                       str *near)
{
	unsigned best = 3;

	*near = STR_NONE;
	for (const struct command_row *row = rows; row->name; row++) {
		unsigned distance = str_distance(name, str_from_z(row->name), 2);

		if (str_eq(name, str_from_z(row->name)))
			return row;
		if (distance >= best || row->is_hidden)
			continue;
		best = distance;
		*near = str_from_z(row->name);
	}
	return NULL;
}

/* A configuration has no place among the operands of most commands. */
static bool is_configuration(const char *word)
{
	str s = str_from_z(word);

	return str_ends(s, STR(".yaml")) || str_ends(s, STR(".yml"));
}

int command_unknown(const char *name, str near)
{
	if (is_configuration(name))
		fprintf(stderr,
		        "sluice: unknown command \"%s\"; a configuration stands behind "
		        "-c: sluice serve -c %s\n",
		        name, name);
	else if (near.len > 0)
		fprintf(stderr,
		        "sluice: unknown command \"%s\"; did you mean \"%.*s\"?\n", name,
		        STR_ARG(near));
	else
		fprintf(stderr, "sluice: unknown command \"%s\"; see: sluice --help\n",
		        name);
	return EXIT_USAGE;
}

/* ---- options ---- */

struct parser {
	struct command *c;
	int argc, at;
	char **argv;
	bool wants_help;
};

static const struct command_option *find_option(const struct command_option *list,
                                                str name, char letter)
{
	for (; list && list->name; list++)
		if (letter ? list->letter == letter
		           : str_eq(str_from_z(list->name), name))
			return list;
	return NULL;
}

static void near_option(const struct command_option *list, str name, unsigned *best,
                        str *near)
{
	for (; list && list->name; list++) {
		unsigned distance = str_distance(name, str_from_z(list->name), 2);

		if (distance >= *best)
			continue;
		*best = distance;
		*near = str_from_z(list->name);
	}
}

static int unknown_option(const struct command *c, const char *written, str name)
{
	unsigned best = 3;
	str near = STR_NONE;

	if (name.len > 1) {
		near_option(c->row->options, name, &best, &near);
		near_option(command_common, name, &best, &near);
	}
	if (near.len > 0)
		return command_misused(c, "%s: unknown option %s; did you mean --%.*s?",
		                       c->row->name, written, STR_ARG(near));
	return command_misused(c, "%s: unknown option %s", c->row->name, written);
}

static int give(struct command *c, unsigned option, const char *text)
{
	if (c->given_count == GIVEN_MOST)
		return command_misused(c, "%s: these are too many options", c->row->name);
	c->values[option] = text;
	c->given[c->given_count].option = option;
	c->given[c->given_count++].text = text;
	return EXIT_OK;
}

static int set_common(struct parser *p, const struct command_option *option,
                      const char *value)
{
	if (option == &command_common[0])
		p->c->config = value;
	else if (option == &command_common[1])
		p->c->data = value;
	else if (option == &command_common[2])
		p->c->json = true;
	else
		p->wants_help = true;
	return EXIT_OK;
}

/* argv[at] begins with '-'. */
static int parse_option(struct parser *p)
{
	const char *written = p->argv[p->at];
	bool is_long = written[1] == '-';
	str value = str_from_z(written + (is_long ? 2 : 1));
	str name = is_long ? str_cut(&value, '=') : str_take(&value, 1);
	char letter = (char)(is_long ? 0 : name.ptr[0]);
	bool has_value = is_long ? name.ptr[name.len] == '=' : value.len > 0;
	const struct command_option *option =
	        find_option(p->c->row->options, name, letter);
	const struct command_option *common = find_option(command_common, name, letter);
	const char *text = "";

	if (!option && !common)
		return unknown_option(p->c, written, name);
	if (!(option ? option : common)->value) {
		if (has_value)
			return command_misused(p->c, "option %s takes no value", written);
	} else if (has_value) {
		text = value.ptr;
	} else if (p->at + 1 < p->argc) {
		text = p->argv[++p->at];
	} else {
		return command_misused(p->c, "option %s needs a value", written);
	}
	if ((option ? option : common)->value && !*text)
		return command_misused(p->c, "option %s: its value is empty", written);
	return option ? give(p->c, (unsigned)(option - p->c->row->options), text)
	              : set_common(p, common, text);
}

/* The first word too many. */
static int misplaced(struct command *c, const char *word)
{
	str near;

	if (c->row == c->rows && command_find(c->rows, str_from_z(word), &near))
		return command_misused(c,
		                       "options stand behind the command: "
		                       "sluice %s [OPTIONS]",
		                       word);
	if (is_configuration(word))
		return command_misused(
		        c, "%s: a configuration stands behind -c: sluice %s -c %s",
		        c->row->name, c->row->name, word);
	return command_misused(c, "%s: \"%s\" is one word too many", c->row->name, word);
}

/* Options out, operands together at the front of argv. */
static int parse(struct parser *p)
{
	bool is_over = false;
	int count = 0, failed;

	for (; p->at < p->argc; p->at++) {
		char *word = p->argv[p->at];

		if (is_over || word[0] != '-' || word[1] == 0) {
			p->argv[count++] = word;
		} else if (strcmp(word, "--") == 0) {
			is_over = true;
		} else {
			failed = parse_option(p);
			if (failed)
				return failed;
		}
	}
	p->c->argc = count;
	p->c->argv = p->argv;
	if (count > p->c->row->most && !p->wants_help)
		return misplaced(p->c, p->argv[p->c->row->most]);
	return EXIT_OK;
}

/* What a command has printed is written, or it has failed: a part that was lost before
 * the last flush is not told by that one. */
static int end(int result)
{
	bool is_lost = ferror(stdout) != 0;

	is_lost |= fflush(stdout) != 0;
	if (is_lost && result == EXIT_OK)
		result = command_failed("the output could not be written");
	clearerr(stdout);
	return result;
}

int command_run(const struct command_row *rows, int argc, char **argv)
{
	struct command c = { .rows = rows };
	struct parser p = { .c = &c, .argc = argc - 1, .argv = argv + 1 };
	const char *config = getenv("SLUICE_CONFIG");
	char path[PATH_MAX]; /* a copy: the gateway wipes its environment */
	str near;
	int failed;

	if (config && *config) {
		snprintf(path, sizeof(path), "%s", config);
		c.config = path;
	}
	c.row = rows; /* the default */
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return end(help_program(stdout, rows));
	if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0))
		return end(command_version(&c));
	if (argc > 1 && argv[1][0] != '-') {
		c.row = command_find(rows, str_from_z(argv[1]), &near);
		if (!c.row)
			return command_unknown(argv[1], near);
		p.argc--;
		p.argv++;
	}
	failed = parse(&p);
	if (failed)
		return failed;
	return end(p.wants_help ? help_command_row(stdout, c.row) : c.row->run(&c));
}

/* ---- for the commands ---- */

const char *command_value(const struct command *c, const char *name)
{
	const struct command_option *option =
	        find_option(c->row->options, str_from_z(name), 0);

	return option ? c->values[option - c->row->options] : NULL;
}

bool command_has(const struct command *c, const char *name)
{
	return command_value(c, name) != NULL;
}

const char *command_next(const struct command *c, const char *name, unsigned *at)
{
	const struct command_option *option =
	        find_option(c->row->options, str_from_z(name), 0);

	while (option && *at < c->given_count) {
		unsigned i = (*at)++;

		if (c->row->options + c->given[i].option == option)
			return c->given[i].text;
	}
	return NULL;
}

static bool is_among(str name, str words)
{
	while (words.len)
		if (str_eq(str_cut(&words, ' '), name))
			return true;
	return false;
}

int command_heeds(const struct command *c, const char *verb, const char *options,
                  int most)
{
	const char *command = c->row->name;

	for (unsigned i = 0; i < c->given_count; i++) {
		const char *name = c->row->options[c->given[i].option].name;

		if (!is_among(str_from_z(name), str_from_z(options)))
			return command_misused(c, "%s%s%s does not take --%s", command,
			                       *verb ? " " : "", verb, name);
	}
	if (c->argc > most)
		return command_misused(c, "%s%s%s: \"%s\" is one word too many", command,
		                       *verb ? " " : "", verb, c->argv[most]);
	return EXIT_OK;
}

bool command_number(const struct command *c, const char *name, uint64_t most,
                    uint64_t fallback, uint64_t *ret)
{
	const char *text = command_value(c, name);

	*ret = fallback;
	if (!text || (str_to_u64(str_from_z(text), ret) && *ret && *ret <= most))
		return true;
	command_misused(c, "--%s: \"%s\" is not a number from 1 to %llu", name, text,
	                (unsigned long long)most);
	return false;
}

int command_version(struct command *c)
{
	if (c->json)
		printf("{\"version\":\"%s\"}\n", SLUICE_VERSION);
	else
		printf("sluice %s\n", SLUICE_VERSION);
	return EXIT_OK;
}
