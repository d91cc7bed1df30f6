/* sigv4.c - AWS Signature Version 4.
 *
 *	canonical request -> its hash in the string to sign -> HMAC with a key of the day
 *
 * The path is encoded once more than it is sent, as all services but S3 want it.  Dot
 * segments and doubled slashes are not resolved: no path of ours has any. */
#include "codec/sigv4.h"

#include "base/assert.h"
#include "base/mem.h"
#include "codec/text.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <time.h>

enum { HASH = 32, TEXT_MOST = 256 * KiB };

struct hash {
	unsigned char bytes[HASH];
};

static struct hash sha256(str bytes)
{
	struct hash h;
	unsigned len = 0;

	assert(EVP_Digest(bytes.len ? bytes.ptr : "", bytes.len, h.bytes, &len,
	                  EVP_sha256(), NULL) == 1 &&
	       len == HASH);
	return h;
}

static struct hash sha256_pieces(const struct iovec *pieces, int count)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	struct hash h;
	unsigned len = 0;
	bool good = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1;

	for (int i = 0; i < count && good; i++)
		good = EVP_DigestUpdate(c, pieces[i].iov_base, pieces[i].iov_len) == 1;
	assert(good && EVP_DigestFinal_ex(c, h.bytes, &len) == 1 && len == HASH);
	EVP_MD_CTX_free(c);
	return h;
}

static struct hash hmac(str key, str text)
{
	struct hash h;
	unsigned len = 0;

	assert(HMAC(EVP_sha256(), key.ptr, (int)key.len,
	            (const unsigned char *)(text.len ? text.ptr : ""), text.len, h.bytes,
	            &len) &&
	       len == HASH);
	return h;
}

static str hash_str(const struct hash *h)
{
	return str_of((const char *)h->bytes, HASH);
}

/* ---- headers ---- */

struct header {
	str name, value; /* name as given, compared without case */
};

struct headers {
	struct header list[SIGV4_HEADERS_MOST];
	unsigned count;
};

static int compare_names(str a, str b)
{
	size_t n = min_of(a.len, b.len);

	for (size_t i = 0; i < n; i++) {
		int d = (unsigned char)char_lower(a.ptr[i]) -
		        (unsigned char)char_lower(b.ptr[i]);
		if (d)
			return d;
	}
	return a.len < b.len ? -1 : a.len > b.len;
}

/* In the order of names; false: no room. */
static bool add_header(struct headers *h, str name, str value)
{
	unsigned at = h->count;

	if (h->count == SIGV4_HEADERS_MOST)
		return false;
	for (; at > 0 && compare_names(h->list[at - 1].name, name) > 0; at--)
		h->list[at] = h->list[at - 1];
	h->list[at] = (struct header){ name, value };
	h->count++;
	return true;
}

static void add_lower(struct buf *to, str s)
{
	for (size_t i = 0; i < s.len; i++)
		buf_add_char(to, char_lower(s.ptr[i]));
}

/* Without blanks at the ends, and with single ones inside. */
static void add_value(struct buf *to, str value)
{
	bool after_blank = false;

	value = str_trim(value);
	for (size_t i = 0; i < value.len; i++) {
		bool is_blank = value.ptr[i] == ' ' || value.ptr[i] == '\t';

		if (is_blank && after_blank)
			continue;
		buf_add_char(to, is_blank ? ' ' : value.ptr[i]);
		after_blank = is_blank;
	}
}

static void add_names(struct buf *to, const struct headers *h)
{
	for (unsigned i = 0; i < h->count; i++) {
		if (i > 0)
			buf_add_char(to, ';');
		add_lower(to, h->list[i].name);
	}
}

/* ---- path and query ---- */

static void add_path(struct buf *to, str path)
{
	if (path.len == 0)
		buf_add_char(to, '/');
	while (path.len > 0) {
		size_t n = str_find(path, '/');

		url_encode(to, str_take(&path, n));
		if (str_skip(&path, STR("/")))
			buf_add_char(to, '/');
	}
}

struct parameter {
	size_t name_at, name_len, value_len; /* in the text, the value behind the name */
};

static str name_of(const struct buf *text, const struct parameter *p)
{
	return str_of(text->ptr + p->name_at, p->name_len);
}

static str value_of(const struct buf *text, const struct parameter *p)
{
	return str_of(text->ptr + p->name_at + p->name_len, p->value_len);
}

/* Decoded and encoded again, so that every way of writing it gives the same. */
static bool add_encoded(struct buf *text, str s)
{
	struct buf room = BUF_LIMIT(s.len + 1);
	str plain;
	bool good;

	buf_reserve(&room, s.len + 1);
	good = url_decode(s, room.ptr, &plain);
	if (good)
		url_encode(text, plain);
	buf_free(&room);
	return good;
}

static bool read_parameter(struct buf *text, str item, struct parameter *ret)
{
	str value = item, name = str_cut(&value, '=');

	ret->name_at = text->len;
	if (!add_encoded(text, name))
		return false;
	ret->name_len = text->len - ret->name_at;
	if (!add_encoded(text, value))
		return false;
	ret->value_len = text->len - ret->name_at - ret->name_len;
	return true;
}

static int compare_parameters(const struct buf *text, const struct parameter *a,
                              const struct parameter *b)
{
	int d = str_cmp(name_of(text, a), name_of(text, b));

	return d ? d : str_cmp(value_of(text, a), value_of(text, b));
}

static bool add_query(struct buf *to, str query)
{
	struct parameter list[SIGV4_QUERY_MOST], p;
	struct buf text = BUF_LIMIT(TEXT_MOST);
	unsigned count = 0;
	bool good = true;

	while (query.len > 0 && good) {
		str item = str_cut(&query, '&');
		unsigned at = count;

		if (item.len == 0)
			continue;
		good = count < SIGV4_QUERY_MOST && read_parameter(&text, item, &p);
		if (!good)
			break;
		for (; at > 0 && compare_parameters(&text, &list[at - 1], &p) > 0; at--)
			list[at] = list[at - 1];
		list[at] = p;
		count++;
	}
	for (unsigned i = 0; i < count && good; i++) {
		if (i > 0)
			buf_add_char(to, '&');
		buf_add(to, name_of(&text, &list[i]));
		buf_add_char(to, '=');
		buf_add(to, value_of(&text, &list[i]));
	}
	good = good && !text.over;
	buf_free(&text);
	return good;
}

/* ---- the signature ---- */

static void write_date(usec wall, char date[17])
{
	time_t seconds = (time_t)(wall / 1000000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(date, 17, "%Y%m%dT%H%M%SZ", &tm);
}

static void write_hex(str bytes, char hex[65])
{
	struct buf b = BUF_LIMIT(64);

	hex_encode(&b, bytes);
	memcpy(hex, b.ptr, 64);
	hex[64] = 0;
	buf_free(&b);
}

static bool gather_headers(const struct sigv4_request *r, const struct sigv4_signature *s,
                           struct headers *ret)
{
	bool fits = true;

	*ret = (struct headers){ .count = 0 };
	for (unsigned i = 0; i < r->header_count; i++)
		fits &= add_header(ret, r->headers[i].name, r->headers[i].value);
	fits &= add_header(ret, STR("x-amz-date"), str_from_z(s->date));
	if (r->signs_content)
		fits &= add_header(ret, STR("x-amz-content-sha256"),
		                   str_from_z(s->content_sha256));
	if (r->session_token.len)
		fits &= add_header(ret, STR("x-amz-security-token"), r->session_token);
	return fits;
}

static bool write_canonical(struct buf *to, const struct sigv4_request *r,
                            const struct headers *h, const struct sigv4_signature *s)
{
	buf_add(to, r->method);
	buf_add_char(to, '\n');
	add_path(to, r->path);
	buf_add_char(to, '\n');
	if (!add_query(to, r->query))
		return false;
	buf_add_char(to, '\n');
	for (unsigned i = 0; i < h->count; i++) {
		add_lower(to, h->list[i].name);
		buf_add_char(to, ':');
		add_value(to, h->list[i].value);
		buf_add_char(to, '\n');
	}
	buf_add_char(to, '\n');
	add_names(to, h);
	buf_add_char(to, '\n');
	buf_add(to, str_from_z(s->content_sha256));
	return !to->over;
}

/* The key of this day, region and service. */
static struct hash signing_key(const struct sigv4_request *r, str day)
{
	struct buf first = BUF_LIMIT(r->secret.len + 4);
	struct hash key;

	buf_add(&first, STR("AWS4"));
	buf_add(&first, r->secret);
	key = hmac(buf_str(&first), day);
	mem_wipe(first.ptr, first.len);
	buf_free(&first);
	key = hmac(hash_str(&key), r->region);
	key = hmac(hash_str(&key), r->service);
	return hmac(hash_str(&key), STR("aws4_request"));
}

static void write_scope(struct buf *to, const struct sigv4_request *r, str day)
{
	buf_add(to, day);
	buf_add_char(to, '/');
	buf_add(to, r->region);
	buf_add_char(to, '/');
	buf_add(to, r->service);
	buf_add(to, STR("/aws4_request"));
}

static struct hash sign(const struct sigv4_request *r, const struct sigv4_signature *s,
                        str canonical)
{
	struct buf text = BUF_LIMIT(4 * KiB);
	struct hash hash = sha256(canonical), key;
	str date = str_from_z(s->date), day = str_first(date, 8);

	buf_add(&text, STR("AWS4-HMAC-SHA256\n"));
	buf_add(&text, date);
	buf_add_char(&text, '\n');
	write_scope(&text, r, day);
	buf_add_char(&text, '\n');
	hex_encode(&text, hash_str(&hash));
	key = signing_key(r, day);
	hash = hmac(hash_str(&key), buf_str(&text));
	mem_wipe(&key, sizeof(key));
	buf_free(&text);
	return hash;
}

bool sigv4_sign(const struct sigv4_request *request, struct buf *authorization,
                struct sigv4_signature *ret)
{
	struct buf canonical = BUF_LIMIT(TEXT_MOST);
	struct hash hash = sha256_pieces(request->payload, request->payload_count);
	struct headers headers;
	bool good;

	write_date(request->wall_now, ret->date);
	write_hex(hash_str(&hash), ret->content_sha256);
	good = gather_headers(request, ret, &headers) &&
	       write_canonical(&canonical, request, &headers, ret);
	if (good) {
		hash = sign(request, ret, buf_str(&canonical));
		buf_add(authorization, STR("AWS4-HMAC-SHA256 Credential="));
		buf_add(authorization, request->access_key);
		buf_add_char(authorization, '/');
		write_scope(authorization, request, str_first(str_from_z(ret->date), 8));
		buf_add(authorization, STR(", SignedHeaders="));
		add_names(authorization, &headers);
		buf_add(authorization, STR(", Signature="));
		hex_encode(authorization, hash_str(&hash));
	}
	buf_free(&canonical);
	return good && !authorization->over;
}
