/* readings.h - what the page of metrics says beside what the ledger's rows say: what is
 * under way, how providers are, and the process itself. */
#pragma once
#include "main/process.h"
#include "meter/metrics.h"

/* For metrics_options, with the process as arg. */
void readings_look(void *arg, struct metric_page *page);
bool readings_knows(void *arg, str provider, str model);
bool readings_team(void *arg, uint64_t id, struct buf *ret);
/* The same for span_facts. */
unsigned readings_server(void *arg, str provider, struct buf *host);
const char *readings_endpoint(void *arg, unsigned number, struct buf *path);
/* The configuration in force; a reference. */
struct config *readings_config(struct gateway *g);
