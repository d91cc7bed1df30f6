/* serve_admin.c - the admin side of `sluice serve`: the socket and the address it is at,
 * what it asks of the running program, and the first token (serving.h). */
#include "main/serving.h"

#include "admin/audit.h"
#include "admin/config_view.h"
#include "admin/local.h"
#include "admin/text.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"
#include "codec/text.h"
#include "gateway/explain.h"
#include "meter/body_log.h"
#include "policy/resolve.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* ---- the audit log ---- */

static struct config *config_now(struct gateway *g)
{
	struct config *c;

	pthread_mutex_lock(&g->lock);
	c = config_ref(g->config);
	pthread_mutex_unlock(&g->lock);
	return c;
}

void serving_note_config(struct serving *s, const char *who, const char *from,
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

/* ---- what the clerk asks ---- */

/* Who asks may be in another directory than the gateway. */
static void write_file(struct json_writer *to, str file)
{
	char here[PATH_MAX];
	struct buf path = BUF_LIMIT(2 * PATH_MAX);

	if (file.len && file.ptr[0] != '/' && getcwd(here, sizeof(here)))
		buf_addf(&path, "%s/", here);
	buf_add(&path, file);
	json_key_str(to, STR("config"), buf_str(&path));
	buf_free(&path);
}

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
	for (unsigned i = 0; i < s->process.listeners.count; i++) {
		buf_clear(&address);
		if (sys_local_addr(s->process.listeners.fd[i], &at) == 0)
			net_print(&at, &address);
		json_str(to, buf_str(&address));
	}
	json_close(to, ']');
	if (s->desk && desk_address(s->desk, &at)) {
		buf_clear(&address);
		net_print(&at, &address);
		json_key_str(to, STR("admin"), buf_str(&address));
	}
	write_file(to, g->config->file);
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

static bool tenant_changed(void *arg, const struct tenant_row *row,
                           const struct key_secret *secret)
{
	return process_put_tenant(&((struct serving *)arg)->process, row, secret);
}

static bool has_room(void *arg)
{
	struct gateway *g = &((struct serving *)arg)->process.gateway;

	return keyring_has_room(g->keys) && tenants_room(g->tenants) > 0;
}

static bool explain(void *arg, str model, uint64_t key, struct json_writer *to,
                    struct buf *said)
{
	struct gateway *g = &((struct serving *)arg)->process.gateway;
	struct config *c = config_now(g);
	struct access access = { 0 };
	fault_t why = NULL;

	if (key) /* one that was revoked may have no node */
		why = keyring_look(g->keys, key, sys_wall());
	if (key && !why)
		why = access_of_key(g->tenants, key, sys_now(), sys_wall(), &access);
	if (!why)
		why = explain_model(g->board, c, model, key ? &access : NULL, sys_now(),
		                    to);
	if (why)
		buf_add(said, why->text);
	if (why == FAULT_NO_SUCH_MODEL)
		resolve_add_nearest(c, &access, model, said);
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
		                          .before = who->before,
		                          .last = who->last };

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

static enum trial_end trial_end_now(void *arg, str name)
{
	struct gateway *g = &((struct serving *)arg)->process.gateway;

	pthread_mutex_lock(&g->lock);
	struct trial_account *a = trials_get(&g->trials, name);
	pthread_mutex_unlock(&g->lock);
	return a ? (enum trial_end)atomic_load(&a->end) : TRIAL_RUNS;
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
	.trial_end = trial_end_now,
	.status = write_status,
	.tenant_changed = tenant_changed,
	.has_room = has_room,
	.reload = serving_reload,
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

bool serving_open_admin(struct serving *s, const struct config *c, struct buf *why)
{
	int fd;

	if (c->admin.len == 0)
		return true;
	fd = desk_listen(&c->admin, why);
	if (fd >= 0) {
		s->admin = fd;
		return true;
	}
	if (c->admin_is_written)
		return false;
	log_warn("%s; it is at %.*s/admin.sock alone", buf_z(why), STR_ARG(c->data));
	buf_clear(why);
	return true;
}

static bool start_desk(struct serving *s, const struct clerk_options *clerk,
                       struct buf *why)
{
	struct desk_options options = { .clerk = *clerk,
		                        .listener = s->admin,
		                        .tls = s->process.gateway.tls };

	s->admin = 0;
	s->desk = desk_new(&options, why);
	return s->desk != NULL;
}

bool serving_start_admin(struct serving *s, const struct config *c, struct buf *why)
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

	serving_note_config(s, "gateway", "start", "gateway_started");
	if (!start_desk(s, &options, why))
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

void serving_greet_admin(struct serving *s)
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

void serving_stop_admin(struct serving *s)
{
	clerk_free(&s->clerk);
	desk_free(&s->desk);
}
