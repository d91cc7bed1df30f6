/* form.h - requests and answers through the neutral form, told as text, so that a test is
 * one line: what goes in and what comes out. */
#pragma once
#include "codec/event_stream.h"
#include "codec/sse.h"
#include "tests/check.h"
#include "wire/emit.h"
#include "wire/wire.h"

/* What one request becomes; good until form_done. */
struct form {
	struct arena keep;
	struct chat_request r;
	struct chat_written written; /* the last time */
	struct buf body;
	struct buf dropped; /* names, joined by commas */
	str detail;
};

static inline void form_done(struct form *f)
{
	arena_done(&f->keep);
	buf_free(&f->body);
	buf_free(&f->dropped);
}

static inline fault_t form_read(struct form *f, const struct wire *from, str body)
{
	*f = (struct form){ .keep = { .ceiling = 8 * MiB },
		            .body = BUF_LIMIT(MiB),
		            .dropped = BUF_LIMIT(4 * KiB) };
	f->r = (struct chat_request){ .keep = &f->keep, .from = from->format };
	return from->read_request(body, &f->r, &f->detail);
}

/* "openai/m": of that provider. */
static inline fault_t form_write(struct form *f, const struct wire *to, str model)
{
	size_t slash = str_find(model, '/');
	bool is_of = slash < model.len;
	struct chat_target t = { .model = is_of ? str_from(model, slash + 1) : model,
		                 .provider = is_of ? str_first(model, slash) : STR_NONE,
		                 .stream = f->r.stream };
	fault_t why = chat_cross(&f->r, to->format, &f->detail);

	buf_clear(&f->body);
	buf_clear(&f->dropped);
	if (!why)
		why = to->write_request(&f->r, &t, &f->body, &f->detail);
	chat_uncross(&f->r, &f->written);
	for (unsigned i = 0; i < f->r.dropped_count; i++) {
		if (i > 0)
			buf_add_char(&f->dropped, ',');
		buf_add(&f->dropped, f->r.dropped[i]);
	}
	return why;
}

/* A member of the written request: json_path with numbers for items, "tools.0.name". */
static inline struct json_value form_member(const struct form *f, const char *path)
{
	struct json_value v = { 0 };
	str rest = str_from_z(path);

	CHECK_OK(json_check(buf_str(&f->body), &json_limits_default, &v));
	while (rest.len) {
		str name = str_first(rest, str_find(rest, '.'));
		struct json_member m = { 0 };
		uint64_t n;

		rest = str_from(rest, min_of(rest.len, name.len + 1));
		if (v.type != JSON_ARRAY || !str_to_u64(name, &n)) {
			v = json_get(v, name);
			continue;
		}
		for (struct json_iter it = json_iter(v); json_next(&it, &m) && n > 0; n--)
			m = (struct json_member){ 0 };
		v = m.value;
	}
	return v;
}

static inline void form_check(const char *file, int line, const struct wire *from,
                              str body, const struct wire *to, str model, str want,
                              str dropped)
{
	struct form f;
	struct json_value root;

	check_fault(file, line, "read", form_read(&f, from, body), NULL);
	if (!check_fault(file, line, "written", form_write(&f, to, model), NULL))
		check_failed(file, line, "%.*s", STR_ARG(f.detail));
	check_str(file, line, "the request", buf_str(&f.body), want);
	check_str(file, line, "what is dropped", buf_str(&f.dropped), dropped);
	check_fault(file, line, "the JSON",
	            json_check(buf_str(&f.body), &json_limits_default, &root), NULL);
	form_done(&f);
}
#define FORM_CHECK(from, body, to, model, want, dropped)                                 \
	form_check(__FILE__, __LINE__, from, STR(body), to, STR(model), STR(want),       \
	           STR(dropped))

/* Reading what was written and writing it again gives the same. */
static inline void form_again(const char *file, int line, const struct wire *wire,
                              str body, str model)
{
	struct form f, g;

	check_fault(file, line, "read", form_read(&f, wire, body), NULL);
	check_fault(file, line, "written", form_write(&f, wire, model), NULL);
	check_fault(file, line, "read again", form_read(&g, wire, buf_str(&f.body)),
	            NULL);
	check_fault(file, line, "written again", form_write(&g, wire, model), NULL);
	check_str(file, line, "the request", buf_str(&g.body), buf_str(&f.body));
	form_done(&f);
	form_done(&g);
}
#define FORM_AGAIN(wire, body, model)                                                    \
	form_again(__FILE__, __LINE__, wire, STR(body), STR(model))

/* JSON with ' for ". */
static inline str form_quoted(struct arena *keep, const char *text)
{
	str s = str_from_z(text);
	char *room = arena_alloc(keep, s.len + 1);

	for (size_t i = 0; i < s.len; i++)
		room[i] = text[i] == '\'' ? '"' : text[i];
	return str_of(room, s.len);
}

/* What stands somewhere in the request, which was said with ' for ", or why it is
 * refused. */
static inline void form_some(const char *file, int line, const struct wire *from,
                             const char *body, const struct wire *to, const char *model,
                             const char *some, const char *dropped)
{
	struct arena keep = { .ceiling = MiB };
	struct form f;
	fault_t why;

	check_fault(file, line, "read", form_read(&f, from, form_quoted(&keep, body)),
	            NULL);
	why = form_write(&f, to, str_from_z(model));
	if (why)
		check_failed(file, line, "%.*s: %.*s", STR_ARG(why->name),
		             STR_ARG(f.detail));
	else if (!str_has(buf_str(&f.body), form_quoted(&keep, some)))
		check_failed(file, line, "%s is not in %.*s", some,
		             STR_ARG(buf_str(&f.body)));
	check_str(file, line, "what is dropped", buf_str(&f.dropped),
	          str_from_z(dropped));
	form_done(&f);
	arena_done(&keep);
}
#define FORM_SOME(from, body, to, model, some, dropped)                                  \
	form_some(__FILE__, __LINE__, from, body, to, model, some, dropped)

static inline void form_refused(const char *file, int line, const struct wire *from,
                                const char *body, const struct wire *to,
                                const char *detail)
{
	struct arena keep = { .ceiling = MiB };
	struct form f;

	check_fault(file, line, "read", form_read(&f, from, form_quoted(&keep, body)),
	            NULL);
	check_fault(file, line, "written", form_write(&f, to, STR("m")),
	            FAULT_NOT_OFFERED);
	check_str(file, line, "the reason", f.detail, form_quoted(&keep, detail));
	form_done(&f);
	arena_done(&keep);
}
#define FORM_REFUSED(from, body, to, detail)                                             \
	form_refused(__FILE__, __LINE__, from, body, to, detail)

/* ---- answers ---- */

/* Events as text: "T0(abc|def)" for a block, "#3" for a finish, "$" for the end. */
struct form_log {
	struct chat_sink sink;
	struct buf text;
};

static inline void form_take(struct chat_sink *sink, const struct chat_event *e)
{
	struct buf *to = &((struct form_log *)(void *)sink)->text;
	static const char names[] = "TFRIAVDC?X";

	switch (e->kind) {
	case CHAT_BEGIN:
		buf_addf(to, "<%.*s %.*s>", STR_ARG(e->id), STR_ARG(e->name));
		break;
	case CHAT_OPEN:
		buf_addf(to, "%c%u:%.*s:%.*s(%.*s", names[e->what], e->block,
		         STR_ARG(e->id), STR_ARG(e->name), STR_ARG(e->text));
		break;
	case CHAT_PIECE:
		buf_addf(to, "%u'%.*s|", e->block, STR_ARG(e->text));
		break;
	case CHAT_SEALED:
		buf_addf(to, "%u~%d%s%.*s", e->block, e->seal.origin,
		         e->seal.redacted ? "r" : "=", STR_ARG(e->seal.blob));
		break;
	case CHAT_CITE:
		buf_addf(to, "[%.*s %.*s %.*s %d-%d]", STR_ARG(e->cite.url),
		         STR_ARG(e->cite.title), STR_ARG(e->cite.cited),
		         (int)e->cite.start, (int)e->cite.end);
		break;
	case CHAT_CLOSE:
		buf_addf(to, ")%u", e->block);
		break;
	case CHAT_FINISH:
		buf_addf(to, "#%d", e->finish);
		break;
	case CHAT_USAGE:
		buf_addf(to, "{%d/%d/%d/%d/%d}", (int)e->usage.input,
		         (int)e->usage.cache_read, (int)e->usage.cache_write,
		         (int)e->usage.cache_write_1h, (int)e->usage.output);
		break;
	case CHAT_FAULT:
		buf_addf(to, "!%.*s %.*s", STR_ARG(e->why->name), STR_ARG(e->text));
		break;
	case CHAT_END:
		buf_add_char(to, '$');
		break;
	case CHAT_ODD:
		buf_addf(to, "?%.*s ", STR_ARG(e->name));
		break;
	case CHAT_INPUT:
		break;
	}
}

static inline void form_log_init(struct form_log *l)
{
	*l = (struct form_log){ .sink = { form_take }, .text = BUF_LIMIT(64 * KiB) };
}

static inline void form_reply(const char *file, int line, const struct wire *wire,
                              str body, str want)
{
	struct form_log l;
	struct chat_reader rd = { 0 };
	fault_t why;

	form_log_init(&l);
	why = wire->read_reply(&rd, body, &l.sink);
	if (why)
		buf_add(&l.text, why->name);
	check_str(file, line, "the events", buf_str(&l.text), want);
	buf_free(&l.text);
}
#define FORM_REPLY(wire, body, want)                                                     \
	form_reply(__FILE__, __LINE__, wire, STR(body), STR(want))

struct form_event {
	const char *name, *data;
};

/* "=" or "!" at the end: is what has come a whole answer? */
static inline void form_stream(const char *file, int line, const struct wire *wire,
                               const struct form_event *events, size_t count, str want)
{
	struct form_log l;
	struct chat_reader rd = { 0 };

	form_log_init(&l);
	for (size_t i = 0; i < count; i++) {
		fault_t why = wire->read_event(&rd, str_from_z(events[i].name),
		                               str_from_z(events[i].data), &l.sink);

		if (why)
			buf_add(&l.text, why->name);
	}
	buf_add(&l.text, wire->read_eof(&rd, &l.sink) ? STR("=") : STR("!"));
	check_str(file, line, "the events", buf_str(&l.text), want);
	buf_free(&l.text);
}
#define FORM_STREAM(wire, want, ...)                                                     \
	do {                                                                             \
		const struct form_event events_[] = { __VA_ARGS__ };                     \
		form_stream(__FILE__, __LINE__, wire, events_, countof(events_),         \
		            STR(want));                                                  \
	} while (0)

/* ---- answers written ---- */

struct form_emit {
	struct emitter e;
	struct buf out;
};

static inline void form_emit_init(struct form_emit *f, const struct wire *wire,
                                  bool streams)
{
	f->out = BUF_LIMIT(MiB);
	emit_init(&f->e, wire->emit, &f->out, streams);
	f->e.format = wire->format;
	f->e.seed = STR("0123456789abcdef01234567");
	f->e.model = STR("some-model");
	f->e.created = 1700000000;
}

static inline void form_emit_done(struct form_emit *f)
{
	emit_done(&f->e);
	buf_free(&f->out);
}

static inline void form_say(struct form_emit *f, struct chat_event e)
{
	chat_push(&f->e.sink, &e);
}

/* One block with one piece. */
static inline void form_block(struct form_emit *f, unsigned block, enum chat_kind what,
                              const char *id, const char *name, const char *text)
{
	form_say(f, (struct chat_event){ .kind = CHAT_OPEN,
	                                 .block = block,
	                                 .what = what,
	                                 .id = str_from_z(id),
	                                 .name = str_from_z(name) });
	form_say(f, (struct chat_event){ .kind = CHAT_PIECE,
	                                 .block = block,
	                                 .what = what,
	                                 .text = str_from_z(text) });
}

static inline void form_end(struct form_emit *f, enum chat_finish finish,
                            struct token_usage usage)
{
	form_say(f, (struct chat_event){ .kind = CHAT_FINISH, .finish = finish });
	form_say(f, (struct chat_event){ .kind = CHAT_USAGE, .usage = usage });
	form_say(f, (struct chat_event){ .kind = CHAT_END });
}

/* Frames as lines, "name payload". */
static inline void form_frames(str bytes, struct buf *to)
{
	struct aws_scan s = { 0 };
	struct aws_frame f;

	buf_clear(to);
	while (aws_scan(&s, bytes, &f)) {
		buf_addf(to, "%.*s %.*s\n", STR_ARG(f.name), STR_ARG(f.payload));
		bytes = str_from(bytes, f.raw.len);
	}
	CHECK_OK(s.why);
	CHECK_INT(bytes.len, 0);
}
