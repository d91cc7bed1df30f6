/* try.c - sluice try "prompt": one request through the running gateway, as any client
 * would send it, and one line on what became of it. */
#include "admin/client.h"
#include "base/mem.h"
#include "codec/json_write.h"
#include "codec/sse.h"
#include "loop/sys.h"
#include "main/command.h"
#include "main/post.h"
#include "admin/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BODY_MOST = 16 * MiB, NAME_MOST = 160 };

struct
try {
	struct command *c;
	bool is_stream;
	usec began, first_at;
	int status;
	struct buf body; /* of a whole answer, or of events not read yet */
	struct sse_scan scan;
	struct buf text; /* what the model said; printed at once when it streams */
	struct buf error;
	char provider[NAME_MOST], model[NAME_MOST], id[NAME_MOST], cost[NAME_MOST];
	uint64_t attempts, input, output;
	bool has_usage;
};

static void copy(char to[NAME_MOST], str s)
{
	struct buf b = BUF_LIMIT(NAME_MOST);

	text_safe(&b, str_first(s, NAME_MOST - 1));
	snprintf(to, NAME_MOST, "%.*s", (int)b.len, b.ptr ? b.ptr : "");
	buf_free(&b);
}

/* ---- what comes back ---- */

/* What a model says is not to steer the terminal: as text_safe, but of several lines.
 * Each piece has whole characters: json_check has seen to it. */
static void say(struct try *t, str s)
{
	if (s.len > 0 && !t->first_at)
		t->first_at = sys_now();
	while (s.len > 0) {
		size_t n = str_find_any(s, STR("\n\t"));

		text_safe(&t->text, str_first(s, n));
		buf_add(&t->text, str_first(str_from(s, n), 1));
		s = str_from(s, min_of(n + 1, s.len));
	}
}

static void say_member(struct try *t, struct json_value v)
{
	char *room = mem_new(v.raw.len + 1);

	say(t, json_text(v, room));
	free(room);
}

static void read_usage(struct try *t, struct json_value root)
{
	if (json_u64(json_path(root, "usage.prompt_tokens"), &t->input))
		t->has_usage = true;
	json_u64(json_path(root, "usage.completion_tokens"), &t->output);
}

static void read_error(struct try *t, struct json_value root)
{
	struct json_value message = json_path(root, "error.message");
	char *room = mem_new(message.raw.len + 1);

	if (message.type == JSON_STRING)
		text_safe(&t->error, json_text(message, room));
	free(room);
}

/* A whole answer, or one event of a stream. */
static void read_answer(struct try *t, str json, const char *content)
{
	struct json_value root;
	struct json_member choice;

	if (json_check(json, &json_limits_default, &root))
		return;
	for (struct json_iter it = json_iter(json_get(root, STR("choices")));
	     json_next(&it, &choice);)
		say_member(t, json_path(choice.value, content));
	read_usage(t, root);
	read_error(t, root);
}

/* ": sluice provider=… model=… attempts=… cost_usd=…" */
static void read_summary(struct try *t, str line)
{
	if (!str_skip(&line, STR(": sluice ")))
		return;
	line = str_first(line, str_find_any(line, STR("\r\n")));
	while (line.len > 0) {
		str value = str_cut(&line, ' '), name = str_cut(&value, '=');

		if (str_eq(name, STR("provider")))
			copy(t->provider, value);
		else if (str_eq(name, STR("model")))
			copy(t->model, value);
		else if (str_eq(name, STR("cost_usd")))
			copy(t->cost, value);
		else if (str_eq(name, STR("attempts")))
			str_to_u64(value, &t->attempts);
	}
}

static void read_events(struct try *t)
{
	struct sse_found event;
	size_t printed = t->text.len;

	while (sse_scan(&t->scan, buf_str(&t->body), &event)) {
		if (event.has_data)
			read_answer(t, event.data, "delta.content");
		else
			read_summary(t, event.raw);
		buf_drop(&t->body, event.raw.len);
	}
	if (!t->c->json && t->text.len > printed) {
		fwrite(t->text.ptr + printed, 1, t->text.len - printed, stdout);
		fflush(stdout);
	}
}

static void on_head(void *arg, const struct http_response *head)
{
	struct try *t = arg;
	str type = http_response_get(head, STR("content-type"));

	t->status = head->status;
	t->is_stream = str_starts_nocase(type, STR("text/event-stream"));
	copy(t->id, http_response_get(head, STR("x-request-id")));
	copy(t->provider, http_response_get(head, STR("x-sluice-provider")));
	copy(t->model, http_response_get(head, STR("x-sluice-model")));
	copy(t->cost, http_response_get(head, STR("x-sluice-cost-usd")));
	str_to_u64(http_response_get(head, STR("x-sluice-attempts")), &t->attempts);
}

static void on_body(void *arg, str bytes)
{
	struct try *t = arg;

	buf_add(&t->body, bytes);
	if (t->is_stream)
		read_events(t);
}

/* ---- where the gateway is ---- */

/* The address of `text`, of which 0.0.0.0 and [::] are reached on loopback. */
static bool parse_address(str text, struct net_addr *ret)
{
	if (!net_parse(text, ret))
		return false;
	if (ret->sa.sa_family == AF_INET && ret->in.sin_addr.s_addr == htonl(INADDR_ANY))
		ret->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (ret->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&ret->in6.sin6_addr))
		ret->in6.sin6_addr = in6addr_loopback;
	return true;
}

/* The first route of the gateway's configuration; without a file there is the mock. */
static void suggest_model(struct try *t, str path)
{
	struct config_source source = { .path = path, .lenient = true };
	struct arena arena = { 0 };
	struct config_notes notes = { .arena = &arena };
	struct config *config = path.len ? config_load(&source, &notes) : NULL;

	if (path.len == 0 || (config && config_find_provider(config, STR("mock"))))
		copy(t->model, STR("mock/echo"));
	if (config && config->route_count > 0)
		copy(t->model, config->routes[0].name);
	config_unref(&config);
	arena_done(&arena);
}

static bool read_status(struct try *t, struct json_value status, struct net_addr *ret,
                        struct buf *why)
{
	struct json_value config = json_get(status, STR("config"));
	struct json_member first;
	struct json_iter it = json_iter(json_get(status, STR("listen")));
	char room[KiB];

	if (json_get(status, STR("tls")).type == JSON_TRUE) {
		buf_add(why, STR("the gateway listens with TLS; use a client that "
		                 "verifies its "
		                 "certificate, such as curl"));
		return false;
	}
	if (!json_next(&it, &first) || first.value.raw.len > sizeof(room) ||
	    !parse_address(json_text(first.value, room), ret)) {
		buf_add(why, STR("the gateway does not say where it listens"));
		return false;
	}
	if (config.raw.len <= sizeof(room))
		suggest_model(t, json_text(config, room));
	return true;
}

/* Fills *ret, and t->model with what the gateway suggests; else it was said. */
static int find_gateway(struct try *t, struct net_addr *ret)
{
	struct buf dir = { 0 }, answer = BUF_LIMIT(KiB), why = BUF_LIMIT(4 * KiB);
	int result = command_open_data(t->c, &dir);
	struct json_value status;
	bool is_found;

	if (result != EXIT_OK) {
		buf_free(&dir);
		return result;
	}
	is_found = admin_ask(buf_str(&dir), STR("{\"do\":\"status\"}"), &answer, &status,
	                     &why);
	if (!is_found) {
		command_failed("no gateway runs with the data in %.*s", (int)dir.len,
		               dir.ptr);
		fprintf(stderr, "        start one: sluice serve%s%s\n",
		        t->c->config ? " -c " : "", t->c->config ? t->c->config : "");
	} else if (!admin_is_ok(status, &why) || !read_status(t, status, ret, &why)) {
		is_found = false;
		command_failed("%.*s", (int)why.len, why.ptr);
	}
	buf_free(&dir);
	buf_free(&answer);
	buf_free(&why);
	return is_found ? EXIT_OK : EXIT_FAILED;
}

/* ---- what is sent ---- */

static void write_body(struct buf *to, str model, str prompt, bool is_stream)
{
	struct json_writer w = { .to = to };

	json_open(&w, '{');
	json_key_str(&w, STR("model"), model);
	json_key(&w, STR("messages"));
	json_open(&w, '[');
	json_open(&w, '{');
	json_key_str(&w, STR("role"), STR("user"));
	json_key_str(&w, STR("content"), prompt);
	json_close(&w, '}');
	json_close(&w, ']');
	json_key_bool(&w, STR("stream"), is_stream);
	if (is_stream) {
		json_key(&w, STR("stream_options"));
		json_raw(&w, STR("{\"include_usage\":true}"));
	}
	json_close(&w, '}');
}

/* ---- what is printed ---- */

static void print_json(struct try *t, usec total)
{
	struct buf out = BUF_LIMIT(2 * BODY_MOST);
	struct json_writer w = { .to = &out };

	json_open(&w, '{');
	json_key_int(&w, STR("status"), t->status);
	json_key_str(&w, STR("id"), str_from_z(t->id));
	json_key_str(&w, STR("provider"), str_from_z(t->provider));
	json_key_str(&w, STR("model"), str_from_z(t->model));
	json_key_int(&w, STR("attempts"), (int64_t)t->attempts);
	json_key_str(&w, STR("text"), buf_str(&t->text));
	if (t->error.len > 0)
		json_key_str(&w, STR("error"), buf_str(&t->error));
	if (t->has_usage) {
		json_key_int(&w, STR("input_tokens"), (int64_t)t->input);
		json_key_int(&w, STR("output_tokens"), (int64_t)t->output);
	}
	json_key_str(&w, STR("cost_usd"), str_from_z(t->cost));
	if (t->is_stream && t->first_at)
		json_key_int(&w, STR("first_token_us"), t->first_at - t->began);
	json_key_int(&w, STR("total_us"), total);
	json_close(&w, '}');
	printf("%.*s\n", (int)out.len, out.ptr);
	buf_free(&out);
}

/* model via provider · in/out tokens · cost · first token · total */
static void print_line(struct try *t, usec total)
{
	struct buf line = BUF_LIMIT(8 * KiB);

	buf_addf(&line, "%s via %s", t->model, t->provider);
	if (t->has_usage)
		buf_addf(&line, " · %llu in / %llu out tokens",
		         (unsigned long long)t->input, (unsigned long long)t->output);
	if (*t->cost && strcmp(t->cost, "unknown") != 0)
		buf_addf(&line, " · $%s", t->cost);
	if (t->is_stream && t->first_at) {
		buf_add(&line, STR(" · first token "));
		text_span(&line, t->first_at - t->began);
	}
	buf_add(&line, STR(" · total "));
	text_span(&line, total);
	if (t->attempts > 1)
		buf_addf(&line, " · %llu attempts", (unsigned long long)t->attempts);
	fprintf(stderr, "%.*s · %s\n", (int)line.len, line.ptr, t->id);
	buf_free(&line);
}

static int finish(struct try *t, bool is_whole, const struct buf *why)
{
	usec total = sys_now() - t->began;
	bool is_good = is_whole && t->status == 200 && t->error.len == 0;

	if (!t->is_stream)
		read_answer(t, buf_str(&t->body), "message.content");
	is_good = is_good && t->error.len == 0;
	if (t->c->json) {
		print_json(t, total);
	} else {
		if (!t->is_stream && t->text.len > 0)
			fwrite(t->text.ptr, 1, t->text.len, stdout);
		if (t->text.len > 0)
			printf("\n");
		fflush(stdout);
		if (is_good)
			print_line(t, total);
	}
	if (is_good)
		return EXIT_OK;
	if (t->error.len > 0)
		command_failed("%d: %.*s", t->status, (int)t->error.len, t->error.ptr);
	else if (is_whole)
		command_failed("the gateway answered %d", t->status);
	else
		command_failed("%.*s", (int)why->len, why->ptr);
	if (t->status == 401)
		fprintf(stderr, "        give a key: --key KEY or SLUICE_KEY; make one: "
		                "sluice keys "
		                "create --name NAME\n");
	return EXIT_FAILED;
}

static int run(struct try *t, str prompt)
{
	const char *key = command_value(t->c, "key"),
	           *model = command_value(t->c, "model");
	struct buf body = BUF_LIMIT(BODY_MOST), why = BUF_LIMIT(4 * KiB);
	struct post post = { .path = STR("/v1/chat/completions"),
		             .on_head = on_head,
		             .on_body = on_body,
		             .arg = t };
	struct net_addr to;
	int result = find_gateway(t, &to);

	if (result != EXIT_OK)
		return result;
	if (!model && !t->model[0])
		return command_failed("say which model: -m MODEL (see sluice models)");
	write_body(&body, str_from_z(model ? model : t->model), prompt, t->is_stream);
	post.to = &to;
	post.body = buf_str(&body);
	post.key = str_from_z(key ? key : getenv("SLUICE_KEY"));
	t->began = sys_now();
	result = finish(t, !body.over && post_run(&post, &why), &why);
	buf_free(&body);
	buf_free(&why);
	return result;
}

int try_command(struct command *c)
{
	struct try t = { .c = c,
		         .body = BUF_LIMIT(BODY_MOST),
		         .text = BUF_LIMIT(BODY_MOST),
		         .error = BUF_LIMIT(16 * KiB) };
	int result;

	if (c->argc == 0)
		return command_misused(c, "try: give a prompt: sluice try \"hello\"");
	if (command_has(c, "stream") && command_has(c, "no-stream"))
		return command_misused(
		        c, "try: --stream and --no-stream exclude each other");
	t.is_stream = command_has(c, "stream") ||
	              (!command_has(c, "no-stream") && !c->json && isatty(STDOUT_FILENO));
	result = run(&t, str_from_z(c->argv[0]));
	buf_free(&t.body);
	buf_free(&t.text);
	buf_free(&t.error);
	return result;
}
