#include "policy/trial.h"

#include "base/assert.h"

enum { MILLION = 1000 * 1000 };

const char *trial_end_name(enum trial_end e)
{
	switch (e) {
	case TRIAL_RUNS:
		return "running";
	case TRIAL_BY_HAND:
		return "stopped";
	case TRIAL_TOO_DEAR:
		return "stopped by max_cost";
	case TRIAL_OVER:
		return "over";
	}
	return "";
}

struct trial_account *trials_get(struct trials *t, str name)
{
	for (unsigned i = 0; i < TRIAL_ACCOUNTS; i++) {
		struct trial_account *a = &t->list[i];

		if (a->len && str_eq(str_of(a->name, a->len), name))
			return a;
		if (a->len)
			continue;
		assert(name.len && name.len <= sizeof(a->name));
		memcpy(a->name, name.ptr, name.len);
		a->len = (uint8_t)name.len;
		return a;
	}
	return NULL;
}

enum trial_end trial_state(const struct trial *t, const struct trial_account *account,
                           usec wall)
{
	if (t->until_wall && wall >= t->until_wall)
		return TRIAL_OVER;
	return account ? (enum trial_end)atomic_load_explicit(&account->end,
	                                                      memory_order_relaxed)
	               : TRIAL_BY_HAND;
}

/* The finaliser of splitmix64: all bits of the result depend on all of x. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9;
	x ^= x >> 27;
	x *= 0x94d049bb133111eb;
	return x ^ x >> 31;
}

bool trial_picks(const struct trial *t, uint64_t sticky)
{
	uint64_t drawn = mix(mix(str_hash(t->name)) ^ sticky);

	return (uint64_t)((unsigned __int128)drawn * MILLION >> 64) < t->share;
}

static nanousd mean_cost(struct trial_account *a)
{
	int64_t n = atomic_load_explicit(&a->settled, memory_order_relaxed);

	return n > 0 ? atomic_load_explicit(&a->spent, memory_order_relaxed) / n : 0;
}

/* One that has spent all of it is over, whatever the next would cost. */
bool trial_fits(const struct trial *t, nanousd taken, nanousd amount)
{
	return t->max_cost == COST_UNKNOWN ||
	       (taken + amount <= t->max_cost && taken < t->max_cost);
}

bool trial_reserve(const struct trial *t, struct trial_account *account, nanousd likely,
                   nanousd *ret_held, bool *ret_stopped)
{
	nanousd amount = max_of(likely, mean_cost(account));
	int64_t before =
	        atomic_fetch_add_explicit(&account->taken, amount, memory_order_relaxed);
	int runs = TRIAL_RUNS;

	*ret_stopped = false;
	*ret_held = amount;
	if (trial_fits(t, before, amount))
		return true;
	atomic_fetch_sub_explicit(&account->taken, amount, memory_order_relaxed);
	*ret_held = 0;
	*ret_stopped =
	        atomic_compare_exchange_strong(&account->end, &runs, (int)TRIAL_TOO_DEAR);
	return false;
}

void trial_settle(struct trial_account *account, nanousd held, nanousd cost)
{
	atomic_fetch_add_explicit(&account->taken, cost - held, memory_order_relaxed);
	atomic_fetch_add_explicit(&account->spent, cost, memory_order_relaxed);
	atomic_fetch_add_explicit(&account->settled, 1, memory_order_relaxed);
}

void trial_revive(const struct trial *t, struct trial_account *account)
{
	int64_t taken = atomic_load_explicit(&account->taken, memory_order_relaxed);
	int end = TRIAL_TOO_DEAR;

	if (trial_fits(t, taken, mean_cost(account)))
		atomic_compare_exchange_strong(&account->end, &end, (int)TRIAL_RUNS);
}

bool trial_load(const struct trial *t, struct trial_account *account, nanousd spent,
                int64_t settled)
{
	nanousd known = atomic_load_explicit(&account->spent, memory_order_relaxed);
	int64_t counted = atomic_load_explicit(&account->settled, memory_order_relaxed);
	nanousd taken = atomic_fetch_add_explicit(&account->taken, spent - known,
	                                          memory_order_relaxed);
	int runs = TRIAL_RUNS;

	atomic_fetch_add_explicit(&account->spent, spent - known, memory_order_relaxed);
	atomic_fetch_add_explicit(&account->settled, settled - counted,
	                          memory_order_relaxed);
	return trial_fits(t, taken + spent - known, mean_cost(account)) ||
	       !atomic_compare_exchange_strong(&account->end, &runs, (int)TRIAL_TOO_DEAR);
}
