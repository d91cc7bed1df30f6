/* provider_keys.h - sluice providers add, remove, keys; sluice secrets. */
#pragma once
#include "main/command.h"

/* argv[0] is "add", "remove" or "keys". */
int provider_keys_command(struct command *c);
