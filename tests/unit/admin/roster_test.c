/* The operations on keys and teams, on a ledger of their own, without a gateway. */
#include "admin/roster.h"
#include "base/mem.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>

#define NOW (1800000000 * USEC_SEC) /* 2027-01-15T08:00:00Z */

struct desk {
	struct roster roster;
	struct arena keep;
	struct buf why, answer;
	uint8_t pepper[PEPPER];
	struct json_value node; /* the last answer */
	/* what was told */
	struct tenant_row row; /* without its texts */
	struct key_secret secret;
	unsigned changes, audits;
	char action[16], before[4096], after[4096];
};

static void changed(void *arg, const struct tenant_row *row,
                    const struct key_secret *secret)
{
	struct desk *d = arg;

	d->changes++;
	d->row = *row;
	if (secret)
		d->secret = *secret;
}

static void put_text(char *to, size_t size, str text)
{
	snprintf(to, size, "%.*s", STR_ARG(text));
}

static void audit(void *arg, const struct roster_change *c)
{
	struct desk *d = arg;

	d->audits++;
	CHECK_STR(c->actor, "test");
	put_text(d->action, sizeof(d->action), c->action);
	put_text(d->before, sizeof(d->before), c->before);
	put_text(d->after, sizeof(d->after), c->after);
	CHECK(!str_has(c->after, STR("sk-sl-")));
}

static struct desk *desk_new(void)
{
	struct desk *d = new_of(struct desk);
	char path[512];

	snprintf(path, sizeof(path), "%s/ledger.db", test_dir());
	d->why = BUF_LIMIT(16 * KiB);
	d->answer = BUF_LIMIT(MiB);
	d->pepper[0] = 7;
	d->roster = (struct roster){ .ledger = ledger_open(path, &d->why),
		                     .pepper = d->pepper,
		                     .wall = NOW,
		                     .changed = changed,
		                     .audit = audit,
		                     .arg = d,
		                     .keep = &d->keep,
		                     .why = &d->why };
	CHECK(d->roster.ledger);
	return d;
}

static void desk_free(struct desk *d)
{
	ledger_close(&d->roster.ledger);
	arena_done(&d->keep);
	buf_free(&d->why);
	buf_free(&d->answer);
	free(d);
}

/* "do" and the rest of a request, with ' for ". */
static enum roster_result ask(struct desk *d, const char *fmt, ...) printf_like(2, 3);
static enum roster_result ask(struct desk *d, const char *fmt, ...)
{
	struct json_writer w = { .to = &d->answer };
	struct buf request = BUF_LIMIT(64 * KiB);
	struct json_value asked;
	enum roster_result result;
	va_list args;

	va_start(args, fmt);
	buf_add(&request, STR("{\"actor\":\"test\",\"do\":\"tenant_"));
	buf_vaddf(&request, fmt, args);
	buf_add_char(&request, '}');
	va_end(args);
	for (size_t i = 0; i < request.len; i++)
		if (request.ptr[i] == '\'')
			request.ptr[i] = '"';
	buf_clear(&d->why);
	buf_clear(&d->answer);
	d->roster.param = STR_NONE;
	CHECK(!json_check(buf_str(&request), &json_limits_default, &asked));
	json_open(&w, '{');
	result = roster_ask(&d->roster, asked, &w);
	if (result == ROSTER_DONE) {
		json_close(&w, '}');
		CHECK(!json_check(buf_str(&d->answer), &json_limits_default, &d->node));
	}
	CHECK((result == ROSTER_DONE) == (d->why.len == 0));
	buf_free(&request);
	return result;
}

static str text(struct desk *d, const char *path)
{
	struct json_value v = json_path(d->node, path);

	return v.type == JSON_STRING ? json_text(v, arena_alloc(&d->keep, v.raw.len))
	                             : v.raw;
}

TEST(a_key_is_made_shown_changed_and_revoked)
{
	struct desk *d = desk_new();
	uint8_t mac[KEY_MAC];
	uint64_t id;

	CHECK_INT(ask(d, "create','kind':'team','set':{'name':'research','limits':"
	                 "{'rpm':9}}"),
	          ROSTER_DONE);
	CHECK_STR(text(d, "limits.rpm"), "9");
	CHECK(json_get(d->node, STR("key")).type == JSON_NONE);
	CHECK_INT(ask(d, "create','set':{'name':'ci','team':'research','metadata':{ 'a': "
	                 "[1, \" \"]},'allow':{'models':['gpt-5*','b']},'tags':{'x':'y'},"
	                 "'limits':{'budget':{'month':'$50.5','day':7}}}"),
	          ROSTER_DONE);
	str key = text(d, "key");
	CHECK(key_parse_id(key, &id) && id == d->row.id);
	key_mac(d->pepper, key, mac);
	CHECK(memcmp(mac, d->secret.mac, KEY_MAC) == 0);
	CHECK_INT(d->changes, 2);
	CHECK_STR(str_from_z(d->action), "create");
	CHECK_STR(str_from_z(d->before), "");

	CHECK_INT(ask(d, "show','which':'ci'"), ROSTER_DONE);
	CHECK(!str_has(buf_str(&d->answer), STR("sk-sl-")));
	CHECK_STR(text(d, "limits.budget.month"), "50.50");
	CHECK_STR(text(d, "limits.budget.day"), "7.00");
	CHECK_STR(text(d, "limits.budget.hour"), "null");
	CHECK_STR(text(d, "metadata"), "{\"a\":[1,\" \"]}");
	CHECK_STR(text(d, "allow.models"), "[\"gpt-5*\",\"b\"]");
	CHECK_STR(text(d, "allow.routes"), "null");
	CHECK_STR(text(d, "tags.x"), "y");
	CHECK_STR(text(d, "state"), "active");
	CHECK_STR(text(d, "serial"), "1");

	CHECK_INT(ask(d, "update','which':'ci','serial':1,'set':{'limits':{'rpm':5,"
	                 "'budget':{'day':null}},'expires':'1d'}"),
	          ROSTER_DONE);
	CHECK_STR(text(d, "limits.rpm"), "5");
	CHECK_STR(text(d, "limits.budget.month"), "50.50");
	CHECK_STR(text(d, "limits.budget.day"), "null");
	CHECK_STR(text(d, "tags.x"), "y");
	CHECK_STR(text(d, "expires"), "2027-01-16T08:00:00.000Z");
	CHECK(str_has(str_from_z(d->before), STR("\"rpm\":null")));
	CHECK(str_has(str_from_z(d->after), STR("\"rpm\":5")));
	CHECK_INT(ask(d, "update','which':'ci','serial':1,'set':{'limits':{'rpm':6}}"),
	          ROSTER_STALE);
	CHECK_INT(d->row.caps.rpm, 5);

	d->roster.wall += 25 * USEC_HOUR;
	CHECK_INT(ask(d, "show','which':'ci'"), ROSTER_DONE);
	CHECK_STR(text(d, "state"), "expired");
	CHECK_INT(ask(d, "revoke','which':'%012llx'", (unsigned long long)id),
	          ROSTER_DONE);
	CHECK_STR(text(d, "state"), "revoked");
	CHECK_INT(d->changes, 4);
	CHECK_INT(ask(d, "revoke','which':'ci'"), ROSTER_DONE); /* again: nothing */
	CHECK_INT(d->changes, 4);
	CHECK_INT(d->audits, 4);
	CHECK_INT(ask(d, "update','which':'ci','set':{'phi':true}"), ROSTER_INVALID);
	CHECK_INT(ask(d, "rotate','which':'ci'"), ROSTER_INVALID);
	desk_free(d);
}

TEST(a_rotation_keeps_the_id_and_the_old_secret_for_a_while)
{
	struct desk *d = desk_new();
	struct key_secret first;
	uint8_t mac[KEY_MAC];
	uint64_t id, other;

	CHECK_INT(ask(d, "create','set':{'name':'ci'}"), ROSTER_DONE);
	first = d->secret;
	CHECK(key_parse_id(text(d, "key"), &id));
	CHECK_INT(ask(d, "rotate','which':'ci','grace':'2h'"), ROSTER_DONE);
	CHECK(key_parse_id(text(d, "key"), &other) && other == id);
	key_mac(d->pepper, text(d, "key"), mac);
	CHECK(memcmp(d->secret.mac, mac, KEY_MAC) == 0);
	CHECK(memcmp(d->secret.previous, first.mac, KEY_MAC) == 0);
	CHECK_INT(d->secret.previous_until, NOW + 2 * USEC_HOUR);
	CHECK_STR(text(d, "previous_until"), "2027-01-15T10:00:00.000Z");
	CHECK_INT(ask(d, "rotate','which':'ci','grace':'0'"), ROSTER_DONE);
	CHECK_INT(d->secret.previous_until, 0);
	CHECK(json_get(d->node, STR("previous_until")).type == JSON_NONE);
	CHECK_INT(ask(d, "rotate','which':'ci'"), ROSTER_DONE);
	CHECK_INT(d->secret.previous_until, NOW + 24 * USEC_HOUR);
	CHECK_INT(ask(d, "rotate','which':'ci','grace':'91d'"), ROSTER_INVALID);
	CHECK_INT(ask(d, "rotate','which':'ci','grace':'soon'"), ROSTER_INVALID);
	CHECK_STR(d->roster.param, "grace");
	/* A change of something else leaves both secrets. */
	first = d->secret;
	CHECK_INT(ask(d, "update','which':'ci','set':{'soft':true}"), ROSTER_DONE);
	CHECK(memcmp(&d->secret, &first, sizeof(first)) == 0);
	desk_free(d);
}

TEST(what_cannot_be_set_is_said_with_its_place)
{
	static const struct {
		const char *set, *param, *why;
	} cases[] = {
		{ "{'limits':{'rpm':0}}", "limits.rpm", "no number" },
		{ "{'limits':{'rpm':-1}}", "limits.rpm", "no number" },
		{ "{'limits':{'rpm':1.5}}", "limits.rpm", "no number" },
		{ "{'limits':{'rpm':4294967296}}", "limits.rpm", "no number" },
		{ "{'limits':{'rpm':'60'}}", "limits.rpm", "no number" },
		{ "{'limits':{'rmp':60}}", "limits.rmp", "did you mean rpm?" },
		{ "{'limits':[]}", "limits", "no object" },
		{ "{'user_limits':{'budget':{'year':'1'}}}", "user_limits.budget.year",
		  "nothing of this name" },
		{ "{'limits':{'budget':{'day':'1,5'}}}", "limits.budget.day",
		  "no amount" },
		{ "{'limits':{'budget':{'day':'-1'}}}", "limits.budget.day",
		  "no amount" },
		{ "{'limits':{'budget':{'day':-1}}}", "limits.budget.day", "no amount" },
		{ "{'limits':{'budget':{'day':1e3}}}", "limits.budget.day", "no amount" },
		{ "{'limits':{'budget':{'day':'1.0000000001'}}}", "limits.budget.day",
		  "no amount" },
		{ "{'limits':{'budget':{'day':'9223372037'}}}", "limits.budget.day",
		  "no amount" },
		{ "{'limits':{'budget':{'day':''}}}", "limits.budget.day", "no amount" },
		{ "{'limits':{'budget':{'day':true}}}", "limits.budget.day",
		  "no amount" },
		{ "{'limits':{'budget':{'day':1,'day':2}}}", "limits.budget", "twice" },
		{ "{'allow':{'models':'a'}}", "allow.models", "no list" },
		{ "{'allow':{'models':[]}}", "allow.models", "empty list" },
		{ "{'allow':{'models':['']}}", "allow.models", "not empty" },
		{ "{'allow':{'models':['a,b']}}", "allow.models", "commas" },
		{ "{'allow':{'models':['a b']}}", "allow.models", "blanks" },
		{ "{'allow':{'models':[7]}}", "allow.models", "no string" },
		{ "{'allow':{'models':['a\\nb']}}", "allow.models", "control" },
		{ "{'allow':{'model':['a']}}", "allow.model", "did you mean models?" },
		{ "{'tags':{'a b':'c'}}", "tags", "letters" },
		{ "{'tags':{'a':'b,c=d'}}", "tags", "commas" },
		{ "{'tags':{'a':'\\r\\nx: y'}}", "tags", "control" },
		{ "{'tags':{'a':'b c'}}", "tags", "blanks" },
		{ "{'tags':{'a':'b=c'}}", "tags", "blanks" },
		{ "{'tags':{'a':'\xc3\xa4'}}", "tags", "ASCII" },
		{ "{'tags':{'a':''}}", "tags", "up to 64" },
		{ "{'tags':{'a':'1','b':'2','c':'3','d':'4','e':'5','f':'6','g':'7','h':'"
		  "8',"
		  "'i':'9'}}",
		  "tags", "more than eight" },
		{ "{'tags':{'a':1}}", "tags", "no string" },
		{ "{'tags':[]}", "tags", "no object" },
		{ "{'metadata':[]}", "metadata", "no object" },
		{ "{'metadata':{'a':[[[[[[[[7]]]]]]]]}}", "metadata", "eight levels" },
		{ "{'allow':{'models':['a\\u009b2J']}}", "allow.models", "control" },
		{ "{'soft':1}", "soft", "neither" },
		{ "{'on_exhausted':'explode'}", "on_exhausted", "none of" },
		{ "{'on_exhausted':null}", "on_exhausted", "none of" },
		{ "{'downgrade':7}", "downgrade", "no string" },
		{ "{'expires':'yesterday'}", "expires", "neither" },
		{ "{'expires':'2020-01-01'}", "expires", "future" },
		{ "{'expires':'0'}", "expires", "future" },
		{ "{'expires':'2027-02-30'}", "expires", "neither" },
		{ "{'expires':7}", "expires", "no string" },
		{ "{'secret':'x'}", "secret", "nothing of this name" },
		{ "{'id':'000000000001'}", "id", "nothing of this name" },
		{ "{'revoked':null}", "revoked", "nothing of this name" },
		{ "[]", "", "object" },
		{ "7", "", "object" },
	};
	struct desk *d = desk_new();

	CHECK_INT(ask(d, "create','set':{'name':'ci'}"), ROSTER_DONE);
	for (size_t i = 0; i < countof(cases); i++) {
		if (ask(d, "update','which':'ci','set':%s", cases[i].set) !=
		            ROSTER_INVALID ||
		    !str_eq(d->roster.param, str_from_z(cases[i].param)) ||
		    !str_has(buf_str(&d->why), str_from_z(cases[i].why)))
			check_failed(__FILE__, __LINE__, "%s: %s (at %.*s)", cases[i].set,
			             buf_z(&d->why), STR_ARG(d->roster.param));
	}
	CHECK_INT(d->changes, 1);
	desk_free(d);
}

TEST(whom_a_node_belongs_to_is_found_by_id_or_name)
{
	struct desk *d = desk_new();
	str team, key;

	CHECK_INT(ask(d, "create','kind':'team','set':{'name':'research'}"), ROSTER_DONE);
	team = arena_copy(&d->keep, text(d, "id"));
	CHECK_INT(ask(d, "create','kind':'team','set':{'name':'research'}"),
	          ROSTER_TAKEN);
	CHECK_STR(d->roster.param, "name");
	CHECK_INT(ask(d, "create','set':{'name':'k','team':'%.*s'}", STR_ARG(team)),
	          ROSTER_DONE);
	CHECK_STR_EQ(text(d, "parent"), team);
	key = arena_copy(&d->keep, text(d, "id"));
	CHECK_INT(ask(d, "create','set':{'name':'k2','parent':'default'}"), ROSTER_DONE);
	CHECK_STR(text(d, "parent"), "000000000001");
	CHECK_INT(ask(d, "create','set':{'name':'k3','team':'reserch'}"), ROSTER_INVALID);
	CHECK(str_has(buf_str(&d->why), STR("did you mean \"research\"?")));
	CHECK_STR(d->roster.param, "parent");
	CHECK_INT(ask(d,
	              "create','kind':'user','set':{'name':'alice','parent':'%.*s',"
	              "'limits':{'rpm':1}}",
	              STR_ARG(key)),
	          ROSTER_DONE);
	CHECK_STR_EQ(text(d, "parent"), key);
	CHECK_INT(ask(d, "create','kind':'user','set':{'name':'alice','parent':'%.*s'}",
	              STR_ARG(key)),
	          ROSTER_TAKEN);
	CHECK_INT(ask(d, "create','kind':'organisation','set':{'name':'o','parent':'x'}"),
	          ROSTER_INVALID);
	CHECK_STR(d->roster.param, "parent");
	CHECK_INT(ask(d, "list','kind':'organisation','parent':'x'"), ROSTER_INVALID);
	CHECK(str_has(buf_str(&d->why), STR("nothing above it")));
	CHECK_INT(ask(d, "create','set':{'name':'k5','team':'research','parent':'%.*s'}",
	              STR_ARG(team)),
	          ROSTER_INVALID);
	CHECK_STR(d->roster.param, "parent");
	CHECK(str_has(buf_str(&d->why), STR("named twice")));
	CHECK_INT(ask(d, "create','set':{'name':'k5','team':'research','parent':null}"),
	          ROSTER_DONE);
	CHECK_INT(ask(d, "create','kind':'organisation','set':{'name':'o'}"),
	          ROSTER_DONE);
	CHECK_STR(text(d, "parent"), "null");
	CHECK_INT(ask(d, "revoke','kind':'team','which':'research'"), ROSTER_DONE);
	CHECK_INT(ask(d, "create','set':{'name':'k4','team':'research'}"),
	          ROSTER_INVALID);
	CHECK(str_has(buf_str(&d->why), STR("is revoked")));
	/* Its name is free again. */
	CHECK_INT(ask(d, "create','kind':'team','set':{'name':'research'}"), ROSTER_DONE);
	CHECK(!str_eq(text(d, "id"), team));
	CHECK_INT(ask(d, "revoke','kind':'organisation','which':'default'"),
	          ROSTER_INVALID);
	desk_free(d);
}

TEST(a_name_that_two_have_names_nobody)
{
	struct desk *d = desk_new();

	CHECK_INT(ask(d, "create','set':{'name':'twin'}"), ROSTER_DONE);
	str first = arena_copy(&d->keep, text(d, "id"));
	CHECK_INT(ask(d, "create','set':{'name':'twin'}"), ROSTER_DONE);
	CHECK_INT(ask(d, "revoke','which':'twin'"), ROSTER_INVALID);
	CHECK(str_has(buf_str(&d->why), STR("more than one")));
	CHECK_INT(ask(d, "revoke','which':'%.*s'", STR_ARG(first)), ROSTER_DONE);
	CHECK_INT(ask(d, "show','which':'twin'"), ROSTER_DONE); /* the one that is left */
	CHECK(!str_eq(text(d, "id"), first));
	CHECK_INT(ask(d, "show','which':'twim'"), ROSTER_NOT_FOUND);
	CHECK(str_has(buf_str(&d->why), STR("did you mean \"twin\"?")));
	CHECK_INT(ask(d, "show','kind':'team','which':'twin'"), ROSTER_NOT_FOUND);
	desk_free(d);
}

TEST(a_list_comes_in_pages)
{
	struct desk *d = desk_new();
	struct json_member m;
	unsigned count = 0, pages = 0;
	str cursor = STR_NONE;

	CHECK_INT(ask(d, "create','kind':'team','set':{'name':'t'}"), ROSTER_DONE);
	for (int i = 0; i < 25; i++) {
		d->roster.wall += i % 3; /* some at the same moment */
		CHECK_INT(ask(d, "create','set':{'name':'k%d'%s}", i,
		              i % 5 ? "" : ",'team':'t'"),
		          ROSTER_DONE);
	}
	do {
		CHECK_INT(ask(d, "list','most':7,'cursor':'%.*s'", STR_ARG(cursor)),
		          ROSTER_DONE);
		for (struct json_iter it = json_iter(json_get(d->node, STR("data")));
		     json_next(&it, &m);)
			count++;
		cursor = json_get(d->node, STR("next")).type == JSON_STRING
		                 ? arena_copy(&d->keep, text(d, "next"))
		                 : STR_NONE;
	} while (cursor.len && ++pages < 10);
	CHECK_INT(count, 25);
	CHECK_INT(pages, 3);
	CHECK_INT(ask(d, "list','parent':'t'"), ROSTER_DONE);
	count = 0;
	for (struct json_iter it = json_iter(json_get(d->node, STR("data")));
	     json_next(&it, &m);)
		count++;
	CHECK_INT(count, 5);
	CHECK_INT(ask(d, "list','parent':'nobody'"), ROSTER_INVALID);
	CHECK_INT(ask(d, "list','cursor':'x'"), ROSTER_INVALID);
	CHECK_INT(ask(d, "list','most':100000"), ROSTER_INVALID);
	CHECK_INT(ask(d, "list','kind':'organisation'"), ROSTER_DONE);
	CHECK(str_has(buf_str(&d->answer), STR("\"default\"")));
	desk_free(d);
}

/* What people write into names and texts stays text. */
TEST(text_that_looks_like_sql_or_headers_stays_text)
{
	static const char *const texts[] = {
		"x'); DROP TABLE tenant; --",
		"\" OR 1=1 --",
		"%s%n%x",
		"../../etc/passwd",
		"a\xe2\x80\xa8\\r\\nb: c",
		"' || (SELECT mac FROM tenant) || '",
	};
	struct desk *d = desk_new();

	for (size_t i = 0; i < countof(texts); i++) {
		str wanted = str_from_z(texts[i]);
		struct buf set = BUF_LIMIT(4 * KiB);
		struct json_writer w = { .to = &set }, out = { .to = &d->answer };
		struct json_value v;

		json_open(&w, '{');
		json_key_str(&w, STR("name"), wanted);
		json_key(&w, STR("metadata"));
		json_open(&w, '{');
		json_key_str(&w, STR("m"), wanted);
		json_close(&w, '}');
		json_close(&w, '}');
		buf_clear(&d->answer);
		d->roster.actor = STR("test");
		CHECK(!json_check(buf_str(&set), &json_limits_default, &v));
		json_open(&out, '{');
		CHECK_INT(roster_create(&d->roster, TENANT_KEY, v, &out), ROSTER_DONE);
		buf_clear(&d->answer);
		out = (struct json_writer){ .to = &d->answer };
		json_open(&out, '{');
		CHECK_INT(roster_show(&d->roster, TENANT_KEY, wanted, &out), ROSTER_DONE);
		json_close(&out, '}');
		CHECK(!json_check(buf_str(&d->answer), &json_limits_default, &d->node));
		CHECK_STR_EQ(text(d, "name"), wanted);
		CHECK_STR_EQ(text(d, "metadata.m"), wanted);
		buf_free(&set);
	}
	CHECK_INT(ask(d, "create','set':{'name':'a\\u0000b'}"), ROSTER_INVALID);
	CHECK_INT(ask(d, "create','set':{'name':'a\\r\\nb'}"), ROSTER_INVALID);
	desk_free(d);
}

TEST(money_is_read_and_written_exactly)
{
	static const struct {
		const char *text;
		nanousd amount; /* -1: refused */
		const char *written;
	} cases[] = {
		{ "0", 0, "0.00" },
		{ "$50", 50000000000, "50.00" },
		{ "0.1", 100000000, "0.10" },
		{ "1.234", 1234000000, "1.234" },
		{ "0.000000001", 1, "0.000000001" },
		{ "9223372036.854775807", INT64_MAX, "9223372036.854775807" },
		{ "9223372036.854775808", -1, NULL },
		{ "18446744073709551616", -1, NULL },
		{ ".5", -1, NULL },
		{ "5.", -1, NULL },
		{ "$", -1, NULL },
		{ "$$5", -1, NULL },
		{ "5 ", -1, NULL },
		{ "+5", -1, NULL },
		{ "1.2.3", -1, NULL },
		{ "1_000", -1, NULL },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct buf out = BUF_LIMIT(64);
		nanousd amount = -1;
		bool good = usd_parse(str_from_z(cases[i].text), &amount);

		CHECK(good == (cases[i].amount >= 0));
		CHECK_INT(amount, cases[i].amount);
		if (good) {
			usd_write(&out, amount);
			CHECK_STR_EQ(buf_str(&out), str_from_z(cases[i].written));
		}
		buf_free(&out);
	}
}
