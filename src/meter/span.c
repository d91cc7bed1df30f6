/* span.c - see span.h.  The process that the spans are of: span_resource.c. */
#include "meter/span.h"

#include "codec/text.h"
#include "config/config.h"
#include "meter/fault_label.h"
#include "meter/span_private.h"
#include "meter/trace.h"

enum span_attribute {
#define SPAN(id, name, spans, help) SPAN_##id,
#include "meter/span.def"
#undef SPAN
	SPAN_ATTRIBUTES,
};

static const str names[SPAN_ATTRIBUTES] = {
#define SPAN(id, name, spans, help) [SPAN_##id] = STR_INIT(name),
#include "meter/span.def"
#undef SPAN
};

/* As opentelemetry-proto numbers them. */
enum { KIND_SERVER = 2, KIND_CLIENT = 3, STATUS_ERROR = 2, VALUE_MOST = OTLP_VALUE_MOST };

/* ---- attributes ---- */

void span_open_value(struct json_writer *w, str name, str type)
{
	json_open(w, '{');
	json_key_str(w, STR("key"), name);
	json_key(w, STR("value"));
	json_open(w, '{');
	json_key(w, type);
}

void span_close_value(struct json_writer *w)
{
	json_close(w, '}');
	json_close(w, '}');
}

void span_text(struct json_writer *w, str name, str value)
{
	span_open_value(w, name, STR("stringValue"));
	json_str(w, str_first(value, VALUE_MOST));
	span_close_value(w);
}

/* Empty: none. */
static void add_text(struct json_writer *w, enum span_attribute id, str value)
{
	if (value.len)
		span_text(w, names[id], value);
}

static void add_int(struct json_writer *w, enum span_attribute id, uint64_t value)
{
	struct buf text = BUF_LIMIT(32);

	buf_add_u64(&text, value);
	span_open_value(w, names[id], STR("intValue"));
	json_str(w, buf_str(&text));
	span_close_value(w);
	buf_free(&text);
}

static void add_count(struct json_writer *w, enum span_attribute id, uint64_t value)
{
	if (value)
		add_int(w, id, value);
}

/* A decimal with nine places, exact. */
static void add_nano(struct json_writer *w, enum span_attribute id, uint64_t nano)
{
	struct buf text = BUF_LIMIT(64);

	buf_add_nano(&text, nano);
	span_open_value(w, names[id], STR("doubleValue"));
	json_raw(w, buf_str(&text));
	span_close_value(w);
	buf_free(&text);
}

static void add_true(struct json_writer *w, enum span_attribute id, bool value)
{
	if (!value)
		return;
	span_open_value(w, names[id], STR("boolValue"));
	json_bool(w, true);
	span_close_value(w);
}

static void add_hex(struct json_writer *w, enum span_attribute id, uint64_t value,
                    int digits)
{
	struct buf text = BUF_LIMIT(32);

	buf_add_hex(&text, value, digits);
	span_text(w, names[id], buf_str(&text));
	buf_free(&text);
}

static void open_list(struct json_writer *w, enum span_attribute id)
{
	span_open_value(w, names[id], STR("arrayValue"));
	json_open(w, '{');
	json_key(w, STR("values"));
	json_open(w, '[');
}

static void add_item(struct json_writer *w, str value)
{
	json_open(w, '{');
	json_key_str(w, STR("stringValue"), str_first(value, VALUE_MOST));
	json_close(w, '}');
}

static void close_list(struct json_writer *w)
{
	json_close(w, ']');
	json_close(w, '}');
	span_close_value(w);
}

/* ---- what both spans have ---- */

static void add_id(struct json_writer *w, str name, const uint8_t *id, size_t size)
{
	struct buf text = BUF_LIMIT(64);

	hex_encode(&text, str_of((const char *)id, size));
	json_key_str(w, name, buf_str(&text));
	buf_free(&text);
}

static void add_time(struct json_writer *w, str name, usec wall)
{
	struct buf text = BUF_LIMIT(32);

	buf_add_u64(&text, (uint64_t)max_of(wall, (usec)0) * 1000);
	json_key_str(w, name, buf_str(&text));
	buf_free(&text);
}

struct span {
	const struct attempt_row *row;
	const struct span_facts *facts;
	struct json_writer *w;
};

static void open_span(struct span *s, enum span_kind kind, str name, usec from, usec to)
{
	const struct attempt_row *row = s->row;
	uint8_t trace[TRACE_ID], server[SPAN_ID], client[SPAN_ID];

	trace_id(row->trace, row->exchange, trace);
	trace_span(SPAN_SERVER, row->exchange, server);
	trace_span(SPAN_CLIENT, row->id, client);
	json_open(s->w, '{');
	add_id(s->w, STR("traceId"), trace, TRACE_ID);
	add_id(s->w, STR("spanId"), kind == SPAN_SERVER ? server : client, SPAN_ID);
	if (kind == SPAN_CLIENT)
		add_id(s->w, STR("parentSpanId"), server, SPAN_ID);
	else if (row->trace.len == TRACE_PARENT)
		add_id(s->w, STR("parentSpanId"),
		       (const uint8_t *)row->trace.ptr + TRACE_ID, SPAN_ID);
	json_key_str(s->w, STR("name"), name);
	json_key_int(s->w, STR("kind"), kind == SPAN_SERVER ? KIND_SERVER : KIND_CLIENT);
	add_time(s->w, STR("startTimeUnixNano"), from);
	add_time(s->w, STR("endTimeUnixNano"), max_of(from, to));
	json_key(s->w, STR("attributes"));
	json_open(s->w, '[');
}

static void close_span(struct span *s, str error)
{
	json_key(s->w, STR("status"));
	json_open(s->w, '{');
	if (error.len) {
		json_key_str(s->w, STR("message"), error);
		json_key_int(s->w, STR("code"), STATUS_ERROR);
	}
	json_close(s->w, '}');
	json_close(s->w, '}');
}

static str operation_of(const struct attempt_row *row)
{
	return str_eq(row->operation, STR("completions")) ? STR("text_completion")
	                                                  : row->operation;
}

/* Of the row's fault, as a label; empty: none. */
static str error_of(const struct attempt_row *row, char *room)
{
	return row->fault.len ? fault_label_of(row->fault, room) : STR_NONE;
}

/* Another attempt was faster: nothing is wrong with this one. */
static bool has_lost(const struct attempt_row *row)
{
	return str_eq(row->fault, FAULT_HEDGE_LOST->name) ||
	       str_eq(row->fault, FAULT_SUPERSEDED->name);
}

/* ---- the attempt ---- */

/* The catalogue's providers that the conventions have names for. */
static str vendor_of(str provider)
{
	static const struct {
		str ours, theirs;
	} vendors[] = {
		{ STR_INIT("azure"), STR_INIT("azure.ai.openai") },
		{ STR_INIT("amazon-bedrock"), STR_INIT("aws.bedrock") },
		{ STR_INIT("bedrock"), STR_INIT("aws.bedrock") },
		{ STR_INIT("google"), STR_INIT("gcp.gemini") },
		{ STR_INIT("gemini"), STR_INIT("gcp.gemini") },
		{ STR_INIT("google-vertex"), STR_INIT("gcp.vertex_ai") },
		{ STR_INIT("vertex"), STR_INIT("gcp.vertex_ai") },
		{ STR_INIT("mistral"), STR_INIT("mistral_ai") },
		{ STR_INIT("xai"), STR_INIT("x_ai") },
		{ STR_INIT("moonshotai"), STR_INIT("moonshot_ai") },
	};

	for (unsigned i = 0; i < countof(vendors); i++) {
		if (str_eq(vendors[i].ours, provider))
			return vendors[i].theirs;
	}
	return provider;
}

static void add_server(struct span *s)
{
	struct buf host = BUF_LIMIT(VALUE_MOST);
	unsigned port = 0;

	if (s->facts->server)
		port = s->facts->server(s->facts->arg, s->row->provider, &host);
	add_text(s->w, SPAN_SERVER_ADDRESS, buf_str(&host));
	add_count(s->w, SPAN_SERVER_PORT, port);
	buf_free(&host);
}

static void add_usage(struct span *s)
{
	static const str kinds[] = {
		[USAGE_NONE] = STR_INIT("none"),
		[USAGE_REPORTED] = STR_INIT("reported"),
		[USAGE_ESTIMATED] = STR_INIT("estimated"),
		[USAGE_UNKNOWN] = STR_INIT("unknown"),
	};
	const struct attempt_row *row = s->row;
	const struct token_usage *u = &row->usage;

	add_text(s->w, SPAN_USAGE, kinds[row->usage_kind]);
	if (row->usage_kind == USAGE_REPORTED || row->usage_kind == USAGE_ESTIMATED) {
		add_int(s->w, SPAN_INPUT, u->input);
		add_int(s->w, SPAN_OUTPUT, u->output);
		add_count(s->w, SPAN_CACHE_READ, u->cache_read);
		add_count(s->w, SPAN_CACHE_WRITE, u->cache_write);
		add_count(s->w, SPAN_REASONING, u->reasoning);
	}
	if (row->cost == COST_UNKNOWN)
		return;
	add_nano(s->w, SPAN_COST, (uint64_t)row->cost);
	add_nano(s->w, SPAN_COST_USD, (uint64_t)row->cost);
}

static void add_oddities(struct span *s)
{
	static const str oddities[] = { STR_INIT("empty"), STR_INIT("no_finish"),
		                        STR_INIT("refusal"), STR_INIT("cut"),
		                        STR_INIT("zero_usage") };
	unsigned flags = s->row->flags & ((1u << countof(oddities)) - 1);

	if (!flags)
		return;
	open_list(s->w, SPAN_ODDITIES);
	for (unsigned i = 0; i < countof(oddities); i++) {
		if (flags >> i & 1)
			add_item(s->w, oddities[i]);
	}
	close_list(s->w);
}

static void add_answer(struct span *s, str error)
{
	const struct attempt_row *row = s->row;

	add_count(s->w, SPAN_SCHEME_STATUS, (uint64_t)max_of(row->status, 0));
	add_count(s->w, SPAN_ANSWER_SIZE, row->answer_bytes);
	add_text(s->w, SPAN_ANSWERED_MODEL, row->answered_model);
	if (row->finish.len) {
		open_list(s->w, SPAN_FINISH);
		add_item(s->w, row->finish);
		close_list(s->w);
	}
	if (row->stream && row->first_token)
		add_nano(s->w, SPAN_FIRST_CHUNK, (uint64_t)row->first_token * 1000);
	add_text(s->w, SPAN_ERROR, error);
}

static void add_event(struct span *s, str name, usec after)
{
	if (!after)
		return;
	json_open(s->w, '{');
	add_time(s->w, STR("timeUnixNano"), s->row->began_wall + after);
	json_key_str(s->w, STR("name"), name);
	json_close(s->w, '}');
}

static void add_events(struct span *s)
{
	json_key(s->w, STR("events"));
	json_open(s->w, '[');
	add_event(s, STR("sluice.connected"), s->row->connect);
	add_event(s, STR("sluice.first_byte"), s->row->first_byte);
	add_event(s, STR("sluice.first_token"), s->row->first_token);
	if (has_lost(s->row))
		add_event(s, STR("sluice.another_was_faster"), s->row->total);
	json_close(s->w, ']');
}

static void write_attempt(struct span *s)
{
	const struct attempt_row *row = s->row;
	char room[FAULT_LABEL_MOST];
	str error = has_lost(row) ? STR_NONE : error_of(row, room);
	struct buf name = BUF_LIMIT(2 * VALUE_MOST);

	buf_addf(&name, "%.*s %.*s", STR_ARG(operation_of(row)),
	         STR_ARG(str_first(row->model, VALUE_MOST)));
	open_span(s, SPAN_CLIENT, buf_str(&name), row->began_wall,
	          row->began_wall + row->total);
	add_text(s->w, SPAN_OPERATION, operation_of(row));
	add_text(s->w, SPAN_PROVIDER, vendor_of(row->provider));
	add_text(s->w, SPAN_REQUEST_MODEL, row->model);
	add_server(s);
	add_true(s->w, SPAN_STREAM, row->stream);
	add_answer(s, error);
	add_usage(s);
	add_hex(s->w, SPAN_REQUEST_ID, row->exchange, 16);
	add_hex(s->w, SPAN_ATTEMPT_ID, row->id, 16);
	add_int(s->w, SPAN_NUMBER, row->number);
	add_text(s->w, SPAN_ROUTE, row->route);
	add_text(s->w, SPAN_OWN_PROVIDER, row->provider);
	add_text(s->w, SPAN_TRIAL, row->trial);
	add_true(s->w, SPAN_SHADOW, row->flags & ROW_SHADOW);
	add_oddities(s);
	json_close(s->w, ']');
	add_events(s);
	close_span(s, error);
	buf_free(&name);
}

/* ---- the exchange ---- */

/* Its id is the time of its beginning, see journal_next_id. */
static usec began_of(const struct attempt_row *row)
{
	return min_of((usec)(row->exchange >> 8), row->began_wall);
}

static void add_request(struct span *s, const char *method, str path)
{
	const struct attempt_row *row = s->row;

	add_text(s->w, SPAN_METHOD, method ? str_from_z(method) : STR("_OTHER"));
	add_text(s->w, SPAN_HTTP_ROUTE, path);
	add_count(s->w, SPAN_SCHEME_STATUS, (uint64_t)max_of(row->client_status, 0));
	add_count(s->w, SPAN_BODY_SIZE, row->request_bytes);
	add_text(s->w, SPAN_CLIENT_ADDRESS, row->client);
	add_text(s->w, SPAN_AGENT, row->agent);
	add_text(s->w, SPAN_OPERATION, operation_of(row));
	add_text(s->w, SPAN_REQUEST_MODEL, row->asked);
	add_hex(s->w, SPAN_REQUEST_ID, row->exchange, 16);
	add_text(s->w, SPAN_ROUTE, row->route);
	add_int(s->w, SPAN_ATTEMPTS, row->attempts);
	add_nano(s->w, SPAN_OVERHEAD, (uint64_t)max_of(row->overhead, (usec)0) * 1000);
	if (row->key)
		add_hex(s->w, SPAN_KEY, row->key, 12);
	if (row->team)
		add_hex(s->w, SPAN_TEAM, row->team, 12);
}

static void write_exchange(struct span *s)
{
	const struct attempt_row *row = s->row;
	struct buf path = BUF_LIMIT(VALUE_MOST), name = BUF_LIMIT(2 * VALUE_MOST);
	char room[FAULT_LABEL_MOST];
	str error = error_of(row, room);
	const char *method = NULL;
	usec began = began_of(row);
	usec ended = max_of(began + row->exchange_total, row->began_wall + row->total);

	if (s->facts->endpoint)
		method = s->facts->endpoint(s->facts->arg, row->endpoint, &path);
	if (method)
		buf_addf(&name, "%s %.*s", method, STR_ARG(buf_str(&path)));
	else
		buf_add(&name, operation_of(row));
	open_span(s, SPAN_SERVER, buf_str(&name), began, ended);
	add_request(s, method, buf_str(&path));
	add_text(s->w, SPAN_ERROR, error);
	json_close(s->w, ']');
	/* What a client does wrong is no error of the server's. */
	close_span(s, row->client_status >= 500 ? error : STR_NONE);
	buf_free(&path);
	buf_free(&name);
}

/* ---- all of a row ---- */

/* A shadow of a trial belongs to the exchange, but does not close it. */
static bool closes(const struct attempt_row *row)
{
	return row->closes && !(row->flags & ROW_SHADOW);
}

unsigned span_count(const struct attempt_row *row)
{
	return (row->number > 0) + closes(row);
}

void span_write(struct json_writer *w, const struct attempt_row *row,
                const struct span_facts *facts)
{
	struct span s = { .row = row, .facts = facts, .w = w };

	if (row->number > 0)
		write_attempt(&s);
	if (closes(row))
		write_exchange(&s);
}

/* ---- docs ---- */

void span_docs_write(struct buf *to)
{
	static const struct {
		const char *name, *spans, *help;
	} rows[SPAN_ATTRIBUTES] = {
#define SPAN(id, name, spans, help) [SPAN_##id] = { name, #spans, help },
#include "meter/span.def"
#undef SPAN
	};

	buf_add(to, STR("| attribute | span | |\n|---|---|---|\n"));
	for (unsigned i = 0; i < SPAN_ATTRIBUTES; i++)
		buf_addf(to, "| `%s` | %s | %s |\n", rows[i].name, rows[i].spans,
		         rows[i].help);
}
