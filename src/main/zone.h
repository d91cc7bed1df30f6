/* zone.h - days and months as the configuration counts them. */
#pragma once
#include "main/command.h"

/* The process's time zone is `timezone` of the configuration from here on; when that has
 * errors it is UTC, which is said.  Only while there is one thread. */
void zone_take(const struct command *c);
/* The same of a name: "UTC", "Europe/Berlin". */
void zone_set(str name);
