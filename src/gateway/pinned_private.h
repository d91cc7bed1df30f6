/* pinned_private.h - what the files of pinned.h share: names, accounts, and the pins.
 *
 *	pinned.c           where a request has to go
 *	pinned_names.c     whose is what it names, and is it known here?
 *	pinned_remember.c  what an answer brings
 *	pinned_table.c     ids, accounts, the table of pins */
#pragma once
#include "gateway/pinned.h"
#include "policy/pins.h"

enum { KEPT_MOST = 64 }; /* files of one request that are remembered */

struct pinned_name {
	enum pin_kind kind;
	uint8_t id[PIN_ID];
};

/* What a request speaks of, and where it has to go. */
struct pinned {
	const struct provider *provider; /* NULL: anywhere */
	unsigned key_at;
	bool several; /* more than one account could have been asked */
	unsigned kept_count;
	struct pinned_name kept[KEPT_MOST]; /* files, and the conversation */
	/* of the answer: what was remembered already */
	bool has_response, is_gone; /* is_gone: and it was forgotten again */
	struct pinned_name response;
	uint8_t seal_len;
	char seal[TAP_SEAL];
};

/* What is known of that, for routing. */
struct pinned_places {
	bool has_previous, has_reference, has_alone;
	struct pin previous;
	struct pin reference; /* the newest reference to an item */
	struct pin alone;     /* the newest other item that says nothing but its id */
};

/* Names of different kinds never meet. */
struct pinned_name pinned_name(struct worker *w, enum pin_kind kind, str name);
/* What tells one account from another, without telling the key. */
uint64_t pinned_account(struct worker *w, const struct provider *p, unsigned key_at);
/* Which key of that provider is the account's; false: none. */
bool pinned_find_key(struct worker *w, const struct provider *p, uint64_t account,
                     unsigned *ret);
/* False: nobody remembers it. */
bool pinned_look(const struct exchange *x, const struct pinned_name *name,
                 struct pin *ret);
/* The same for what a request speaks of: nothing is kept of it if nothing was kept of
 * what made it. */
bool pinned_use(struct exchange *x, const struct pinned_name *name, struct pin *ret);
/* It speaks of what nobody remembers: that may be of such a request, if that provider
 * could have got it. */
void pinned_use_unknown(struct exchange *x, const struct provider *p);
/* In the table and the journal, as of now; of row what is in it beside kind, id, time. */
void pinned_put(struct exchange *x, const struct pinned_name *name, struct pin_row row);

/* Are there others, from whom what this key has made must be kept? */
static inline bool pinned_is_apart(const struct exchange *x)
{
	return x->key != 0;
}

/* May there be something here of which nothing is kept? */
static inline bool pinned_heeds_phi(const struct exchange *x)
{
	return x->phi || x->plan->config->has_phi ||
	       pins_have_phi(x->worker->gateway->pins);
}

/* Previous response and items: PREVIOUS_UNKNOWN for what is another key's, and where keys
 * are apart also for what nobody remembers.  is_native: a provider of the client's format
 * may be asked.  Files and conversation go into x->pinned->kept. */
must_check fault_t pinned_read(struct exchange *x, bool is_native,
                               struct pinned_places *ret, str *ret_detail);
