/* span.h - rows of the ledger as spans, in OTLP's JSON (opentelemetry-proto: ids in hex,
 * enums as numbers, 64-bit integers as text).
 *
 * An attempt is a CLIENT span; the row that closes its exchange is the SERVER span as
 * well, the parent of the attempts.  No text of a prompt or an answer is in them. */
#pragma once
#include "codec/json_write.h"
#include "store/row.h"

#define SPAN_SCHEMA "https://opentelemetry.io/schemas/1.41.0"

/* What rows do not say, from above; all may be NULL. */
struct span_facts {
	/* Where a provider is: adds its host. Returns its port, 0: not known. */
	unsigned (*server)(void *arg, str provider, struct buf *host);
	/* The endpoint of that number (attempt_row.endpoint): adds its template, returns
	 * its method; NULL: not known. */
	const char *(*endpoint)(void *arg, unsigned number, struct buf *path);
	void *arg;
};

/* How many spans the row becomes. */
unsigned span_count(const struct attempt_row *row);
/* Adds them to the open list. */
void span_write(struct json_writer *w, const struct attempt_row *row,
                const struct span_facts *facts);
/* The resource's attributes: service.*, host.name, process.pid, and those of `list`
 * (name=value,... percent-encoded). Adds a member "resource". */
void span_resource_write(struct json_writer *w, str service, str list);
/* The list of attributes in docs/telemetry.md, Markdown. */
void span_docs_write(struct buf *to);
