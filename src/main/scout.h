/* scout.h - a thread that asks providers which models they have (`discover`), and whether
 * they can be reached when nobody asks them for anything (`probe`).
 *
 * Each such provider's own list is read now and then; what the catalogue does not know is
 * put into gateway->found, where every worker sees it, and into $data/discovered, for the
 * commands and for the next start.  A provider that does not answer changes nothing. */
#pragma once
#include "gateway/gateway.h"

struct scout;

/* What earlier runs have found at its providers; before the first request is taken. */
struct found *scout_recall(const struct config *c);
/* NULL when the thread could not be started. */
struct scout *scout_new(struct gateway *g);
/* Before what the gateway consists of goes. */
void scout_free(struct scout **s);

/* The ids in a list of models, of whichever shape: {"data":[{"id"}]}, or {"models":
 * [{"name"}]} with or without "models/" before it.  Calls `each` for those that are safe;
 * false: it is no such list. */
must_check bool scout_read(str json, void (*each)(void *arg, str id), void *arg);
/* How to ask for the page behind that one ("after_id=x"), in *ret; false: there is none.
 * Lists of OpenAI's kind have no pages. */
bool scout_next_page(enum wire_format format, str json, struct buf *ret);
