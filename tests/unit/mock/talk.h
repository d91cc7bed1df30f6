/* talk.h - a client of the mock provider that writes raw HTTP and reads to the end. */
#pragma once
#include "base/mem.h"
#include "codec/json.h"
#include "mock/mock.h"
#include "tests/check.h"

#include <errno.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

struct heard {
	struct buf raw; /* all that came */
	int status;
	str head, body; /* of raw; a chunked body is put together */
	bool is_whole;  /* the body ended as its framing says */
	int error;      /* errno of the last read, 0: proper end */
};

struct talk {
	struct mock *mock;
	struct heard heard;
};

static inline void talk_begin_as(struct talk *t, const char *at, bool any_model)
{
	struct buf why = BUF_LIMIT(1000);
	struct net_addr a;

	*t = (struct talk){ .mock = NULL };
	if (net_parse(str_from_z(at), &a))
		t->mock = mock_start(&(struct mock_options){ .at = &a,
		                                             .name = STR("us"),
		                                             .any_model = any_model },
		                     &why);
	if (!t->mock) {
		fprintf(stderr, "%s: %s\n", at, buf_z(&why));
		abort();
	}
	buf_free(&why);
}

static inline void talk_begin(struct talk *t, const char *at)
{
	talk_begin_as(t, at, false);
}

static inline void talk_end(struct talk *t)
{
	buf_free(&t->heard.raw);
	mock_stop(&t->mock);
}

static inline int talk_dial(struct talk *t)
{
	const struct net_addr *at = mock_address(t->mock);
	struct timeval patience = { .tv_sec = 10 };
	int fd = socket(at->sa.sa_family, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, &at->sa, at->len) != 0)
		abort();
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

/* Reads until `enough` (NULL: the end) has been heard. */
static inline void talk_listen(struct talk *t, int fd, const char *enough)
{
	char piece[65536];
	ssize_t n;

	buf_free(&t->heard.raw);
	t->heard = (struct heard){ .raw = BUF_LIMIT(64 * MiB) };
	while ((n = read(fd, piece, sizeof(piece))) > 0) {
		buf_add(&t->heard.raw, str_of(piece, (size_t)n));
		if (enough && str_has(buf_str(&t->heard.raw), str_from_z(enough)))
			break;
	}
	t->heard.error = n < 0 ? errno : 0;
}

/* Puts chunks together where they stand. */
static inline void talk_join(struct heard *h)
{
	char *to = h->raw.ptr + h->head.len, *begin = to;
	str rest = str_of(to, h->raw.len - h->head.len);
	uint64_t size;

	while (rest.len) {
		size = strtoul(rest.ptr, NULL, 16);
		rest = str_from(rest, str_find(rest, '\n') + 1);
		if (size == 0 || size + 2 > rest.len)
			break;
		memmove(to, rest.ptr, size);
		to += size;
		rest = str_from(rest, size + 2);
	}
	h->is_whole = str_eq(rest, STR("\r\n"));
	h->body = str_of(begin, (size_t)(to - begin));
}

static inline str talk_header(const struct talk *t, const char *name)
{
	size_t at = str_find_str(t->heard.head, str_from_z(name));
	str rest = str_from(t->heard.head, at + strlen(name));

	str_skip(&rest, STR(": "));
	return str_first(rest, str_find(rest, '\r'));
}

static inline void talk_parse(struct talk *t)
{
	struct heard *h = &t->heard;
	str all = buf_str(&h->raw);
	uint64_t length;

	h->head = str_first(all, str_find_str(all, STR("\r\n\r\n")) + 4);
	h->body = str_from(all, h->head.len);
	h->status = all.len > 12 ? atoi(all.ptr + 9) : 0;
	if (str_has(h->head, STR("transfer-encoding: chunked")))
		talk_join(h);
	else if (str_to_u64(talk_header(t, "content-length"), &length))
		h->is_whole = h->body.len == length;
}

static inline void talk_send(int fd, const char *method, const char *path,
                             const char *headers, str body)
{
	struct buf b = BUF_LIMIT(64 * MiB);
	size_t at = 0;
	ssize_t n;

	buf_addf(&b, "%s %s HTTP/1.1\r\nhost: mock\r\n%scontent-length: %zu\r\n\r\n",
	         method, path, headers, body.len);
	buf_add(&b, body);
	while (at < b.len && (n = write(fd, b.ptr + at, b.len - at)) > 0)
		at += (size_t)n;
	buf_free(&b);
}

/* One request on a connection of its own, and all of its answer. */
static inline void talk_with(struct talk *t, const char *method, const char *path,
                             const char *headers, str body)
{
	char all[1000];
	int fd = talk_dial(t);

	snprintf(all, sizeof(all), "connection: close\r\n%s", headers);
	talk_send(fd, method, path, all, body);
	talk_listen(t, fd, NULL);
	talk_parse(t);
	close(fd);
}

static inline void talk_post(struct talk *t, const char *path, const char *body)
{
	talk_with(t, "POST", path, "content-type: application/json\r\n",
	          str_from_z(body));
}

/* A value of the answer as it stands, strings without their quotes. */
static inline str talk_get(const struct talk *t, const char *path)
{
	struct json_value root, v;

	if (json_check(t->heard.body, &json_limits_default, &root))
		return STR("no JSON");
	v = json_path(root, path);
	if (v.type == JSON_STRING)
		return str_of(v.raw.ptr + 1, v.raw.len - 2);
	return v.type == JSON_NONE ? STR("not there") : v.raw;
}

/* The same of the first item of an array. */
static inline str talk_first(const struct talk *t, const char *array, const char *path)
{
	struct json_value root;
	struct json_member m;

	if (json_check(t->heard.body, &json_limits_default, &root))
		return STR("no JSON");
	struct json_iter it = json_iter(json_path(root, array));
	if (!json_next(&it, &m))
		return STR("empty");
	struct json_value v = json_path(m.value, path);
	if (v.type == JSON_STRING)
		return str_of(v.raw.ptr + 1, v.raw.len - 2);
	return v.type == JSON_NONE ? STR("not there") : v.raw;
}

static inline unsigned talk_count(const struct talk *t, const char *what)
{
	str rest = t->heard.body;
	unsigned n = 0;

	for (size_t at; (at = str_find_str(rest, str_from_z(what))) < rest.len; n++)
		rest = str_from(rest, at + 1);
	return n;
}
