/* admin_ask.h - how commands use the admin API: of a running gateway at its socket, else
 * the same routes in this process, which is the ledger's only writer for a moment. */
#pragma once
#include "codec/json.h"
#include "http/head.h"
#include "main/command.h"

struct admin_asked {
	struct buf dir;    /* $data */
	struct buf answer; /* the body */
	int status;
	struct json_value value; /* the answer, an object, when is_json */
	bool is_json;
};

/* EXIT_OK: the answer is 2xx.  Else what the command returns; it was said. */
int admin_do(const struct command *c, enum http_method method, str target, str body,
             struct admin_asked *ret);
/* Wipes, too. */
void admin_asked_done(struct admin_asked *a);
