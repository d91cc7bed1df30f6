/* models.h - the parts of `sluice models`. */
#pragma once
#include "main/command.h"

/* sluice models update FILE|URL */
int models_update(struct command *c);
