/* names.c - the names of HTTP: which bytes make one, the fields that belong to a
 * connection, the reason phrases.  Tables, and the questions asked of them. */
#include "http/chars.h"
#include "http/head.h"

enum {
	T = HTTP_TOKEN,
	G = HTTP_TARGET,
	V = HTTP_VALUE,
	N = HTTP_NAME,
	X = HTTP_HEX,
};

const uint8_t http_chars[256] = {
	['\t'] = V,
	[' '] = V,
	['!'] = T | G | V,
	['"'] = G | V,
	['#'] = T | V,
	['$' ... '\''] = T | G | V,
	['(' ... ')'] = G | V,
	['*' ... '+'] = T | G | V,
	[','] = G | V,
	['-' ... '.'] = T | G | V | N,
	['/'] = G | V,
	['0' ... '9'] = T | G | V | N | X,
	[':' ... '@'] = G | V,
	['A' ... 'F'] = T | G | V | N | X,
	['G' ... 'Z'] = T | G | V | N,
	['['] = G | V,
	['\\'] = V,
	[']'] = G | V,
	['^'] = T | G | V,
	['_'] = T | G | V | N,
	['`'] = T | G | V,
	['a' ... 'f'] = T | G | V | N | X,
	['g' ... 'z'] = T | G | V | N,
	['{'] = G | V,
	['|'] = T | G | V,
	['}'] = G | V,
	['~'] = T | G | V | N,
	[0x80 ... 0xff] = V,
};

bool http_value_is_safe(str value)
{
	for (size_t i = 0; i < value.len; i++)
		if (!http_char_is(value.ptr[i], HTTP_VALUE))
			return false;
	return true;
}

static str find(const struct http_field *fields, unsigned count, str name)
{
	for (unsigned i = 0; i < count; i++)
		if (str_eq_nocase(fields[i].name, name))
			return fields[i].value;
	return STR_NONE;
}

str http_request_get(const struct http_request *r, str name)
{
	return find(r->fields, r->count, name);
}

str http_response_get(const struct http_response *r, str name)
{
	return find(r->fields, r->count, name);
}

bool http_is_hop_by_hop(str name)
{
	static const str names[] = {
		STR_INIT("connection"),        STR_INIT("keep-alive"),
		STR_INIT("transfer-encoding"), STR_INIT("te"),
		STR_INIT("trailer"),           STR_INIT("upgrade"),
		STR_INIT("proxy-connection"),  STR_INIT("proxy-authenticate"),
		STR_INIT("http2-settings"),    STR_INIT("proxy-authorization"),
	};

	for (size_t i = 0; i < countof(names); i++)
		if (str_eq_nocase(name, names[i]))
			return true;
	return false;
}

bool http_is_named_hop(const struct http_field *fields, unsigned count, str name)
{
	for (unsigned i = 0; i < count; i++) {
		str list = fields[i].value;

		if (!str_eq_nocase(fields[i].name, STR("connection")))
			continue;
		while (list.len > 0)
			if (str_eq_nocase(str_trim(str_cut(&list, ',')), name))
				return true;
	}
	return false;
}

str http_reason(int status)
{
	static const struct {
		int status;
		str reason;
	} known[] = {
		{ 200, STR_INIT("OK") },
		{ 100, STR_INIT("Continue") },
		{ 101, STR_INIT("Switching Protocols") },
		{ 201, STR_INIT("Created") },
		{ 202, STR_INIT("Accepted") },
		{ 204, STR_INIT("No Content") },
		{ 206, STR_INIT("Partial Content") },
		{ 301, STR_INIT("Moved Permanently") },
		{ 302, STR_INIT("Found") },
		{ 303, STR_INIT("See Other") },
		{ 304, STR_INIT("Not Modified") },
		{ 307, STR_INIT("Temporary Redirect") },
		{ 308, STR_INIT("Permanent Redirect") },
		{ 400, STR_INIT("Bad Request") },
		{ 401, STR_INIT("Unauthorized") },
		{ 402, STR_INIT("Payment Required") },
		{ 403, STR_INIT("Forbidden") },
		{ 404, STR_INIT("Not Found") },
		{ 405, STR_INIT("Method Not Allowed") },
		{ 406, STR_INIT("Not Acceptable") },
		{ 408, STR_INIT("Request Timeout") },
		{ 409, STR_INIT("Conflict") },
		{ 410, STR_INIT("Gone") },
		{ 411, STR_INIT("Length Required") },
		{ 412, STR_INIT("Precondition Failed") },
		{ 413, STR_INIT("Content Too Large") },
		{ 414, STR_INIT("URI Too Long") },
		{ 415, STR_INIT("Unsupported Media Type") },
		{ 417, STR_INIT("Expectation Failed") },
		{ 421, STR_INIT("Misdirected Request") },
		{ 422, STR_INIT("Unprocessable Content") },
		{ 423, STR_INIT("Locked") },
		{ 424, STR_INIT("Failed Dependency") },
		{ 425, STR_INIT("Too Early") },
		{ 426, STR_INIT("Upgrade Required") },
		{ 428, STR_INIT("Precondition Required") },
		{ 429, STR_INIT("Too Many Requests") },
		{ 431, STR_INIT("Request Header Fields Too Large") },
		{ 451, STR_INIT("Unavailable For Legal Reasons") },
		{ 499, STR_INIT("Client Closed Request") },
		{ 500, STR_INIT("Internal Server Error") },
		{ 501, STR_INIT("Not Implemented") },
		{ 502, STR_INIT("Bad Gateway") },
		{ 503, STR_INIT("Service Unavailable") },
		{ 504, STR_INIT("Gateway Timeout") },
		{ 505, STR_INIT("HTTP Version Not Supported") },
		{ 529, STR_INIT("Overloaded") },
	};

	for (size_t i = 0; i < countof(known); i++)
		if (known[i].status == status)
			return known[i].reason;
	return STR("Unknown");
}
