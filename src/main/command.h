/* command.h - the commands of the program, and what each of them is given.
 *
 * One row of the table in commands.c is one command: its name, its options, its help and
 * its function.  `--help`, docs/cli.md and the dispatch come from it.  Data goes to
 * stdout, everything else to stderr. */
#pragma once
#include "base/buf.h"
#include "config/config.h"

/* What a command returns. */
enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_CONFIG = 3, /* systemd: RestartPreventExitStatus=3 */
};

enum { OPTIONS_MOST = 32, GIVEN_MOST = 64 };

struct command_option {
	const char *name;  /* "listen" for --listen */
	char letter;       /* 'n' for -n; 0: none */
	const char *value; /* what the help calls its value; NULL: a switch */
	const char *help;
};

struct command {
	const struct command_row *rows, *row; /* the table, and the command's row */
	int argc; /* operands: what is left when the options are taken out */
	char **argv;
	const char *config; /* -c, else $SLUICE_CONFIG; NULL: none */
	const char *data;   /* --data; NULL: as the configuration says */
	bool json;
	const char *values[OPTIONS_MOST]; /* -- private -- of row->options */
	struct {
		unsigned option; /* of row->options */
		const char *text;
	} given[GIVEN_MOST]; /* in their order */
	unsigned given_count;
};

struct command_row {
	const char *name;
	const char *usage;   /* "[FILE]", what follows the name */
	const char *summary; /* one line */
	const char *help;    /* a paragraph or two; may be NULL */
	int (*run)(struct command *c);
	const struct command_option *options; /* ends with a zeroed one; NULL: none */
	int most;                             /* operands */
	bool is_hidden;
};

/* All commands, ended by a zeroed row; the first is the default. */
extern const struct command_row command_rows[];

/* argv of the whole program. */
int command_run(const struct command_row *rows, int argc, char **argv);
/* The row of that name; else NULL and in *near the nearest, or nothing. */
const struct command_row *command_find(const struct command_row *rows, str name,
                                       str *near);
/* Says so; returns EXIT_USAGE. */
int command_unknown(const char *name, str near);
int command_version(struct command *c);

/* ---- for the commands ---- */

/* The value of an option ("" for a switch); NULL: not given. `name` is in the row. */
const char *command_value(const struct command *c, const char *name);
bool command_has(const struct command *c, const char *name);
/* The next value of an option that may be given several times; *at begins with 0, NULL is
 * the end. */
const char *command_next(const struct command *c, const char *name, unsigned *at);
/* Says what is wrong, and how to see the help; returns EXIT_USAGE. */
int command_misused(const struct command *c, const char *fmt, ...) printf_like(2, 3);
/* Says "sluice: ..." on stderr; returns EXIT_FAILED. */
int command_failed(const char *fmt, ...) printf_like(1, 2);
/* A verb of a command heeds some of its options only, and takes some words: `options` are
 * separated by blanks, `most` counts the verb.  EXIT_OK, else it was said. */
int command_heeds(const struct command *c, const char *verb, const char *options,
                  int most);
/* An option's number from 1 to most; `fallback` when it is not given. False: said. */
bool command_number(const struct command *c, const char *name, uint64_t most,
                    uint64_t fallback, uint64_t *ret);

/* What the program runs with: the file of -c, else the defaults (and in *found what was
 * found in the environment; may be NULL).  --listen, --data, --insecure-open and
 * --no-detect are heeded when the command has them.  Errors go to stderr, and warnings
 * when it serves; else the reading is lenient (config/config.h): an administrator's shell
 * need not have the gateway's variables.  NULL: return EXIT_CONFIG. */
struct config *command_config(const struct command *c, struct buf *found, bool serves);
/* The same for a gateway that runs: *errors also gets the first of them in a line, for
 * whom stderr is not; *ret_misses_file: a file that cannot be read is among them. */
struct config *command_config_again(const struct command *c, struct buf *errors,
                                    bool *ret_misses_file);
/* The same, leniently and without a word; NULL when there are errors. */
struct config *command_config_unsaid(const struct command *c);
/* $data alone, also when other parts of the file are wrong or its variables unset: for
 * commands that talk to a running gateway.  False: said; return EXIT_CONFIG. */
bool command_data(const struct command *c, struct buf *ret);

/* The same, and whether we may look into it: what another user has is not nothing.
 * EXIT_OK, else what the command returns; it was said. */
int command_open_data(const struct command *c, struct buf *ret);
/* `secrets.key_file` alone, in the same way; empty: none is written. */
bool command_key_file(const struct command *c, struct buf *ret);

/* ---- the commands, one file each ---- */

int serve_command(struct command *c);
int mock_command(struct command *c);
int check_command(struct command *c);
int reload_command(struct command *c);
int config_command(struct command *c);
int keys_command(struct command *c);
int teams_command(struct command *c);
int organisations_command(struct command *c);
int users_command(struct command *c);
int tokens_command(struct command *c);
int audit_command(struct command *c);
int admin_command(struct command *c);
int tail_command(struct command *c);
int show_command(struct command *c);
int cost_command(struct command *c);
int report_command(struct command *c);
int export_command(struct command *c);
int reconcile_command(struct command *c);
int models_command(struct command *c);
int providers_command(struct command *c);
int secrets_command(struct command *c);
int explain_command(struct command *c);
int try_command(struct command *c);
int drill_command(struct command *c);
int translate_command(struct command *c);
int trial_command(struct command *c);
int forget_command(struct command *c);
