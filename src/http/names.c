/* names.c - the names of HTTP: which bytes make one, the fields that mean something, the
 * reason phrases.  Tables, and the questions asked of them. */
#include "base/assert.h"
#include "http/chars.h"
#include "http/framing.h"
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

/* ---- field names ---- */

enum {
	ALIASES_FROM = HTTP_NAMES_COUNT - 1,
#define ALSO(tag, id, text) ALIAS_##tag,
	HTTP_ALIASES(ALSO)
#undef ALSO
	        NAMES_COUNT,
};

static const str names[NAMES_COUNT] = {
#define NAME(id, text) [HTTP_NAME_##id] = STR_INIT(text),
#define ALSO(tag, id, text) [ALIAS_##tag] = STR_INIT(text),
	HTTP_NAMES(NAME) HTTP_ALIASES(ALSO)
#undef NAME
#undef ALSO
};

/* Which name each of all is. */
static const uint8_t meanings[NAMES_COUNT] = {
#define NAME(id, text) [HTTP_NAME_##id] = HTTP_NAME_##id,
#define ALSO(tag, id, text) [ALIAS_##tag] = HTTP_NAME_##id,
	HTTP_NAMES(NAME) HTTP_ALIASES(ALSO)
#undef NAME
#undef ALSO
};

/* Whole names in a small hash table with open addressing, beginnings in another by their
 * first four letters: most fields have no row, and this tells so without comparing. */
enum { SLOTS = 512, FAMILY = 4, FAMILY_SLOTS = 128 };
_Static_assert(NAMES_COUNT < 256, "a name is a byte in the tables");

static struct {
	uint8_t slots[SLOTS]; /* of names, 0: free */
	uint8_t families[FAMILY_SLOTS];
	uint32_t letters[FAMILY_SLOTS];
} table;

/* A letter in lower case; '-' and digits stay what they are, and of what else may stand
 * in a name nothing becomes a byte that stands in ours. */
static uint64_t small(uint64_t bytes)
{
	return bytes | 0x2020202020202020;
}

static unsigned hash_of(str name)
{
	unsigned first = (uint8_t)name.ptr[0] | 0x20,
	         last = name.ptr[name.len - 1] | 0x20;

	return (first * 7 + last * 37 + (unsigned)name.len * 61) % SLOTS;
}

static uint32_t letters_of(str name)
{
	uint32_t letters;

	memcpy(&letters, name.ptr, FAMILY);
	return (uint32_t)small(letters);
}

static unsigned family_hash(uint32_t letters)
{
	return letters * 0x9e3779b1u >> 25;
}

static uint64_t bytes_at(const char *at, size_t count)
{
	uint64_t bytes = 0;

	memcpy(&bytes, at, count);
	return small(bytes);
}

/* Of len bytes; lower is one of ours. */
static bool is_same(const char *name, const char *lower, size_t len)
{
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		if (bytes_at(name + i, 8) != bytes_at(lower + i, 8))
			return false;
	}
	if (i == len)
		return true;
	if (i > 0) /* the last eight once more: they overlap */
		return bytes_at(name + len - 8, 8) == bytes_at(lower + len - 8, 8);
	if (len >= 4)
		return bytes_at(name, 4) == bytes_at(lower, 4) &&
		       bytes_at(name + len - 4, 4) == bytes_at(lower + len - 4, 4);
	for (; i < len; i++) {
		if (char_lower(name[i]) != lower[i])
			return false;
	}
	return true;
}

static void add_whole(unsigned i)
{
	unsigned at = hash_of(names[i]);

	while (table.slots[at])
		at = (at + 1) % SLOTS;
	table.slots[at] = (uint8_t)i;
}

/* What is added first is found first. */
static void add_family(unsigned i)
{
	uint32_t letters = letters_of(names[i]);
	unsigned at = family_hash(letters);

	while (table.families[at])
		at = (at + 1) % FAMILY_SLOTS;
	table.letters[at] = letters;
	table.families[at] = (uint8_t)i;
}

static bool is_family(str name)
{
	return name.ptr[name.len - 1] == '-';
}

__attribute__((constructor)) static void make_table(void)
{
	for (unsigned i = HTTP_NAME_UNDERSCORED + 1; i < HTTP_FAMILIES_FROM; i++)
		add_whole(i);
	for (unsigned i = ALIASES_FROM + 1; i < NAMES_COUNT; i++) {
		if (is_family(names[i]))
			add_family(i);
		else
			add_whole(i);
	}
	for (unsigned i = HTTP_FAMILIES_FROM; i < HTTP_NAMES_COUNT; i++) {
		assert(is_family(names[i]));
		add_family(i);
	}
}

static enum http_name family_of(str name)
{
	uint32_t letters = letters_of(name);
	unsigned at = family_hash(letters);

	for (; table.families[at]; at = (at + 1) % FAMILY_SLOTS) {
		str family = names[table.families[at]];

		if (letters == table.letters[at] && name.len > family.len &&
		    is_same(name.ptr, family.ptr, family.len))
			return (enum http_name)meanings[table.families[at]];
	}
	return HTTP_NAME_UNREAD;
}

enum http_name http_simple_name(str name)
{
	enum http_name family = HTTP_NAME_UNREAD;

	for (unsigned at = hash_of(name); table.slots[at]; at = (at + 1) % SLOTS) {
		str known = names[table.slots[at]];

		if (name.len == known.len && is_same(name.ptr, known.ptr, name.len))
			return (enum http_name)meanings[table.slots[at]];
	}
	if (name.len > FAMILY)
		family = family_of(name);
	return family ? family : HTTP_NAME_OTHER;
}

enum http_name http_name_of(str name)
{
	enum http_name known = name.len ? http_simple_name(name) : HTTP_NAME_OTHER;

	if (known == HTTP_NAME_OTHER && str_find(name, '_') < name.len)
		return HTTP_NAME_UNDERSCORED;
	return known;
}

static str find_known(const struct http_field *fields, unsigned count, uint64_t there,
                      enum http_name name)
{
	if (!http_may_have(there, http_name_bit(name)))
		return STR_NONE;
	for (unsigned i = 0; i < count; i++)
		if (http_field_name(&fields[i]) == name)
			return fields[i].value;
	return STR_NONE;
}

str http_request_find(const struct http_request *r, enum http_name name)
{
	return find_known(r->fields, r->count, r->names, name);
}

str http_response_find(const struct http_response *r, enum http_name name)
{
	return find_known(r->fields, r->count, r->names, name);
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
	static const bool is[HTTP_NAMES_COUNT] = {
		[HTTP_NAME_CONNECTION] = true,
		[HTTP_NAME_HTTP2_SETTINGS] = true,
		[HTTP_NAME_KEEP_ALIVE] = true,
		[HTTP_NAME_PROXY_AUTHENTICATE] = true,
		[HTTP_NAME_PROXY_AUTHORIZATION] = true,
		[HTTP_NAME_PROXY_CONNECTION] = true,
		[HTTP_NAME_TE] = true,
		[HTTP_NAME_TRAILER] = true,
		[HTTP_NAME_TRANSFER_ENCODING] = true,
		[HTTP_NAME_UPGRADE] = true,
	};

	return is[http_name_of(name)];
}

bool http_is_named_hop(const struct http_field *fields, unsigned count, str name)
{
	for (unsigned i = 0; i < count; i++) {
		str list = fields[i].value;

		if (http_field_name(&fields[i]) != HTTP_NAME_CONNECTION)
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
