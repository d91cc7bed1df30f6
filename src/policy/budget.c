#include "policy/budget.h"

#include "base/assert.h"
#include "base/compiler.h"

static bool is_in(const struct budget_span *s, usec wall)
{
	return wall >= s->from && wall < s->until;
}

static struct budget_span *find(struct budget *b, usec wall)
{
	for (unsigned i = 0; i < BUDGET_KEPT; i++) {
		if (is_in(&b->spans[i], wall))
			return &b->spans[i];
	}
	return NULL;
}

/* The one to be forgotten: the oldest; NULL: money is in flight in each. */
static struct budget_span *choose(struct budget *b)
{
	struct budget_span *best = NULL;

	for (unsigned i = 0; i < BUDGET_KEPT; i++) {
		struct budget_span *s = &b->spans[i];

		if (!s->reserved && (!best || s->until < best->until))
			best = s;
	}
	return best;
}

static void forget(struct budget *b, const struct budget_span *s, usec wall)
{
	if (s->from == s->until)
		return;
	if (s->from <= wall) {
		b->past_until = max_of(b->past_until, s->until);
		b->past = max_of(b->past, s->spent);
		return;
	}
	b->ahead_from = b->ahead_until ? min_of(b->ahead_from, s->from) : s->from;
	b->ahead_until = max_of(b->ahead_until, s->until);
	b->ahead = max_of(b->ahead, s->spent);
}

static nanousd remembered(const struct budget *b, const struct budget_span *s)
{
	nanousd past = s->from < b->past_until ? b->past : 0;
	bool is_ahead = s->from < b->ahead_until && s->until > b->ahead_from;

	return is_ahead ? max_of(past, b->ahead) : past;
}

static struct budget_span *begin(struct budget *b, const struct calendar *c,
                                 enum budget_window window, usec wall)
{
	struct budget_span *s = choose(b);

	if (!s)
		return NULL;
	forget(b, s, wall);
	*s = (struct budget_span){ 0 };
	calendar_window(c, window, wall, &s->from, &s->until);
	s->spent = remembered(b, s);
	return s;
}

static cold struct budget_span *turn(struct budget *b, const struct calendar *c,
                                     enum budget_window window, usec wall)
{
	struct budget_span *s = find(b, wall);

	if (!s)
		s = begin(b, c, window, wall);
	if (s)
		b->now = (uint8_t)(s - b->spans);
	return s;
}

struct budget_span *budget_at(struct budget *b, const struct calendar *c,
                              enum budget_window window, usec wall)
{
	struct budget_span *s = &b->spans[b->now];

	return likely(is_in(s, wall)) ? s : turn(b, c, window, wall);
}

bool budget_has_room(const struct budget_span *s, nanousd limit, nanousd amount)
{
	limit = min_of(limit, (nanousd)BUDGET_SUM_MOST);
	return amount == 0 ||
	       (amount <= BUDGET_AMOUNT_MOST && amount <= limit - s->spent - s->reserved);
}

static void add(struct budget_span *s, nanousd amount)
{
	s->spent = min_of(s->spent + amount, (nanousd)BUDGET_SUM_MOST);
}

void budget_charge(struct budget *b, const struct calendar *c, enum budget_window window,
                   usec wall, nanousd reserved, nanousd charged)
{
	struct budget_span *s = &b->spans[b->now], none = { 0 };

	charged = min_of(charged, BUDGET_AMOUNT_MOST);
	if (unlikely(!is_in(s, wall)) && !(s = find(b, wall))) {
		assert(!reserved);
		s = begin(b, c, window, wall);
		if (!s) {
			calendar_window(c, window, wall, &none.from, &none.until);
			none.spent = charged;
			forget(b, &none, wall);
			return;
		}
	}
	assert(s->reserved >= reserved);
	s->reserved -= reserved;
	add(s, charged);
}

void budget_correct(struct budget *b, usec wall, nanousd delta)
{
	struct budget_span *s = find(b, wall);

	if (s)
		add(s, delta);
	if (s || delta <= 0)
		return;
	if (wall < b->past_until)
		b->past = min_of(b->past + delta, BUDGET_AMOUNT_MOST);
	if (wall >= b->ahead_from && wall < b->ahead_until)
		b->ahead = min_of(b->ahead + delta, BUDGET_AMOUNT_MOST);
}

void budget_restart(struct budget *b)
{
	for (unsigned i = 0; i < BUDGET_KEPT; i++)
		b->spans[i].spent = 0;
	b->past = b->past_until = 0;
	b->ahead = b->ahead_from = b->ahead_until = 0;
}

bool budget_is_idle(const struct budget *b, usec wall)
{
	for (unsigned i = 0; i < BUDGET_KEPT; i++) {
		const struct budget_span *s = &b->spans[i];

		if (s->reserved || (s->spent && s->until > wall))
			return false;
	}
	return b->past_until <= wall && b->ahead_until <= wall;
}
