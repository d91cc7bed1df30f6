/* capture.h - runs a command line inside the test and keeps what it prints. */
#pragma once
#include "base/buf.h"
#include "main/command.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct captured {
	int code;
	struct buf out, err;
};

static inline void capture_file(FILE *file, struct buf *to)
{
	char bytes[4096];
	size_t n;

	buf_clear(to);
	to->limit = 16 * MiB;
	rewind(file);
	while ((n = fread(bytes, 1, sizeof(bytes), file)) > 0)
		buf_add(to, str_of(bytes, n));
	fclose(file);
}

/* words: separated by single blanks; path: what stdout is; NULL: kept in c->out. */
static inline void capture_to(struct captured *c, const struct command_row *rows,
                              const char *words, const char *path)
{
	FILE *out = path ? fopen(path, "w") : tmpfile(), *err = tmpfile();
	char line[2048], *argv[32] = { line };
	int argc = 1, kept[2];

	snprintf(line, sizeof(line), "sluice %s", words);
	for (char *at = line; (at = strchr(at, ' ')) && argc < 31;) {
		*at++ = 0;
		if (*at)
			argv[argc++] = at;
	}
	fflush(NULL);
	kept[0] = dup(1);
	kept[1] = dup(2);
	dup2(fileno(out), 1);
	dup2(fileno(err), 2);
	c->code = command_run(rows, argc, argv);
	fflush(NULL);
	dup2(kept[0], 1);
	dup2(kept[1], 2);
	close(kept[0]);
	close(kept[1]);
	if (path)
		fclose(out);
	else
		capture_file(out, &c->out);
	capture_file(err, &c->err);
}

static inline void capture(struct captured *c, const struct command_row *rows,
                           const char *words)
{
	capture_to(c, rows, words, NULL);
}

static inline void captured_done(struct captured *c)
{
	buf_free(&c->out);
	buf_free(&c->err);
}
