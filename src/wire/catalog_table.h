/* catalog_table.h - between catalog_file.c and catalog_table.c: the table of what is in
 * force. */
#pragma once
#include "wire/catalog_file.h"

struct catalog {
	char *text;                   /* what the newer rows point into */
	struct catalog_model *models; /* by (provider, id) */
	const struct catalog_model **by_id, **by_identity;
	unsigned count;
	struct catalog_older older;
};

/* How many rows the program has: as many may be added to those of a text. */
unsigned catalog_table_built_in(void);
/* Once, when c->models has the rows of the text, sorted, and room for the program's:
 * leaves providers out of which the program knows newer facts, adds the program's rows of
 * those that the text does not say, and the indexes. */
void catalog_table_complete(struct catalog *c);
