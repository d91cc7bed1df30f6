/* api.h - private to admin/: the handlers that routes.def names. */
#pragma once
#include "admin/call.h"

#define ROUTE(name, method, path, access, trace, run, query, request, answer, summary)   \
	admin_fn run;
#include "admin/routes.def"
#undef ROUTE
