/* openapi.h - the admin API as an OpenAPI 3.1 document, made from the table of routes. */
#pragma once
#include "codec/json_write.h"

void openapi_write(struct json_writer *w);
