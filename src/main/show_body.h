/* show_body.h - sluice show ID --body: what was said, out of the log of bodies. */
#pragma once
#include "main/command.h"

int show_body(struct command *c, uint64_t exchange);
