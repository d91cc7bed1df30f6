/* explain.c - sluice explain MODEL: where a request would go, and why; nothing is sent.
 *
 * A running gateway is asked, which knows how its providers are doing; without one the
 * configuration and the catalogue speak alone. */
#include "gateway/explain.h"

#include "admin/client.h"
#include "admin/roster.h"
#include "admin/text.h"
#include "config/datadir.h"
#include "loop/sys.h"
#include "main/command.h"
#include "policy/resolve.h"

#include <limits.h>
#include <stdio.h>

static const struct json_limits limits = { 8, 100 * 1000, 64 * 1024, 64 };

/* ---- text ---- */

static uint64_t number(struct json_value object, const char *name)
{
	uint64_t n = 0;

	return json_u64(json_get(object, str_from_z(name)), &n) ? n : 0;
}

static str text(struct json_value object, const char *name, char *room, size_t size)
{
	struct json_value v = json_get(object, str_from_z(name));

	return v.type == JSON_STRING && v.raw.len <= size ? json_text(v, room) : STR_NONE;
}

static void print_part(const char *before, uint64_t n, const char *behind)
{
	if (n)
		printf("%s%llu%s", before, (unsigned long long)n, behind);
}

static void add_price(struct buf *to, struct json_value p, const char *of)
{
	struct json_value price = json_get(p, str_from_z(of));
	int64_t micro_usd_per_million;

	if (!json_i64(price, &micro_usd_per_million))
		micro_usd_per_million = PRICE_UNKNOWN;
	buf_add(to, micro_usd_per_million < 0 ? STR_NONE : STR("$"));
	text_price(to, micro_usd_per_million); /* pico-dollars per token */
}

static void print_price(struct json_value candidate)
{
	struct json_value p = json_get(candidate, STR("micro_usd_per_million"));
	struct buf in = BUF_LIMIT(64), out = BUF_LIMIT(64);

	if (p.type != JSON_OBJECT)
		return;
	add_price(&in, p, "input");
	add_price(&out, p, "output");
	printf("       %s in, %s out per million tokens\n", buf_z(&in), buf_z(&out));
	buf_free(&in);
	buf_free(&out);
}

static void print_failing(struct json_value c)
{
	struct buf text = BUF_LIMIT(KiB);

	text_failing(&text, number(c, "failing_per_mille"), number(c, "attempts"));
	printf("%s%s", text.len ? ", " : "", buf_z(&text));
	buf_free(&text);
}

static void print_health(struct json_value c, const char *indent)
{
	char room[64];
	str answer = text(c, "answer", room, sizeof(room));

	printf("%s%.*s", indent, STR_ARG(answer));
	print_part(", to be asked again in ", number(c, "until_ms"), " ms");
	print_failing(c);
	printf(", %llu under way", (unsigned long long)number(c, "in_flight"));
	print_part(", last 429 ", number(c, "limited_ms_ago"), " ms ago");
	printf("\n");
}

static void print_speed(struct json_value c)
{
	uint64_t half = number(c, "first_token_p50_ms");

	if (!half)
		return;
	printf("       first token in %llu ms", (unsigned long long)half);
	print_part(" (95 %: ", number(c, "first_token_p95_ms"), " ms)");
	print_part(", ", number(c, "tokens_per_second"), " tokens/s");
	printf("\n");
}

static void print_candidate(struct json_value c, unsigned place)
{
	char provider[256], model[2 * KiB], reason[4 * KiB];
	struct json_member item;
	struct json_value list = json_get(c, STR("keys"));

	printf("%3u.  %.*s/%.*s\n", place,
	       STR_ARG(text(c, "provider", provider, sizeof(provider))),
	       STR_ARG(text(c, "model", model, sizeof(model))));
	printf("       %.*s\n", STR_ARG(text(c, "reason", reason, sizeof(reason))));
	if (json_get(c, STR("allowed")).type == JSON_FALSE)
		return;
	print_health(c, "       ");
	print_speed(c);
	print_price(c);
	if (number(c, "context")) {
		bool any = false;

		printf("       %llu tokens of context",
		       (unsigned long long)number(c, "context"));
		for (struct json_iter it = json_iter(json_get(c, STR("abilities")));
		     json_next(&it, &item); any = true)
			printf("%s%.*s", any ? ", " : "; ",
			       STR_ARG(json_text(item.value, model)));
		printf("\n");
	}
	if (list.type != JSON_ARRAY)
		return;
	unsigned key = 0;
	for (struct json_iter it = json_iter(list); json_next(&it, &item);) {
		printf("       key %u: ", ++key);
		print_health(item.value, "");
	}
}

static void print_text(str json, bool is_live)
{
	struct json_value root;
	struct json_member item;
	char route[1 * KiB], strategy[64];
	unsigned place = 0;

	if (json_check(json, &limits, &root))
		return;
	str name = text(root, "route", route, sizeof(route));
	if (name.len)
		printf("route %.*s, strategy %.*s", STR_ARG(name),
		       STR_ARG(text(root, "strategy", strategy, sizeof(strategy))));
	else
		printf("named directly");
	printf("%s\n",
	       is_live ? "" : " (no gateway runs here: nothing is known of health)");
	for (struct json_iter it = json_iter(json_get(root, STR("candidates")));
	     json_next(&it, &item);)
		print_candidate(item.value, ++place);
}

/* ---- asking ---- */

static bool put_tenant(void *arg, const struct tenant_row *row,
                       const struct key_secret *secret)
{
	return tenants_put(arg, row, 0, NULL, NULL) || row->kind != TENANT_ORGANISATION;
}

/* What the ledger says of a key, without a gateway. */
static bool read_access(str dir, str which, struct tenants *t, struct access *ret,
                        struct buf *why)
{
	struct arena keep = { .ceiling = MiB };
	struct roster roster = { .keep = &keep, .why = why };
	char path[PATH_MAX];
	fault_t fault = NULL;
	uint64_t key;
	bool is_read = false;

	if (datadir_path(dir, "ledger.db", path, sizeof(path)) &&
	    (roster.ledger = ledger_open_reader(path, why)))
		is_read = roster_key_id(&roster, which, &key) == ROSTER_DONE &&
		          ledger_tenants(roster.ledger, put_tenant, t);
	ledger_close(&roster.ledger);
	arena_done(&keep);
	if (is_read && (fault = access_of_key(t, key, sys_now(), sys_wall(), ret)))
		buf_add(why, fault->text);
	return is_read && !fault;
}

/* Without a gateway: a board on which nothing stands. */
static bool explain_alone(struct command *c, str dir, str model, struct buf *to,
                          int *ret_code)
{
	struct buf why = BUF_LIMIT(4 * KiB);
	struct config *config = command_config(c, NULL, false);
	struct calendar *calendar = calendar_new(STR("UTC"), &why);
	struct json_writer w = { .to = to };
	struct tenants *t = tenants_new(calendar, 1);
	struct board *b = board_new(1);
	bool has_key = command_has(c, "key");
	struct access access = { 0 };
	fault_t fault = NULL;

	*ret_code = EXIT_CONFIG;
	if (config && has_key)
		(void)!read_access(dir, str_from_z(command_value(c, "key")), t, &access,
		                   &why);
	if (config && why.len == 0) {
		json_open(&w, '{');
		fault = explain_model(b, config, model, has_key ? &access : NULL,
		                      sys_now(), &w);
		json_close(&w, '}');
		if (fault)
			buf_add(&why, fault->text);
		if (fault == FAULT_NO_SUCH_MODEL)
			resolve_add_nearest(config, &access, model, &why);
	}
	if (why.len)
		*ret_code = command_failed("%.*s", (int)why.len, why.ptr);
	bool is_done = config && why.len == 0;
	board_free(&b);
	tenants_free(&t);
	calendar_free(&calendar);
	config_unref(&config);
	buf_free(&why);
	return is_done;
}

int explain_command(struct command *c)
{
	struct buf data = { 0 }, request = BUF_LIMIT(8 * KiB), answer = { 0 };
	struct buf why = BUF_LIMIT(KiB), alone = BUF_LIMIT(4 * MiB);
	struct json_writer w = { .to = &request };
	struct json_value said;
	bool is_live, is_good = false;
	int code;

	if (c->argc != 1)
		return command_misused(c, "explain wants the name of a model");
	code = command_open_data(c, &data);
	if (code != EXIT_OK) {
		buf_free(&data);
		return code;
	}
	json_open(&w, '{');
	json_key_str(&w, STR("do"), STR("explain"));
	json_key_str(&w, STR("model"), str_from_z(c->argv[0]));
	if (command_has(c, "key"))
		json_key_str(&w, STR("key"), str_from_z(command_value(c, "key")));
	json_close(&w, '}');
	is_live = admin_ask(buf_str(&data), buf_str(&request), &answer, &said, &why);
	if (!is_live) {
		is_good = explain_alone(c, buf_str(&data), str_from_z(c->argv[0]), &alone,
		                        &code);
		said.raw = buf_str(&alone);
	} else if (admin_is_ok(said, &why)) {
		is_good = true;
	} else {
		code = command_failed("%.*s", STR_ARG(buf_str(&why)));
	}
	if (is_good && c->json)
		printf("%.*s\n", STR_ARG(said.raw));
	else if (is_good)
		print_text(said.raw, is_live);
	buf_free(&data);
	buf_free(&request);
	buf_free(&answer);
	buf_free(&why);
	buf_free(&alone);
	return is_good ? EXIT_OK : code;
}
