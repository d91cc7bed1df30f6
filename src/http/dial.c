/* dial.c - connects to an origin: its published addresses, one after the other.
 *
 * What dialling needs to remember lives in an allocation of its own that ends with it. An
 * address gets its share of the time that is left, so that a dead one leaves time for the
 * next.  A broken IPv6 must not be felt (G28): until one of its family has answered, an
 * address with another family behind it gets a moment only, and its turn once more behind
 * all others.  The family that has answered last comes first the next time.  While the
 * first look-up of the name is under way the publication is looked at every few
 * milliseconds, which needs no word from the resolver's thread. */
#include "base/mem.h"
#include "http/private.h"

enum { ADDRESSES_MOST = 4 };
#define NAME_POLL (10 * USEC_MS)
#define MOMENT (250 * USEC_MS)

struct http_dial {
	struct net_addr addrs[2 * ADDRESSES_MOST];
	unsigned count, at; /* addrs[at] is being tried */
	unsigned published; /* of count; behind them are those that had a moment only */
	bool is_brief;      /* as has the one that is being tried */
	usec until;         /* when all of it must be done */
	usec next;          /* when the next address gets its turn, or the name a look */
	bool shakes_hands;  /* the connection stands, TLS has its own time */
};

static usec now_of(const struct http_up *u)
{
	return u->pool->io->loop->now;
}

static unsigned family_of(const struct net_addr *a)
{
	return a->sa.sa_family;
}

/* Is there one behind it that may well be alive when this one is not? */
static bool has_another_family(const struct http_dial *d)
{
	for (unsigned i = d->at + 1; i < d->published; i++) {
		if (family_of(&d->addrs[i]) != family_of(&d->addrs[d->at]))
			return true;
	}
	return false;
}

static usec share_of(const struct http_up *u)
{
	const struct http_dial *d = u->dial;
	usec share = (d->until - now_of(u)) / (d->count - d->at);

	if (d->is_brief)
		share = min_of(share, MOMENT);
	return max_of(share, (usec)0);
}

/* From addrs[at] on, the first that can be tried at all. */
static void try_address(struct http_up *u)
{
	struct http_dial *d = u->dial;

	for (; d->at < d->count; d->at++) {
		d->is_brief = family_of(&d->addrs[d->at]) != u->pool->family &&
		              has_another_family(d);
		d->next = now_of(u) + share_of(u);
		d->shakes_hands = false;
		u->pool->dialled++;
		if (sock_dial(&u->sock, u->pool->io->loop, &d->addrs[d->at],
		              u->pool->origin.tls)) {
			u->why = NULL;
			return;
		}
		/* An IPv6 that is switched off here says less than an IPv4 that refused.
		 */
		if (!u->why || u->sock.why != FAULT_NO_SOCKET)
			u->why = u->sock.why;
	}
}

/* The running address is given up for `why`, which is the lease's fault if it was the
 * last; then its socket stays for sock_explain. */
static void try_next(struct http_up *u, fault_t why)
{
	struct http_dial *d = u->dial;

	u->why = why;
	if (d->is_brief && why == FAULT_CONNECT_TIMEOUT && !d->shakes_hands)
		d->addrs[d->count++] = d->addrs[d->at];
	d->at++;
	if (d->at < d->count && now_of(u) < d->until) {
		sock_close(&u->sock);
		try_address(u);
	}
}

/* The first of the family that has answered last, before all others. */
static void put_first(struct http_dial *d, unsigned family)
{
	unsigned i = 0;

	while (i < d->count && family_of(&d->addrs[i]) != family)
		i++;
	if (i == 0 || i == d->count)
		return;
	struct net_addr first = d->addrs[i];
	memmove(d->addrs + 1, d->addrs, i * sizeof(first));
	d->addrs[0] = first;
}

static void look_up(struct http_up *u)
{
	struct net_addr addrs[RESOLVED_MOST];
	struct http_dial *d = u->dial;
	fault_t why = NULL;
	unsigned count = resolved_get(u->pool->origin.name, addrs, &why);

	d->count = d->published = min_of(count, (unsigned)ADDRESSES_MOST);
	if (count > 0) {
		memcpy(d->addrs, addrs, d->count * sizeof(addrs[0]));
		put_first(d, u->pool->family);
		u->state = UP_DIALLING;
		try_address(u);
	} else if (why || now_of(u) >= d->until) {
		u->why = why ? why : FAULT_CONNECT_TIMEOUT;
	} else {
		d->next = min_of(now_of(u) + NAME_POLL, d->until);
	}
}

void up_dial(struct http_up *u)
{
	u->state = UP_NAMING;
	u->dial = new_of(struct http_dial);
	u->dial->until = now_of(u) + u->pool->origin.connect_timeout;
	look_up(u);
	if (u->why)
		up_wake(u);
	up_arm(u);
}

/* An address that has answered is alive: the time that was left for it is over, and TLS
 * begins to count. */
static void begin_handshake(struct http_up *u)
{
	const struct http_origin *origin = &u->pool->origin;
	struct http_dial *d = u->dial;

	if (d->shakes_hands || !origin->tls || !origin->tls_timeout)
		return;
	unsigned left = (d->at < d->published ? d->published : d->count) - d->at;
	usec share = origin->tls_timeout / left;

	d->shakes_hands = true;
	d->next = now_of(u) + share;
	d->until += share;
}

bool up_step_dial(struct http_up *u)
{
	bool is_late = now_of(u) >= u->dial->next;

	if (u->state == UP_NAMING) {
		if (is_late)
			look_up(u);
	} else if (sock_handshake(&u->sock)) {
		u->pool->family = (uint16_t)family_of(&u->dial->addrs[u->dial->at]);
		up_end_dial(u);
		up_connected(u);
		return true;
	} else if (u->sock.why || is_late) {
		try_next(u, u->sock.why ? u->sock.why : FAULT_CONNECT_TIMEOUT);
	} else if (!u->sock.dialling) {
		begin_handshake(u);
	}
	return u->why != NULL;
}

usec up_dial_deadline(const struct http_up *u)
{
	return u->dial->next;
}

void up_end_dial(struct http_up *u)
{
	free(u->dial);
	u->dial = NULL;
}
