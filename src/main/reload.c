/* reload.c - sluice reload: the running gateway reads its configuration again, and
 * whoever asked is told what came of it.  A signal has no answer, and `check` knows
 * neither the gateway's environment nor its sandbox. */
#include "main/admin_ask.h"

#include <stdio.h>

enum { SAID_MOST = 16 * KiB };

int reload_command(struct command *c)
{
	const struct admin_errand errand = { .method = HTTP_POST,
		                             .target = STR("/admin/v1/config/reload"),
		                             .about = "not reloaded",
		                             .alone.is_look = true };
	struct admin_asked a;
	int result = admin_run(c, &errand, &a);
	char room[SAID_MOST];

	if (result == EXIT_OK && c->json) {
		printf("%.*s\n", STR_ARG(buf_str(&a.answer)));
	} else if (result == EXIT_OK) {
		str said = admin_text(a.value, "said", room, sizeof(room));

		fprintf(stderr, "reloaded%s%.*s\n", said.len ? "; " : "", STR_ARG(said));
	}
	admin_asked_done(&a);
	return result;
}
