/* weeks.c - two weeks of traffic through the gateway, in minutes.
 *
 *	weeks DIR SEED EXCHANGES
 *
 * A worker, the mock providers and all clients live on the simulated machine of
 * tests/sim: they run unchanged, and time passes only when all of them wait.  The
 * worker's journal goes the recorder's way into DIR/ledger.db, each provider keeps its
 * bill in DIR/bill-NAME; tests/weeks/run compares them.
 *
 * People come by day more than by night, on workdays more than on weekends; they speak
 * several formats, want streams or whole answers, and some leave before the end.
 * Providers fail in every way the mock knows, so that routes fail over, hedge and
 * resume. */
#include "config/key.h"
#include "meter/batch.h"
#include "mock/mock.h"
#include "tests/sim/gate.h"
#include "tests/weeks/traffic.h"

#include <stdio.h>
#include <stdlib.h>

#define START ((usec)1793577600 * USEC_SEC) /* Monday, 2026-11-02 00:00 UTC */
#define LOOK (200 * USEC_MS)                /* how often clients look at their answers */
#define IN_THE_END (20 * USEC_MIN)

#define BUDGET_NANO ((nanousd)1000000 * 1000000000)

enum { MINUTES = 14 * 24 * 60, MOCKS = 4, LIVE_MOST = 4096, KEYS = 5 };
enum { FEW = 20000 /* exchanges, or less */ };

struct client {
	struct sim_peer *peer; /* NULL: free */
	usec leaves_at;        /* USEC_NEVER: it stays to the end */
	struct buf got;
};

struct weeks {
	struct gate gate;
	struct mock *mocks[MOCKS];
	struct loop *loops[MOCKS + 1];
	struct ledger *ledger;
	struct batch batch;
	struct client clients[LIVE_MOST];
	unsigned live;
	bool few;
	char keys[KEYS][KEY_TEXT];
	uint64_t asked, answered, left;
};

static const char *const mock_names[MOCKS] = { "a", "b", "c", "g" };

/* tests/sim/gate.c tells of failures in the manner of tests. */
void check_failed(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

bool check_int(const char *file, int line, const char *what, int64_t got, int64_t want)
{
	if (got != want)
		check_failed(file, line, "%s is %lld, not %lld", what, (long long)got,
		             (long long)want);
	return true;
}

/* ---- the world ---- */

static void add_mocks(struct weeks *w, const char *dir)
{
	struct buf why = BUF_LIMIT(KiB);

	for (int i = 0; i < MOCKS; i++) {
		struct mock_options o = { .name = str_from_z(mock_names[i]) };
		struct net_addr at;
		char address[32], bill[512];

		snprintf(address, sizeof(address), "10.0.0.%d:80", i + 1);
		snprintf(bill, sizeof(bill), "%s/bill-%s", dir, mock_names[i]);
		CHECK(net_parse(str_from_z(address), &at));
		o.at = &at;
		o.bill = bill;
		w->mocks[i] = mock_new(&o, &why);
		CHECK(w->mocks[i] != NULL);
		w->loops[i + 1] = mock_loop(w->mocks[i]);
	}
	buf_free(&why);
}

static void put_node(struct weeks *w, const struct tenant_row *row,
                     const struct key_secret *secret)
{
	bool done = false;

	CHECK(ledger_tenant_put(w->ledger, row, secret, &done));
	CHECK(keyring_put(w->gate.gateway.keys, row, secret));
	CHECK(tenants_put(w->gate.gateway.tenants, row, sys_now(), NULL, NULL));
}

/* Two teams with some keys each. */
static void add_keys(struct weeks *w)
{
	static const char *const names[KEYS] = { "web", "batch", "mobile", "agents",
		                                 "research" };
	const struct tenant_row organisation = { .id = TENANT_DEFAULT,
		                                 .kind = TENANT_ORGANISATION,
		                                 .name = STR("default"),
		                                 .created_wall = START };
	struct tenant_row row = { .created_wall = START };

	/* Far too large to be spent: so that all of it is reserved before it is. */
	for (int i = 0; i < BUDGET_WINDOWS; i++) {
		row.caps.budget[i] = i == BUDGET_MONTH ? BUDGET_NANO : COST_UNKNOWN;
		row.per_user.budget[i] = COST_UNKNOWN;
	}
	CHECK(keyring_put(w->gate.gateway.keys, &organisation, NULL));
	for (uint64_t team = 0; team < 2; team++) {
		row.id = 100 + team;
		row.kind = TENANT_TEAM;
		row.parent = TENANT_DEFAULT;
		row.name = team ? STR("lab") : STR("shop");
		put_node(w, &row, NULL);
	}
	for (int i = 0; i < KEYS; i++) {
		struct key_secret secret = { 0 };

		key_generate(w->keys[i], &row.id);
		key_mac(w->gate.gateway.pepper, str_of(w->keys[i], KEY_TEXT), secret.mac);
		row.kind = TENANT_KEY;
		row.parent = 100 + (uint64_t)(i > 2);
		row.name = str_from_z(names[i]);
		put_node(w, &row, &secret);
	}
}

static void begin(struct weeks *w, const char *dir, uint64_t seed)
{
	struct buf config = BUF_LIMIT(64 * KiB), why = BUF_LIMIT(KiB);
	char path[512];

	traffic_config(dir, &config);
	CHECK(gate_begin(&w->gate, seed, buf_z(&config)));
	sim_set_wall(START);
	w->loops[0] = &w->gate.worker.loop;
	snprintf(path, sizeof(path), "%s/ledger.db", dir);
	w->ledger = ledger_open(path, &why);
	if (!w->ledger)
		check_failed(path, 0, "%s", buf_z(&why));
	add_mocks(w, dir);
	add_keys(w);
	buf_free(&config);
	buf_free(&why);
}

/* What the recorder does, without its thread. */
static void record(struct weeks *w)
{
	bool all = false;

	while (!all) {
		all = batch_read(&w->batch, w->gate.journal);
		if (!batch_is_empty(&w->batch) &&
		    !batch_apply(&w->batch, w->ledger, NULL))
			check_failed(__FILE__, __LINE__, "%s",
			             ledger_error(w->ledger, NULL));
		journal_retire(w->gate.journal);
		(void)journal_prepare(w->gate.journal);
	}
}

static void end(struct weeks *w)
{
	record(w);
	batch_done(&w->batch);
	ledger_close(&w->ledger);
	for (int i = 0; i < MOCKS; i++)
		mock_free(&w->mocks[i]);
	gate_end(&w->gate);
}

/* ---- clients ---- */

static void ask(struct weeks *w)
{
	struct buf text = BUF_LIMIT(64 * KiB);
	struct client *c = w->clients;
	usec patience;

	while (c->peer)
		CHECK(++c < w->clients + LIVE_MOST);
	patience = traffic_request(str_of(w->keys[sim_random(KEYS)], KEY_TEXT), w->few,
	                           &text);
	*c = (struct client){ .peer = gate_client(&w->gate),
		              .leaves_at = patience == USEC_NEVER
		                                   ? USEC_NEVER
		                                   : sys_now() + patience };
	CHECK(sim_send(c->peer, buf_str(&text)) == text.len);
	buf_free(&text);
	w->live++;
	w->asked++;
}

/* The gateway ends each connection behind its answer. */
static void look(struct weeks *w)
{
	for (struct client *c = w->clients; c < w->clients + LIVE_MOST; c++) {
		if (!c->peer)
			continue;
		c->got = BUF_LIMIT(64 * MiB);
		sim_recv(c->peer, &c->got);
		buf_free(&c->got);
		bool is_over = sim_saw_fin(c->peer) || sim_saw_rst(c->peer);
		if (!is_over && c->leaves_at > sys_now())
			continue;
		w->answered += is_over;
		w->left += !is_over;
		sim_close(c->peer);
		c->peer = NULL;
		w->live--;
	}
}

static void run_to(struct weeks *w, usec when)
{
	while (sys_now() < when) {
		usec span = when - sys_now();

		sim_run_all(w->loops, MOCKS + 1, w->live ? min_of(span, LOOK) : span);
		if (w->live)
			look(w);
	}
}

static int by_time(const void *a, const void *b)
{
	usec one = *(const usec *)a, two = *(const usec *)b;

	return (one > two) - (one < two);
}

/* So many in this minute, each at a time of its own. */
static void minute(struct weeks *w, usec from, unsigned count)
{
	usec at[256];

	CHECK(count <= countof(at));
	for (unsigned i = 0; i < count; i++)
		at[i] = from + (usec)sim_random(USEC_MIN);
	qsort(at, count, sizeof(at[0]), by_time);
	for (unsigned i = 0; i < count; i++) {
		run_to(w, at[i]);
		ask(w);
	}
	run_to(w, from + USEC_MIN);
}

int main(int argc, char **argv)
{
	static struct weeks w;
	uint64_t seed, exchanges, all = 0, due = 0;
	usec from;

	if (argc != 4 || !str_to_u64(str_from_z(argv[2]), &seed) ||
	    !str_to_u64(str_from_z(argv[3]), &exchanges)) {
		fprintf(stderr, "weeks DIR SEED EXCHANGES\n");
		return 2;
	}
	w.few = exchanges <= FEW;
	begin(&w, argv[1], seed);
	from = sys_now();
	for (unsigned m = 0; m < MINUTES; m++)
		all += traffic_weight(m);
	for (unsigned m = 0; m < MINUTES; m++) {
		due += traffic_weight(m) * exchanges;
		minute(&w, from + (usec)m * USEC_MIN, (unsigned)(due / all));
		due %= all;
		if (m % 60 == 59)
			record(&w);
	}
	run_to(&w, sys_now() + IN_THE_END);
	end(&w);
	printf("%llu asked, %llu answered, %llu left, %llu hedges\n",
	       (unsigned long long)w.asked, (unsigned long long)w.answered,
	       (unsigned long long)w.left,
	       (unsigned long long)w.gate.worker.counts.hedges);
	return w.live ? 1 : 0;
}
