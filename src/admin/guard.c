/* guard.c - see guard.h. */
#include "admin/guard.h"

#include "admin/token.h"
#include "base/assert.h"
#include "base/mem.h"
#include "loop/sys.h"

#include <openssl/hmac.h>
#include <stdio.h>

#define AGAIN (GUARD_AGAIN_SECONDS * USEC_SEC)

void guard_init(struct guard *g)
{
	*g = (struct guard){ 0 };
	sys_random(g->key, sizeof(g->key));
}

void guard_done(struct guard *g)
{
	mem_wipe(g, sizeof(*g));
}

/* ---- guessing ---- */

/* What is one sender: an IPv4 address, or the network of an IPv6 one. */
static void place_of(const struct net_addr *peer, uint8_t ret[16])
{
	memset(ret, 0, 16);
	ret[0] = (uint8_t)peer->sa.sa_family;
	if (peer->sa.sa_family == AF_INET)
		memcpy(ret + 4, &peer->in.sin_addr, 4);
	else if (peer->sa.sa_family == AF_INET6)
		memcpy(ret + 4, &peer->in6.sin6_addr, 8);
}

/* The one of that address; else the one that is forgotten first. */
static struct guard_place *find_place(struct guard *g, const struct net_addr *peer)
{
	struct guard_place *oldest = &g->places[0];
	uint8_t address[16];

	place_of(peer, address);
	for (int i = 0; i < GUARD_PLACES; i++) {
		if (memcmp(g->places[i].address, address, sizeof(address)) == 0)
			return &g->places[i];
		if (g->places[i].full_at < oldest->full_at)
			oldest = &g->places[i];
	}
	memcpy(oldest->address, address, sizeof(address));
	oldest->full_at = 0;
	return oldest;
}

/* Each failure puts the moment at which all are forgotten a step further away. */
static bool is_too_often(const struct guard_place *p, usec now, usec step, int most)
{
	return p->full_at - now > step * (most - 1);
}

static void count_failure(struct guard_place *p, usec now, usec step)
{
	p->full_at = max_of(p->full_at, now) + step;
}

static bool may_guess(struct guard *g, const struct net_addr *peer, usec now)
{
	return !is_too_often(find_place(g, peer), now, AGAIN, GUARD_WRONG) &&
	       !is_too_often(&g->all, now, USEC_SEC, GUARD_WRONG_ALL);
}

/* Of somebody who may guess, so nobody waits longer than for what may be wrong at once.
 */
static enum guard_found wrong(struct guard *g, const struct net_addr *peer, usec now)
{
	count_failure(find_place(g, peer), now, AGAIN);
	count_failure(&g->all, now, USEC_SEC);
	return GUARD_WRONG_TOKEN;
}

/* ---- tokens ---- */

static void mac_of(const struct guard *g, str text, uint8_t ret[32])
{
	unsigned size = 32;

	assert(HMAC(EVP_sha256(), g->key, sizeof(g->key), (const uint8_t *)text.ptr,
	            text.len, ret, &size) &&
	       size == 32);
}

/* All are compared, always. */
static bool is_known(struct guard *g, uint64_t id, const uint8_t mac[32])
{
	int found = -1;

	for (int i = 0; i < GUARD_KNOWN; i++) {
		bool same = str_eq_secret(str_of((const char *)g->known[i].mac, 32),
		                          str_of((const char *)mac, 32));

		if (same && g->known[i].id == id)
			found = i;
	}
	if (found >= 0)
		g->known[found].came = ++g->requests;
	return found >= 0;
}

/* In place of the one that has not come for longest. */
static void remember(struct guard *g, uint64_t id, const uint8_t mac[32])
{
	int at = 0;

	for (int i = 1; i < GUARD_KNOWN; i++)
		if (g->known[i].came < g->known[at].came)
			at = i;
	g->known[at].id = id;
	g->known[at].came = ++g->requests;
	memcpy(g->known[at].mac, mac, 32);
}

struct found {
	struct admin_token_row row;
	char name[ADMIN_TOKEN_NAME];
	bool is_there;
};

static bool take_token(void *arg, const struct admin_token_row *row)
{
	struct found *f = arg;

	f->row = *row;
	f->row.name = str_first(row->name, sizeof(f->name));
	memcpy(f->name, f->row.name.ptr, f->row.name.len);
	f->row.name.ptr = f->name;
	f->is_there = true;
	return true;
}

/* The scrypt of a token that does not exist is compared with that of nobody. */
static bool is_right(struct guard *g, const struct found *f, str text)
{
	uint8_t hash[ADMIN_HASH];
	bool same;

	g->scrypts++;
	admin_token_hash(text, f->row.salt, hash);
	same = str_eq_secret(str_of((const char *)hash, sizeof(hash)),
	                     str_of((const char *)f->row.hash, sizeof(hash)));
	mem_wipe(hash, sizeof(hash));
	return same && f->is_there;
}

static bool is_in_force(const struct admin_token_row *row, usec wall)
{
	return row->revoked_wall == 0 &&
	       (row->expires_wall == 0 || row->expires_wall > wall);
}

enum guard_found guard_check(struct guard *g, struct ledger *reader, str authorization,
                             const struct net_addr *peer, usec now, usec wall,
                             struct admin_who *ret_who, str *ret_text)
{
	str text = authorization, scheme = str_cut(&text, ' ');
	struct found f = { 0 };
	uint8_t mac[32];
	uint64_t id;

	if (authorization.len == 0)
		return GUARD_MISSING;
	if (!str_eq_nocase(scheme, STR("Bearer")) || !admin_token_id(text, &id))
		return may_guess(g, peer, now) ? wrong(g, peer, now) : GUARD_TOO_OFTEN;
	if (!ledger_tokens(reader, id, take_token, &f))
		return GUARD_FAILED;
	mac_of(g, text, mac);
	if (!is_known(g, id, mac)) {
		if (!may_guess(g, peer, now))
			return GUARD_TOO_OFTEN;
		if (!is_right(g, &f, text))
			return wrong(g, peer, now);
		remember(g, id, mac);
	}
	/* That is no guess: whoever sends it for ever must not close the door to others.
	 */
	if (!f.is_there || !is_in_force(&f.row, wall))
		return GUARD_WRONG_TOKEN;
	*ret_who = (struct admin_who){ .scopes = f.row.scopes, .token = id };
	snprintf(ret_who->name, sizeof(ret_who->name), "token %012llx %.*s",
	         (unsigned long long)id, STR_ARG(f.row.name));
	*ret_text = text;
	return GUARD_GOOD;
}
