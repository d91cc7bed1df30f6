/* serve.c - `sluice serve`: start, greet, wait for signals, reload, drain, stop.
 *
 *   SIGHUP            read the configuration again
 *   SIGUSR1           open the access log again
 *   SIGINT, SIGTERM   no new requests; running ones end (drain); a second one quits */
#include "main/serving.h"

#include "base/log.h"
#include "base/mem.h"
#include "config/datadir.h"
#include "main/harden.h"
#include "main/keeping.h"
#include "main/notify.h"
#include "main/zone.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* ---- configuration ---- */

static bool wants_mock(const struct config *c)
{
	for (unsigned i = 0; i < c->provider_count; i++) {
		if (c->providers[i].is_mock)
			return true;
	}
	return false;
}

static bool start_mock(struct serving *s, const struct config *c, struct buf *why)
{
	struct net_addr at;

	if (s->mock || !wants_mock(c))
		return true;
	if (!net_parse(config_mock_host(), &at)) {
		buf_add(why, STR("the built-in mock has no address"));
		return false;
	}
	s->mock = mock_start(&(struct mock_options){ .at = &at }, why);
	return s->mock != NULL;
}

/* ---- reload ---- */

/* `data` stays where it is until a restart: so the file is read as if it said so, and
 * with it what lies there (keys of providers, facts about models). */
static struct config *read_again(struct serving *s, const char *data, struct buf *said)
{
	struct command again = *s->command;
	struct buf errors = BUF_LIMIT(4 * KiB);
	bool misses_file;
	struct config *c;

	again.data = data;
	c = command_config_again(&again, &errors, &misses_file);
	if (!c)
		buf_addf(said,
		         "the configuration has errors; nothing was changed: %s%s%s",
		         buf_z(&errors),
		         misses_file && s->sandbox.landlock
		                 ? " (a file in a directory that was not named at start "
		                   "needs a restart: sandbox)"
		                 : "",
		         str_has(buf_str(&errors), STR(" is not set [E"))
		                 ? " (a variable that was not set at start needs a "
		                   "restart)"
		                 : "");
	buf_free(&errors);
	return c;
}

static bool is_moved(const struct serving *s, const char *data)
{
	struct buf written = { 0 };
	bool is = command_data(s->command, &written) &&
	          !str_eq(buf_str(&written), str_from_z(data));

	buf_free(&written);
	return is;
}

/* What the admin API's address is may need a restart: then one beyond loopback keeps its
 * certificate, although the configuration, for a new address, needs none. */
static void renew_admin_tls(struct serving *s)
{
	const struct gateway *g = &s->process.gateway;

	if (s->desk && (g->tls || g->config->insecure_admin))
		desk_set_tls(s->desk, g->tls);
}

bool serving_reload(void *arg, struct buf *said)
{
	struct serving *s = arg;
	struct config *c;
	bool done = false;
	char *data;

	pthread_mutex_lock(&s->reloading);
	notify_supervisor("RELOADING=1");
	data = mem_copy_z(s->process.gateway.config->data);
	c = read_again(s, data, said);
	if (c && start_mock(s, c, said))
		done = process_reload(&s->process, c, said);
	else
		config_unref(&c);
	if (done)
		renew_admin_tls(s);
	if (done)
		serving_note_config(s, "gateway", "reload", "config_in_force");
	if (done && is_moved(s, data))
		buf_add(said, STR(" data"));
	free(data);
	if (done && said->len) {
		struct buf text = BUF_LIMIT(1 * KiB);

		buf_addf(&text, "needs a restart to take effect:%.*s",
		         STR_ARG(buf_str(said)));
		buf_set(said, buf_str(&text));
		buf_free(&text);
	}
	if (!done)
		keeping_read_masters(&s->process.gateway);
	s->process.reload_failed = !done;
	notify_supervisor("READY=1");
	pthread_mutex_unlock(&s->reloading);
	return done;
}

static void on_hangup(struct serving *s)
{
	struct buf said = BUF_LIMIT(8 * KiB);
	bool done = serving_reload(s, &said);

	if (!done)
		log_error("reload refused: %s", buf_z(&said));
	else if (said.len)
		log_warn("configuration reloaded; %s", buf_z(&said));
	else
		log_info("configuration reloaded");
	buf_free(&said);
}

/* ---- greeting ---- */

static void print_found(const struct buf *found)
{
	str rest = buf_str(found);

	while (rest.len) {
		str line = str_cut(&rest, '\n');

		fprintf(stderr, "             %.*s\n", STR_ARG(line));
	}
}

static void greet(struct serving *s, const struct buf *found)
{
	const struct config *c = s->process.gateway.config;
	struct buf address = BUF_LIMIT(256);
	struct net_addr at;

	fprintf(stderr, "sluice %s  ready in %lld ms  (config: %s)\n", SLUICE_VERSION,
	        (long long)((sys_now() - s->began) / USEC_MS),
	        s->command->config ? s->command->config : "none, defaults");
	for (unsigned i = 0; i < s->process.listeners.count; i++) {
		buf_clear(&address);
		if (sys_local_addr(s->process.listeners.fd[i], &at) == 0)
			net_print(&at, &address);
		fprintf(stderr, "  %-10s %s://%.*s/v1%s\n", i ? "" : "API",
		        s->process.gateway.tls ? "https" : "http",
		        STR_ARG(buf_str(&address)),
		        c->auth == AUTH_MODE_OPEN ? "  no key needed on this machine"
		                                  : "");
	}
	serving_greet_admin(s);
	if (c->auth == AUTH_MODE_KEYS && keyring_count(s->process.gateway.keys) == 0)
		fprintf(stderr,
		        "  Key        none yet: sluice keys create --name NAME%s%s\n",
		        s->command->config ? " -c " : "",
		        s->command->config ? s->command->config : "");
	fprintf(stderr, "  Providers ");
	for (unsigned i = 0; i < c->provider_count; i++)
		fprintf(stderr, " %.*s%s", STR_ARG(c->providers[i].name),
		        c->providers[i].is_mock        ? " (built in)"
		        : c->providers[i].disabled.len ? " (disabled)"
		                                       : "");
	fprintf(stderr, "\n");
	print_found(found);
	fprintf(stderr, "  Storage    %.*s\n", STR_ARG(c->data));
	buf_clear(&address);
	sandbox_print(&s->sandbox, &address);
	fprintf(stderr, "  Sandbox    %.*s\n", STR_ARG(buf_str(&address)));
	if (!s->command->config)
		fprintf(stderr, "  Try        sluice try \"hello\"\n");
	if (!s->command->config && access("sluice.yaml", F_OK) == 0)
		fprintf(stderr,
		        "  Not read   sluice.yaml, which is here: that is sluice -c "
		        "sluice.yaml\n");
	buf_free(&address);
}

/* ---- running ---- */

static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file at its limit is a disk that is full */
}

static void drain(struct serving *s, const sigset_t *set)
{
	struct timespec moment = { .tv_nsec = 20 * 1000 * 1000 };
	usec deadline;

	pthread_mutex_lock(&s->reloading);
	deadline = sys_now() + s->process.drain;
	pthread_mutex_unlock(&s->reloading);
	notify_supervisor("STOPPING=1");
	log_info("draining: running requests may end; once more to quit at once");
	process_drain(&s->process);
	while (!process_is_idle(&s->process) && sys_now() < deadline) {
		int sig = sigtimedwait(set, NULL, &moment);

		if (sig == SIGINT || sig == SIGTERM)
			return;
	}
}

static void wait_for_signals(struct serving *s, const sigset_t *set)
{
	for (;;) {
		int sig;

		if (sigwait(set, &sig) != 0)
			continue;
		if (sig == SIGHUP)
			on_hangup(s);
		else if (sig == SIGUSR1)
			recorder_reopen_log(s->process.gateway.recorder);
		else
			break;
	}
	drain(s, set);
}

static void stop(struct serving *s)
{
	scout_free(&s->scout);
	serving_stop_admin(s);
	process_stop(&s->process);
	mock_stop(&s->mock);
	log_info("stopped; every record is in the ledger");
}

/* The sandbox closes before there are threads; the zone of the calendar is read.  It lets
 * nobody make a socket where everybody's files lie, so all are made before. */
static bool prepare(struct serving *s, struct config *c, struct buf *why)
{
	if (!process_open(&s->process, c, why) || !serving_open_admin(s, c, why))
		return false;
	sandbox_enter(c, &s->sandbox);
	return start_mock(s, c, why);
}

static int serve(struct serving *s)
{
	struct buf found = BUF_LIMIT(64 * KiB), why = BUF_LIMIT(4 * KiB);
	struct config *c = command_config(s->command, &found, true);
	sigset_t set;
	int code = EXIT_OK;

	if (!c) {
		buf_free(&found);
		return EXIT_CONFIG;
	}
	block_signals(&set);
	struct calendar *calendar = calendar_new(c->timezone, &why);

	zone_set(c->timezone); /* of reports; as the calendar's until the next start */
	if (!calendar) {
		config_unref(&c);
		code = EXIT_CONFIG;
	} else if (!datadir_check(c->data, &why)) {
		config_unref(&c);
		calendar_free(&calendar);
		code = EXIT_CONFIG;
	} else if (!prepare(s, c, &why)) {
		config_unref(&c);
		calendar_free(&calendar);
		code = EXIT_FAILED;
	} else if (!process_start(&s->process, c, calendar, &why)) {
		code = EXIT_FAILED;
	} else if (!serving_start_admin(s, c, &why)) {
		code = EXIT_FAILED;
		process_stop(&s->process);
	}
	if (code != EXIT_OK) {
		fprintf(stderr, "sluice: %s\n", buf_z(&why));
		mock_stop(&s->mock);
	} else {
		s->scout = scout_new(&s->process.gateway);
		if (!s->scout)
			log_warn("no thread for `discover`: new models are not seen");
		/* The clerk may be asked to reload from now on. */
		pthread_mutex_lock(&s->reloading);
		greet(s, &found);
		pthread_mutex_unlock(&s->reloading);
		buf_free(&found);
		notify_supervisor("READY=1");
		wait_for_signals(s, &set);
		stop(s);
	}
	buf_free(&found);
	buf_free(&why);
	return code;
}

int serve_command(struct command *c)
{
	struct serving s = { .command = c, .began = sys_now() };
	int code;

	harden_environment();
	pthread_mutex_init(&s.reloading, NULL);
	code = serve(&s);
	pthread_mutex_destroy(&s.reloading);
	return code;
}
