/* resume_sim_test.c - a stream dies after its first token; another attempt goes on.
 *
 * The whole worker runs on the simulated machine with virtual time.  The providers are
 * scripted here, down to the byte; the client's transcript is read by a folder of its
 * own. */
#include "codec/json.h"
#include "codec/sse.h"
#include "http/body.h"
#include "tests/sim/race.h"

#include <stdio.h>
#include <stdlib.h>

#define FIRST "Once there was a quick brown fox, who jumped "
#define ANCHOR "there was a quick brown fox, who jumped "
#define REST "over the lazy dog."

/* What a client makes of the chunks it got. */
struct folded {
	struct buf text, reasoning, args;
	char id[64], model[64], finish[32];
	unsigned roles, finishes, dones, errors, usages, comments, broken, ids;
	uint64_t input, output, total;
	bool ended; /* the chunked body was closed properly */
};

static void keep(char *to, size_t room, struct json_value v)
{
	if (v.type == JSON_STRING)
		snprintf(to, room, "%.*s", (int)v.raw.len - 2, v.raw.ptr + 1);
}

static void add(struct buf *to, struct json_value v)
{
	if (v.type == JSON_STRING)
		buf_add(to, str_of(v.raw.ptr + 1, v.raw.len - 2));
}

static void fold_chunk(struct folded *f, str data)
{
	struct json_value root, choice, delta, usage;
	struct json_member m;
	char id[64] = { 0 };

	if (json_check(data, &json_limits_default, &root)) {
		f->broken++;
		return;
	}
	if (json_get(root, STR("error")).type != JSON_NONE) {
		f->errors++;
		return;
	}
	keep(id, sizeof(id), json_get(root, STR("id")));
	if (f->id[0] && strcmp(id, f->id))
		f->ids++;
	memcpy(f->id, id, sizeof(id));
	keep(f->model, sizeof(f->model), json_get(root, STR("model")));
	usage = json_get(root, STR("usage"));
	if (usage.type == JSON_OBJECT) {
		f->usages++;
		json_u64(json_get(usage, STR("prompt_tokens")), &f->input);
		json_u64(json_get(usage, STR("completion_tokens")), &f->output);
		json_u64(json_get(usage, STR("total_tokens")), &f->total);
	}
	choice = json_get(root, STR("choices"));
	for (struct json_iter it = json_iter(choice); json_next(&it, &m);) {
		struct json_member call;

		delta = json_get(m.value, STR("delta"));
		f->roles += json_get(delta, STR("role")).type == JSON_STRING;
		add(&f->text, json_get(delta, STR("content")));
		add(&f->reasoning, json_get(delta, STR("reasoning_content")));
		for (struct json_iter c = json_iter(json_get(delta, STR("tool_calls")));
		     json_next(&c, &call);) {
			add(&f->args, json_path(call.value, "function.name"));
			add(&f->args, json_path(call.value, "function.arguments"));
		}
		if (json_has_text(json_get(m.value, STR("finish_reason")))) {
			f->finishes++;
			keep(f->finish, sizeof(f->finish),
			     json_get(m.value, STR("finish_reason")));
		}
		/* Nothing follows a finish. */
		if (f->finishes > 1 || f->dones)
			f->broken++;
	}
}

static void fold(struct folded *f, struct buf *seen)
{
	struct http_response res;
	struct http_body body;
	struct sse_scan scan = { 0 };
	struct sse_found event;
	size_t looked = 0, head = 0, len = 0, used = 0;

	*f = (struct folded){ .text = BUF_LIMIT(MiB),
		              .reasoning = BUF_LIMIT(MiB),
		              .args = BUF_LIMIT(MiB) };
	if (!CHECK_OK(http_head_end(buf_str(seen), &http_limits_default, false, &looked,
	                            &head)) ||
	    !CHECK(head) || !CHECK_OK(http_response_parse(str_of(seen->ptr, head), &res)))
		return;
	http_body_init(&body, res.body, res.length, false);
	CHECK_OK(http_body_take(&body, seen->ptr + head, seen->ptr + head,
	                        seen->len - head, &len, &used));
	f->ended = body.done;
	for (str rest = str_of(seen->ptr + head, len); sse_scan(&scan, rest, &event);) {
		f->comments +=
		        event.raw.ptr[0] == ':' && str_has(event.raw, STR("resumed"));
		if (event.has_data && str_eq(event.data, STR("[DONE]")))
			f->dones++;
		else if (event.has_data)
			fold_chunk(f, event.data);
		rest = str_from(rest, event.raw.len);
		scan.seen = 0;
	}
}

static void folded_done(struct folded *f)
{
	buf_free(&f->text);
	buf_free(&f->reasoning);
	buf_free(&f->args);
}

/* ---- a world of two ---- */

struct pair {
	struct race race;
	struct buf request; /* that the last provider got */
	struct sim_peer *peer;
	struct folded f;
};

static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                           "Connection: close\r\n\r\n";

static bool begin(struct pair *p, const char *route)
{
	*p = (struct pair){ .request = BUF_LIMIT(MiB) };
	return race_begin(&p->race, route);
}

static void ask(struct pair *p, const char *more, const char *headers)
{
	struct buf text = BUF_LIMIT(8 * KiB), body = BUF_LIMIT(4 * KiB);

	buf_addf(&body,
	         "{\"model\":\"r\",\"stream\":true,%s\"messages\":[{\"role\":\"user\","
	         "\"content\":\"tell me\"}]}",
	         more);
	p->race.client = gate_client(&p->race.gate);
	buf_addf(&text,
	         "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n%s"
	         "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
	         headers, body.len);
	buf_add(&text, buf_str(&body));
	sim_send(p->race.client, buf_str(&text));
	buf_free(&text);
	buf_free(&body);
	race_run(&p->race, USEC_SEC);
}

/* The next connection of that provider; its request is kept. */
static bool accept_at(struct pair *p, unsigned provider)
{
	buf_clear(&p->request);
	if (p->peer)
		sim_close(p->peer);
	p->peer = sim_accept(p->race.ports[provider]);
	if (p->peer)
		sim_recv(p->peer, &p->request);
	return p->peer;
}

static void tell(struct pair *p, const char *text)
{
	sim_send(p->peer, str_from_z(text));
	race_run(&p->race, 0);
}

/* A chunk as OpenAI sends them. */
static void chunk(struct pair *p, const char *id, const char *delta, const char *finish)
{
	struct buf text = BUF_LIMIT(8 * KiB);

	buf_addf(&text,
	         "data: {\"id\":\"%s\",\"object\":\"chat.completion.chunk\","
	         "\"created\":1694268190,\"model\":\"%s-model\","
	         "\"system_fingerprint\":\"fp_%s\",\"choices\":[{\"index\":0,\"delta\":{%"
	         "s},"
	         "\"logprobs\":null,\"finish_reason\":%s}]}\n\n",
	         id, id, id, delta, finish);
	sim_send(p->peer, buf_str(&text));
	race_run(&p->race, 0);
	buf_free(&text);
}

static void say(struct pair *p, const char *id, const char *text)
{
	char delta[1024];

	snprintf(delta, sizeof(delta), "\"content\":\"%s\"", text);
	chunk(p, id, delta, "null");
}

static void finish(struct pair *p, const char *id)
{
	chunk(p, id, "", "\"stop\"");
	tell(p, "data: [DONE]\n\n");
}

static void begin_a(struct pair *p)
{
	if (!CHECK(accept_at(p, 0)))
		return;
	tell(p, head);
	chunk(p, "a", "\"role\":\"assistant\",\"content\":\"\"", "null");
	say(p, "a", "Once there was a quick ");
	say(p, "a", "brown fox, ");
	say(p, "a", "who jumped ");
}

static void die(struct pair *p)
{
	sim_close(p->peer);
	p->peer = NULL;
	race_run(&p->race, USEC_SEC);
}

static bool saw(struct pair *p, const char *text)
{
	return str_has(race_see(&p->race), str_from_z(text));
}

static void end(struct pair *p)
{
	race_see(&p->race);
	fold(&p->f, &p->race.seen);
}

static void done(struct pair *p)
{
	if (p->peer)
		sim_close(p->peer);
	folded_done(&p->f);
	buf_free(&p->request);
	race_end(&p->race);
}

static void check_whole(struct pair *p, int line, const char *text)
{
	const struct folded *f = &p->f;

	check_str(__FILE__, line, "text", buf_str(&f->text), str_from_z(text));
	check_int(__FILE__, line, "roles", f->roles, 1);
	check_int(__FILE__, line, "finishes", f->finishes, 1);
	check_int(__FILE__, line, "dones", f->dones, 1);
	check_int(__FILE__, line, "errors", f->errors, 0);
	check_int(__FILE__, line, "broken", f->broken, 0);
	check_int(__FILE__, line, "ids", f->ids, 0);
	check_int(__FILE__, line, "comments", f->comments, 1);
	check_str(__FILE__, line, "id", str_from_z(f->id), STR("a"));
	check_int(__FILE__, line, "ended", f->ended, true);
}

static void check_error(struct pair *p, int line, const char *text)
{
	const struct folded *f = &p->f;

	check_str(__FILE__, line, "text", buf_str(&f->text), str_from_z(text));
	check_int(__FILE__, line, "finishes", f->finishes, 0);
	check_int(__FILE__, line, "dones", f->dones, 0);
	check_int(__FILE__, line, "errors", f->errors, 1);
	check_int(__FILE__, line, "broken", f->broken, 0);
	check_int(__FILE__, line, "ended", f->ended, true);
}
#define WHOLE(text) check_whole(&p, __LINE__, text)
#define ERROR(text) check_error(&p, __LINE__, text)

TEST(resume_goes_on_behind_the_anchor)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, b/m] }"))
		return;
	ask(&p, "", "");
	begin_a(&p);
	die(&p);
	if (CHECK(accept_at(&p, 1))) {
		CHECK(str_has(buf_str(&p.request), STR(FIRST)));
		CHECK(str_has(buf_str(&p.request), STR("<<<" ANCHOR ">>>")));
		tell(&p, head);
		chunk(&p, "b", "\"role\":\"assistant\",\"content\":\"\"", "null");
		say(&p, "b", "Once there was a qu");
		say(&p, "b", "ick brown fox, who jumped over");
		say(&p, "b", " the lazy dog.");
		finish(&p, "b");
		die(&p);
	}
	end(&p);
	WHOLE(FIRST REST);
	race_read_rows(&p.race);
	CHECK_INT(p.race.count, 2);
	CHECK_INT(p.race.closed, 2);
	CHECK_INT(p.race.closing, 1);
	done(&p);
}

/* ---- what the other one may do ---- */

struct manner {
	const char *name;
	const char *pieces[6]; /* of text, as JSON; NULL: the end */
	const char *want;      /* behind FIRST; NULL: an error */
	bool no_finish;
};

static const struct manner manners[] = {
	{ "anchor", { FIRST, REST }, REST },
	{ "anchor split",
	  { " \\n", "On", "ce there was a quick brown fo", "x, who jumped ", "over",
	    " the lazy dog." },
	  REST },
	{ "nothing more", { FIRST }, "" },
	{ "escaped",
	  { "\\u004fnce there was a quick brown fox, who jumped \\u006fver" },
	  "\\u006fver" },
	{ "goes on at once", { REST }, NULL },
	{ "preamble", { "Sure, here it is: ", FIRST, REST }, NULL },
	{ "wrong anchor",
	  { "Once there was a quick brown dog, who jumped ", REST },
	  NULL },
	{ "blanks", { "Once there was a quick brown fox,  who jumped ", REST }, NULL },
	{ "twice", { FIRST, FIRST, REST }, NULL },
	{ "empty", { NULL }, NULL },
	{ "blank", { " ", "\\n" }, NULL },
	{ "short", { "jumped ", REST }, NULL },
	{ "dies", { "Once there was" }, NULL, true },
};

static void speak(struct pair *p, const struct manner *m)
{
	tell(p, head);
	chunk(p, "b", "\"role\":\"assistant\",\"content\":\"\"", "null");
	for (unsigned i = 0; i < countof(m->pieces) && m->pieces[i]; i++)
		say(p, "b", m->pieces[i]);
	if (!m->no_finish)
		finish(p, "b");
	die(p);
}

TEST(resume_is_proven_or_an_honest_error)
{
	for (unsigned i = 0; i < countof(manners); i++) {
		const struct manner *m = &manners[i];
		char want[200];
		struct pair p;

		if (!begin(&p, "{ targets: [a/m, b/m] }"))
			return;
		ask(&p, "", "");
		begin_a(&p);
		die(&p);
		if (CHECK(accept_at(&p, 1)))
			speak(&p, m);
		if (!m->want && CHECK(accept_at(&p, 0))) /* once more at the first */
			speak(&p, m);
		CHECK(!sim_accept(p.race.ports[0]) && !sim_accept(p.race.ports[1]));
		end(&p);
		snprintf(want, sizeof(want), FIRST "%s", m->want ? m->want : "");
		if (m->want)
			check_whole(&p, __LINE__, want);
		else
			check_error(&p, __LINE__, want);
		race_read_rows(&p.race);
		check_int(__FILE__, __LINE__, m->name, p.race.count, m->want ? 2 : 3);
		check_int(__FILE__, __LINE__, m->name, p.race.closed, p.race.opened);
		done(&p);
	}
}

TEST(resume_off_is_an_error_at_once)
{
	struct pair p;

	for (int by_header = 0; by_header < 2; by_header++) {
		if (!begin(&p, by_header ? "{ targets: [a/m, b/m] }"
		                         : "{ targets: [a/m, b/m], resume: off }"))
			return;
		ask(&p, "", by_header ? "x-sluice-resume: off\r\n" : "");
		begin_a(&p);
		die(&p);
		CHECK(!accept_at(&p, 1));
		end(&p);
		ERROR(FIRST);
		done(&p);
	}
}

TEST(resume_again_when_the_other_dies_as_well)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, b/m, c/m] }"))
		return;
	ask(&p, "", "");
	begin_a(&p);
	die(&p);
	if (CHECK(accept_at(&p, 1))) {
		tell(&p, head);
		say(&p, "b", FIRST "over ");
		die(&p);
	}
	if (CHECK(accept_at(&p, 2))) {
		CHECK(str_has(buf_str(&p.request), STR("over >>>")));
		tell(&p, head);
		say(&p, "c", FIRST "over the lazy dog.");
		finish(&p, "c");
		die(&p);
	}
	end(&p);
	CHECK_INT(p.f.comments, 2);
	p.f.comments = 1;
	WHOLE(FIRST REST);
	done(&p);
}

TEST(resume_at_most_twice)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, b/m, c/m] }"))
		return;
	ask(&p, "", "");
	begin_a(&p);
	die(&p);
	for (unsigned i = 1; i < 3 && CHECK(accept_at(&p, i)); i++) {
		tell(&p, head);
		say(&p, "b", i == 1 ? FIRST "over " : FIRST "over the ");
		die(&p);
	}
	for (unsigned i = 0; i < 3; i++)
		CHECK(!accept_at(&p, i));
	end(&p);
	ERROR(FIRST "over the ");
	done(&p);
}

#define BROKEN "data: {broken\n\n"

/* The last one that may go on has said all: what comes behind its finish is nobody's. */
TEST(resume_the_second_ends_with_its_finish)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, b/m, c/m] }"))
		return;
	ask(&p, "", "");
	begin_a(&p);
	die(&p);
	if (CHECK(accept_at(&p, 1))) {
		tell(&p, head);
		say(&p, "b", FIRST "over ");
		die(&p);
	}
	if (CHECK(accept_at(&p, 2))) {
		tell(&p, head);
		say(&p, "c", FIRST "over the lazy dog.");
		chunk(&p, "c", "", "\"stop\"");
		tell(&p, BROKEN);
		die(&p);
	}
	end(&p);
	CHECK_INT(p.f.comments, 2);
	p.f.comments = 1;
	WHOLE(FIRST REST);
	done(&p);
}

/* Also when that is all it has said, and the client has nothing of it yet. */
TEST(resume_ends_with_a_finish_alone)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, b/m, c/m] }"))
		return;
	ask(&p, "", "");
	begin_a(&p);
	die(&p);
	if (CHECK(accept_at(&p, 1))) {
		tell(&p, head);
		say(&p, "b", FIRST);
		chunk(&p, "b", "", "\"stop\"");
		tell(&p, BROKEN);
		die(&p);
	}
	CHECK(!accept_at(&p, 2));
	end(&p);
	WHOLE(FIRST);
	done(&p);
}

/* Who has half an answer gets its filtered end, and not another half. */
TEST(resume_a_filter_behind_the_seam_is_final)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, b/m, c/m], on_filter: next }"))
		return;
	ask(&p, "", "");
	begin_a(&p);
	die(&p);
	if (CHECK(accept_at(&p, 1))) {
		tell(&p, head);
		tell(&p, "data: "
		         "{\"id\":\"b\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
		         "\"" FIRST REST "\"},\"finish_reason\":null}]}\n\n"
		         "data: {\"id\":\"b\",\"choices\":[{\"index\":0,\"delta\":{},"
		         "\"finish_reason\":\"content_filter\"}]}\n\ndata: [DONE]\n\n");
		die(&p);
	}
	CHECK(!accept_at(&p, 2));
	end(&p);
	WHOLE(FIRST REST);
	CHECK_STR_EQ(str_from_z(p.f.finish), STR("content_filter"));
	CHECK(saw(&p, ": sluice resumed provider=b "));
	race_read_rows(&p.race);
	CHECK_INT(p.race.count, 2);
	done(&p);
}

TEST(resume_another_format)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, d/m] }"))
		return;
	ask(&p, "", "");
	begin_a(&p);
	die(&p);
	if (CHECK(accept_at(&p, 3))) {
		tell(&p, head);
		tell(&p,
		     "event: message_start\ndata: "
		     "{\"type\":\"message_start\",\"message\":{\"id\":\"x\",\"model\":"
		     "\"m\",\"content\":[],\"usage\":{\"input_tokens\":9}}}\n\n");
		tell(&p, "event: content_block_start\ndata: "
		         "{\"type\":\"content_block_start\",\"index\":0,\"content_"
		         "block\":{\"type\":\"text\",\"text\":\"\"}}\n\n");
		tell(&p, "event: content_block_delta\ndata: "
		         "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
		         "\"type\":\"text_delta\",\"text\":\"" FIRST REST "\"}}\n\n");
		tell(&p, "event: message_delta\ndata: "
		         "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_"
		         "turn\"},\"usage\":{\"output_tokens\":9}}\n\n");
		tell(&p, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
		die(&p);
	}
	end(&p);
	WHOLE(FIRST REST);
	done(&p);
}

TEST(resume_one_usage)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, b/m] }"))
		return;
	ask(&p, "\"stream_options\":{\"include_usage\":true},", "");
	begin_a(&p);
	die(&p);
	if (CHECK(accept_at(&p, 1))) {
		tell(&p, head);
		say(&p, "b", FIRST REST);
		chunk(&p, "b", "", "\"stop\"");
		tell(&p,
		     "data: {\"id\":\"b\",\"choices\":[],\"usage\":{\"prompt_tokens\":77,"
		     "\"completion_tokens\":16,\"total_tokens\":93}}\n\n");
		tell(&p, "data: [DONE]\n\n");
		die(&p);
	}
	end(&p);
	WHOLE(FIRST REST);
	CHECK_INT(p.f.usages, 1);
	CHECK(p.f.input < 77); /* of the first attempt */
	CHECK_INT(p.f.total, p.f.input + p.f.output);
	CHECK_INT(p.f.output, 16);
	done(&p);
}

/* Who asks for the cost gets usage with it, once, however else it asked. */
TEST(resume_one_cost)
{
	static const char *const wishes[] = {
		"\"usage\":{\"include\":true},",
		"\"usage\":{\"include\":true},\"stream_options\":{\"include_usage\":true}"
		",",
	};

	for (unsigned i = 0; i < countof(wishes); i++) {
		struct pair p;

		if (!begin(&p, "{ targets: [a/m, b/m] }"))
			return;
		ask(&p, wishes[i], "");
		begin_a(&p);
		die(&p);
		if (CHECK(accept_at(&p, 1))) {
			tell(&p, head);
			say(&p, "b", FIRST REST);
			finish(&p, "b");
			die(&p);
		}
		end(&p);
		WHOLE(FIRST REST);
		CHECK_INT(p.f.usages, 1);
		CHECK(str_has(buf_str(&p.race.seen), STR(",\"cost\":null}")));
		done(&p);
	}
}

TEST(resume_a_cut_call_is_made_again)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, b/m] }"))
		return;
	ask(&p, "", "");
	begin_a(&p);
	chunk(&p, "a",
	      "\"tool_calls\":[{\"index\":0,\"id\":\"1\",\"type\":\"function\","
	      "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]",
	      "null");
	chunk(&p, "a",
	      "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\"}}]",
	      "null");
	die(&p);
	if (CHECK(accept_at(&p, 1))) {
		tell(&p, head);
		say(&p, "b", FIRST);
		chunk(&p, "b",
		      "\"tool_calls\":[{\"index\":0,\"id\":\"2\",\"type\":\"function\","
		      "\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]",
		      "null");
		chunk(&p, "b",
		      "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}"
		      "]",
		      "null");
		chunk(&p, "b", "", "\"tool_calls\"");
		tell(&p, "data: [DONE]\n\n");
		die(&p);
	}
	end(&p);
	WHOLE(FIRST);
	CHECK_STR(buf_str(&p.f.args), "g{}");
	CHECK_STR(str_from_z(p.f.finish), "tool_calls");
	done(&p);
}

TEST(resume_a_whole_call_is_the_end)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, b/m] }"))
		return;
	ask(&p, "", "");
	begin_a(&p);
	chunk(&p, "a",
	      "\"tool_calls\":[{\"index\":0,\"id\":\"1\",\"type\":\"function\","
	      "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]",
	      "null");
	die(&p);
	CHECK(!accept_at(&p, 1));
	end(&p);
	ERROR(FIRST);
	CHECK_STR(buf_str(&p.f.args), "f{}");
	done(&p);
}

TEST(resume_a_call_that_comes_first_is_no_beginning)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, b/m] }"))
		return;
	ask(&p, "", "");
	if (CHECK(accept_at(&p, 0))) {
		tell(&p, head);
		chunk(&p, "a", "\"role\":\"assistant\",\"content\":null", "null");
		chunk(&p, "a",
		      "\"tool_calls\":[{\"index\":0,\"id\":\"1\",\"type\":\"function\","
		      "\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]",
		      "null");
		die(&p);
	}
	if (CHECK(accept_at(&p, 0) || accept_at(&p, 1))) {
		CHECK(!str_has(buf_str(&p.request), STR("<<<")));
		tell(&p, head);
		chunk(&p, "a", "\"role\":\"assistant\",\"content\":\"\"", "null");
		say(&p, "a", "Hi");
		finish(&p, "a");
		die(&p);
	}
	end(&p);
	p.f.comments = 1;
	WHOLE("Hi");
	done(&p);
}

TEST(resume_thoughts_are_thought_again)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, b/m] }"))
		return;
	ask(&p, "", "");
	if (CHECK(accept_at(&p, 0))) {
		tell(&p, head);
		chunk(&p, "a", "\"role\":\"assistant\",\"content\":\"\"", "null");
		chunk(&p, "a", "\"reasoning_content\":\"hm, \"", "null");
		chunk(&p, "a", "\"reasoning_content\":\"we\"", "null");
		die(&p);
	}
	if (CHECK(accept_at(&p, 1))) {
		CHECK(!str_has(buf_str(&p.request), STR("<<<")));
		tell(&p, head);
		chunk(&p, "b", "\"role\":\"assistant\",\"content\":\"\"", "null");
		chunk(&p, "b", "\"reasoning_content\":\"well\"", "null");
		say(&p, "b", "Hi");
		finish(&p, "b");
		die(&p);
	}
	end(&p);
	WHOLE("Hi");
	CHECK_STR(buf_str(&p.f.reasoning), "hm, wewell");
	done(&p);
}

TEST(resume_no_tokens_left_is_the_end_by_length)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, b/m] }"))
		return;
	ask(&p, "\"max_tokens\":2,", ""); /* 45 bytes are more, whatever they say */
	begin_a(&p);
	die(&p);
	CHECK(!accept_at(&p, 1));
	end(&p);
	p.f.comments = 1;
	WHOLE(FIRST);
	CHECK_STR(str_from_z(p.f.finish), "length");
	done(&p);
}

/* What is said may be fewer tokens than they seem, many dashes are one: a clean end by
 * length needs more. */
TEST(resume_near_the_limit_asks_for_a_little)
{
	static const struct {
		const char *limit, *want; /* 10 are for the anchor */
	} cases[] = {
		{ "\"max_tokens\":11,", "\"max_tokens\":21" },
		{ "\"max_tokens\":3,", "\"max_tokens\":13" },
	};

	for (unsigned i = 0; i < countof(cases); i++) {
		struct pair p;

		if (!begin(&p, "{ targets: [a/m, b/m] }"))
			return;
		ask(&p, cases[i].limit, "");
		begin_a(&p);
		die(&p);
		if (CHECK(accept_at(&p, 1))) {
			CHECK(str_has(buf_str(&p.request), str_from_z(cases[i].want)));
			die(&p);
		}
		end(&p);
		done(&p);
	}
}

TEST(resume_counts_characters_and_not_their_escapes)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, b/m] }"))
		return;
	ask(&p, "\"max_tokens\":24,", "");
	if (CHECK(accept_at(&p, 0))) {
		tell(&p, head);
		chunk(&p, "a", "\"role\":\"assistant\",\"content\":\"\"", "null");
		for (int i = 0; i < 6; i++)
			say(&p, "a", "\\u4f60\\u597d\\u4e16\\u754c");
		die(&p);
	}
	if (CHECK(accept_at(&p, 1)))
		die(&p);
	end(&p);
	done(&p);
}

TEST(resume_asks_for_what_is_left)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, b/m] }"))
		return;
	ask(&p, "\"max_tokens\":100,\"seed\":5,", "");
	begin_a(&p);
	die(&p);
	if (CHECK(accept_at(&p, 1))) {
		/* 12 are said, 10 are for the anchor */
		CHECK(str_has(buf_str(&p.request), STR("\"max_tokens\":98")));
		CHECK(!str_has(buf_str(&p.request), STR("seed")));
		die(&p);
	}
	end(&p);
	done(&p);
}

TEST(resume_stops_at_a_sequence_across_the_seam)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, b/m] }"))
		return;
	ask(&p, "\"stop\":[\"jumped over\"],", "");
	begin_a(&p);
	die(&p);
	if (CHECK(accept_at(&p, 1))) {
		tell(&p, head);
		say(&p, "b", FIRST);
		say(&p, "b", "ov");
		say(&p, "b", "er the dog");
		race_run(&p.race, USEC_SEC);
	}
	end(&p);
	WHOLE(FIRST);
	done(&p);
}

TEST(resume_not_with_a_form)
{
	static const char *const forms[] = {
		"\"response_format\":{\"type\":\"json_object\"},",
		"\"logprobs\":true,",
		"\"n\":2,",
		"\"guided_choice\":[\"fox\",\"dog\"],",
	};

	for (unsigned i = 0; i < countof(forms); i++) {
		struct pair p;

		if (!begin(&p, "{ targets: [a/m, b/m] }"))
			return;
		ask(&p, forms[i], "");
		begin_a(&p);
		die(&p);
		CHECK(!accept_at(&p, 1));
		end(&p);
		ERROR(FIRST);
		done(&p);
	}
}

TEST(resume_a_slow_seam_is_none)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, b/m, c/m] }"))
		return;
	ask(&p, "", "");
	begin_a(&p);
	die(&p);
	if (CHECK(accept_at(&p, 1))) {
		tell(&p, head);
		say(&p, "b", "brown fox, ");
		race_run(&p.race, 3 * USEC_SEC);
		CHECK(sim_saw_fin(p.peer) || sim_saw_rst(p.peer));
	}
	if (CHECK(accept_at(&p, 2))) {
		tell(&p, head);
		say(&p, "c", FIRST REST);
		finish(&p, "c");
		die(&p);
	}
	end(&p);
	WHOLE(FIRST REST);
	done(&p);
}

/* The proof is there: what follows it has as long as anything else. */
TEST(resume_a_pause_behind_the_seam_is_a_pause)
{
	static const char *const before[] = { "", " ", "there" };

	for (unsigned i = 0; i < countof(before); i++) {
		struct pair p;
		char want[128];

		if (!begin(&p, "{ targets: [a/m, b/m] }"))
			return;
		ask(&p, "", "");
		begin_a(&p);
		die(&p);
		if (CHECK(accept_at(&p, 1))) {
			tell(&p, head);
			say(&p, "b", ANCHOR);
			if (*before[i])
				say(&p, "b", before[i]);
			race_run(&p.race, 5 * USEC_SEC);
			CHECK(!sim_saw_fin(p.peer) && !sim_saw_rst(p.peer));
			say(&p, "b", " over it.");
			finish(&p, "b");
			die(&p);
		}
		end(&p);
		snprintf(want, sizeof(want), FIRST "%s over it.", before[i]);
		WHOLE(want);
		done(&p);
	}
}

/* ---- Anthropic ---- */

#define BEGIN_D                                                                          \
	"event: message_start\ndata: "                                                   \
	"{\"type\":\"message_start\",\"message\":{\"id\":\"x\","                         \
	"\"model\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":9}}}\n\n"
#define OPEN_D(index, block)                                                             \
	"event: content_block_start\ndata: "                                             \
	"{\"type\":\"content_block_start\",\"index\":" index ",\"content_block\":" block \
	"}\n\n"
#define DELTA_D(index, delta)                                                            \
	"event: content_block_delta\ndata: "                                             \
	"{\"type\":\"content_block_delta\",\"index\":" index ",\"delta\":" delta "}\n\n"
#define CLOSE_D(index)                                                                   \
	"event: content_block_stop\ndata: "                                              \
	"{\"type\":\"content_block_stop\",\"index\":" index "}\n\n"
#define TEXT_D(index, text)                                                              \
	DELTA_D(index, "{\"type\":\"text_delta\",\"text\":\"" text "\"}")
#define STOP_D                                                                           \
	"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{"            \
	"\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":9}}\n\n"
#define END_D "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
#define EMPTY_D "{\"type\":\"text\",\"text\":\"\"}"
#define THINKING_D "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"

static void ask_d(struct pair *p, const char *more)
{
	struct buf text = BUF_LIMIT(8 * KiB), body = BUF_LIMIT(4 * KiB);

	buf_addf(&body,
	         "{\"model\":\"r\",\"stream\":true,\"max_tokens\":1000,%s\"messages\":[{"
	         "\"role\":"
	         "\"user\",\"content\":\"tell me\"}]}",
	         more);
	p->race.client = gate_client(&p->race.gate);
	buf_addf(&text,
	         "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n"
	         "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
	         body.len);
	buf_add(&text, buf_str(&body));
	sim_send(p->race.client, buf_str(&text));
	buf_free(&text);
	buf_free(&body);
	race_run(&p->race, USEC_SEC);
}

TEST(resume_from_a_prefix)
{
	static const char *const answers[] = { REST, FIRST REST,
		                               "Once there was a cat." };

	for (unsigned i = 0; i < countof(answers); i++) {
		struct pair p;

		if (!begin(&p, "{ targets: [a/m, anthropic/claude-haiku-4-5] }"))
			return;
		ask(&p, "", "");
		begin_a(&p);
		die(&p);
		if (CHECK(accept_at(&p, 4))) {
			/* white space at its end is left out */
			CHECK(str_has(buf_str(&p.request),
			              STR("\"role\":\"assistant\"")));
			CHECK(str_has(buf_str(&p.request), STR("who jumped\"")));
			CHECK(!str_has(buf_str(&p.request), STR("<<<")));
			tell(&p, head);
			tell(&p, BEGIN_D OPEN_D("0", EMPTY_D));
			if (i == 0)
				tell(&p, TEXT_D("0", " " REST));
			else if (i == 1)
				tell(&p, TEXT_D("0", FIRST REST));
			else
				tell(&p, TEXT_D("0", "Once there was a cat."));
			tell(&p, CLOSE_D("0") STOP_D END_D);
			die(&p);
		}
		if (i == 2)
			CHECK(accept_at(&p, 0));
		end(&p);
		if (i < 2)
			WHOLE(FIRST REST);
		done(&p);
	}
}

TEST(resume_a_prefix_that_is_refused_becomes_an_anchor)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, anthropic/claude-haiku-4-5] }"))
		return;
	ask(&p, "", "");
	begin_a(&p);
	die(&p);
	if (CHECK(accept_at(&p, 4))) {
		tell(&p,
		     "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
		     "Connection: close\r\n\r\n{\"type\":\"error\",\"error\":{\"type\":"
		     "\"invalid_request_error\",\"message\":\"prefill\"}}");
		die(&p);
	}
	CHECK(accept_at(&p, 4)); /* now in words */
	CHECK(str_has(buf_str(&p.request), STR("<<<" ANCHOR ">>>")));
	done(&p);
}

TEST(resume_behind_signed_thoughts)
{
	struct pair p;

	if (!begin(&p, "{ targets: [d/m, b/m] }"))
		return;
	ask_d(&p, "");
	if (CHECK(accept_at(&p, 3))) {
		tell(&p, head);
		tell(&p, BEGIN_D OPEN_D("0", THINKING_D));
		tell(&p,
		     DELTA_D("0", "{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}"));
		tell(&p, DELTA_D("0",
		                 "{\"type\":\"signature_delta\",\"signature\":\"abc\"}"));
		tell(&p, CLOSE_D("0") OPEN_D("1", EMPTY_D) TEXT_D("1", FIRST));
		die(&p);
	}
	if (CHECK(accept_at(&p, 1))) {
		tell(&p, head);
		say(&p, "b", FIRST REST);
		finish(&p, "b");
		die(&p);
	}
	CHECK(saw(&p, TEXT_D("1", REST)));
	CHECK(saw(&p, CLOSE_D("1")));
	CHECK(saw(&p, END_D));
	CHECK(!saw(&p, "event: error"));
	CHECK(saw(&p, ": sluice resumed provider=b model=m usage=estimated\n\n"));
	done(&p);
}

TEST(resume_not_within_signed_thoughts)
{
	struct pair p;

	for (int i = 0; i < 2; i++) {
		if (!begin(&p, "{ targets: [d/m, b/m] }"))
			return;
		ask_d(&p, "");
		if (CHECK(accept_at(&p, 3))) {
			tell(&p, head);
			tell(&p, BEGIN_D);
			if (i == 1)
				tell(&p, OPEN_D("0", EMPTY_D) TEXT_D("0", FIRST)
				                 CLOSE_D("0"));
			tell(&p, i ? OPEN_D("1", THINKING_D) : OPEN_D("0", THINKING_D));
			tell(&p, i ? DELTA_D("1", "{\"type\":\"thinking_delta\","
			                          "\"thinking\":\"hm\"}")
			           : DELTA_D("0", "{\"type\":\"thinking_delta\","
			                          "\"thinking\":\"hm\"}"));
			die(&p);
		}
		CHECK(!accept_at(&p, 1));
		CHECK(saw(&p, "event: error"));
		CHECK(!saw(&p, END_D));
		done(&p);
	}
}

#define ANSWER_D BEGIN_D OPEN_D("0", EMPTY_D) TEXT_D("0", FIRST) CLOSE_D("0") STOP_D
#define ERROR_D                                                                          \
	"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_"      \
	"error\",\"message\":\"no\"}}\n\n"

/* Whoever else there is, and however its events come in. */
static const char *const finish_routes[] = {
	"{ targets: [d/m, b/m] }",
	"{ targets: [d/m, b/m], resume: off }",
	"{ targets: [d/m], retry: { same_target: 1 } }",
};

TEST(resume_a_finish_is_the_end)
{
	for (unsigned i = 0; i < 2 * countof(finish_routes); i++) {
		struct pair p;

		if (!begin(&p, finish_routes[i / 2]))
			return;
		ask_d(&p, "");
		if (CHECK(accept_at(&p, 3))) {
			tell(&p, head);
			if (i % 2)
				tell(&p, ANSWER_D);
			tell(&p, i % 2 ? ERROR_D : ANSWER_D ERROR_D);
			die(&p);
		}
		CHECK(!accept_at(&p, 1) && !accept_at(&p, 3));
		CHECK(saw(&p, "200 OK"));
		CHECK(!saw(&p, "event: error"));
		CHECK(saw(&p, STOP_D) && saw(&p, END_D));
		race_read_rows(&p.race);
		CHECK_INT(p.race.count, 1);
		done(&p);
	}
}

TEST(resume_a_finish_is_the_end_in_another_format)
{
	for (unsigned i = 0; i < 2 * countof(finish_routes); i++) {
		struct pair p;

		if (!begin(&p, finish_routes[i / 2]))
			return;
		ask(&p, "", "");
		if (CHECK(accept_at(&p, 3))) {
			tell(&p, head);
			if (i % 2)
				tell(&p, ANSWER_D);
			tell(&p, i % 2 ? ERROR_D : ANSWER_D ERROR_D);
			die(&p);
		}
		CHECK(!accept_at(&p, 1) && !accept_at(&p, 3));
		end(&p);
		CHECK_STR_EQ(buf_str(&p.f.text), STR(FIRST));
		CHECK_INT(p.f.finishes, 1);
		CHECK_INT(p.f.dones, 1);
		CHECK_INT(p.f.errors, 0);
		CHECK_INT(p.f.broken, 0);
		done(&p);
	}
}

/* Without a finish, with one of several, or with one that says so, it is an error. */
TEST(resume_an_error_before_the_end_is_an_error)
{
	static const char *const ends[] = { "null", "\"error\"", "\"stop\"" };

	for (unsigned i = 0; i < countof(ends); i++) {
		struct pair p;

		if (!begin(&p, "{ targets: [a/m], retry: { same_target: 0 } }"))
			return;
		ask(&p, i == 2 ? "\"n\":2," : "", "");
		begin_a(&p);
		chunk(&p, "a", "", ends[i]);
		tell(&p, "data: {\"error\":{\"message\":\"busy\",\"code\":503}}\n\n");
		die(&p);
		end(&p);
		CHECK_INT(p.f.dones, 0);
		CHECK_INT(p.f.errors, i != 1); /* its own words */
		done(&p);
	}
}

/* The end mark may lack its blank line, or any: without a finish it is none all the same,
 * and no client sees it. */
TEST(resume_not_with_an_end_mark_in_the_middle)
{
	static const char *const marks[] = { "data: [DONE]\n\n", "data: [DONE]\n",
		                             "data: [DONE]" };

	for (unsigned i = 0; i < 2 * countof(marks); i++) {
		bool alone = i >= countof(marks);
		struct pair p;

		if (!begin(&p, alone ? "{ targets: [a/m], retry: { same_target: 0 } }"
		                     : "{ targets: [a/m, b/m] }"))
			return;
		ask(&p, "", "");
		begin_a(&p);
		tell(&p, marks[i % countof(marks)]);
		die(&p);
		if (!alone && CHECK(accept_at(&p, 1))) {
			tell(&p, head);
			say(&p, "b", FIRST REST);
			finish(&p, "b");
			die(&p);
		}
		end(&p);
		if (alone)
			ERROR(FIRST);
		else
			WHOLE(FIRST REST);
		done(&p);
	}
}

TEST(resume_holds_calls_in_the_pass_lane)
{
	const char *call = OPEN_D(
	        "1", "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}");
	struct pair p;

	for (int off = 0; off < 2; off++) {
		if (!begin(&p, off ? "{ targets: [d/m, b/m], tool_hold: off }"
		                   : "{ targets: [d/m, b/m] }"))
			return;
		ask_d(&p, "");
		if (CHECK(accept_at(&p, 3))) {
			tell(&p, head);
			tell(&p, BEGIN_D OPEN_D("0", EMPTY_D) TEXT_D("0", FIRST)
			                 CLOSE_D("0"));
			tell(&p, call);
			tell(&p, DELTA_D("1", "{\"type\":\"input_json_delta\",\"partial_"
			                      "json\":\"{\"}"));
			CHECK(saw(&p, CLOSE_D("0")));
			CHECK_INT(saw(&p, call), off);
			tell(&p, DELTA_D("1", "{\"type\":\"input_json_delta\",\"partial_"
			                      "json\":\"}\"}"));
			CHECK(saw(&p, call));
			CHECK(saw(&p, "\"partial_json\":\"}\""));
			tell(&p, CLOSE_D("1") STOP_D END_D);
			CHECK(saw(&p, CLOSE_D("1") STOP_D END_D));
			die(&p);
		}
		done(&p);
	}
}

/* Behind the call that waits comes what was asked for by us alone, in the same read. */
TEST(resume_keeps_our_usage_behind_a_call_that_waits)
{
	const char *call =
	        "data: "
	        "{\"id\":\"a\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{"
	        "\"index\":0,\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":"
	        "\"f\","
	        "\"arguments\":\"{\"}}]},\"finish_reason\":null}]}\n\n"
	        "data: {\"id\":\"a\",\"choices\":[],\"usage\":{\"prompt_tokens\":77,"
	        "\"completion_tokens\":3,\"total_tokens\":80}}\n\n";
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, b/m] }"))
		return;
	ask(&p, "", "");
	begin_a(&p);
	CHECK(str_has(buf_str(&p.request), STR("include_usage")));
	/* A text before it: what is passed on of the read ends before the call. */
	struct buf text = BUF_LIMIT(4 * KiB);
	buf_addf(&text,
	         "data: "
	         "{\"id\":\"a\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},"
	         "\"finish_reason\":null}]}\n\n%s",
	         call);
	tell(&p, buf_z(&text));
	buf_free(&text);
	CHECK(!saw(&p, "tool_calls"));
	tell(&p,
	     "data: {\"id\":\"a\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{"
	     "\"index\":0,\"function\":{\"arguments\":\"}\"}}]},\"finish_reason\":null}]}"
	     "\n\n");
	chunk(&p, "a", "", "\"tool_calls\"");
	tell(&p, "data: [DONE]\n\n");
	die(&p);
	CHECK(saw(&p, "\"arguments\":\"}\"") && saw(&p, "[DONE]"));
	CHECK(!saw(&p, "prompt_tokens"));
	end(&p);
	done(&p);
}

TEST(resume_holds_calls_ten_seconds_at_most)
{
	const char *call = OPEN_D(
	        "0", "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}");
	struct pair p;

	for (int translated = 0; translated < 2; translated++) {
		if (!begin(&p, "{ targets: [d/m, b/m] }"))
			return;
		if (translated)
			ask(&p, "", "");
		else
			ask_d(&p, "");
		if (CHECK(accept_at(&p, 3))) {
			tell(&p, head);
			tell(&p, BEGIN_D);
			tell(&p, call);
			for (int i = 0; i < 12; i++) {
				tell(&p, DELTA_D("0", "{\"type\":\"input_json_delta\","
				                      "\"partial_json\":\"[\"}"));
				race_run(&p.race, USEC_SEC);
				if (i < 9 || i == 11)
					CHECK_INT(saw(&p, translated
					                          ? "\"arguments\":\"[\""
					                          : call),
					          i == 11);
			}
			die(&p);
		}
		CHECK(!accept_at(&p, 1));
		done(&p);
	}
}

/* Not only when more of it comes. */
TEST(resume_lets_a_call_go_while_its_provider_is_silent)
{
	const char *call = OPEN_D(
	        "0", "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}");
	struct pair p;

	for (int translated = 0; translated < 2; translated++) {
		if (!begin(&p, "{ targets: [d/m, b/m] }"))
			return;
		if (translated)
			ask(&p, "", "");
		else
			ask_d(&p, "");
		if (CHECK(accept_at(&p, 3))) {
			const char *want = translated ? "\"arguments\":\"[\"" : call;

			tell(&p, head);
			tell(&p, BEGIN_D);
			tell(&p, call);
			tell(&p, DELTA_D("0", "{\"type\":\"input_json_delta\","
			                      "\"partial_json\":\"[\"}"));
			race_run(&p.race, 9999 * USEC_MS);
			CHECK(!saw(&p, want));
			race_run(&p.race, 2 * USEC_MS);
			CHECK(saw(&p, want));
			tell(&p, DELTA_D("0", "{\"type\":\"input_json_delta\","
			                      "\"partial_json\":\"]\"}"));
			tell(&p, CLOSE_D("0") STOP_D END_D);
			CHECK(saw(&p, translated ? "data: [DONE]" : END_D));
			die(&p);
		}
		CHECK(!accept_at(&p, 1));
		done(&p);
	}
}

TEST(resume_goes_on_in_another_block_where_the_first_was_closed)
{
	struct pair p;

	if (!begin(&p, "{ targets: [d/m, b/m] }"))
		return;
	ask_d(&p, "");
	if (CHECK(accept_at(&p, 3))) {
		tell(&p, head);
		tell(&p, BEGIN_D OPEN_D("0", EMPTY_D) TEXT_D("0", FIRST) CLOSE_D("0"));
		die(&p);
	}
	if (CHECK(accept_at(&p, 1))) {
		tell(&p, head);
		say(&p, "b", FIRST REST);
		finish(&p, "b");
		die(&p);
	}
	CHECK(saw(&p, OPEN_D("1", EMPTY_D) TEXT_D("1", REST)));
	CHECK(saw(&p, CLOSE_D("1")));
	CHECK(saw(&p, END_D));
	done(&p);
}

/* The fifth is one of those that OpenAI's format has no room for: it is watched for here,
 * also in a text that the other has begun. */
TEST(resume_stops_at_a_sequence_that_is_watched_for_here)
{
	struct pair p;

	if (!begin(&p, "{ targets: [d/m, b/m] }"))
		return;
	ask_d(&p, "\"stop_sequences\":[\"A1\",\"A2\",\"A3\",\"A4\",\"the lazy\"],");
	if (CHECK(accept_at(&p, 3))) {
		tell(&p, head);
		tell(&p, BEGIN_D OPEN_D("0", EMPTY_D) TEXT_D("0", FIRST));
		die(&p);
	}
	if (CHECK(accept_at(&p, 1))) {
		CHECK(!str_has(buf_str(&p.request), STR("the lazy")));
		tell(&p, head);
		say(&p, "b", FIRST "over the ");
		say(&p, "b", "lazy dog.");
		finish(&p, "b");
		die(&p);
	}
	CHECK(saw(&p, "over "));
	CHECK(!saw(&p, "dog"));
	CHECK(!saw(&p, "lazy dog") && !saw(&p, "\"text\":\"the"));
	CHECK(saw(&p,
	          "\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"the lazy\""));
	CHECK(saw(&p, END_D));
	CHECK(!saw(&p, "event: error"));
	done(&p);
}

TEST(resume_no_seal_of_thoughts_that_are_two_halves)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, d/m] }"))
		return;
	ask(&p, "", "");
	if (CHECK(accept_at(&p, 0))) {
		tell(&p, head);
		chunk(&p, "a", "\"role\":\"assistant\",\"content\":\"\"", "null");
		chunk(&p, "a", "\"reasoning_content\":\"hm, \"", "null");
		die(&p);
	}
	if (CHECK(accept_at(&p, 3))) {
		tell(&p, head);
		tell(&p, BEGIN_D OPEN_D("0", THINKING_D));
		tell(&p,
		     DELTA_D("0", "{\"type\":\"thinking_delta\",\"thinking\":\"well\"}"));
		tell(&p, DELTA_D("0",
		                 "{\"type\":\"signature_delta\",\"signature\":\"abc\"}"));
		tell(&p, CLOSE_D("0") OPEN_D("1", EMPTY_D) TEXT_D("1", "Hi"));
		tell(&p, CLOSE_D("1") STOP_D END_D);
		die(&p);
	}
	CHECK(!saw(&p, "reasoning_details"));
	end(&p);
	WHOLE("Hi");
	CHECK_STR(buf_str(&p.f.reasoning), "hm, well");
	done(&p);
}

/* ---- ends of another kind ---- */

TEST(resume_ends_with_the_time_there_is)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, b/m], total_stream: 10s }"))
		return;
	ask(&p, "", "");
	begin_a(&p);
	die(&p);
	if (CHECK(accept_at(&p, 1))) {
		tell(&p, head);
		race_run(&p.race, 15 * USEC_SEC);
		CHECK(sim_saw_fin(p.peer) || sim_saw_rst(p.peer));
	}
	end(&p);
	ERROR(FIRST);
	done(&p);
}

TEST(resume_ends_with_its_client)
{
	for (int proven = 0; proven < 2; proven++) {
		struct pair p;

		if (!begin(&p, "{ targets: [a/m, b/m] }"))
			return;
		ask(&p, "", "");
		begin_a(&p);
		die(&p);
		if (CHECK(accept_at(&p, 1))) {
			tell(&p, head);
			say(&p, "b", proven ? FIRST "over" : "Once there");
		}
		end(&p);
		sim_close(p.race.client);
		p.race.client = NULL;
		race_run(&p.race, USEC_SEC);
		CHECK(sim_saw_fin(p.peer) || sim_saw_rst(p.peer));
		CHECK_INT(p.race.gate.worker.live, 0);
		race_read_rows(&p.race);
		CHECK_INT(p.race.count, 2);
		CHECK_INT(p.race.closed, 2);
		CHECK_INT(p.race.closing, 1);
		done(&p);
	}
}

TEST(resume_nobody_takes_it)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, b/m, c/m] }"))
		return;
	ask(&p, "", "");
	begin_a(&p);
	for (unsigned i = 0; i < 3; i++)
		sim_port_set(p.race.ports[i], SIM_REFUSES);
	die(&p);
	race_run(&p.race, USEC_SEC);
	end(&p);
	ERROR(FIRST);
	race_read_rows(&p.race);
	CHECK_INT(p.race.count, 4); /* each was dialled, and the first once more */
	CHECK_INT(p.race.closed, 4);
	done(&p);
}

TEST(resume_is_not_for_what_is_not_remembered)
{
	char text[2000];
	struct pair p;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = 0;
	if (!begin(&p, "{ targets: [a/m, b/m] }"))
		return;
	ask(&p, "", "");
	begin_a(&p);
	for (int i = 0; i < 300; i++) { /* more than 256 KiB */
		char delta[1000];

		snprintf(delta, sizeof(delta), "\"content\":\"%.900s\"", text);
		chunk(&p, "a", delta, "null");
		race_see(&p.race);
	}
	die(&p);
	CHECK(!accept_at(&p, 1));
	end(&p);
	CHECK_INT(p.f.errors, 1);
	CHECK_INT(p.f.dones, 0);
	done(&p);
}

TEST(resume_not_within_a_character)
{
	/* Both halves, and only the first one: as the first text of its kind, and later.
	 */
	static const struct {
		const char *pieces[3];
		bool is_whole;
	} cases[] = {
		{ { "Once there was a quick brown fox \\ud83d" }, false },
		{ { "Once there was a quick ", "brown fox \\ud83d" }, false },
		{ { "Once there was a quick brown fox \\ud83d", "\\ude00" }, true },
		{ { "Once there was a quick ", "brown fox \\ud83d", "\\ude00" }, true },
	};

	for (unsigned i = 0; i < countof(cases); i++) {
		struct pair p;

		if (!begin(&p, "{ targets: [a/m, b/m] }"))
			return;
		ask(&p, "", "");
		if (CHECK(accept_at(&p, 0))) {
			tell(&p, head);
			chunk(&p, "a", "\"role\":\"assistant\",\"content\":\"\"", "null");
			for (unsigned k = 0; k < 3 && cases[i].pieces[k]; k++)
				say(&p, "a", cases[i].pieces[k]);
			die(&p);
		}
		CHECK_INT(accept_at(&p, 1), cases[i].is_whole);
		if (p.peer) {
			tell(&p, head);
			say(&p, "b",
			    "Once there was a quick brown fox \xf0\x9f\x98\x80!");
			finish(&p, "b");
			die(&p);
		}
		end(&p);
		CHECK_INT(p.f.dones, cases[i].is_whole);
		CHECK_INT(p.f.errors, !cases[i].is_whole);
		if (cases[i].is_whole)
			CHECK(str_ends(buf_str(&p.f.text), STR("\\ude00!")));
		done(&p);
	}
}

TEST(resume_not_within_a_character_of_another_format)
{
	struct pair p;

	if (!begin(&p, "{ targets: [d/m, b/m] }"))
		return;
	ask_d(&p, "");
	if (CHECK(accept_at(&p, 3))) {
		tell(&p, head);
		tell(&p, BEGIN_D OPEN_D("0", EMPTY_D));
		tell(&p, TEXT_D("0", "Once there was a quick brown fox \\ud83d"));
		die(&p);
	}
	CHECK(!accept_at(&p, 1));
	CHECK(saw(&p, "event: error"));
	done(&p);
}

/* It has failed with its head: no log is begun for it, which nobody would free (make
 * asan). */
TEST(resume_keeps_no_log_of_a_stream_that_is_refused)
{
	struct pair p;

	if (!begin(&p, "{ targets: [a/m, b/m] }"))
		return;
	ask(&p, "", "");
	if (CHECK(accept_at(&p, 0)))
		tell(&p, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
		         "Content-Encoding: gzip\r\nConnection: close\r\n\r\n");
	if (CHECK(accept_at(&p, 1))) {
		tell(&p, head);
		chunk(&p, "a", "\"role\":\"assistant\",\"content\":\"\"", "null");
		say(&p, "a", FIRST REST);
		finish(&p, "a");
		die(&p);
	}
	end(&p);
	p.f.comments = 1;
	WHOLE(FIRST REST);
	done(&p);
}

/* Without chunks the end of the connection would be a good one: a reset says that it is
 * not, also behind an error event of the provider's own. */
TEST(resume_not_for_a_client_without_chunks)
{
	for (int error = 0; error < 2; error++) {
		struct pair p;
		str body = STR("{\"model\":\"r\",\"stream\":true,\"messages\":[{"
		               "\"role\":\"user\",\"content\":\"tell me\"}]}");
		struct buf text = BUF_LIMIT(KiB);

		if (!begin(&p, "{ targets: [a/m], retry: { same_target: 0 } }"))
			return;
		buf_addf(&text,
		         "POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\n"
		         "Content-Type: application/json\r\nContent-Length: "
		         "%zu\r\n\r\n%.*s",
		         body.len, STR_ARG(body));
		p.race.client = gate_client(&p.race.gate);
		sim_send(p.race.client, buf_str(&text));
		buf_free(&text);
		race_run(&p.race, USEC_SEC);
		begin_a(&p);
		CHECK(saw(&p, "who jumped "));
		if (error)
			tell(&p, "data: {\"error\":{\"message\":\"busy\","
			         "\"code\":503}}\n\n");
		die(&p);
		CHECK(!saw(&p, "[DONE]"));
		CHECK(sim_saw_rst(p.race.client));
		done(&p);
	}
}

TEST(resume_what_stands_behind_the_finish_is_made_up_for)
{
	for (int error = 0; error < 2; error++) {
		struct pair p;

		if (!begin(&p, "{ targets: [a/m, b/m] }"))
			return;
		ask(&p, "\"stream_options\":{\"include_usage\":true},", "");
		begin_a(&p);
		chunk(&p, "a", "", "\"stop\"");
		if (error)
			tell(&p,
			     "data: {\"error\":{\"message\":\"busy\",\"code\":503}}\n\n");
		die(&p);
		CHECK(!accept_at(&p, 1));
		end(&p);
		p.f.comments = 1;
		WHOLE(FIRST);
		CHECK_INT(p.f.usages, 1);
		CHECK_INT(p.f.total, p.f.input + p.f.output);
		done(&p);
	}
}
