#include "tests/unit/http/desk.h"

struct desk desk;

static void note(const char *fmt, ...) printf_like(1, 2);
static void note(const char *fmt, ...)
{
	va_list args;

	if (!desk.is_verbose)
		return;
	if (desk.log.len)
		buf_add_char(&desk.log, ' ');
	va_start(args, fmt);
	buf_vaddf(&desk.log, fmt, args);
	va_end(args);
}

void desk_answer(int status)
{
	buf_add(&desk.text, STR("}"));
	http_answer(desk.conn, status, STR("text/plain"), STR(""), buf_str(&desk.text));
}

static void on_request(struct http_conn *c, const struct http_request *req)
{
	static const char *const names[] = { "GET",   "HEAD",   "POST",    "PUT",
		                             "PATCH", "DELETE", "OPTIONS", "OTHER" };

	desk.conn = c;
	c->owner = &desk;
	buf_set(&desk.text, str_from_z(names[req->method]));
	buf_add(&desk.text, STR(" "));
	buf_add(&desk.text, req->target);
	buf_add(&desk.text, STR("{"));
	note("request");
	if (req->method == HTTP_OTHER)
		desk_answer(405);
	else if (!desk.holds)
		http_take_body(c, desk.most);
}

static void on_body(struct http_conn *c, str bytes, bool end)
{
	CHECK(c == desk.conn && c->owner == &desk);
	desk.received += bytes.len;
	if (desk.text.len + bytes.len < desk.text.limit)
		buf_add(&desk.text, bytes);
	if (bytes.len)
		note("body:%zu", bytes.len);
	if (!end)
		return;
	note("end");
	CHECK(c->whole_at >= c->began_at && c->began_at > 0);
	if (!desk.keeps_quiet)
		desk_answer(200);
}

static void on_body_fault(struct http_conn *c, fault_t why)
{
	note("fault:%.*s", STR_ARG(why->name));
	http_refuse(c, why, STR("text/plain"), STR(""), why->name);
}

static void on_room(struct http_conn *c)
{
	note("room");
	CHECK(http_has_room(c));
}

static void on_gone(struct http_conn *c)
{
	CHECK(c->owner == &desk);
	note("gone");
	http_answer(c, 200, STR(""), STR(""), STR("nobody reads this"));
	http_abort(c);
}

static void on_refused(struct http_conn *c, fault_t why)
{
	note("refused:%.*s", STR_ARG(why->name));
	http_refuse(c, why, STR("text/plain"), STR(""), why->name);
}

static const struct http_ops ops = { on_request, on_body, on_body_fault,
	                             on_room,    on_gone, on_refused };

void desk_begin(struct rig *r)
{
	rig_init(r, &ops);
	desk = (struct desk){ .log = BUF_LIMIT(1 * MiB),
		              .text = BUF_LIMIT(1 * MiB),
		              .most = r->limits.body,
		              .is_verbose = true };
}

void desk_end(struct rig *r)
{
	rig_done(r);
	buf_free(&desk.log);
	buf_free(&desk.text);
}

/* ---- answers as clients read them ---- */

/* Takes the next whole answer from the front. */
bool reply_take(str *from, struct reply *ret)
{
	size_t head = str_find_str(*from, STR("\r\n\r\n"));
	uint64_t length = 0;
	str fields = str_first(*from, head + 2);
	size_t at = str_find_str(fields, STR("content-length: "));
	str digits = str_from(fields, at + 16);

	if (head == from->len)
		return false;
	if (at < fields.len && !CHECK(str_to_u64(str_cut(&digits, '\r'), &length)))
		return false;
	if (from->len == head + 4)
		length = 0; /* an answer to HEAD */
	if (from->len < head + 4 + length)
		return false;
	ret->status = (from->ptr[9] - '0') * 100 + (from->ptr[10] - '0') * 10 +
	              (from->ptr[11] - '0');
	ret->head = str_take(from, head + 4);
	ret->body = str_take(from, length);
	return true;
}

int verdict_status(str body)
{
	for (int id = 1; id < FAULT_IDS; id++)
		if (str_eq(fault_by_id(id)->name, body))
			return fault_by_id(id)->status;
	return str_starts(body, STR("OTHER")) ? 405 : 200;
}

/* All answers, as a verdict; their statuses are checked on the way. */
str raw_verdict(const struct raw *p, struct buf *to)
{
	str bytes = buf_str(&p->got);
	struct reply reply;

	buf_clear(to);
	while (bytes.len && reply_take(&bytes, &reply)) {
		if (reply.status == 100)
			continue;
		if (to->len)
			buf_add(to, STR(" "));
		if (!reply.body.len) {
			buf_addf(to, "%d", reply.status);
			continue;
		}
		buf_add(to, reply.body);
		CHECK_INT(reply.status, verdict_status(reply.body));
	}
	CHECK_INT(bytes.len, 0);
	return buf_str(to);
}

bool desk_await(struct rig *r, struct raw *p, const char *want)
{
	struct buf got = BUF_LIMIT(1 * MiB);
	bool good = false;

	for (int i = 0; i < 1000 && !good; i++) {
		raw_read(p);
		good = str_eq(raw_verdict(p, &got), str_from_z(want));
		if (!good)
			rig_turn(r);
	}
	CHECK_STR_EQ(buf_str(&got), str_from_z(want));
	buf_free(&got);
	return good;
}
