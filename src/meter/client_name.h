/* client_name.h - which program a request comes from, by its User-Agent: a name of a
 * closed list, fit for a label. */
#pragma once
#include "base/str.h"

/* "claude-code", "openai-python", ...; "other" for what is not in the list, "none"
 * without a User-Agent.  Static text. */
str client_name(str agent);
/* All names, i from 0; empty past the end. */
str client_name_at(unsigned i);
