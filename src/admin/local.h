/* local.h - the admin API without HTTP: for the owner of the data, in this process.
 *
 * A command that finds no gateway running is the ledger's only writer for a moment and
 * asks the same routes; so does the gateway itself for what it does at its start. */
#pragma once
#include "admin/call.h"

/* Who asks: by a command, or the gateway itself. */
void admin_who_command(struct admin_who *ret);
void admin_who_gateway(struct admin_who *ret);

/* One request, with the scope `all`.  target: path, and query behind a '?'.  Gives the
 * status; the answer is in *out, whose limit is set, or it is still to be made:
 * *ret_pieces, which need the house no more (NULL: *out has them all). */
int admin_local(struct admin_house *h, const struct admin_who *who,
                enum http_method method, str target, str body, struct buf *out,
                struct admin_pieces *ret_pieces);
