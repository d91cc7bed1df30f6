#include "tests/unit/http/requests.h"

#include "base/assert.h"
#include "base/mem.h"

static const struct request_case small[] = {
#define REQUEST(id, bytes, verdict) { #id, STR_INIT(bytes), verdict },
#include "tests/unit/http/requests.def"
#undef REQUEST
};

#define CHUNKED "POST /v1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

static struct request_case all[countof(small) + 32];
static unsigned count;

static void add(const char *id, struct buf *bytes, const char *verdict)
{
	all[count++] = (struct request_case){ id, buf_str(bytes), verdict };
	*bytes = BUF_LIMIT(1 * MiB);
}

static void repeat(struct buf *b, str s, size_t n)
{
	while (n-- > 0)
		buf_add(b, s);
}

/* GET whose head is `size` bytes in all. */
static void add_head(const char *id, size_t size, const char *verdict)
{
	struct buf b = BUF_LIMIT(1 * MiB);

	buf_add(&b, STR("GET /v1 HTTP/1.1\r\nHost: h\r\na: "));
	repeat(&b, STR("x"), size - b.len - 4);
	buf_add(&b, STR("\r\n\r\n"));
	add(id, &b, verdict);
}

static void add_target(const char *id, size_t size, bool broken, const char *verdict)
{
	struct buf b = BUF_LIMIT(1 * MiB);

	buf_add(&b, STR("OPTIONS /"));
	repeat(&b, STR("x"), size - 1);
	buf_add(&b, broken ? STR(" HTTP/1.1\n") : STR(" HTTP/1.1\r\nHost: h\r\n\r\n"));
	add(id, &b, verdict);
}

static void add_fields(const char *id, size_t fields, str name, const char *verdict)
{
	struct buf b = BUF_LIMIT(1 * MiB);

	buf_add(&b, STR("GET /v1 HTTP/1.1\r\nHost: h\r\n"));
	for (size_t i = 1; i < fields; i++) {
		buf_add(&b, name);
		buf_add(&b, STR(": b\r\n"));
	}
	buf_add(&b, STR("\r\n"));
	add(id, &b, verdict);
}

/* `chunks` chunks of one byte, each with `extension` bytes behind the size. */
static void add_chunks(const char *id, size_t chunks, size_t extension,
                       const char *verdict)
{
	struct buf b = BUF_LIMIT(1 * MiB);

	buf_add(&b, STR(CHUNKED));
	while (chunks-- > 0) {
		buf_add(&b, STR("1"));
		if (extension)
			buf_add(&b, STR(";"));
		if (extension)
			repeat(&b, STR("e"), extension - 1);
		buf_add(&b, STR("\r\nx\r\n"));
	}
	buf_add(&b, STR("0\r\n\r\n"));
	add(id, &b, verdict);
}

static void add_zeros(const char *id, size_t zeros, const char *verdict)
{
	struct buf b = BUF_LIMIT(1 * MiB);

	buf_add(&b, STR(CHUNKED));
	repeat(&b, STR("0"), zeros);
	buf_add(&b, STR("3\r\nabc\r\n0\r\n\r\n"));
	add(id, &b, verdict);
}

static void add_trailer(const char *id, size_t size, const char *verdict)
{
	struct buf b = BUF_LIMIT(1 * MiB);

	buf_add(&b, STR(CHUNKED "0\r\na:"));
	repeat(&b, STR("x"), size - 2);
	buf_add(&b, STR("\r\n\r\n"));
	add(id, &b, verdict);
}

/* What extensions used up is not missing for trailers. */
static void add_trailer_after_extensions(void)
{
	struct buf b = BUF_LIMIT(1 * MiB);

	buf_add(&b, STR(CHUNKED));
	for (int i = 0; i < 16; i++) {
		buf_add(&b, STR("1;"));
		repeat(&b, STR("e"), 255);
		buf_add(&b, STR("\r\nx\r\n"));
	}
	buf_add(&b, STR("0\r\na:"));
	repeat(&b, STR("x"), 8 * KiB - 2);
	buf_add(&b, STR("\r\n\r\n"));
	add("R45_after_extensions", &b, "POST /v1{xxxxxxxxxxxxxxxx}");
}

static void add_large(void)
{
	struct buf b = BUF_LIMIT(1 * MiB);

	add_zeros("R35_15_zeros", 15, "POST /v1{abc}");
	add_zeros("R35_16_zeros", 16, "HTTP_CHUNK");
	add_zeros("R35_kilobytes", 4 * KiB, "HTTP_CHUNK");
	add_chunks("R37_255", 1, 255, "POST /v1{x}");
	add_chunks("R37_256", 1, 256, "POST /v1{x}");
	add_chunks("R37_257", 1, 257, "HTTP_CHUNK");
	add_chunks("R37_4_KiB", 16, 256, "POST /v1{xxxxxxxxxxxxxxxx}");
	add_chunks("R37_over_4_KiB", 17, 256, "HTTP_CHUNK");
	add_chunks("R46_one_byte_each", 100000, 0, "HTTP_OVERHEAD");
	add_trailer("R45_trailer_8_KiB", 8 * KiB, "POST /v1{}");
	add_trailer("R45_trailer_over", 8 * KiB + 1, "HTTP_CHUNK");
	add_trailer_after_extensions();
	add_head("R70_head_less", 32 * KiB - 1, "GET /v1{}");
	add_head("R70_head", 32 * KiB, "GET /v1{}");
	add_head("R70_head_more", 32 * KiB + 1, "HTTP_HEAD_LARGE");
	add_fields("R70_100_fields", 100, STR("a"), "GET /v1{}");
	add_fields("R70_101_fields", 101, STR("a"), "HTTP_HEAD_LARGE");
	add_fields("R70_dropped_count", 101, STR("content_length"), "HTTP_HEAD_LARGE");
	buf_add(&b, STR("GET /v1 HTTP/1.1\r\nHost: h\r\n"));
	repeat(&b, STR("n"), 64 * KiB);
	buf_add(&b, STR(": x\r\n\r\n"));
	add("R70_long_name", &b, "HTTP_HEAD_LARGE");
	repeat(&b, STR("m"), 64 * KiB);
	add("R70_long_method", &b, "HTTP_HEAD_LARGE");
	buf_add(&b, STR("OPTIONS /"));
	repeat(&b, STR("x"), 8 * KiB - 1);
	buf_add(&b, STR("{}"));
	add_target("R70_target", 8 * KiB, false, buf_z(&b));
	b = BUF_LIMIT(1 * MiB); /* the verdict is kept */
	add_target("R70_target_more", 8 * KiB + 1, false, "HTTP_TARGET_LONG");
	add_target("R70_target_more_lf", 8 * KiB + 1, true, "HTTP_TARGET_LONG");
}

const struct request_case *request_cases(unsigned *ret_count)
{
	if (count == 0) {
		memcpy(all, small, sizeof(small));
		count = countof(small);
		add_large();
	}
	*ret_count = count;
	return all;
}

void reader_init(struct reader *r, const struct http_limits *limits)
{
	*r = (struct reader){ .limits = limits,
		              .verdict = BUF_LIMIT(1 * MiB),
		              .running = BUF_LIMIT(1 * MiB) };
}

static void write_down(struct reader *r, str text)
{
	if (r->verdict.len)
		buf_add(&r->verdict, STR(" "));
	buf_add(&r->verdict, text);
}

static bool refuse(struct reader *r, fault_t why)
{
	write_down(r, why->name);
	r->refused = true;
	return false;
}

/* Exactly as large as it must be, so that ASan sees who reads too far. */
static void replace_bytes(struct reader *r, str a, str b)
{
	char *bytes = mem_new(a.len + b.len);

	if (a.len)
		memcpy(bytes, a.ptr, a.len);
	if (b.len)
		memcpy(bytes + a.len, b.ptr, b.len);
	free(r->bytes);
	r->bytes = bytes;
	r->len = a.len + b.len;
}

static bool read_body(struct reader *r)
{
	size_t len, used;
	fault_t why = http_body_take(&r->body, r->bytes, r->bytes, r->len, &len, &used);

	if (r->body.content > r->limits->body)
		why = FAULT_HTTP_BODY_LARGE;
	if (why)
		return refuse(r, why);
	buf_add(&r->running, str_of(r->bytes, len));
	replace_bytes(r, str_of(r->bytes + used, r->len - used), STR_NONE);
	if (!r->body.done)
		return false;
	buf_add(&r->running, STR("}"));
	write_down(r, buf_str(&r->running));
	r->in_body = false;
	return r->len > 0;
}

static bool read_head(struct reader *r)
{
	static struct http_request req, same;
	size_t end = 0, again = 0, seen = r->seen;
	str bytes = str_of(r->bytes, r->len), head;
	fault_t in_one = http_request_read(bytes, r->limits, &seen, &again, &same);
	fault_t why = http_head_end(bytes, r->limits, true, &r->seen, &end);

	head = str_of(r->bytes, end);
	if (!why && end > 0)
		why = http_request_parse(head, r->limits, &req);
	/* One walk or two: the verdict is the same. */
	assert(in_one == why && (why || again == end));
	assert(why || end == 0 || same.names == req.names);
	if (!why && end == 0)
		return false;
	if (!why && req.body == HTTP_BODY_LENGTH && req.length > r->limits->body)
		why = FAULT_HTTP_BODY_LARGE;
	if (why)
		return refuse(r, why);
	str_skip(&head, STR("\r\n"));
	buf_set(&r->running, str_cut(&head, ' '));
	buf_add(&r->running, STR(" "));
	buf_add(&r->running, req.target);
	buf_add(&r->running, STR("{"));
	http_body_init(&r->body, req.body, req.length, true);
	replace_bytes(r, str_of(r->bytes + end, r->len - end), STR_NONE);
	r->seen = 0;
	r->in_body = true;
	return true;
}

void reader_feed(struct reader *r, str piece)
{
	if (r->refused || piece.len == 0)
		return;
	replace_bytes(r, str_of(r->bytes, r->len), piece);
	while (r->in_body ? read_body(r) : read_head(r))
		;
}

str reader_end(struct reader *r)
{
	if (!r->refused && (r->in_body || r->len > 0))
		write_down(r, STR("..."));
	return buf_str(&r->verdict);
}

void reader_done(struct reader *r)
{
	buf_free(&r->verdict);
	buf_free(&r->running);
	free(r->bytes);
}
