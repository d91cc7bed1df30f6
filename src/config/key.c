/* key.c - see key.h. */
#include "config/key.h"

#include "base/assert.h"
#include "base/mem.h"
#include "codec/text.h"
#include "config/datadir.h"
#include "config/replace.h"
#include "loop/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ID_DIGITS = 12, SECRET_CHARS = 43, SHA256_BLOCK = 64 };
static const str prefix = STR_INIT("sk-sl-");

/* So many of its first bytes are base64url. */
static size_t base64url_length(str s)
{
	size_t n = 0;

	for (; n < s.len; n++) {
		char low = char_lower(s.ptr[n]);

		if (!(low >= 'a' && low <= 'z') && !char_is_digit(low) && low != '-' &&
		    low != '_')
			break;
	}
	return n;
}

void key_generate(char text[KEY_TEXT], uint64_t *ret_id)
{
	struct buf b = BUF_LIMIT(2 * KEY_TEXT);
	uint64_t id = 0;
	char secret[32];

	while (id == 0) {
		sys_random(&id, sizeof(id));
		id &= ((uint64_t)1 << (4 * ID_DIGITS)) - 1;
	}
	sys_random(secret, sizeof(secret));
	buf_add(&b, prefix);
	buf_add_hex(&b, id, ID_DIGITS);
	buf_add_char(&b, '-');
	base64url_encode(&b, str_of(secret, sizeof(secret)));
	assert(b.len == KEY_TEXT);
	memcpy(text, b.ptr, KEY_TEXT);
	*ret_id = id;
	mem_wipe(secret, sizeof(secret));
	mem_wipe(b.ptr, b.len);
	buf_free(&b);
}

static bool is_base64url(str s)
{
	return base64url_length(s) == s.len;
}

bool key_parse_id(str text, uint64_t *ret_id)
{
	uint64_t id = 0;

	if (text.len != KEY_TEXT || !str_skip(&text, prefix))
		return false;
	for (int i = 0; i < ID_DIGITS; i++) {
		char c = text.ptr[i];

		if (!char_is_digit(c) && !(c >= 'a' && c <= 'f'))
			return false;
		id = id << 4 | (uint64_t)(char_is_digit(c) ? c - '0' : c - 'a' + 10);
	}
	text = str_from(text, ID_DIGITS);
	if (!str_skip(&text, STR("-")) || !is_base64url(text) || id == 0)
		return false;
	*ret_id = id;
	return true;
}

/* ---- where they should not be ---- */

static bool is_id_digit(char c)
{
	return char_is_digit(c) || (c >= 'a' && c <= 'f');
}

/* Behind the first "sl-", an id and '-': the rest, which begins with a secret.  Empty:
 * there is none. */
static str find_secret(str text)
{
	static const str mark = STR_INIT("sl-");
	size_t at;

	if (text.len < mark.len + ID_DIGITS + 2) /* as most texts are: no search */
		return STR_NONE;
	while ((at = str_find_str(text, mark)) < text.len) {
		size_t digits = 0;
		str rest;

		text = rest = str_from(text, at + mark.len);
		str_skip(&rest, STR("admin-"));
		while (digits < rest.len && is_id_digit(rest.ptr[digits]))
			digits++;
		rest = str_from(rest, digits);
		if (digits == ID_DIGITS && str_skip(&rest, STR("-")) &&
		    base64url_length(rest))
			return rest;
	}
	return STR_NONE;
}

bool key_stands_in(str text)
{
	return find_secret(text).len != 0;
}

void key_hide(char *text, size_t len)
{
	str rest;

	while ((rest = find_secret(str_of(text, len))).len) {
		size_t n = base64url_length(rest);

		text += len - rest.len;
		memset(text, '*', n);
		text += n;
		len = rest.len - n;
	}
}

/* ---- HMAC-SHA-256 (RFC 2104) by hand, so that both pads are hashed only once ---- */

static struct evp_md_ctx_st *new_context(void)
{
	struct evp_md_ctx_st *ctx = EVP_MD_CTX_new();

	assert(ctx);
	return ctx;
}

static struct evp_md_ctx_st *prime(const EVP_MD *sha, const uint8_t pepper[PEPPER],
                                   uint8_t pad)
{
	struct evp_md_ctx_st *ctx = new_context();
	uint8_t block[SHA256_BLOCK];

	for (int i = 0; i < SHA256_BLOCK; i++)
		block[i] = i < PEPPER ? pepper[i] ^ pad : pad;
	assert(EVP_DigestInit_ex2(ctx, sha, NULL) &&
	       EVP_DigestUpdate(ctx, block, sizeof(block)));
	mem_wipe(block, sizeof(block));
	return ctx;
}

void key_hasher_init(struct key_hasher *h, const uint8_t pepper[PEPPER])
{
	EVP_MD *sha = EVP_MD_fetch(NULL, "SHA256", NULL);

	assert(sha);
	*h = (struct key_hasher){ .inner = prime(sha, pepper, 0x36),
		                  .outer = prime(sha, pepper, 0x5c),
		                  .work = new_context() };
	EVP_MD_free(sha); /* the contexts hold it */
}

static void finish(struct key_hasher *h, const struct evp_md_ctx_st *primed,
                   const void *bytes, size_t n, uint8_t ret[KEY_MAC])
{
	unsigned size = KEY_MAC;

	assert(EVP_MD_CTX_copy_ex(h->work, primed) &&
	       EVP_DigestUpdate(h->work, bytes, n) &&
	       EVP_DigestFinal_ex(h->work, ret, &size) && size == KEY_MAC);
}

void key_hasher_mac(struct key_hasher *h, str text, uint8_t ret[KEY_MAC])
{
	uint8_t digest[KEY_MAC];

	finish(h, h->inner, text.ptr, text.len, digest);
	finish(h, h->outer, digest, sizeof(digest), ret);
}

void key_hasher_done(struct key_hasher *h)
{
	EVP_MD_CTX_free(h->inner);
	EVP_MD_CTX_free(h->outer);
	EVP_MD_CTX_free(h->work);
	*h = (struct key_hasher){ 0 };
}

void key_mac(const uint8_t pepper[PEPPER], str text, uint8_t ret[KEY_MAC])
{
	struct key_hasher h;

	key_hasher_init(&h, pepper);
	key_hasher_mac(&h, text, ret);
	key_hasher_done(&h);
}

/* ---- the pepper ---- */

static enum pepper_found read_pepper(const char *path, uint8_t ret[PEPPER],
                                     struct buf *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char beyond;
	struct stat st;
	bool is_good;

	if (fd < 0 && errno == ENOENT)
		return PEPPER_MISSING;
	if (fd < 0 || fstat(fd, &st) != 0) {
		buf_addf(why, "cannot read %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return PEPPER_BAD;
	}
	is_good = read(fd, ret, PEPPER) == PEPPER && read(fd, &beyond, 1) == 0;
	close(fd);
	if (!is_good)
		buf_addf(why,
		         "%s does not have %d bytes; restore it, or delete it and make "
		         "all "
		         "keys new",
		         path, PEPPER);
	else if (st.st_mode & 077)
		buf_addf(why, "%s may be read by others; chmod 600 it", path);
	else
		return PEPPER_FOUND;
	return PEPPER_BAD;
}

static bool write_whole(int fd, const uint8_t pepper[PEPPER])
{
	bool is_good = write(fd, pepper, PEPPER) == PEPPER && fsync(fd) == 0;

	return close(fd) == 0 && is_good;
}

/* Written beside it and linked: nobody ever sees half a pepper, and the first one wins.
 */
static bool make_pepper(const char *path, struct buf *why)
{
	char beside[PATH_MAX + 32];
	uint8_t pepper[PEPPER];
	int fd, at;
	bool is_good;

	snprintf(beside, sizeof(beside), "%s.%d", path, (int)getpid());
	unlink(beside); /* left by a process that died here */
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		buf_addf(why, "cannot make %s: %s", beside, strerror(errno));
		return false;
	}
	sys_random(pepper, sizeof(pepper));
	is_good = file_give(fd, path);
	is_good = write_whole(fd, pepper) && is_good &&
	          (link(beside, path) == 0 || errno == EEXIST);
	if (!is_good)
		buf_addf(why, "cannot make %s: %s", path, strerror(errno));
	mem_wipe(pepper, sizeof(pepper));
	unlink(beside);
	*strrchr(beside, '/') = 0;
	at = open(beside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at >= 0) {
		fsync(at); /* the name must survive a power cut as well */
		close(at);
	}
	return is_good;
}

static bool pepper_path(str dir, char path[PATH_MAX], struct buf *why)
{
	if (datadir_path(dir, "pepper", path, PATH_MAX))
		return true;
	buf_addf(why, "the name of the data directory is too long");
	return false;
}

enum pepper_found pepper_find(str dir, uint8_t ret[PEPPER], struct buf *why)
{
	char path[PATH_MAX];

	return pepper_path(dir, path, why) ? read_pepper(path, ret, why) : PEPPER_BAD;
}

bool pepper_load(str dir, uint8_t ret[PEPPER], struct buf *why)
{
	enum pepper_found found = pepper_find(dir, ret, why);
	char path[PATH_MAX];

	if (found == PEPPER_MISSING) {
		if (!pepper_path(dir, path, why) || !make_pepper(path, why))
			return false;
		found = read_pepper(path, ret, why);
		if (found == PEPPER_MISSING)
			buf_addf(why, "%s is gone", path);
	}
	return found == PEPPER_FOUND;
}
