/* call_private.h - between call.c and call_input.c. */
#pragma once
#include "admin/call.h"

/* 0: the query is what the route takes; else the status of the problem. */
int call_check_query(struct admin_call *c);
/* The same of the body; c->object is it then. */
int call_check_body(struct admin_call *c);
