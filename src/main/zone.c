/* zone.c - see zone.h. */
#include "main/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void zone_set(str name)
{
	struct arena keep = { 0 };

	setenv("TZ", str_z(&keep, name), 1);
	tzset();
	arena_done(&keep);
}

void zone_take(const struct command *c)
{
	struct config *config = command_config_unsaid(c);

	/* Days of another zone than the gateway's are other sums: not without a word. */
	if (!config)
		fprintf(stderr, "sluice: the configuration has errors (sluice check), so "
		                "days are those of UTC\n");
	zone_set(config ? config->timezone : STR("UTC"));
	config_unref(&config);
}
