/* zone.c - see zone.h. */
#include "main/zone.h"

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

	if (config)
		zone_set(config->timezone);
	config_unref(&config);
}
