/* help.h - the table of commands as text: for a terminal, and as docs/cli.md. */
#pragma once
#include "main/command.h"

#include <stdio.h>

/* Options that every command has, ended by a zeroed one. */
extern const struct command_option command_common[];

/* All of them return EXIT_OK. */
int help_program(FILE *to, const struct command_row *rows);
int help_command_row(FILE *to, const struct command_row *row);
int help_docs(FILE *to, const struct command_row *rows);
