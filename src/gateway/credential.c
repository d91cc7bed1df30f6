#include "gateway/credential.h"

#include "codec/sigv4.h"

enum { AUTHORIZATION_MOST = 2 * KiB };

static void add_line(struct buf *to, str name, str value)
{
	buf_put(to, name);
	buf_put(to, value);
	buf_put(to, STR("\r\n"));
}

/* Signed afresh for each attempt: a signature is good for five minutes. */
static fault_t add_signature(struct buf *to, const struct provider *p,
                             const struct credential_request *request)
{
	const struct sigv4_header headers[] = {
		{ STR("content-type"), request->content_type },
		{ STR("host"), p->authority },
	};
	str query = request->target, path = str_cut(&query, '?');
	struct sigv4_request r = {
		.method = STR("POST"),
		.path = path,
		.query = query,
		.payload = request->body,
		.payload_count = request->pieces,
		.headers = headers,
		.header_count = countof(headers),
		.region = p->region,
		.service = p->aws.service,
		.access_key = p->aws.access_key,
		.secret = secret_reveal(&p->aws.secret_key),
		.session_token = secret_reveal(&p->aws.session_token),
		.wall_now = request->wall,
	};
	struct buf authorization = BUF_LIMIT(AUTHORIZATION_MOST);
	struct sigv4_signature s;
	fault_t why = FAULT_HTTP_HEAD_LARGE;

	if (!request->is_whole)
		return FAULT_CANNOT_SIGN;
	if (sigv4_sign(&r, &authorization, &s)) {
		add_line(to, STR("x-amz-date: "), str_from_z(s.date));
		if (r.session_token.len)
			add_line(to, STR("x-amz-security-token: "), r.session_token);
		add_line(to, STR("authorization: "), buf_str(&authorization));
		why = NULL;
	}
	buf_free(&authorization);
	return why;
}

fault_t credential_add(struct buf *to, const struct provider *p, unsigned key_at,
                       str token, const struct credential_request *request)
{
	str key = p->key_count ? secret_reveal(&p->keys[min_of(key_at, p->key_count - 1)])
	                       : STR_NONE;

	if (p->auth == AUTH_SIGV4)
		return add_signature(to, p, request);
	if (p->auth == AUTH_SERVICE_ACCOUNT)
		key = token;
	if (key.len == 0)
		return NULL;
	switch (p->auth) {
	case AUTH_NONE:
	case AUTH_SIGV4:
		break;
	case AUTH_BEARER:
	case AUTH_SERVICE_ACCOUNT:
		add_line(to, STR("authorization: Bearer "), key);
		break;
	case AUTH_API_KEY:
		add_line(to, STR("api-key: "), key);
		break;
	case AUTH_X_API_KEY:
		add_line(to, STR("x-api-key: "), key);
		break;
	case AUTH_X_GOOG_API_KEY:
		add_line(to, STR("x-goog-api-key: "), key);
		break;
	}
	return NULL;
}
