/* restart.c - see restart.h. */
#include "main/restart.h"

static bool is_same_otlp(const struct otlp_settings *a, const struct otlp_settings *b)
{
	return str_eq(a->endpoint, b->endpoint) && str_eq(a->path, b->path) &&
	       a->allow_private == b->allow_private &&
	       str_eq(str_from_z(a->ca_file), str_from_z(b->ca_file)) &&
	       memcmp(a->ca_sum, b->ca_sum, sizeof(a->ca_sum)) == 0 &&
	       secret_eq(&a->headers, &b->headers) && str_eq(a->service, b->service) &&
	       str_eq(a->attributes, b->attributes) && a->sample == b->sample &&
	       a->queue == b->queue && a->timeout == b->timeout;
}

static bool is_same_address(const struct net_addr *a, const struct net_addr *b)
{
	return a->len == b->len && memcmp(&a->sa, &b->sa, a->len) == 0;
}

static void keep_listen(struct config *now, const struct config *old, struct buf *note)
{
	bool same = old->listen_count == now->listen_count;
	size_t size = old->listen_count * sizeof(*old->listen);

	for (unsigned i = 0; same && i < now->listen_count; i++)
		same = is_same_address(&old->listen[i], &now->listen[i]);
	if (same)
		return;
	buf_add(note, STR(" listen"));
	now->listen = memcpy(arena_alloc(&now->arena, size), old->listen, size);
	now->listen_count = old->listen_count;
}

static void keep_text(struct config *now, str *text, str old, const char *name,
                      struct buf *note)
{
	if (str_eq(*text, old))
		return;
	buf_addf(note, " %s", name);
	*text = arena_copy(&now->arena, old);
}

void restart_keep(struct config *now, const struct config *old,
                  const struct config *started, struct buf *note)
{
	keep_listen(now, old, note);
	if (!is_same_address(&old->admin, &now->admin))
		buf_add(note, STR(" admin"));
	if (old->workers != now->workers)
		buf_add(note, STR(" workers"));
	if (old->sandbox != now->sandbox)
		buf_add(note, STR(" sandbox"));
	if (old->ledger != now->ledger)
		buf_add(note, STR(" ledger"));
	keep_text(now, &now->access_log, old->access_log, "access_log", note);
	keep_text(now, &now->timezone, old->timezone, "timezone", note);
	if (!is_same_otlp(&started->otlp, &now->otlp))
		buf_add(note, STR(" telemetry"));
	now->admin = old->admin;
	now->workers = old->workers;
	now->sandbox = old->sandbox;
	now->ledger = old->ledger;
	now->otlp = started->otlp; /* its texts lie in `started` */
}
