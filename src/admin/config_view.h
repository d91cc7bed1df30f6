/* config_view.h - the configuration in force, as JSON: what was written and what was not,
 * without secrets. */
#pragma once
#include "codec/json_write.h"
#include "config/config.h"

/* One object with the keys of sluice.yaml.  Of credentials only their number is told. */
void config_view_write(const struct config *c, struct json_writer *to);
/* An array: each route with its targets. */
void config_view_routes(const struct config *c, struct json_writer *to);
