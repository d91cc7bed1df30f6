/* admin_row.h - what the ledger keeps of the admin API: its tokens, its audit log, and
 * what it has answered to requests that may come again. */
#pragma once
#include "base/str.h"
#include "base/usec.h"

enum { ADMIN_SALT = 16, ADMIN_HASH = 32, AUDIT_HASH = 32, AUDIT_KEY = 32 };

struct admin_token_row {
	uint64_t id; /* 48 random bits; as text 12 hex digits */
	str name;
	unsigned scopes; /* enum admin_scope */
	uint8_t salt[ADMIN_SALT];
	uint8_t hash[ADMIN_HASH]; /* scrypt of the token's text */
	usec created_wall;
	usec expires_wall; /* 0: never */
	usec revoked_wall; /* 0: active */
};

/* One change, or one look at what is secret. */
struct audit_row {
	uint64_t seq; /* from 1, without gaps */
	usec wall;
	str who;           /* "token 0123456789ab ci", "uid 1000" */
	str source;        /* "127.0.0.1", "admin.sock", "command" */
	str action;        /* "keys.create" */
	str target;        /* what it was done to: an id; or empty */
	str before, after; /* JSON without secrets; or empty */
	uint8_t hash[AUDIT_HASH];
	uint8_t mac[AUDIT_HASH];
};

/* The end of the log, kept beside it: without it nobody would miss the last entries. */
struct audit_head {
	uint64_t seq; /* 0: there is none */
	uint8_t hash[AUDIT_HASH];
	uint8_t mac[AUDIT_HASH];
};
