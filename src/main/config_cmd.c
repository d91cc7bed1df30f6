/* config_cmd.c - sluice config schema|docs|errors|formats|telemetry: what the tables say
 * of themselves. */
#include "main/command.h"
#include "main/errors_doc.h"
#include "main/formats_doc.h"
#include "main/telemetry_doc.h"

#include <stdio.h>

int config_command(struct command *c)
{
	struct buf text = BUF_LIMIT(MiB);
	const char *what = c->argc > 0 ? c->argv[0] : "";

	if (strcmp(what, "schema") == 0)
		config_schema_write(&text);
	else if (strcmp(what, "docs") == 0)
		config_docs_write(&text);
	else if (strcmp(what, "errors") == 0)
		errors_doc_write(&text);
	else if (strcmp(what, "formats") == 0)
		formats_doc_write(&text);
	else if (strcmp(what, "telemetry") == 0)
		telemetry_doc_write(&text);
	else
		return command_misused(
		        c, "config: say schema, docs, errors, formats or telemetry");
	fwrite(text.ptr, 1, text.len, stdout);
	buf_free(&text);
	return EXIT_OK;
}
