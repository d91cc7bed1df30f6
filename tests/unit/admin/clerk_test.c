/* The clerk with a real recorder and ledger behind it, and hostile lines before it. */
#include "admin/client.h"
#include "admin/clerk.h"
#include "admin/keys.h"
#include "admin/socket.h"
#include "config/datadir.h"
#include "tests/check.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

struct rig {
	char path[700];
	str dir;
	int lock;
	uint8_t pepper[PEPPER];
	struct recorder *recorder;
	struct clerk *clerk;
	struct buf why, answer;
	_Atomic unsigned changes, reloads;
	struct tenant_row last; /* without its texts */
	struct key_secret secret;
	bool refuses_reload;
};

static void status(void *arg, struct json_writer *to)
{
	json_key_int(to, STR("workers"), 2);
}

static bool tenant_changed(void *arg, const struct tenant_row *row,
                           const struct key_secret *secret)
{
	struct rig *g = arg;

	g->last = *row;
	if (secret)
		g->secret = *secret;
	atomic_fetch_add(&g->changes, 1);
	return true;
}

static bool reload(void *arg, struct buf *said)
{
	struct rig *g = arg;

	atomic_fetch_add(&g->reloads, 1);
	buf_add(said, g->refuses_reload ? STR("the file is \"wrong\"\n") : STR("listen"));
	return !g->refuses_reload;
}

static bool explain(void *arg, str model, uint64_t key, struct json_writer *to,
                    struct buf *said)
{
	json_key_str(to, STR("model"), model);
	return model.len || !buf_add(said, STR("which?"));
}

static void health(void *arg, struct json_writer *to)
{
	json_key_int(to, STR("providers"), 0);
}

/* arg is the rig */
static bool metrics(void *arg, bool openmetrics, struct buf *to)
{
	(void)arg;
	return buf_add(to, openmetrics ? STR("# EOF\n") : STR("a 1\n"));
}

static const struct admin_ops ops = {
	.status = status,
	.tenant_changed = tenant_changed,
	.reload = reload,
	.explain = explain,
	.health = health,
	.metrics = metrics,
};

static bool rig_init(struct rig *g, const char *name)
{
	struct recorder_options recorder = { .dir = g->path,
		                             .workers = 1,
		                             .strict = true };
	struct clerk_options clerk = { .pepper = g->pepper, .ops = &ops, .arg = g };

	*g = (struct rig){ .why = BUF_LIMIT(64 * KiB) };
	snprintf(g->path, sizeof(g->path), "%s/%s", test_dir(), name);
	g->dir = str_from_z(g->path);
	if (!CHECK(datadir_make(g->dir, &g->why) &&
	           datadir_lock(g->dir, &g->lock, &g->why) &&
	           pepper_load(g->dir, g->pepper, &g->why)))
		return false;
	g->recorder = recorder_new(&recorder, &g->why);
	clerk.dir = g->dir;
	clerk.recorder = g->recorder;
	if (!CHECK(g->recorder != NULL))
		return false;
	g->clerk = clerk_new(&clerk, &g->why);
	return CHECK(g->clerk != NULL);
}

static void rig_done(struct rig *g)
{
	clerk_free(&g->clerk);
	recorder_free(&g->recorder);
	close(g->lock);
	buf_free(&g->why);
	buf_free(&g->answer);
}

static struct json_value ask(struct rig *g, const char *request)
{
	struct json_value v = { 0 };

	buf_clear(&g->why);
	CHECK(admin_ask(g->dir, str_from_z(request), &g->answer, &v, &g->why));
	return v;
}

static bool is_ok(struct rig *g, const char *request)
{
	struct json_value v = ask(g, request);

	return admin_is_ok(v, &g->why);
}

TEST(the_clerk_answers)
{
	struct json_value v;
	char room[200];
	struct stat st;
	uint64_t pid;
	struct rig g;

	if (!rig_init(&g, "clerk"))
		return;
	v = ask(&g, "{\"do\":\"status\"}");
	CHECK(admin_is_ok(v, &g.why));
	CHECK_STR(json_text(json_get(v, STR("version")), room), SLUICE_VERSION);
	CHECK(json_u64(json_get(v, STR("pid")), &pid) && (pid_t)pid == getpid());
	CHECK_STR(json_get(v, STR("workers")).raw, "2");
	CHECK(is_ok(&g, "{\"do\":\"flush\"}"));
	v = ask(&g, "{\"do\":\"reload\"}");
	CHECK_STR(json_text(json_get(v, STR("said")), room), "listen");
	g.refuses_reload = true;
	CHECK(!is_ok(&g, "{\"do\":\"reload\"}"));
	CHECK_STR(buf_str(&g.why), "the file is \"wrong\"\n");
	CHECK_INT(atomic_load(&g.reloads), 2);
	snprintf(room, sizeof(room), "%.150s/admin.sock", g.path);
	CHECK(stat(room, &st) == 0 && (st.st_mode & 0777) == 0600);
	rig_done(&g);
	CHECK(stat(room, &st) != 0);
}

TEST(keys_are_made_listed_and_revoked)
{
	char id[64], text[128], room[200], request[200];
	uint8_t mac[KEY_MAC];
	struct json_value v;
	struct rig g;

	if (!rig_init(&g, "keys"))
		return;
	v = ask(&g, "{\"do\":\"tenant_create\",\"kind\":\"key\","
	            "\"set\":{\"name\":\"ci \\u00e4\"}}");
	CHECK(admin_is_ok(v, &g.why));
	str key = json_text(json_get(v, STR("key")), text);
	str name = json_text(json_get(v, STR("id")), id);
	CHECK_INT(key.len, KEY_TEXT);
	CHECK_STR_EQ(name, str_of(key.ptr + 6, 12));
	key_mac(g.pepper, key, mac);
	CHECK_INT(atomic_load(&g.changes), 1);
	CHECK(memcmp(mac, g.secret.mac, KEY_MAC) == 0);
	snprintf(request, sizeof(request),
	         "{\"do\":\"tenant_revoke\",\"which\":\"%.*s\"}", STR_ARG(name));

	v = ask(&g, "{\"do\":\"tenant_list\",\"kind\":\"key\"}");
	struct json_iter it = json_iter(json_get(v, STR("data")));
	struct json_member m;
	CHECK(json_next(&it, &m));
	CHECK_STR(json_text(json_get(m.value, STR("name")), room), "ci \xc3\xa4");
	CHECK(json_get(m.value, STR("revoked")).type == JSON_NULL);
	CHECK(!str_has(buf_str(&g.answer), str_from(key, 19)));
	CHECK(!json_next(&it, &m));

	CHECK(is_ok(&g, request));
	CHECK_INT(atomic_load(&g.changes), 2);
	CHECK(g.last.revoked_wall > 0);
	v = ask(&g, "{\"do\":\"tenant_list\",\"kind\":\"key\"}");
	it = json_iter(json_get(v, STR("data")));
	CHECK(json_next(&it, &m) &&
	      json_get(m.value, STR("revoked")).type == JSON_STRING);
	CHECK(!is_ok(&g, "{\"do\":\"tenant_revoke\",\"which\":\"ffffffffffff\"}"));
	CHECK(str_has(buf_str(&g.why), STR("there is no key \"ffffffffffff\"")));
	rig_done(&g);
}

TEST(what_is_no_request_gets_an_error_and_the_next_one_an_answer)
{
	static const char *const lines[] = {
		"",
		" ",
		"hello",
		"{",
		"[]",
		"null",
		"{\"do\":1}",
		"{\"do\":\"\"}",
		"{\"do\":\"shutdown\"}",
		"{\"do\":\"status\",\"do\":\"flush\"}",
		"{\"do\":\"status\"} {\"do\":\"status\"}",
		"{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":"
		"1,"
		"\"j\":1,\"k\":1,\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"do\":"
		"\"status\"}",
		"{\"do\":\"tenant_create\"}",
		"{\"do\":\"tenant_create\",\"set\":[]}",
		"{\"do\":\"tenant_create\",\"set\":{\"name\":\"\"}}",
		"{\"do\":\"tenant_create\",\"set\":{\"name\":7}}",
		"{\"do\":\"tenant_create\",\"set\":{\"name\":\"a\\nb\"}}",
		"{\"do\":\"tenant_create\",\"set\":{\"name\":"
		"\"0123456789012345678901234567890123456789"
		"0123456789012345678901234567890123456789012345678901234567890123456789"
		"0123456789012345678901234567890123456789\"}}",
		"{\"do\":\"tenant_create\",\"kind\":\"king\",\"set\":{\"name\":\"a\"}}",
		"{\"do\":\"tenant_drop\",\"kind\":\"key\"}",
		"{\"do\":\"tenant_revoke\"}",
		"{\"do\":\"tenant_revoke\",\"which\":\"xyz\"}",
		"{\"do\":\"tenant_revoke\",\"which\":\"000000000000\"}",
		("{\"do\":\"tenant_revoke\",\"kind\":\"organisation\","
		 "\"which\":\"000000000001\"}"),
		"{\"do\":{\"do\":{\"do\":{\"do\":{\"do\":1}}}}}",
	};
	struct rig g;

	if (!rig_init(&g, "hostile"))
		return;
	for (size_t i = 0; i < countof(lines); i++)
		if (is_ok(&g, lines[i]))
			check_failed(__FILE__, __LINE__, "%s was obeyed", lines[i]);
	CHECK_INT(atomic_load(&g.changes), 0);
	CHECK(is_ok(&g, "{\"do\":\"status\"}"));
	rig_done(&g);
}

static int raw_connection(const struct rig *g)
{
	struct timeval patience = { .tv_sec = 5 };
	int fd = admin_connect(g->dir);

	CHECK(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static unsigned count_lines(int fd, unsigned want)
{
	unsigned lines = 0;
	char bytes[4096];
	ssize_t n;

	while (lines < want && (n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		for (ssize_t i = 0; i < n; i++)
			lines += bytes[i] == '\n';
	return lines;
}

TEST(lines_may_come_in_pieces_or_many_at_once)
{
	str line = STR("{\"do\":\"status\"}\n");
	struct buf many = BUF_LIMIT(64 * KiB);
	struct rig g;
	int fd;

	if (!rig_init(&g, "pieces"))
		return;
	fd = raw_connection(&g);
	for (size_t i = 0; i < line.len; i++)
		CHECK(send(fd, line.ptr + i, 1, MSG_NOSIGNAL) == 1);
	CHECK_INT(count_lines(fd, 1), 1);
	for (int i = 0; i < 1000; i++)
		buf_add(&many, line);
	CHECK(send(fd, many.ptr, many.len, MSG_NOSIGNAL) == (ssize_t)many.len);
	CHECK_INT(count_lines(fd, 1000), 1000);
	close(fd);
	buf_free(&many);
	rig_done(&g);
}

TEST(a_line_without_end_is_refused)
{
	char block[4096];
	struct rig g;
	int fd;

	if (!rig_init(&g, "endless"))
		return;
	fd = raw_connection(&g);
	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 64; i++)
		if (send(fd, block, sizeof(block), MSG_NOSIGNAL) <= 0)
			break;
	count_lines(fd, 1); /* an error, unless the reset was faster */
	CHECK(recv(fd, block, 1, 0) <= 0);
	close(fd);
	CHECK(is_ok(&g, "{\"do\":\"status\"}"));
	rig_done(&g);
}

/* More connections than there are places for wait, and are served in the end. */
TEST(many_connections_do_not_lock_each_other_out)
{
	enum { MANY = 24 };
	int fds[MANY];
	struct rig g;

	if (!rig_init(&g, "many"))
		return;
	for (int i = 0; i < 8; i++)
		fds[i] = raw_connection(&g);
	close(fds[0]);
	CHECK(is_ok(&g, "{\"do\":\"status\"}"));
	for (int i = 1; i < 8; i++)
		close(fds[i]);
	for (int i = 0; i < MANY; i++) {
		fds[i] = admin_connect(g.dir);
		if (fds[i] < 0)
			break;
		shutdown(fds[i], SHUT_WR);
		close(fds[i]);
	}
	CHECK(is_ok(&g, "{\"do\":\"status\"}"));
	rig_done(&g);
}

TEST(the_path_may_be_longer_than_a_socket_address)
{
	char name[200];
	struct rig g;

	memset(name, 'd', 180);
	name[180] = 0;
	if (!rig_init(&g, name))
		return;
	CHECK(is_ok(&g, "{\"do\":\"status\"}"));
	rig_done(&g);
}

TEST(without_a_gateway_there_is_no_answer)
{
	struct buf answer = { 0 }, why = BUF_LIMIT(KiB);
	struct json_value v;
	char path[600];
	int fd;

	CHECK(!admin_ask(STR("/nowhere"), STR("{}"), &answer, &v, &why));
	CHECK(str_has(buf_str(&why), STR("no gateway answers")));
	/* a socket that a killed gateway left behind is replaced */
	snprintf(path, sizeof(path), "%s/left", test_dir());
	CHECK(datadir_make(str_from_z(path), &why));
	fd = admin_listen(str_from_z(path), &why);
	CHECK(fd >= 0);
	close(fd);
	CHECK(admin_connect(str_from_z(path)) == -ECONNREFUSED);
	fd = admin_listen(str_from_z(path), &why);
	CHECK(fd >= 0);
	close(fd);
	buf_free(&answer);
	buf_free(&why);
}
