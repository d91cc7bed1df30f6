#include "loop/resolve.h"

#include "loop/private.h"
#include "loop/resolve_private.h"
#include "tests/unit/loop/dns_stub.h"

/* Like the usual times, a hundred times faster. */
static const struct resolver_times hurry = {
	.refresh_least = 50 * USEC_MS,
	.refresh_most = 60 * USEC_MS,
	.retry_first = 50 * USEC_MS,
	.retry_most = 100 * USEC_MS,
	.keep = 400 * USEC_MS,
	.timeout_ms = 200,
	.tries = 2,
};

/* What is published, as text: addresses, or why there are none. */
static str told(const struct resolved *e)
{
	static struct buf text = BUF_LIMIT(2000);
	struct net_addr at[RESOLVED_MOST];
	fault_t why;
	unsigned count = resolved_get(e, at, &why);

	buf_clear(&text);
	for (unsigned i = 0; i < count; i++) {
		if (i)
			buf_add_char(&text, ' ');
		net_print(&at[i], &text);
	}
	if (!count)
		buf_add(&text, why ? why->name : STR("wait"));
	return buf_str(&text);
}

static void count_wake(void *arg)
{
	atomic_fetch_add((_Atomic int *)arg, 1);
}

/* Until something else than `before` is published, but 2 s at most. */
static str wait_while(const struct resolved *e, str before)
{
	for (int i = 0; i < 2000 && str_eq(told(e), before); i++)
		usleep(1000);
	return told(e);
}

TEST(resolver_publishes_literals_at_once_and_without_a_thread)
{
	struct resolver *r = resolver_new();
	_Atomic int woken = 0;

	/* A literal private address in the file is its own permission. */
	CHECK_STR(told(resolver_watch(r, STR("10.0.0.1"), 80, false)), "10.0.0.1:80");
	CHECK_STR(told(resolver_watch(r, STR("::1"), 80, false)), "[::1]:80");
	CHECK_STR(told(resolver_watch(r, STR("unix:/run/x"), 0, false)), "unix:/run/x");
	struct resolved *e = resolver_watch(r, STR("1.1.1.1"), 443, false);
	CHECK(e == resolver_watch(r, STR("1.1.1.1"), 443, false));
	CHECK(e != resolver_watch(r, STR("1.1.1.1"), 444, false));
	resolved_notify(e, count_wake, &woken);
	CHECK_INT(atomic_load(&woken), 1);
	CHECK(!r->has_thread);
	resolver_free(&r);
	CHECK(!r);
	resolver_free(&r);
}

TEST(resolver_knows_localhost_and_asks_nobody)
{
	struct resolver *r = resolver_new();

	CHECK_STR(told(resolver_watch(r, STR("localhost"), 80, true)),
	          "127.0.0.1:80 [::1]:80");
	CHECK_STR(told(resolver_watch(r, STR("LocalHost."), 80, true)),
	          "127.0.0.1:80 [::1]:80");
	CHECK_STR(told(resolver_watch(r, STR("x.localhost"), 80, true)),
	          "127.0.0.1:80 [::1]:80");
	CHECK_STR(told(resolver_watch(r, STR("localhost"), 80, false)),
	          "ADDRESS_FORBIDDEN");
	CHECK(!r->has_thread);
	resolver_free(&r);
}

TEST(resolver_refuses_what_is_no_name)
{
	static const char *const names[] = {
		"127.1",     "2130706433", "0x7f000001", "0177.0.0.1", "1.2.3.4.",
		"a..b",      "",           ".",          "a b",        "a/b",
		"user@host", "a#b",        "a\\b",       "a%00b",      "a\r\nb",
		"[::1]",     "fe80::1%lo", "a:80",       "ｅ.com",     "xlocalhost.1",
		"a..",       "unix:",      "例.test",
	};
	struct resolver *r = resolver_new();

	for (size_t i = 0; i < countof(names); i++) {
		str name = str_from_z(names[i]);

		CHECK_STR(told(resolver_watch(r, name, 80, true)), "NAME_UNKNOWN");
	}
	CHECK(!r->has_thread);
	resolver_free(&r);
}

static struct dns_row rows[] = {
	{ .name = "good.test",
	  .first = "93.184.216.34 8.8.4.4 2606:4700::1 2606:4700::2 2606:4700::3" },
	{ .name = "private.test", .first = "10.0.0.1" },
	{ .name = "mixed.test", .first = "8.8.8.8 127.0.0.1" },
	{ .name = "mapped.test", .first = "::ffff:127.0.0.1" },
	{ .name = "metadata.test", .first = "fd00:ec2::254" },
	{ .name = "fail.test", .first = "!", .later = "!" },
	{ .name = "rebind.test", .first = "8.8.8.8", .later = "127.0.0.1" },
	{ .name = "gone.test", .first = "8.8.8.8" },
	{ .name = "late.test", .later = "8.8.8.8" },
	{ .name = "moves.test", .first = "8.8.8.8", .later = "8.8.4.4" },
	{ .name = "many.test",
	  .first = "1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 1.1.1.5 1.1.1.6 1.1.1.7 1.1.1.8 "
	           "1.1.1.9 1.1.1.10 1.1.1.11 1.1.1.12 1.1.1.13 1.1.1.14 1.1.1.15 "
	           "1.1.1.16 "
	           "1.1.1.17 1.1.1.18 1.1.1.19 1.1.1.20 1.1.1.21" },
};
static struct dns_stub stub = { .rows = rows, .count = countof(rows) };
static struct resolver *resolver;

static void begin(void)
{
	for (size_t i = 0; i < countof(rows); i++) {
		atomic_store(&rows[i].asked, 0);
		if (!rows[i].later && strcmp(rows[i].name, "gone.test") != 0)
			rows[i].later = rows[i].first;
	}
	atomic_store(&stub.stop, false);
	dns_begin(&stub);
	resolver = resolver_new_with(&hurry, stub.servers);
}

static void end(void)
{
	resolver_free(&resolver);
	dns_end(&stub);
}

static str ask(str name, bool allow_private)
{
	return wait_while(resolver_watch(resolver, name, 443, allow_private),
	                  STR("wait"));
}

TEST(resolver_asks_and_lets_families_take_turns)
{
	struct net_addr at[RESOLVED_MOST];
	_Atomic int woken = 0;
	fault_t why;

	begin();
	struct resolved *e = resolver_watch(resolver, STR("good.test"), 443, false);
	resolved_notify(e, count_wake, &woken);
	wait_while(e, STR("wait"));
	if (CHECK_INT(resolved_get(e, at, &why), 5)) {
		for (int i = 0; i < 4; i++)
			CHECK(at[i].sa.sa_family != at[i + 1].sa.sa_family || i == 3);
		CHECK_INT(net_port(&at[4]), 443);
	}
	for (int i = 0; i < 100 && !atomic_load(&woken); i++)
		usleep(1000);
	CHECK_INT(atomic_load(&woken), 1);
	resolved_notify(e, count_wake, &woken);
	CHECK_INT(atomic_load(&woken), 2);
	CHECK(e == resolver_watch(resolver, STR("GOOD.test"), 443, false));
	end();
}

TEST(resolver_refuses_private_addresses_unless_allowed)
{
	begin();
	CHECK_STR(ask(STR("private.test"), false), "ADDRESS_FORBIDDEN");
	CHECK_STR(ask(STR("mixed.test"), false), "ADDRESS_FORBIDDEN");
	CHECK_STR(ask(STR("mapped.test"), false), "ADDRESS_FORBIDDEN");
	CHECK_STR(ask(STR("metadata.test"), false), "ADDRESS_FORBIDDEN");
	CHECK_STR(ask(STR("private.test"), true), "10.0.0.1:443");
	end();
}

TEST(resolver_judges_each_answer_anew)
{
	begin();
	CHECK_STR(ask(STR("rebind.test"), false), "8.8.8.8:443");
	struct resolved *e = resolver_watch(resolver, STR("rebind.test"), 443, false);
	CHECK_STR(wait_while(e, STR("8.8.8.8:443")), "ADDRESS_FORBIDDEN");
	CHECK_STR(ask(STR("moves.test"), false), "8.8.8.8:443");
	e = resolver_watch(resolver, STR("moves.test"), 443, false);
	CHECK_STR(wait_while(e, STR("8.8.8.8:443")), "8.8.4.4:443");
	end();
}

TEST(resolver_says_so_when_there_is_no_answer_and_tries_again)
{
	begin();
	CHECK_STR(ask(STR("nowhere.test"), false), "NAME_UNKNOWN");
	CHECK_STR(ask(STR("fail.test"), false), "NAME_UNKNOWN");
	CHECK_STR(ask(STR("late.test"), false), "NAME_UNKNOWN");
	struct resolved *e = resolver_watch(resolver, STR("late.test"), 443, false);
	CHECK_STR(wait_while(e, STR("NAME_UNKNOWN")), "8.8.8.8:443");
	end();
}

/* G27 */
TEST(resolver_keeps_the_last_good_answer_for_its_time)
{
	begin();
	CHECK_STR(ask(STR("gone.test"), false), "8.8.8.8:443");
	struct resolved *e = resolver_watch(resolver, STR("gone.test"), 443, false);
	usec from = sys_now();
	CHECK_STR(wait_while(e, STR("8.8.8.8:443")), "NAME_UNKNOWN");
	CHECK(sys_now() - from > 200 * USEC_MS);
	CHECK(atomic_load(&rows[7].asked) > 2);
	end();
}

TEST(resolver_survives_a_silent_server_and_being_stopped_meanwhile)
{
	begin();
	atomic_store(&stub.stop, true);
	usleep(20000);
	CHECK_STR(told(resolver_watch(resolver, STR("good.test"), 443, false)), "wait");
	CHECK_STR(ask(STR("good.test"), false), "NAME_UNKNOWN");
	resolver_watch(resolver, STR("other.test"), 443, false);
	usleep(5000);
	end();
}

TEST(resolver_publishes_sixteen_addresses_at_most)
{
	struct net_addr at[RESOLVED_MOST];
	fault_t why;

	begin();
	ask(STR("many.test"), false);
	CHECK_INT(resolved_get(resolver_watch(resolver, STR("many.test"), 443, false), at,
	                       &why),
	          RESOLVED_MOST);
	end();
}

static void *copy_for_a_while(void *arg)
{
	struct net_addr at[RESOLVED_MOST];
	intptr_t torn = 0;
	fault_t why;

	for (int i = 0; i < 200000; i++) {
		unsigned count = resolved_get(arg, at, &why);

		for (unsigned k = 1; k < count; k++)
			torn += at[k].in.sin_addr.s_addr != at[0].in.sin_addr.s_addr;
	}
	return (void *)torn;
}

TEST(resolver_readers_never_see_half_an_answer)
{
	struct resolver *r = resolver_new();
	struct resolved *e = resolver_watch(r, STR("localhost"), 80, true);
	pthread_t readers[2];
	void *torn;

	resolved_publish(e, NULL, 0, NULL);
	for (int i = 0; i < 2; i++)
		pthread_create(&readers[i], NULL, copy_for_a_while, e);
	for (uint32_t i = 0; i < 300000; i++) {
		struct net_addr at[RESOLVED_MOST];

		for (int k = 0; k < RESOLVED_MOST; k++) {
			at[k] = (struct net_addr){ .len = sizeof(at[k].in) };
			at[k].in.sin_family = AF_INET;
			at[k].in.sin_addr.s_addr = htonl(i);
		}
		resolved_publish(e, at, i % (RESOLVED_MOST + 1), NULL);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(readers[i], &torn);
		CHECK(!torn);
	}
	resolver_free(&r);
}
