/* text.c - see text.h. */
#include "admin/text.h"

#include "codec/text.h"
#include "codec/utf8.h"

#include <time.h>

/* ---- figures ---- */

/* value / 10^9 with `least` to 9 decimals. */
static void add_decimal(struct buf *to, uint64_t value, unsigned least)
{
	char digits[16];
	unsigned n = 9;

	buf_addf(to, "%llu.", (unsigned long long)(value / 1000000000));
	value %= 1000000000;
	for (int i = 8; i >= 0; i--, value /= 10)
		digits[i] = (char)('0' + value % 10);
	while (n > least && digits[n - 1] == '0')
		n--;
	buf_add(to, str_of(digits, n));
}

void text_money(struct buf *to, nanousd amount)
{
	if (amount < 0) {
		buf_add(to, STR("?"));
		return;
	}
	buf_add_char(to, '$');
	add_decimal(to, (uint64_t)amount, 6);
}

void text_price(struct buf *to, picousd per_token)
{
	if (per_token < 0)
		buf_add(to, STR("-"));
	else /* pico-dollars per token are micro-dollars per million */
		add_decimal(to, (uint64_t)per_token * 1000, 2);
}

void text_failing(struct buf *to, uint64_t per_mille, uint64_t attempts)
{
	uint64_t rest = 1000000, share;

	if (attempts == 0)
		return;
	for (uint64_t i = 0; i < attempts && i < 200; i++)
		rest -= rest / 16;
	/* What was cut off the figure is half of one, more or less. */
	share = per_mille ? (per_mille * 2 + 1) * 500000 / (1000000 - rest) : 0;
	buf_addf(to, "%llu %% of the last attempts failed",
	         (unsigned long long)((min_of(share, (uint64_t)1000) + 5) / 10));
}

void text_span(struct buf *to, usec span)
{
	long long us = span;

	if (us <= 0)
		buf_add(to, STR("-"));
	else if (us < 1000)
		buf_addf(to, "%lld us", us);
	else if (us < 10000)
		buf_addf(to, "%lld.%lld ms", us / 1000, us % 1000 / 100);
	else if (us < USEC_SEC)
		buf_addf(to, "%lld ms", us / 1000);
	else if (us < USEC_MIN)
		buf_addf(to, "%lld.%02lld s", us / USEC_SEC, us % USEC_SEC / 10000);
	else
		buf_addf(to, "%lldm %02llds", us / USEC_MIN, us % USEC_MIN / USEC_SEC);
}

void text_time(struct buf *to, usec wall)
{
	time_t seconds = (time_t)(wall / USEC_SEC);
	char text[32];
	struct tm local;

	localtime_r(&seconds, &local);
	buf_add(to, str_of(text, strftime(text, sizeof(text), "%m-%d %H:%M:%S", &local)));
}

void text_safe(struct buf *to, str s)
{
	while (s.len > 0) {
		size_t n = utf8_length(s.ptr, s.ptr + s.len);

		if (n == 0 || utf8_steers(utf8_get(s.ptr, n)))
			buf_add_char(to, '?');
		else
			buf_add(to, str_first(s, n));
		s = str_from(s, max_of(n, (size_t)1));
	}
}

/* ---- an attempt as JSON ---- */

static void key_hex(struct json_writer *w, str key, uint64_t value, int digits)
{
	struct buf hex = BUF_LIMIT(32);

	buf_add_hex(&hex, value, digits);
	json_key(w, key);
	if (value)
		json_str(w, buf_str(&hex));
	else
		json_null(w);
	buf_free(&hex);
}

static void key_text(struct json_writer *w, str key, str text)
{
	json_key(w, key);
	if (text.len)
		json_str(w, text);
	else
		json_null(w);
}

static void key_uint(struct json_writer *w, str key, uint64_t value)
{
	json_key(w, key);
	json_uint(w, value);
}

static void write_request(struct json_writer *w, const struct attempt_row *row)
{
	static const str states[] = { STR_INIT("open"), STR_INIT("done"),
		                      STR_INIT("unknown") };
	struct buf time = BUF_LIMIT(64);

	rfc3339_write(&time, row->began_wall);
	json_key_str(w, STR("began"), buf_str(&time));
	buf_free(&time);
	key_hex(w, STR("id"), row->exchange, 16);
	key_hex(w, STR("attempt"), row->id, 16);
	json_key_int(w, STR("number"), row->number);
	json_key_str(w, STR("state"), states[row->state]);
	key_hex(w, STR("key"), row->key, 12);
	key_text(w, STR("operation"), row->operation);
	key_text(w, STR("asked"), row->asked);
	key_text(w, STR("route"), row->route);
	key_text(w, STR("provider"), row->provider);
	key_text(w, STR("model"), row->model);
	json_key_bool(w, STR("stream"), row->stream);
	key_uint(w, STR("request_bytes"), row->request_bytes);
	key_hex(w, STR("team"), row->team, 12);
	key_text(w, STR("user"), row->user);
	key_text(w, STR("tags"), row->tags);
	key_text(w, STR("trial"), row->trial);
	json_key_int(w, STR("reserved_nano"), row->reserved);
}

static const str flag_names[] = { STR_INIT("empty"),      STR_INIT("no_finish"),
	                          STR_INIT("refusal"),    STR_INIT("cut"),
	                          STR_INIT("zero_usage"), STR_INIT("over_reserved"),
	                          STR_INIT("shadow"),     STR_INIT("candidate"),
	                          STR_INIT("body_lost"),  STR_INIT("other_tier") };

void row_flags(struct buf *to, unsigned flags, char between)
{
	bool any = false;

	for (unsigned i = 0; i < countof(flag_names); i++) {
		if (!(flags >> i & 1))
			continue;
		if (any)
			buf_add_char(to, between);
		buf_add(to, flag_names[i]);
		any = true;
	}
}

static void write_flags(struct json_writer *w, unsigned flags)
{
	json_key(w, STR("flags"));
	json_open(w, '[');
	for (unsigned i = 0; i < countof(flag_names); i++) {
		if (flags >> i & 1)
			json_str(w, flag_names[i]);
	}
	json_close(w, ']');
}

static void write_usage(struct json_writer *w, const struct attempt_row *row)
{
	static const str kinds[] = { STR_INIT("none"), STR_INIT("reported"),
		                     STR_INIT("estimated"), STR_INIT("unknown") };
	nanousd cost = row_cost(row);

	json_key_str(w, STR("usage_kind"), kinds[row->usage_kind]);
	key_uint(w, STR("input_tokens"), row->usage.input);
	key_uint(w, STR("output_tokens"), row->usage.output);
	key_uint(w, STR("cache_read_tokens"), row->usage.cache_read);
	key_uint(w, STR("cache_write_tokens"), row->usage.cache_write);
	key_uint(w, STR("reasoning_tokens"), row->usage.reasoning);
	key_uint(w, STR("audio_input_tokens"), row->usage.audio_input);
	key_uint(w, STR("audio_output_tokens"), row->usage.audio_output);
	key_uint(w, STR("cache_write_1h_tokens"), row->usage.cache_write_1h);
	key_uint(w, STR("searches"), row->usage.searches);
	key_uint(w, STR("images"), row->usage.images);
	json_key(w, STR("cost_nano"));
	if (cost == COST_UNKNOWN)
		json_null(w);
	else
		json_int(w, cost);
	json_key_int(w, STR("corrected_nano"), row->corrected);
	key_hex(w, STR("price"), row->price ? row->price->version : 0, 16);
	write_flags(w, row->flags);
}

/* A dated id is the same model: claude-x for claude-x-20250929. */
bool answered_by_another(const struct attempt_row *row)
{
	str asked = row->model, said = row->answered_model;

	asked = str_from(asked, str_find_last(asked, '/') < asked.len
	                                ? str_find_last(asked, '/') + 1
	                                : 0);
	said = str_from(said, str_find_last(said, '/') < said.len
	                              ? str_find_last(said, '/') + 1
	                              : 0);
	return said.len && !str_has(said, asked) && !str_has(asked, said);
}

static void write_outcome(struct json_writer *w, const struct attempt_row *row)
{
	json_key_int(w, STR("status"), row->status);
	key_text(w, STR("fault"), row->fault);
	key_text(w, STR("detail"), row->detail);
	key_text(w, STR("finish"), row->finish);
	key_text(w, STR("answered_model"), row->answered_model);
	json_key_bool(w, STR("answered_by_another"), answered_by_another(row));
	write_usage(w, row);
	json_key_int(w, STR("connect_us"), row->connect);
	json_key_int(w, STR("first_byte_us"), row->first_byte);
	json_key_int(w, STR("first_token_us"), row->first_token);
	json_key_int(w, STR("total_us"), row->total);
	key_uint(w, STR("answer_bytes"), row->answer_bytes);
}

void row_json(struct json_writer *w, const struct attempt_row *row)
{
	json_open(w, '{');
	write_request(w, row);
	if (row->state == ROW_DONE)
		write_outcome(w, row);
	if (row->closes) {
		json_key_int(w, STR("client_status"), row->client_status);
		json_key_int(w, STR("exchange_total_us"), row->exchange_total);
		json_key_int(w, STR("overhead_us"), row->overhead);
		json_key_int(w, STR("attempts"), row->attempts);
		key_text(w, STR("client"), row->client);
		key_text(w, STR("agent"), row->agent);
	}
	json_close(w, '}');
}

/* ---- an exchange as a line ---- */

static void add_target(struct buf *to, const struct attempt_row *row)
{
	if (row->route.len) {
		text_safe(to, row->route);
		buf_add(to, STR(" -> "));
	}
	if (row->provider.len) {
		text_safe(to, row->provider);
		if (row->model.len) /* none of what is stored */
			buf_add_char(to, '/');
		text_safe(to, row->model);
	} else {
		text_safe(to, row->asked.len ? row->asked : STR("-"));
	}
}

static void add_end(struct buf *to, const struct attempt_row *row)
{
	if (row->key)
		buf_addf(to, "  key %012llx", (unsigned long long)row->key);
	buf_add(to, STR("  "));
	buf_add_hex(to, row->exchange, 16);
	buf_add_char(to, '\n');
}

void row_line(struct buf *to, const struct attempt_row *row)
{
	text_time(to, row->began_wall);
	if (row->state == ROW_UNKNOWN)
		buf_add(to, STR("    -"));
	else
		buf_addf(to, "  %3d", row->client_status);
	buf_addf(to, "  %-10.*s  ", STR_ARG(row->operation));
	add_target(to, row);
	if (row->state == ROW_UNKNOWN) {
		buf_add(to, STR("  unknown: the gateway died meanwhile"));
		add_end(to, row);
		return;
	}
	buf_addf(to, "  %llu/%llu tok%s  ", (unsigned long long)row->usage.input,
	         (unsigned long long)row->usage.output,
	         row->usage_kind == USAGE_ESTIMATED ? " (estimated)" : "");
	text_money(to, row->usage_kind == USAGE_NONE ? 0 : row_cost(row));
	buf_add(to, STR("  "));
	text_span(to, row->exchange_total);
	if (row->first_token) {
		buf_add(to, STR("  first "));
		text_span(to, row->first_token);
	}
	if (row->attempts > 1)
		buf_addf(to, "  %u attempts", row->attempts);
	if (row->fault.len)
		buf_addf(to, "  %.*s", STR_ARG(row->fault));
	if (row->flags) {
		buf_add(to, STR("  "));
		row_flags(to, row->flags, ',');
	}
	add_end(to, row);
}
