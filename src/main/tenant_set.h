/* tenant_set.h - the options of `keys`, `teams` and their like as what is to be set in a
 * node. */
#pragma once
#include "codec/json_write.h"
#include "main/command.h"

/* Is there something that can be seen to be wrong before anybody is asked?  Says so and
 * returns EXIT_USAGE. */
int tenant_set_check(const struct command *c);
/* Writes a member "set": the object that tenant_patch reads, with the name and the parent
 * of a new one (an empty name: it is there already).  parent: the option that has that;
 * NULL: it has none. */
void tenant_set_write(const struct command *c, const char *parent, str name,
                      struct json_writer *to);
