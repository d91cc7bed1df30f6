/* harden.h - what the process gives up so that its secrets stay inside. */
#pragma once
#include <stdbool.h>

/* Standard input, output and error that are closed become something of which nothing can
 * be read and to which nothing can be written: else the ledger, or a socket, would be
 * opened in their place and be printed into.  Before anything is opened. */
void harden_descriptors(void);
/* No core dumps, and nobody of the same user may read its memory or attach to it
 * (PR_SET_DUMPABLE; root still may).  Not in sanitizer builds, whose leak check attaches.
 */
void harden_process(void);
/* Moves the environment into pages of base/secret.h and blanks the values where they
 * were, so that /proc/PID/environ shows names alone.  getenv goes on as before, ${NAME}
 * of a reload included.  Before any thread. */
void harden_environment(void);
/* Is a sanitizer built in? It needs what the sandbox takes. */
bool harden_is_sanitized(void);
