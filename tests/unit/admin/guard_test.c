/* Tokens: their text, who is let in, and how often one may be wrong. */
#include "admin/guard.h"
#include "admin/token.h"
#include "tests/check.h"

#include <stdio.h>

struct rig {
	struct guard guard;
	struct ledger *l;
	struct admin_token_row row;
	char header[8 + ADMIN_TOKEN];
	struct net_addr peer;
	usec now;
};

static bool rig_init(struct rig *g, const char *name, unsigned scopes, usec expires)
{
	struct buf why = BUF_LIMIT(KiB);
	char path[700];

	*g = (struct rig){ .now = 1000 * USEC_SEC };
	guard_init(&g->guard);
	snprintf(path, sizeof(path), "%s/%s.db", test_dir(), name);
	memcpy(g->header, "Bearer ", 7);
	admin_token_make(STR("ci"), scopes, 5, expires, &g->row, g->header + 7);
	CHECK(net_parse(STR("10.0.0.1:5"), &g->peer));
	g->l = ledger_open(path, &why);
	buf_free(&why);
	return CHECK(g->l && ledger_token_put(g->l, &g->row));
}

/* Whoever it is. */
static enum guard_found let_in(struct rig *g, str header)
{
	struct admin_who who;
	str text;

	return guard_check(&g->guard, g->l, header, &g->peer, g->now, 100, &who, &text);
}

static enum guard_found ask(struct rig *g, str header)
{
	struct admin_who who;
	str text;
	enum guard_found found =
	        guard_check(&g->guard, g->l, header, &g->peer, g->now, 100, &who, &text);

	if (found == GUARD_GOOD) {
		CHECK_INT(who.scopes, g->row.scopes);
		CHECK(who.token == g->row.id);
		CHECK(str_ends(str_from_z(who.name), STR(" ci")));
		CHECK(str_eq(text, str_of(g->header + 7, ADMIN_TOKEN)));
	}
	return found;
}

static str own(const struct rig *g)
{
	return str_of(g->header, 7 + ADMIN_TOKEN);
}

static void done(struct rig *g)
{
	ledger_close(&g->l);
	guard_done(&g->guard);
}

TEST(a_token_is_hashed_once_and_looked_up_each_time)
{
	bool is_changed;
	struct rig g;

	if (!rig_init(&g, "once", ADMIN_READ | ADMIN_KEYS, 0))
		return;
	CHECK_INT(ask(&g, own(&g)), GUARD_GOOD);
	CHECK_INT(ask(&g, own(&g)), GUARD_GOOD);
	CHECK_INT(g.guard.scrypts, 1);
	CHECK(ledger_token_revoke(g.l, g.row.id, 50, &is_changed) && is_changed);
	CHECK_INT(ask(&g, own(&g)), GUARD_WRONG_TOKEN);
	done(&g);
}

/* However many others there are: who goes on asking stays known. */
TEST(the_token_that_has_not_come_for_longest_is_forgotten)
{
	struct admin_token_row late;
	char text[ADMIN_TOKEN], header[8 + ADMIN_TOKEN];
	struct rig g;

	if (!rig_init(&g, "known", ADMIN_READ, 0))
		return;
	admin_token_make(STR("late ci"), ADMIN_READ, 5, 0, &late, text);
	CHECK(ledger_token_put(g.l, &late));
	CHECK_INT(ask(&g, own(&g)), GUARD_GOOD);
	for (int i = 1; i < GUARD_KNOWN; i++) {
		g.guard.known[i].id = 1;
		g.guard.known[i].came = ++g.guard.requests;
	}
	CHECK_INT(ask(&g, own(&g)), GUARD_GOOD);
	CHECK_INT(g.guard.scrypts, 1);
	snprintf(header, sizeof(header), "Bearer %.*s", ADMIN_TOKEN, text);
	CHECK_INT(let_in(&g, str_from_z(header)), GUARD_GOOD);
	CHECK_INT(g.guard.scrypts, 2);
	CHECK(g.guard.known[1].id == late.id);
	CHECK_INT(ask(&g, own(&g)), GUARD_GOOD);
	CHECK_INT(g.guard.scrypts, 2);
	done(&g);
}

TEST(an_expired_token_is_none)
{
	struct rig g;

	if (!rig_init(&g, "late", ADMIN_READ, 100))
		return;
	CHECK_INT(ask(&g, own(&g)), GUARD_WRONG_TOKEN);
	done(&g);
}

TEST(what_is_wrong_with_a_token_costs_the_same)
{
	char other[8 + ADMIN_TOKEN];
	struct rig g;

	if (!rig_init(&g, "wrong", ADMIN_ALL, 0))
		return;
	CHECK_INT(ask(&g, STR_NONE), GUARD_MISSING);
	CHECK_INT(g.guard.scrypts, 0);
	/* A wrong secret, and an id that does not exist. */
	memcpy(other, g.header, sizeof(other));
	other[7 + ADMIN_TOKEN - 1] = other[7 + ADMIN_TOKEN - 1] == 'A' ? 'B' : 'A';
	CHECK_INT(ask(&g, str_of(other, 7 + ADMIN_TOKEN)), GUARD_WRONG_TOKEN);
	CHECK_INT(g.guard.scrypts, 1);
	memcpy(other, g.header, sizeof(other));
	other[7 + 9] = other[7 + 9] == 'a' ? 'b' : 'a';
	CHECK_INT(ask(&g, str_of(other, 7 + ADMIN_TOKEN)), GUARD_WRONG_TOKEN);
	CHECK_INT(g.guard.scrypts, 2);
	/* What has not the form of one is not looked up. */
	CHECK_INT(ask(&g, STR("Bearer sk-sl-0123456789ab-x")), GUARD_WRONG_TOKEN);
	CHECK_INT(ask(&g, STR("Basic YTpi")), GUARD_WRONG_TOKEN);
	CHECK_INT(g.guard.scrypts, 2);
	done(&g);
}

TEST(who_guesses_is_not_listened_to_and_others_are)
{
	struct rig g;

	if (!rig_init(&g, "often", ADMIN_ALL, 0))
		return;
	for (int i = 0; i < GUARD_WRONG; i++)
		CHECK_INT(ask(&g, STR("Bearer x")), GUARD_WRONG_TOKEN);
	CHECK_INT(ask(&g, STR("Bearer x")), GUARD_TOO_OFTEN);
	/* Not even with the right one, which nobody has shown yet. */
	CHECK_INT(ask(&g, own(&g)), GUARD_TOO_OFTEN);
	CHECK_INT(g.guard.scrypts, 0);
	CHECK(net_parse(STR("10.0.0.2:5"), &g.peer));
	CHECK_INT(ask(&g, own(&g)), GUARD_GOOD);
	/* From now on it is known. */
	CHECK(net_parse(STR("10.0.0.1:7"), &g.peer));
	CHECK_INT(ask(&g, own(&g)), GUARD_GOOD);
	CHECK_INT(ask(&g, STR("Bearer x")), GUARD_TOO_OFTEN);
	g.now += GUARD_AGAIN_SECONDS * USEC_SEC;
	CHECK_INT(ask(&g, STR("Bearer x")), GUARD_WRONG_TOKEN);
	CHECK_INT(ask(&g, STR("Bearer x")), GUARD_TOO_OFTEN);
	done(&g);
}

/* Whoever goes on with a token that was taken away. */
TEST(a_revoked_token_is_no_guess)
{
	struct rig g;
	bool is_changed;

	if (!rig_init(&g, "revoked", ADMIN_ALL, 0))
		return;
	CHECK(ledger_token_revoke(g.l, g.row.id, 50, &is_changed) && is_changed);
	for (int i = 0; i < 2 * GUARD_WRONG_ALL; i++)
		CHECK_INT(ask(&g, own(&g)), GUARD_WRONG_TOKEN);
	CHECK_INT(g.guard.scrypts, 1);
	for (int i = 0; i < GUARD_WRONG; i++)
		CHECK_INT(ask(&g, STR("Bearer x")), GUARD_WRONG_TOKEN);
	CHECK_INT(ask(&g, STR("Bearer x")), GUARD_TOO_OFTEN);
	done(&g);
}

TEST(guessing_from_many_addresses_is_slow_too)
{
	char text[64];
	struct rig g;
	int let = 0;

	if (!rig_init(&g, "many", ADMIN_ALL, 0))
		return;
	for (int i = 0; i < 3 * GUARD_PLACES; i++) {
		snprintf(text, sizeof(text), "[2001:db8:%x::1]:5", i);
		CHECK(net_parse(str_from_z(text), &g.peer));
		let += ask(&g, STR("Bearer x")) == GUARD_WRONG_TOKEN;
	}
	CHECK_INT(let, GUARD_WRONG_ALL);
	/* One network is one sender. */
	g.now += USEC_HOUR;
	for (int i = 0; i < GUARD_WRONG + 1; i++) {
		snprintf(text, sizeof(text), "[2001:db8:1:1::%x]:5", i);
		CHECK(net_parse(str_from_z(text), &g.peer));
		CHECK_INT(ask(&g, STR("Bearer x")),
		          i < GUARD_WRONG ? GUARD_WRONG_TOKEN : GUARD_TOO_OFTEN);
	}
	done(&g);
}

TEST(the_text_of_a_token_is_of_one_form)
{
	struct admin_token_row row;
	char text[ADMIN_TOKEN], other[ADMIN_TOKEN];
	unsigned scopes;
	uint64_t id;

	admin_token_make(STR("x"), ADMIN_READ, 1, 0, &row, text);
	CHECK(admin_token_id(str_of(text, ADMIN_TOKEN), &id) && id == row.id);
	CHECK(!admin_token_id(str_of(text, ADMIN_TOKEN - 1), &id));
	for (int i = 0; i < ADMIN_TOKEN; i++) {
		memcpy(other, text, sizeof(other));
		other[i] = i < 9 || i == 21 ? '.' : '\'';
		CHECK(!admin_token_id(str_of(other, ADMIN_TOKEN), &id));
	}
	CHECK(admin_scopes_parse(STR("read,keys"), &scopes) && scopes == 3);
	CHECK(admin_scopes_parse(STR("all"), &scopes) && scopes == ADMIN_ALL);
	CHECK(!admin_scopes_parse(STR(""), &scopes));
	CHECK(!admin_scopes_parse(STR("read,write"), &scopes));
}
