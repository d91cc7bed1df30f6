/* cost.h - private to main/: what else `sluice cost` can. */
#pragma once
#include "main/command.h"

/* `sluice cost reprice`; the zone is set. */
int cost_reprice(struct command *c);
