#include "policy/keyring.h"
#include "tests/check.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ORGANISATION = 1, TEAM = 2, KEY = 0x123456789 };

static const struct tenant_row organisation = { .id = ORGANISATION,
	                                        .name = STR_INIT("default"),
	                                        .serial = 1 };
static const struct tenant_row team = {
	.id = TEAM, .kind = TENANT_TEAM, .parent = ORGANISATION, .name = STR_INIT("team")
};
static const struct tenant_row key = {
	.id = KEY, .kind = TENANT_KEY, .parent = TEAM, .name = STR_INIT("ci")
};
static const struct key_secret secret = { .mac = { 1, 2, 3, [31] = 9 } };

static const uint8_t nobodys_mac[32];

static bool is_good(struct keyring *k, uint64_t id, const uint8_t mac[32], usec wall)
{
	return !keyring_check(k, id, mac, wall);
}

static struct keyring *keyring_of_one(void)
{
	struct keyring *k = keyring_new();

	CHECK(keyring_put(k, &organisation, NULL) && keyring_put(k, &team, NULL));
	CHECK(keyring_put(k, &key, &secret));
	return k;
}

TEST(keyring_knows_active_keys_only)
{
	struct keyring *k = keyring_of_one();
	struct tenant_row gone = key;
	uint8_t wrong[32] = { 1, 2, 4 };

	CHECK_INT(keyring_count(k), 1);
	CHECK_INT(keyring_used(k, KEY), 0);
	CHECK(!is_good(k, KEY, wrong, 7 * USEC_SEC));
	CHECK(!is_good(k, KEY + 1, secret.mac, 7 * USEC_SEC));
	CHECK_INT(keyring_used(k, KEY), 0);
	CHECK(is_good(k, KEY, secret.mac, 7 * USEC_SEC));
	CHECK_INT(keyring_used(k, KEY), 7 * USEC_SEC);
	CHECK(!keyring_look(k, KEY, 7) && keyring_look(k, KEY + 1, 7) == FAULT_BAD_KEY);
	CHECK_STR(keyring_name(k, KEY), "ci");
	gone.revoked_wall = 1;
	CHECK(keyring_put(k, &gone, NULL));
	CHECK(!is_good(k, KEY, secret.mac, 8 * USEC_SEC));
	CHECK(keyring_look(k, KEY, 8) == FAULT_BAD_KEY);
	CHECK_INT(keyring_used(k, KEY), 7 * USEC_SEC);
	CHECK_INT(keyring_count(k), 1);
	keyring_free(&k);
	CHECK(!k);
}

TEST(both_secrets_are_good_during_the_grace)
{
	struct keyring *k = keyring_of_one();
	struct key_secret next = { .mac = { 7 }, .previous_until = 100 };

	memcpy(next.previous, secret.mac, sizeof(next.previous));
	CHECK(keyring_put(k, &key, &next));
	CHECK(is_good(k, KEY, next.mac, 99) && is_good(k, KEY, secret.mac, 99));
	CHECK(is_good(k, KEY, next.mac, 100));
	CHECK(!is_good(k, KEY, secret.mac, 100));
	/* Without a grace what was before is gone at once, and zeros never were good. */
	next = (struct key_secret){ .mac = { 8 } };
	CHECK(keyring_put(k, &key, &next));
	CHECK(is_good(k, KEY, next.mac, 1));
	CHECK(!is_good(k, KEY, next.previous, 1));
	CHECK(!is_good(k, KEY, secret.mac, 1));
	keyring_free(&k);
}

TEST(what_expires_is_good_until_that_moment)
{
	struct keyring *k = keyring_of_one();
	struct tenant_row mortal = key;

	mortal.expires_wall = 50;
	CHECK(keyring_put(k, &mortal, NULL));
	CHECK(is_good(k, KEY, secret.mac, 49));
	CHECK(keyring_check(k, KEY, secret.mac, 50) == FAULT_KEY_EXPIRED);
	CHECK(keyring_check(k, KEY, nobodys_mac, 50) == FAULT_BAD_KEY);
	mortal.expires_wall = 60;
	CHECK(keyring_put(k, &mortal, NULL));
	CHECK(is_good(k, KEY, secret.mac, 59));
	mortal = team;
	mortal.expires_wall = 20;
	CHECK(keyring_put(k, &mortal, NULL));
	CHECK(is_good(k, KEY, secret.mac, 19));
	CHECK(!is_good(k, KEY, secret.mac, 20));
	keyring_free(&k);
}

TEST(a_team_that_is_revoked_takes_its_keys_with_it)
{
	struct keyring *k = keyring_of_one();
	struct tenant_row other = key, gone = team;

	other.id = KEY + 1;
	other.parent = ORGANISATION;
	CHECK(keyring_put(k, &other, &secret));
	gone.revoked_wall = 1;
	CHECK(keyring_put(k, &gone, NULL));
	CHECK(!is_good(k, KEY, secret.mac, 2));
	CHECK(is_good(k, KEY + 1, secret.mac, 2));
	other.id = KEY + 2; /* of nobody who is known */
	other.parent = 77;
	CHECK(keyring_put(k, &other, &secret));
	CHECK(!is_good(k, KEY + 2, secret.mac, 2));
	keyring_free(&k);
}

/* An unknown id compares with a mac of zeros, which must not open the door; a team has
 * one. */
TEST(keyring_refuses_zeros)
{
	struct keyring *k = keyring_of_one();
	uint8_t zeros[32] = { 0 };

	CHECK(!is_good(k, 0, zeros, 1));
	CHECK(!is_good(k, 7, zeros, 1));
	CHECK(!is_good(k, TEAM, zeros, 1));
	keyring_free(&k);
}

TEST(teams_of_one_name_are_told_apart)
{
	struct keyring *k = keyring_of_one();
	struct tenant_row other = organisation, twin = team, third = team;

	other.id = ORGANISATION + 1;
	twin.id = TEAM + 1;
	twin.parent = other.id;
	third.id = TEAM + 2;
	third.name = STR("another");
	CHECK(keyring_put(k, &other, NULL) && keyring_put(k, &third, NULL));
	CHECK(!keyring_has_namesake(k, TEAM) && !keyring_has_namesake(k, TEAM + 9));
	CHECK(keyring_put(k, &twin, NULL));
	CHECK(keyring_has_namesake(k, TEAM) && keyring_has_namesake(k, twin.id));
	CHECK(!keyring_has_namesake(k, third.id));
	keyring_free(&k);
}

/* What nobody can use takes no place from others. */
TEST(revoked_nodes_and_what_is_below_them_take_no_place)
{
	struct keyring *k = keyring_new();
	struct tenant_row gone_team = team, orphan = key, gone = key;

	gone_team.revoked_wall = gone.revoked_wall = 1;
	gone.id = KEY + 1;
	gone.parent = ORGANISATION;
	CHECK(keyring_put(k, &organisation, NULL) && keyring_put(k, &gone_team, NULL));
	CHECK(keyring_put(k, &orphan, &secret) && keyring_put(k, &gone, &secret));
	CHECK_INT(keyring_count(k), 0);
	CHECK(keyring_look(k, KEY, 1) == FAULT_BAD_KEY);
	CHECK(!is_good(k, KEY, secret.mac, 1) && !is_good(k, KEY + 1, secret.mac, 1));
	CHECK_STR_EQ(keyring_name(k, TEAM), STR_NONE);
	keyring_free(&k);
}

TEST(keyring_fills_up_and_says_so)
{
	struct keyring *k = keyring_new();
	struct tenant_row row = { .name = STR("k"), .serial = 1 }, gone = row;

	for (uint64_t i = 1; i <= KEYRING_MOST; i++) {
		row.id = i * 7919;
		if (!CHECK(keyring_put(k, &row, &secret)))
			break;
	}
	CHECK(!keyring_has_room(k));
	row.id = 1;
	CHECK(!keyring_put(k, &row, &secret));
	CHECK_INT(keyring_count(k), KEYRING_MOST);
	gone.id = 1;
	gone.revoked_wall = 1;
	CHECK(keyring_put(k, &gone, &secret)); /* needs no place */
	row.id = 7919;
	CHECK(keyring_put(k, &row, &secret)); /* there already */
	keyring_free(&k);
}

/* ---- while it changes ---- */

struct turning {
	struct keyring *k;
	_Atomic unsigned
	        turn; /* the secret is all of that byte, the one before one less */
	_Atomic unsigned looks;
	_Atomic bool stop;
};

static void *look_on(void *arg)
{
	static char refused[] = "a good secret was refused";
	static char torn_was_good[] = "a torn secret was good";
	struct turning *t = arg;

	while (!atomic_load(&t->stop)) {
		unsigned turn = atomic_load(&t->turn);
		uint8_t mac[32], torn[32];

		memset(mac, (uint8_t)turn, sizeof(mac));
		memset(torn, (uint8_t)(turn + 1), sizeof(torn));
		memcpy(torn, mac, 16);
		/* It is good for two turns; what is half of each never was. */
		if (!is_good(t->k, KEY, mac, 1) && atomic_load(&t->turn) == turn) {
			atomic_fetch_add(&t->looks, 1000000);
			return refused;
		}
		if (is_good(t->k, KEY, torn, 1)) {
			atomic_fetch_add(&t->looks, 1000000);
			return torn_was_good;
		}
		atomic_fetch_add(&t->looks, 1);
	}
	return NULL;
}

TEST(a_secret_changes_as_a_whole)
{
	struct turning t = { .k = keyring_of_one() };
	struct key_secret next = { .previous_until = 2 };
	pthread_t threads[2];
	void *why;

	memset(next.mac, 0, sizeof(next.mac));
	CHECK(keyring_put(t.k, &key, &next));
	for (size_t i = 0; i < countof(threads); i++)
		CHECK(pthread_create(&threads[i], NULL, look_on, &t) == 0);
	for (unsigned turn = 1; turn < 20000 || atomic_load(&t.looks) < 20000; turn++) {
		memcpy(next.previous, next.mac, sizeof(next.mac));
		memset(next.mac, (uint8_t)turn, sizeof(next.mac));
		if (!keyring_put(t.k, &key, &next))
			break;
		atomic_store(&t.turn, turn);
	}
	atomic_store(&t.stop, true);
	for (size_t i = 0; i < countof(threads); i++) {
		pthread_join(threads[i], &why);
		if (why)
			check_failed(__FILE__, __LINE__, "%s", (const char *)why);
	}
	keyring_free(&t.k);
}

/* ---- the same steps for every wrong key ---- */

/* Not where a sanitizer's own work would be counted. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
struct trial {
	const char *what;
	uint64_t id;
	uint8_t mac[32];
};

static void check_once(struct keyring *k, const struct trial *t)
{
	raise(SIGSTOP);
	if (keyring_check(k, t->id, t->mac, 1) != FAULT_BAD_KEY)
		_exit(2);
	raise(SIGSTOP);
	_exit(0);
}

/* Instructions between the two stops of a child; 0: nobody may be traced here. */
static long count_steps(struct keyring *k, const struct trial *t)
{
	pid_t child = fork();
	int status;
	long steps = 0;

	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			_exit(3);
		check_once(k, t);
	}
	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		return 0;
	do {
		if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0)
			break;
		steps++;
	} while (waitpid(child, &status, 0) == child && WIFSTOPPED(status) &&
	         WSTOPSIG(status) == SIGTRAP);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return steps;
}

TEST(every_wrong_key_costs_the_same_instructions)
{
	struct trial trials[] = {
		{ .what = "an unknown id", .id = KEY + 5 },
		{ .what = "another secret", .id = KEY },
		{ .what = "its first byte", .id = KEY },
		{ .what = "its last byte", .id = KEY },
		{ .what = "a key of the wrong form", .id = 0 },
		{ .what = "the secret of a team", .id = TEAM },
	};
	struct keyring *k = keyring_of_one();
	long first = 0;

	for (size_t i = 0; i < countof(trials); i++) {
		memcpy(trials[i].mac, secret.mac, sizeof(trials[i].mac));
		if (trials[i].id == KEY)
			trials[i].mac[i == 3 ? 31 : 0] ^= 1;
		if (i == 1)
			memset(trials[i].mac, 0x5a, sizeof(trials[i].mac));
		long steps = count_steps(k, &trials[i]);

		if (i == 0)
			first = steps;
		if (steps != first)
			check_failed(__FILE__, __LINE__, "%s: %ld instructions, not %ld",
			             trials[i].what, steps, first);
	}
	keyring_free(&k);
}
#endif
