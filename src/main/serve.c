/* serve.c - `sluice serve`: start, greet, wait for signals, reload, drain, stop.
 *
 *   SIGHUP            read the configuration again
 *   SIGUSR1           open the access log again
 *   SIGINT, SIGTERM   no new requests; running ones end (drain); a second one quits */
#include "main/command.h"

#include "admin/audit.h"
#include "admin/clerk.h"
#include "admin/config_view.h"
#include "admin/desk.h"
#include "admin/local.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"
#include "codec/text.h"
#include "config/datadir.h"
#include "gateway/explain.h"
#include "main/harden.h"
#include "main/notify.h"
#include "main/process.h"
#include "main/sandbox.h"
#include "main/scout.h"
#include "main/zone.h"
#include "admin/text.h"
#include "meter/body_log.h"
#include "mock/mock.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

struct serving {
	const struct command *command;
	struct process process;
	struct mock *mock;
	struct clerk *clerk;
	struct desk *desk; /* NULL: not yet */
	struct scout *scout;
	struct sandbox sandbox;
	unsigned rolls; /* the clerk's */
	pthread_mutex_t reloading;
	usec began;
};

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

/* ---- the audit log ---- */

static struct config *config_now(struct gateway *g)
{
	struct config *c;

	pthread_mutex_lock(&g->lock);
	c = config_ref(g->config);
	pthread_mutex_unlock(&g->lock);
	return c;
}

/* What is in force from now on, by the hash of what the admin API shows of it. */
static void note_config(struct serving *s, const char *who, const char *from,
                        const char *action)
{
	struct buf view = BUF_LIMIT(16 * MiB), after = BUF_LIMIT(4 * KiB);
	struct buf hash = BUF_LIMIT(256), why = BUF_LIMIT(4 * KiB);
	struct json_writer view_writer = { .to = &view }, w = { .to = &after };
	struct config *c = config_now(&s->process.gateway);
	uint8_t digest[AUDIT_HASH];

	config_view_write(c, &view_writer);
	audit_digest(buf_str(&view), digest);
	hex_encode(&hash, str_of((const char *)digest, sizeof(digest)));
	json_open(&w, '{');
	json_key_str(&w, STR("version"), STR(SLUICE_VERSION));
	json_key_str(&w, STR("config"), c->file);
	json_key_str(&w, STR("config_sha256"), buf_str(&hash));
	json_close(&w, '}');
	config_unref(&c);
	if (!audit_note(s->process.gateway.recorder, s->process.gateway.pepper, who, from,
	                action, buf_str(&after), &why))
		log_error("the audit log could not be written: %s", buf_z(&why));
	buf_free(&view);
	buf_free(&after);
	buf_free(&hash);
	buf_free(&why);
}

/* Called by SIGHUP, by the clerk and at the desk, one at a time. */
static bool reload(void *arg, struct buf *said)
{
	struct serving *s = arg;
	struct buf found = BUF_LIMIT(64 * KiB);
	struct config *c;
	bool done = false;

	pthread_mutex_lock(&s->reloading);
	notify_supervisor("RELOADING=1");
	c = command_config(s->command, &found, false);
	if (!c)
		buf_addf(said, "the configuration has errors; nothing was changed%s",
		         s->sandbox.landlock ? " (a file in a directory that was not "
		                               "named at start needs a restart: sandbox)"
		                             : "");
	else if (start_mock(s, c, said))
		done = process_reload(&s->process, c, said);
	else
		config_unref(&c);
	if (done && s->desk && s->process.gateway.tls)
		desk_set_tls(s->desk, s->process.gateway.tls);
	if (done)
		note_config(s, "gateway", "reload", "config_in_force");
	if (done && said->len) {
		struct buf text = BUF_LIMIT(1 * KiB);

		buf_addf(&text, "needs a restart to take effect:%.*s",
		         STR_ARG(buf_str(said)));
		buf_set(said, buf_str(&text));
		buf_free(&text);
	}
	s->process.reload_failed = !done;
	notify_supervisor("READY=1");
	pthread_mutex_unlock(&s->reloading);
	buf_free(&found);
	return done;
}

static void on_hangup(struct serving *s)
{
	struct buf said = BUF_LIMIT(4 * KiB);
	bool done = reload(s, &said);

	if (!done)
		log_error("reload refused: %s", buf_z(&said));
	else if (said.len)
		log_warn("configuration reloaded; %s", buf_z(&said));
	else
		log_info("configuration reloaded");
	buf_free(&said);
}

/* ---- what the clerk asks ---- */

static void write_status(void *arg, struct json_writer *to)
{
	struct serving *s = arg;
	struct gateway *g = &s->process.gateway;
	struct buf address = BUF_LIMIT(256);
	struct recorder_stats recorder;
	struct net_addr at;
	unsigned open = 0;

	pthread_mutex_lock(&g->lock);
	json_key(to, STR("listen"));
	json_open(to, '[');
	for (unsigned i = 0; i < s->process.listener_count; i++) {
		buf_clear(&address);
		if (sys_local_addr(s->process.listeners[i], &at) == 0)
			net_print(&at, &address);
		json_str(to, buf_str(&address));
	}
	json_close(to, ']');
	if (s->desk && desk_address(s->desk, &at)) {
		buf_clear(&address);
		net_print(&at, &address);
		json_key_str(to, STR("admin"), buf_str(&address));
	}
	json_key_str(to, STR("config"), g->config->file);
	json_key_bool(to, STR("tls"), g->tls != NULL);
	json_key_str(to, STR("auth"),
	             g->config->auth == AUTH_MODE_OPEN ? STR("open") : STR("keys"));
	pthread_mutex_unlock(&g->lock);
	for (unsigned i = 0; i < s->process.worker_count; i++)
		open += atomic_load(&s->process.workers[i].load);
	buf_clear(&address);
	recorder_stats(g->recorder, &recorder);
	sandbox_print(&s->sandbox, &address);
	json_key_str(to, STR("sandbox"), buf_str(&address));
	json_key_int(to, STR("uptime_s"),
	             (sys_wall() - s->process.started_wall) / USEC_SEC);
	json_key_int(to, STR("workers"), s->process.worker_count);
	json_key_int(to, STR("connections"), open);
	json_key_int(to, STR("generation"), atomic_load(&g->generation));
	json_key_str(to, STR("ledger"),
	             recorder.trouble ? recorder_trouble_text(recorder.trouble)
	                              : STR("ok"));
	json_key_int(to, STR("journal_bytes"), (int64_t)recorder.journal_bytes);
	buf_free(&address);
}

static void tenant_changed(void *arg, const struct tenant_row *row,
                           const struct key_secret *secret)
{
	process_put_tenant(&((struct serving *)arg)->process, row, secret);
}

static bool explain(void *arg, str model, uint64_t key, struct json_writer *to,
                    struct buf *said)
{
	struct gateway *g = &((struct serving *)arg)->process.gateway;
	struct config *c = config_now(g);
	struct access access;
	fault_t why = NULL;

	if (key)
		why = access_of_key(g->tenants, key, sys_now(), sys_wall(), &access);
	if (!why)
		why = explain_model(g->board, c, model, key ? &access : NULL, sys_now(),
		                    to);
	if (why)
		buf_add(said, why->text);
	config_unref(&c);
	return !why;
}

static void write_health(void *arg, struct json_writer *to)
{
	struct gateway *g = &((struct serving *)arg)->process.gateway;
	struct config *c = config_now(g);

	explain_providers(g->board, c, sys_now(), to);
	config_unref(&c);
}

static bool write_metrics(void *arg, bool openmetrics, struct buf *to)
{
	return metrics_write(((struct serving *)arg)->process.metrics, to, openmetrics);
}

static void body_look(void *arg, uint64_t exchange)
{
	struct gateway *g = &((struct serving *)arg)->process.gateway;

	if (g->bodies)
		body_log_flush(g->bodies);
	log_info("what was said in %016llx was asked for", (unsigned long long)exchange);
}

static bool forget_bodies(void *arg, const struct ledger_person *who, uint64_t *ret_count,
                          struct buf *why)
{
	struct gateway *g = &((struct serving *)arg)->process.gateway;
	const struct body_match match = { .user = who->user,
		                          .key = who->key,
		                          .before = who->before };

	*ret_count = 0;
	return !g->bodies || body_log_erase(g->bodies, &match, ret_count, why);
}

static void roll_journals(void *arg)
{
	enum { TRIES = 500 };
	const struct timespec moment = { .tv_nsec = 2 * 1000 * 1000 };
	struct serving *s = arg;
	unsigned number = ++s->rolls, left = 1;

	for (int i = 0; i < TRIES && left > 0; i++) {
		left = 0;
		for (unsigned k = 0; k < s->process.worker_count; k++)
			left += !worker_roll(&s->process.workers[k], number);
		if (left)
			nanosleep(&moment, NULL);
	}
}

static void trial_stopped(void *arg, str name)
{
	struct gateway *g = &((struct serving *)arg)->process.gateway;

	pthread_mutex_lock(&g->lock);
	struct trial_account *a = trials_get(&g->trials, name);
	if (a)
		atomic_store(&a->end, (int)TRIAL_BY_HAND);
	pthread_mutex_unlock(&g->lock);
	log_info("trial %.*s was stopped", STR_ARG(name));
}

static struct config *give_config(void *arg)
{
	return config_now(&((struct serving *)arg)->process.gateway);
}

static bool look(void *arg, uint64_t id, struct tenant_state *ret, usec *ret_used)
{
	struct gateway *g = &((struct serving *)arg)->process.gateway;

	*ret_used = keyring_used(g->keys, id);
	return tenants_look(g->tenants, id, sys_now(), sys_wall(), ret);
}

static const struct admin_ops admin_ops = {
	.body_look = body_look,
	.forget_bodies = forget_bodies,
	.roll_journals = roll_journals,
	.trial_stopped = trial_stopped,
	.status = write_status,
	.tenant_changed = tenant_changed,
	.reload = reload,
	.explain = explain,
	.health = write_health,
	.metrics = write_metrics,
	.config = give_config,
	.attempt = row_json,
	.look = look,
};

static void take_http(void *arg, int fd, unsigned uid)
{
	desk_give(((struct serving *)arg)->desk, fd, uid);
}

/* At `admin`; where that is not written and taken, at the socket alone. */
static bool start_desk(struct serving *s, const struct config *c,
                       const struct clerk_options *clerk, struct buf *why)
{
	struct desk_options options = { .clerk = *clerk, .at = c->admin };

	if (c->admin.len && !net_is_loopback(&c->admin))
		options.tls = s->process.gateway.tls;
	s->desk = desk_new(&options, why);
	if (s->desk || c->admin_is_written)
		return s->desk != NULL;
	log_warn("%s; it is at %.*s/admin.sock alone", buf_z(why), STR_ARG(c->data));
	buf_clear(why);
	options.at.len = 0;
	s->desk = desk_new(&options, why);
	return s->desk != NULL;
}

static bool start_clerk(struct serving *s, const struct config *c, struct buf *why)
{
	struct clerk_options options = {
		.http = take_http,
		.http_arg = s,
		.dir = c->data,
		.recorder = s->process.gateway.recorder,
		.tenants = s->process.gateway.tenants,
		.pepper = s->process.gateway.pepper,
		.ops = &admin_ops,
		.arg = s,
	};

	note_config(s, "gateway", "start", "gateway_started");
	if (!start_desk(s, c, &options, why))
		return false;
	if (desk_start(s->desk, why))
		s->clerk = clerk_new(&options, why);
	if (!s->clerk)
		desk_free(&s->desk);
	return s->clerk != NULL;
}

/* ---- the first token ---- */

static bool is_there(void *arg, const struct admin_token_row *token)
{
	(void)token;
	*(bool *)arg = true;
	return false;
}

/* Of all scopes, told this once: without it nobody could make another over the network.
 * Nothing when there was one before, revoked or not. */
static bool make_first_token(struct serving *s, struct buf *ret)
{
	struct admin_house house = { .dir = s->process.gateway.config->data,
		                     .pepper = s->process.gateway.pepper,
		                     .recorder = s->process.gateway.recorder };
	struct admin_call c = { .house = &house, .out = ret, .to = { .to = ret } };
	struct ledger *l = admin_reader(&c);
	struct admin_who who;
	bool has_one = false;
	int status = 0;

	if (l && ledger_tokens(l, 0, is_there, &has_one) && !has_one) {
		admin_who_gateway(&who);
		buf_clear(ret);
		status = admin_local(&house, &who, HTTP_POST, STR("/admin/v1/tokens"),
		                     STR("{\"name\":\"first\",\"scopes\":[\"all\"]}"),
		                     ret, NULL);
	}
	admin_house_done(&house);
	return status == 201;
}

static void greet_admin(struct serving *s)
{
	struct buf address = BUF_LIMIT(256), made = BUF_LIMIT(4 * KiB);
	const struct config *c = s->process.gateway.config;
	struct json_value answer = { 0 };
	char room[256];
	struct net_addr at;

	if (!desk_address(s->desk, &at))
		return;
	net_print(&at, &address);
	fprintf(stderr, "  Admin      %s://%.*s/admin/v1\n",
	        net_is_loopback(&at) || !c->tls_cert ? "http" : "https",
	        STR_ARG(buf_str(&address)));
	if (make_first_token(s, &made) &&
	    !json_check(buf_str(&made), &json_limits_default, &answer))
		fprintf(stderr, "             token %.*s%s\n",
		        STR_ARG(json_text(json_get(answer, STR("token")), room)),
		        s->command->config
		                ? "\n             shown this once; others: sluice tokens "
		                  "create"
		                : " (shown this once)");
	mem_wipe(room, sizeof(room));
	if (made.ptr)
		mem_wipe(made.ptr, made.cap);
	buf_free(&made);
	buf_free(&address);
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
	for (unsigned i = 0; i < s->process.listener_count; i++) {
		buf_clear(&address);
		if (sys_local_addr(s->process.listeners[i], &at) == 0)
			net_print(&at, &address);
		fprintf(stderr, "  %-10s %s://%.*s/v1%s\n", i ? "" : "API",
		        s->process.gateway.tls ? "https" : "http",
		        STR_ARG(buf_str(&address)),
		        c->auth == AUTH_MODE_OPEN ? "  no key needed on this machine"
		                                  : "");
	}
	greet_admin(s);
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
	clerk_free(&s->clerk);
	desk_free(&s->desk);
	process_stop(&s->process);
	mock_stop(&s->mock);
	log_info("stopped; every record is in the ledger");
}

/* The sandbox closes before there are threads; the zone of the calendar is read. */
static bool prepare(struct serving *s, struct config *c, struct buf *why)
{
	if (!datadir_make(c->data, why))
		return false;
	sandbox_enter(c, &s->sandbox);
	return start_mock(s, c, why);
}

static int serve(struct serving *s)
{
	struct buf found = BUF_LIMIT(64 * KiB), why = BUF_LIMIT(4 * KiB);
	struct config *c = command_config(s->command, &found, false);
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
	} else if (!prepare(s, c, &why)) {
		config_unref(&c);
		calendar_free(&calendar);
		code = EXIT_FAILED;
	} else if (!process_start(&s->process, c, calendar, &why)) {
		code = EXIT_FAILED;
	} else if (!start_clerk(s, c, &why)) {
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
