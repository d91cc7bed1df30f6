#include "store/forgotten.h"

#include "base/assert.h"
#include "base/mem.h"
#include "store/ledger.h"

#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

enum { PRINT = 32 /* a keyed hash */ };

struct forgotten_one {
	uint8_t print[PRINT]; /* of the user's name */
	uint64_t key;         /* 0: any */
	uint64_t until;       /* the last exchange that may be theirs: ids are times */
	usec before;          /* and when it had begun; 0: whenever */
	char tombstone[FORGOTTEN_NAME];
};

static void print_of(const struct forgotten *f, str user, uint8_t ret[PRINT])
{
	unsigned size = PRINT;

	assert(HMAC(EVP_sha256(), f->secret, sizeof(f->secret), (const uint8_t *)user.ptr,
	            user.len, ret, &size));
}

/* Those of whom nothing can be under way any more, and the first of too many. */
static void let_go(struct forgotten *f, uint64_t since)
{
	unsigned too_many = f->count < FORGOTTEN_MOST ? 0 : 1, kept = 0;

	for (unsigned i = too_many; i < f->count; i++) {
		if (f->list[i].until >= since)
			f->list[kept++] = f->list[i];
	}
	f->count = kept;
}

bool forgotten_add(struct forgotten *f, const struct ledger_person *who,
                   const char *tombstone)
{
	usec since = who->now - FORGOTTEN_KEPT;
	uint64_t until = max_of(row_id_at(who->now) | 0xff, who->last);
	struct forgotten_one *one;

	if (who->before && who->before <= since) /* they have all ended */
		return true;
	if (!f->list) {
		if (RAND_bytes(f->secret, sizeof(f->secret)) != 1)
			return false;
		f->list = mem_new(FORGOTTEN_MOST * sizeof(*f->list));
	}
	let_go(f, row_id_at(since));
	one = &f->list[f->count++];
	*one = (struct forgotten_one){ .key = who->key,
		                       .until = until,
		                       .before = who->before };
	print_of(f, who->user, one->print);
	memcpy(one->tombstone, tombstone, strnlen(tombstone, sizeof(one->tombstone) - 1));
	f->newest = max_of(f->newest, until);
	return true;
}

const char *forgotten_look(const struct forgotten *f, uint64_t exchange, usec began,
                           str user, uint64_t key)
{
	uint8_t print[PRINT];
	/* The attempt may be a later one, and ids ahead of the clock. */
	usec first = min_of(began, (usec)(exchange >> 8));

	print_of(f, user, print);
	/* The first time it was forgotten is the one its earlier rows tell of. */
	for (unsigned i = 0; i < f->count; i++) {
		const struct forgotten_one *one = &f->list[i];

		if (exchange <= one->until && (!one->before || first < one->before) &&
		    (!one->key || one->key == key) &&
		    CRYPTO_memcmp(one->print, print, PRINT) == 0)
			return one->tombstone;
	}
	return NULL;
}

void forgotten_done(struct forgotten *f)
{
	free(f->list);
	*f = (struct forgotten){ 0 };
}
