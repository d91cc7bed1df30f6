#include "gateway/token.h"

#include "base/mem.h"
#include "codec/json.h"
#include "codec/json_write.h"
#include "codec/jwt.h"
#include "codec/text.h"
#include "gateway/hide.h"

enum { CLAIMS_MOST = 4 * KiB, FORM_MOST = 24 * KiB, WORD_MOST = 40, SAID_MOST = 200 };
#define LIFE_LEAST (10 * USEC_SEC)
#define LIFE_MOST (24 * USEC_HOUR)
#define SCOPE "https://www.googleapis.com/auth/cloud-platform"

/* ---- the question ---- */

static void write_claims(const struct service_account *a, usec wall, struct buf *to)
{
	struct json_writer w = { .to = to };

	json_open(&w, '{');
	json_key_str(&w, STR("iss"), a->email);
	json_key_str(&w, STR("sub"), a->email);
	json_key_str(&w, STR("scope"), STR(SCOPE));
	json_key_str(&w, STR("aud"), a->token_url);
	json_key_int(&w, STR("iat"), wall / USEC_SEC);
	json_key_int(&w, STR("exp"), wall / USEC_SEC + 3600);
	json_close(&w, '}');
}

static bool write_assertion(const struct service_account *a, usec wall, struct buf *to)
{
	struct buf claims = BUF_LIMIT(CLAIMS_MOST);
	bool good;

	buf_add(to, STR("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
	                "&assertion="));
	write_claims(a, wall, &claims);
	good = !claims.over &&
	       jwt_sign(secret_reveal(&a->key), a->key_id, buf_str(&claims), to);
	buf_free(&claims);
	return good;
}

static void write_refresh(const struct service_account *a, struct buf *to)
{
	buf_add(to, STR("grant_type=refresh_token&client_id="));
	url_encode(to, a->email);
	buf_add(to, STR("&client_secret="));
	url_encode(to, secret_reveal(&a->client_secret));
	buf_add(to, STR("&refresh_token="));
	url_encode(to, secret_reveal(&a->key));
}

bool token_write_request(const struct service_account *a, usec wall, struct buf *to)
{
	struct buf form = BUF_LIMIT(FORM_MOST);
	bool good = true;

	if (a->is_user)
		write_refresh(a, &form);
	else
		good = write_assertion(a, wall, &form);
	buf_addf(to,
	         "POST %.*s HTTP/1.1\r\nhost: %.*s\r\naccept: application/json\r\n"
	         "accept-encoding: identity\r\n"
	         "content-type: application/x-www-form-urlencoded\r\n"
	         "content-length: %zu\r\nconnection: close\r\n\r\n",
	         STR_ARG(a->path.len ? a->path : STR("/")), STR_ARG(a->authority),
	         form.len);
	buf_add(to, buf_str(&form));
	good &= !form.over && !to->over;
	buf_free(&form);
	return good;
}

/* ---- the answer ---- */

static bool is_sendable(str token)
{
	for (size_t i = 0; i < token.len; i++)
		if (token.ptr[i] <= ' ' || token.ptr[i] >= 0x7f)
			return false;
	return token.len > 0 && token.len <= TOKEN_MOST;
}

/* One of ours, as it is and as it was sent. */
static void hide_one(const struct secret *ours, char *text, size_t len)
{
	struct buf sent = BUF_LIMIT(FORM_MOST);

	url_encode(&sent, secret_reveal(ours));
	hide_secret(secret_reveal(ours), text, len);
	hide_secret(buf_str(&sent), text, len);
	if (sent.ptr)
		mem_wipe(sent.ptr, sent.cap);
	buf_free(&sent);
}

/* Somebody else's words, for a log and for clients: without what we have sent.  A
 * person's secrets are known; of a service account it is a signature, and no long word is
 * told. */
static void add_words(struct buf *to, const struct service_account *a, str text,
                      struct arena *keep)
{
	char *own = arena_alloc(keep, text.len);

	memcpy(own, text.ptr, text.len);
	if (a->is_user) {
		hide_one(&a->key, own, text.len);
		hide_one(&a->client_secret, own, text.len);
	}
	text = str_first(str_of(own, text.len), SAID_MOST);
	while (text.len > 0) {
		str word = str_cut(&text, ' ');

		if (to->len)
			buf_add_char(to, ' ');
		buf_add(to, word.len > WORD_MOST ? STR("...") : word);
	}
}

static str text_of(struct json_value root, const char *name, struct arena *keep)
{
	struct json_value v = json_get(root, str_from_z(name));

	if (v.type != JSON_STRING)
		return STR_NONE;
	return json_text(v, arena_alloc(keep, v.raw.len));
}

static str explain(const struct service_account *a, int status, struct json_value root,
                   struct arena *keep)
{
	static const char *const members[] = { "error", "error_description" };
	struct buf why = BUF_LIMIT(512);
	str kept;

	buf_addf(&why, "HTTP %d", status);
	for (size_t i = 0; i < countof(members) && root.type == JSON_OBJECT; i++) {
		str text = text_of(root, members[i], keep);

		if (text.len)
			add_words(&why, a, text, keep);
	}
	kept = arena_copy(keep, buf_str(&why));
	buf_free(&why);
	return kept;
}

void token_read_answer(const struct service_account *a, int status, str body,
                       struct arena *keep, struct token_answer *ret)
{
	struct json_value root = { 0 };
	uint64_t seconds = 3600;
	bool is_json = !json_check(body, &json_limits_default, &root) &&
	               root.type == JSON_OBJECT;

	*ret = (struct token_answer){ 0 };
	if (!is_json)
		root.type = JSON_NONE;
	if (status != 200) {
		ret->why = explain(a, status, root, keep);
		return;
	}
	ret->token = text_of(root, "access_token", keep);
	if (!is_sendable(ret->token)) {
		ret->token = STR_NONE;
		ret->why = STR("there is no access token in the answer");
		return;
	}
	json_u64(json_get(root, STR("expires_in")), &seconds);
	ret->life = (usec)min_of(seconds, (uint64_t)(LIFE_MOST / USEC_SEC)) * USEC_SEC;
	ret->life = max_of(ret->life, LIFE_LEAST);
}
