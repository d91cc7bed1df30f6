/* help.c - see help.h. */
#include "main/help.h"

static void print_options(FILE *to, const struct command_option *list)
{
	for (; list && list->name; list++) {
		char left[64];

		snprintf(left, sizeof(left), "%s%c%s --%s %s", list->letter ? "-" : " ",
		         list->letter ? list->letter : ' ', list->letter ? "," : " ",
		         list->name, list->value ? list->value : "");
		fprintf(to, "  %-24s %s\n", left, list->help);
	}
}

int help_program(FILE *to, const struct command_row *rows)
{
	fprintf(to,
	        "sluice %s - a self-hosted AI API gateway\n\n"
	        "usage: sluice [serve] [-c FILE] [--listen ADDR]    run the gateway\n"
	        "       sluice COMMAND [OPTIONS]\n\ncommands:\n",
	        SLUICE_VERSION);
	for (const struct command_row *row = rows; row->name; row++)
		if (!row->is_hidden)
			fprintf(to, "  %-10s %s\n", row->name, row->summary);
	fprintf(to, "\noptions of every command:\n");
	print_options(to, command_common);
	fprintf(to,
	        "\nexit codes: 0 ok, 1 failure, 2 usage, 3 invalid configuration\n"
	        "`sluice help COMMAND` says more. The data goes to stdout, the rest to "
	        "stderr.\n");
	return EXIT_OK;
}

int help_command_row(FILE *to, const struct command_row *row)
{
	fprintf(to, "usage: sluice %s%s%s [OPTIONS]\n\n%s\n", row->name,
	        *row->usage ? " " : "", row->usage, row->summary);
	if (row->help)
		fprintf(to, "\n%s\n", row->help);
	fprintf(to, "\noptions:\n");
	print_options(to, row->options);
	print_options(to, command_common);
	return EXIT_OK;
}

static void print_option_rows(FILE *to, const struct command_option *list)
{
	for (; list && list->name; list++) {
		fprintf(to, "| `");
		if (list->letter)
			fprintf(to, "-%c`, `", list->letter);
		fprintf(to, "--%s%s%s` | %s |\n", list->name, list->value ? " " : "",
		        list->value ? list->value : "", list->help);
	}
}

int help_docs(FILE *to, const struct command_row *rows)
{
	fprintf(to, "# Command line\n\n"
	            "<!-- Made by `sluice cli-docs` from src/main/commands.c; do not "
	            "edit. -->\n\n"
	            "`sluice COMMAND [OPTIONS]`; without a command it is `sluice serve`. "
	            "Data goes "
	            "to stdout,\neverything else to stderr. Exit codes: 0 ok, 1 failure, "
	            "2 usage, "
	            "3 invalid configuration.\n\nEvery command has these options:\n\n"
	            "| option | meaning |\n|---|---|\n");
	print_option_rows(to, command_common);
	for (const struct command_row *row = rows; row->name; row++) {
		if (row->is_hidden)
			continue;
		fprintf(to, "\n## sluice %s%s%s\n\n%c%s.\n", row->name,
		        *row->usage ? " " : "", row->usage, row->summary[0] & ~0x20,
		        row->summary + 1);
		if (row->help)
			fprintf(to, "\n%s\n", row->help);
		if (row->options) {
			fprintf(to, "\n| option | meaning |\n|---|---|\n");
			print_option_rows(to, row->options);
		}
	}
	return EXIT_OK;
}
