/* explain.h - why a request would go where: for people, without sending anything. */
#pragma once
#include "codec/json_write.h"
#include "config/config.h"
#include "policy/access.h"
#include "policy/health.h"

/* Writes members into the open object: route, strategy, and the candidates in the order
 * in which they would be tried, each with its reason, health, price and abilities.  As
 * for a streamed request of 4 KB.  `access`: what the key allows, NULL: nobody is
 * asked; candidates that are not allowed come last.  A fault of resolve_model when
 * nothing fits. */
must_check fault_t explain_model(struct board *b, const struct config *c, str model,
                                 const struct access *access, usec now,
                                 struct json_writer *to);
/* Writes a member "providers": how each is doing, with its keys. */
void explain_providers(struct board *b, const struct config *c, usec now,
                       struct json_writer *to);
