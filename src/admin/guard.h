/* guard.h - who is it that asks the admin API: tokens checked, and guessing made slow.
 *
 * A token is looked up by its id and its text compared by scrypt.  That a text was right
 * is remembered for the process by an HMAC of it under a key of the process, so scrypt
 * runs once for each token; whether it is revoked or expired is looked up each time.  An
 * id that does not exist costs what a wrong text does.  Whoever is wrong too often from
 * one address (an IPv6 /64) is not listened to for a while, and neither are all together;
 * tokens that were right before are.  One that is right but revoked or expired is refused
 * and is no guess. */
#pragma once
#include "admin/call.h"
#include "loop/net.h"

enum {
	GUARD_KNOWN = 1024,     /* tokens remembered, those that came last */
	GUARD_PLACES = 256,     /* addresses remembered */
	GUARD_WRONG = 10,       /* at once from one address, */
	GUARD_WRONG_ALL = 60,   /* and from all; */
	GUARD_AGAIN_SECONDS = 6 /* after which one more is free, of all one a second */
};

enum guard_found {
	GUARD_GOOD,
	GUARD_MISSING, /* there is no token */
	GUARD_WRONG_TOKEN,
	GUARD_TOO_OFTEN,
	GUARD_FAILED, /* the ledger cannot be read */
};

struct guard_place {
	uint8_t address[16];
	usec full_at; /* when all is forgotten; each failure moves it on */
};

struct guard {
	uint8_t key[32]; /* of the process */
	struct {
		uint64_t id, came; /* came: the number of its last request */
		uint8_t mac[32];
	} known[GUARD_KNOWN];
	uint64_t requests; /* with a token that is known, counted */
	struct guard_place places[GUARD_PLACES], all;
	uint64_t scrypts; /* counted */
};

void guard_init(struct guard *g);
void guard_done(struct guard *g);
/* authorization: the field's value, empty: there is none.  GUARD_GOOD: *ret_who is filled
 * but for `from`, and *ret_text is the token in `authorization`. */
enum guard_found guard_check(struct guard *g, struct ledger *reader, str authorization,
                             const struct net_addr *peer, usec now, usec wall,
                             struct admin_who *ret_who, str *ret_text);
