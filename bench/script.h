/* script.h - everything the mock upstream ever says, written out once before the first
 * connection: an answer is then one send() from shared memory, and 9,000 streams hold no
 * text of their own. */
#pragma once
#include "net.h"

struct script {
	unsigned events;    /* content events of a stream, 1..SCRIPT_MOST_EVENTS */
	struct bytes unary; /* head and body of a plain chat.completion */
	/* The rest stands twice: [1] is for clients that asked for include_usage, whose
	 * chunks carry "usage":null and whose last one carries the counts. */
	struct bytes opening[2]; /* head, role chunk and content event 0 */
	struct bytes *event[2];  /* chunk-framed content events, by number */
	struct bytes ending[2];  /* finish chunk, usage chunk, [DONE], last chunk */
};

/* The client finds lost, doubled and swapped events by the five digits of each text. */
enum { SCRIPT_MOST_EVENTS = 20000 };

/* The formats spoken; which one is a matter of the request's path. */
enum script_format { SCRIPT_CHAT, SCRIPT_ANTHROPIC, SCRIPT_BEDROCK, SCRIPTS };

void script_write(struct script *ret, unsigned events);
void script_write_other(struct script *ret, enum script_format format, unsigned events);
