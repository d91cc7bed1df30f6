/* local.c - see local.h. */
#include "admin/local.h"

#include "loop/sys.h"

#include <stdio.h>
#include <unistd.h>

void admin_who_command(struct admin_who *ret)
{
	*ret = (struct admin_who){ .scopes = ADMIN_ALL };
	snprintf(ret->name, sizeof(ret->name), "uid %u", (unsigned)getuid());
	snprintf(ret->from, sizeof(ret->from), "command");
}

void admin_who_gateway(struct admin_who *ret)
{
	*ret = (struct admin_who){ .scopes = ADMIN_ALL };
	snprintf(ret->name, sizeof(ret->name), "gateway");
	snprintf(ret->from, sizeof(ret->from), "start");
}

/* All of them at once. */
static int gather(struct admin_call *c)
{
	enum admin_piece got = ADMIN_PIECE_MORE;

	while (got == ADMIN_PIECE_MORE && !c->out->over)
		got = c->pieces.next(c->pieces.arg, c->out);
	if (got == ADMIN_PIECE_LAST && !c->out->over)
		return 200;
	return admin_problem(c, 503, "ledger_unavailable", NULL,
	                     "the answer could not be finished");
}

int admin_local(struct admin_house *h, const struct admin_who *who,
                enum http_method method, str target, str body, struct buf *out,
                struct admin_pieces *ret_pieces)
{
	struct arena keep = { .ceiling = 4 * MiB };
	str query = target, path = str_cut(&query, '?');
	struct admin_call c = { .house = h,
		                .who = *who,
		                .query = query,
		                .body = body,
		                .wall = sys_wall(),
		                .keep = &keep,
		                .out = out,
		                .to = { .to = out } };
	fault_t why;
	int status;

	c.route = admin_route_find(method, path, c.params, &why);
	status = c.route ? admin_call_run(&c)
	                 : admin_problem(&c, 404, "not_found", NULL,
	                                 "there is no such route");
	if (ret_pieces) {
		*ret_pieces = c.pieces;
	} else {
		if (c.pieces.next)
			status = gather(&c);
		admin_pieces_done(&c.pieces);
	}
	arena_done(&keep);
	return status;
}
