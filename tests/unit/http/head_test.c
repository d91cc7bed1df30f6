/* Requests at the level of the parser: the table, whole and cut everywhere; what the
 * parser says of them; limits. */
#include "http/head.h"

#include "tests/check.h"
#include "tests/unit/http/requests.h"

#include <stdio.h>

/* first, step, step, ...: the verdict on bytes that come in such pieces. */
static bool judge(const struct request_case *c, str before, str behind, size_t first,
                  size_t step)
{
	struct reader r;
	struct buf all = BUF_LIMIT(2 * MiB), want = BUF_LIMIT(2 * MiB);
	str rest, verdict = str_from_z(c->verdict);
	bool ends = str_ends(verdict, STR("}"));

	buf_add(&all, before);
	buf_add(&all, c->bytes);
	buf_add(&all, behind);
	buf_add(&want, before.len ? STR("GET /before{} ") : STR(""));
	buf_add(&want, verdict);
	buf_add(&want, ends && behind.len ? STR(" GET /behind{}") : STR(""));
	rest = buf_str(&all);
	reader_init(&r, &http_limits_default);
	for (size_t n = first; rest.len > 0; n = step)
		reader_feed(&r, str_take(&rest, n));
	bool good = CHECK_STR_EQ(reader_end(&r), buf_str(&want));
	if (!good)
		printf("  in %s, cut at %zu, then every %zu\n", c->id, first, step);
	reader_done(&r);
	buf_free(&all);
	buf_free(&want);
	return good;
}

/* Large ones are cut at some hundred places, all the others at each. */
static size_t stride(size_t len)
{
	return 1 + len / 2000;
}

TEST(requests_are_judged_alike_however_they_are_cut)
{
	unsigned count;
	const struct request_case *c = request_cases(&count);

	for (unsigned i = 0; i < count; i++, c++) {
		size_t len = c->bytes.len;
		bool good = judge(c, STR_NONE, STR_NONE, len, len);

		good &= judge(c, STR_NONE, STR_NONE, 1, len > 64 * KiB ? 97 : 1);
		for (size_t cut = 1; good && cut < len; cut += stride(len) * stride(len))
			good = judge(c, STR_NONE, STR_NONE, cut, len);
	}
}

TEST(requests_are_judged_alike_between_others)
{
	str before = STR("GET /before HTTP/1.1\r\nHost: h\r\n\r\n");
	str behind = STR("GET /behind HTTP/1.1\r\nHost: h\r\n\r\n");
	unsigned count;
	const struct request_case *c = request_cases(&count);

	for (unsigned i = 0; i < count; i++, c++) {
		bool is_open = str_ends(str_from_z(c->verdict), STR("..."));

		judge(c, before, is_open ? STR_NONE : behind, SIZE_MAX, SIZE_MAX);
		judge(c, before, is_open ? STR_NONE : behind, 7, 7);
	}
}

/* ---- what is said of a request ---- */

static struct http_request req;
static struct http_response res;

static fault_t parse(str head)
{
	size_t seen = 0, end = 0;
	fault_t why = http_head_end(head, &http_limits_default, true, &seen, &end);

	if (why)
		return why;
	CHECK_INT(end, head.len);
	return http_request_parse(head, &http_limits_default, &req);
}

TEST(a_request_is_sliced)
{
	CHECK_OK(parse(STR("POST /v1/chat?key=a?b HTTP/1.1\r\n"
	                   "Host: api.local:8080\r\n"
	                   "Content-Type:application/json; charset=utf-8 \r\n"
	                   "Content_Length: 7\r\n"
	                   "X-Empty:\r\n"
	                   "content-length: 12\r\n\r\n")));
	CHECK_INT(req.method, HTTP_POST);
	CHECK_STR(req.target, "/v1/chat?key=a?b");
	CHECK_STR(req.path, "/v1/chat");
	CHECK_STR(req.query, "key=a?b");
	CHECK_STR(req.host, "api.local:8080");
	CHECK_INT(req.minor, 1);
	CHECK(req.keep_alive && !req.expects_continue && !req.upgrades &&
	      !req.names_hops);
	CHECK_INT(req.body, HTTP_BODY_LENGTH);
	CHECK_INT(req.length, 12);
	CHECK_INT(req.count, 4);
	CHECK_STR(http_request_get(&req, STR("content-type")),
	          "application/json; charset=utf-8");
	CHECK(http_request_get(&req, STR("x-empty")).ptr != NULL);
	CHECK(http_request_get(&req, STR("content_length")).ptr == NULL);
	CHECK(http_request_get(&req, STR("nothing")).ptr == NULL);
}

TEST(a_request_says_whether_its_connection_lives)
{
	static const struct {
		const char *version, *fields;
		bool keep_alive;
	} cases[] = {
		{ "1.1", "", true },
		{ "1.1", "Connection: close\r\n", false },
		{ "1.1", "Connection: foo, CLOSE\r\n", false },
		{ "1.1", "Connection: keep-alive\r\nConnection: close\r\n", false },
		{ "1.1", "Connection: closed\r\n", true },
		{ "1.0", "", false },
		{ "1.0", "Connection: Keep-Alive\r\n", true },
		{ "1.0", "Connection: keep-alive, close\r\n", false },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct buf b = BUF_LIMIT(1 * KiB);

		buf_addf(&b, "GET / HTTP/%s\r\nHost: h\r\n%s\r\n", cases[i].version,
		         cases[i].fields);
		CHECK_OK(parse(buf_str(&b)));
		CHECK_INT(req.keep_alive, cases[i].keep_alive);
		buf_free(&b);
	}
}

TEST(a_request_says_what_else_it_asks_for)
{
	CHECK_OK(parse(STR("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
	                   "Content-Length: 1\r\n\r\n")));
	CHECK(req.expects_continue);
	CHECK_OK(parse(STR("GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n")));
	CHECK(!req.expects_continue);
	CHECK_OK(parse(STR("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\n"
	                   "Connection: keep-alive, Upgrade\r\n\r\n")));
	CHECK(req.upgrades && !req.names_hops);
	CHECK_OK(parse(STR("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n")));
	CHECK(!req.upgrades);
	CHECK_OK(parse(STR("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\n"
	                   "Connection: upgrade, http2-settings\r\n\r\n")));
	CHECK(!req.upgrades && req.names_hops);
	CHECK_OK(parse(STR("GET / HTTP/1.1\r\nHost: h\r\nConnection: X-A\r\nX-a: 1\r\n"
	                   "x-b: 2\r\n\r\n")));
	CHECK(http_is_named_hop(req.fields, req.count, STR("x-a")));
	CHECK(!http_is_named_hop(req.fields, req.count, STR("x-b")));
}

TEST(an_absolute_target_loses_its_authority)
{
	CHECK_OK(parse(STR("GET http://H?q HTTP/1.1\r\nHost: h\r\n\r\n")));
	CHECK_STR(req.path, "/");
	CHECK_STR(req.query, "q");
	CHECK_OK(parse(STR("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n")));
	CHECK_STR(req.target, "/");
	CHECK_STR(req.query, "");
}

TEST(a_response_is_sliced)
{
	CHECK_OK(http_response_parse(STR("HTTP/1.1 429 Slow down\r\nRetry-After: 3\r\n"
	                                 "connection: x-hop\r\n\r\n"),
	                             &res));
	CHECK_INT(res.status, 429);
	CHECK_INT(res.body, HTTP_BODY_TO_EOF);
	CHECK(!res.keep_alive && res.names_hops);
	CHECK_STR(http_response_get(&res, STR("retry-after")), "3");
	CHECK_OK(http_response_parse(STR("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n"),
	                             &res));
	CHECK(!res.keep_alive);
	CHECK_INT(res.minor, 0);
	CHECK_INT(res.length, 3);
}

TEST(names_and_values_are_known)
{
	CHECK_STR(http_reason(200), "OK");
	CHECK_STR(http_reason(529), "Overloaded");
	CHECK_STR(http_reason(299), "Unknown");
	for (int id = 1; id < FAULT_IDS; id++)
		CHECK(!str_eq(http_reason(fault_by_id(id)->status), STR("Unknown")));
	CHECK(http_is_hop_by_hop(STR("Transfer-Encoding")));
	CHECK(!http_is_hop_by_hop(STR("content-length")));
	CHECK(http_value_is_safe(STR("a\tb \xc3\xa9")));
	CHECK(http_value_is_safe(STR("")));
	CHECK(!http_value_is_safe(STR("a\r\nb: c")));
	CHECK(!http_value_is_safe(STR("a\nb")));
	CHECK(!http_value_is_safe(STR("\0")));
	CHECK(!http_value_is_safe(STR("\x7f")));
}

static const struct {
	enum http_name name;
	str text;
} known_names[] = {
#define NAME(id, text) { HTTP_NAME_##id, STR_INIT(text) },
#define ALSO(tag, id, text) { HTTP_NAME_##id, STR_INIT(text) },
	HTTP_NAMES(NAME) HTTP_ALIASES(ALSO)
#undef NAME
#undef ALSO
};

/* As the tables are meant: whole names first, then the longest beginning that fits. */
static enum http_name name_by_the_table(str name)
{
	enum http_name found = HTTP_NAME_OTHER;
	size_t most = 0;

	for (size_t i = 0; i < countof(known_names); i++) {
		str known = known_names[i].text;
		bool is_family = known.ptr[known.len - 1] == '-';

		if (!is_family && str_eq_nocase(name, known))
			return known_names[i].name;
		if (!is_family || name.len <= known.len || known.len <= most ||
		    !str_starts_nocase(name, known))
			continue;
		most = known.len;
		found = known_names[i].name;
	}
	if (found == HTTP_NAME_OTHER && str_find(name, '_') < name.len)
		return HTTP_NAME_UNDERSCORED;
	return found;
}

TEST(every_known_name_is_found_in_any_case_and_nothing_like_it)
{
	char text[64];

	for (size_t i = 0; i < countof(known_names); i++) {
		str name = known_names[i].text;

		if (name.ptr[name.len - 1] != '-')
			CHECK_INT(http_name_of(name), known_names[i].name);
		for (size_t at = 0; at <= name.len; at++) {
			static const char others[] = "_~x-";

			memcpy(text, name.ptr, name.len);
			for (const char *c = others; *c; c++) {
				str odd = str_of(text, max_of(name.len, at + 1));

				text[at] = *c;
				CHECK_INT(http_name_of(odd), name_by_the_table(odd));
			}
			if (at == name.len)
				break;
			text[at] = (char)(name.ptr[at] >= 'a' ? name.ptr[at] - 32
			                                      : name.ptr[at]);
			CHECK_INT(http_name_of(str_of(text, name.len)),
			          name_by_the_table(name));
		}
	}
	CHECK_INT(http_name_of(STR("x-goog-x")), HTTP_NAME_X_GOOG_);
	CHECK_INT(http_name_of(STR("X-Goog-IAP-x")), HTTP_NAME_CLIENT_IP);
	CHECK_INT(http_name_of(STR("")), HTTP_NAME_OTHER);
	CHECK_INT(http_name_of(STR("X-Stainless-Lang")), HTTP_NAME_OTHER);
}

/* Names and values of every length up to three times sixteen, with each byte at each
 * place, are judged as the table says. */
TEST(sixteen_bytes_at_a_time_are_judged_like_one)
{
	char head[128];

	for (size_t len = 1; len <= 40; len++) {
		for (unsigned c = 0; c < 256; c++) {
			size_t place = (len * 7 + c) % len;
			int n = snprintf(head, sizeof(head),
			                 "GET / HTTP/1.1\r\nHost: h\r\nN");
			memset(head + n, 'a', len);
			head[n + (int)place] = (char)c;
			n += (int)len;
			n += snprintf(head + n, sizeof(head) - (size_t)n, ": x\r\n\r\n");
			fault_t why = http_request_parse(str_of(head, (size_t)n),
			                                 &http_limits_default, &req);
			bool token = c > ' ' && c < 127 &&
			             !strchr("\"(),/:;<=>?@[\\]{}", (int)c);
			CHECK(token || c == ':' ? !why : why != NULL);

			n = snprintf(head, sizeof(head),
			             "GET / HTTP/1.1\r\nHost: h\r\nN: y");
			memset(head + n, 'a', len);
			head[n + (int)place] = (char)c;
			n += (int)len;
			n += snprintf(head + n, sizeof(head) - (size_t)n, "\r\n\r\n");
			why = http_request_parse(str_of(head, (size_t)n),
			                         &http_limits_default, &req);
			bool good = c == '\t' || (c >= ' ' && c != 127);
			CHECK(good ? !why : why != NULL);
		}
	}
}
