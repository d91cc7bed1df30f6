/* audit.h - who has done what: entries for the audit log, and whether it is whole. */
#pragma once
#include "admin/call.h"

/* The key of the log's MACs, from the pepper. */
void audit_key(const uint8_t pepper[], uint8_t ret[AUDIT_KEY]);
/* SHA-256. */
void audit_digest(str text, uint8_t ret[AUDIT_HASH]);
/* Adds the entry of a call: who, from where, the route, c->target, c->before, c->after.
 * In the transaction of the change. */
must_check bool audit_call(struct admin_call *c, struct ledger *l);

/* The same for what is no call: a start, a signal.  texts borrowed; before and after are
 * JSON or empty.  False: *why. */
must_check bool audit_note(struct recorder *r, const uint8_t pepper[], const char *who,
                           const char *from, const char *action, str after,
                           struct buf *why);

struct audit_verdict {
	bool is_whole;
	uint64_t entries;
	struct audit_head head; /* of the last entry */
	uint64_t first_bad;     /* where it is not; 0: at its end, or it is whole */
	const char *problem;    /* for people; NULL: it is whole */
};
/* Looks at all of it.  expect (may be NULL): a head that was noted earlier, which has to
 * be in it.  False: the ledger could not be read. */
must_check bool audit_verify(struct ledger *l, const uint8_t key[AUDIT_KEY],
                             const struct audit_head *expect, struct audit_verdict *ret);
/* An entry as a line of the export: the text its hash is of, and hash and mac. */
void audit_line(const struct audit_row *row, struct buf *to);
/* As the schema AuditVerified says. */
void audit_verdict_write(const struct audit_verdict *v, struct json_writer *to);
