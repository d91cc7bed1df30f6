#include "policy/verdict.h"

#include "codec/text.h"

static const struct {
	int from, to;
	fault_t fault;
} statuses[] = {
	/* the first row that fits */
	{ 200, 299, NULL },
	{ 300, 399, FAULT_UPSTREAM_REDIRECT },
	{ 401, 403, FAULT_UPSTREAM_AUTH },
	{ 404, 404, FAULT_UPSTREAM_NO_MODEL },
	{ 408, 409, FAULT_UPSTREAM_BUSY },
	{ 429, 429, FAULT_UPSTREAM_LIMITED },
	{ 400, 497, FAULT_UPSTREAM_REFUSED },
	{ 498, 499, FAULT_UPSTREAM_LIMITED }, /* flex capacity exceeded (Groq) */
	{ 503, 503, FAULT_UPSTREAM_BUSY },
	{ 529, 529, FAULT_UPSTREAM_BUSY },
	{ 500, 599, FAULT_UPSTREAM_FAILED },
};

fault_t verdict_of_status(int status)
{
	for (size_t i = 0; i < countof(statuses); i++) {
		if (status >= statuses[i].from && status <= statuses[i].to)
			return statuses[i].fault;
	}
	return FAULT_UPSTREAM_MALFORMED;
}

usec verdict_retry_after(const struct http_response *res, usec wall_now)
{
	str ms = http_response_find(res, HTTP_NAME_RETRY_AFTER_MS);
	str azure = http_response_find(res, HTTP_NAME_X_MS_RETRY_AFTER_MS);
	str s = http_response_find(res, HTTP_NAME_RETRY_AFTER);
	usec wait = 0;

	if (ms.ptr && retry_after_ms_parse(ms, &wait))
		return min_of(wait, 60 * USEC_SEC);
	if (azure.ptr && retry_after_ms_parse(azure, &wait))
		return min_of(wait, 60 * USEC_SEC);
	if (s.ptr && retry_after_parse(s, wall_now, &wait))
		return min_of(wait, 60 * USEC_SEC);
	return 0;
}
