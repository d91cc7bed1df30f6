/* endpoint.h - a provider's URL, taken apart once. */
#pragma once
#include "base/arena.h"

struct endpoint {
	bool tls;
	str host;      /* lower case; a literal without brackets, or "unix:..." */
	uint16_t port; /* 0 for unix */
	str authority; /* for the Host header: without a default port */
	str base_path; /* "/v1"; empty or without a slash at the end */
	bool is_private_literal; /* an address of a private network, localhost, or unix */
	bool is_literal;
};

/* "https://host[:port][/path]", "http://...", "unix:/path/x.sock[:/v1]",
 * "unix:@name[:/v1]". False: *why says what is wrong, in a few words. */
bool endpoint_parse(str url, struct arena *keep, struct endpoint *ret, const char **why);
