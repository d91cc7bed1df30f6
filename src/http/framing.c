/* framing.c - what the fields of a head say about the message itself.
 *
 * Where a message ends must be read in one way only, by everybody who sees it: here, and
 * by whatever stands before or behind us.  So the first doubt is a refusal (R01-R29), and
 * nobody else looks at these fields again. */
#include "http/framing.h"

#include "http/chars.h"

static bool is(str name, str lower)
{
	return str_eq_nocase(name, lower);
}

static void note_connection(struct notes *n, str list)
{
	while (list.len > 0) {
		str item = str_trim(str_cut(&list, ','));

		if (is(item, STR("close")))
			n->says_close = true;
		else if (is(item, STR("keep-alive")))
			n->says_keep_alive = true;
		else if (is(item, STR("upgrade")))
			n->says_upgrade = true;
		else if (is(item, STR("content-length")) ||
		         is(item, STR("transfer-encoding")))
			n->names_framing = true;
		else if (item.len > 0)
			n->names_hops = true;
	}
}

/* R29: "Content_Length" is not Content-Length, but what comes behind us may think so. */
static bool is_framing_misspelt(str name)
{
	char fixed[17];

	if (name.len != 14 && name.len != 17)
		return false;
	memcpy(fixed, name.ptr, name.len);
	for (size_t i = 0; i < name.len; i++)
		if (fixed[i] == '_')
			fixed[i] = '-';
	return is(str_of(fixed, name.len),
	          name.len == 14 ? STR("content-length") : STR("transfer-encoding"));
}

bool notes_take(struct notes *n, const struct http_field *f)
{
	switch ((unsigned)f->known) {
	case HTTP_NAME_HOST:
		n->hosts++;
		n->host = f->value;
		break;
	case HTTP_NAME_EXPECT:
		n->expects++;
		n->expect = f->value;
		break;
	case HTTP_NAME_UPGRADE:
		n->websocket |= is(f->value, STR("websocket"));
		break;
	case HTTP_NAME_CONNECTION:
		note_connection(n, f->value);
		break;
	case HTTP_NAME_CONTENT_LENGTH:
		n->lengths++;
		n->length = f->value;
		break;
	case HTTP_NAME_CONTENT_ENCODING:
		n->content_coded |= !is(f->value, STR("identity"));
		break;
	case HTTP_NAME_TRANSFER_ENCODING:
		n->codings++;
		n->coding = f->value;
		break;
	case HTTP_NAME_UNDERSCORED:
		return !is_framing_misspelt(f->name);
	}
	return true;
}

/* Plain decimal, as everybody else would read it: no sign, no blank, no leading zero. */
static bool read_length(str text, uint64_t *ret)
{
	if (text.len > 1 && text.ptr[0] == '0')
		return false;
	return str_to_u64(text, ret) && *ret <= INT64_MAX;
}

/* "chunked" and nothing else.  A list that says it is something we could not take off is
 * HTTP_CODING; one that different readers may read differently is HTTP_FRAMING. */
static fault_t check_coding(str list)
{
	fault_t why = NULL;
	bool last = list.len == 0;

	if (last)
		return FAULT_HTTP_FRAMING;
	while (!last) {
		size_t comma = str_find(list, ',');
		str coding = str_trim(str_first(list, comma));

		last = comma == list.len;
		list = str_from(list, comma + 1);
		for (size_t i = 0; i < coding.len; i++)
			if ((uint8_t)coding.ptr[i] >= 0x80)
				return FAULT_HTTP_FRAMING;
		str parameters = coding, name = str_trim(str_cut(&parameters, ';'));
		if (coding.len == 0)
			return FAULT_HTTP_FRAMING;
		if (!is(name, STR("chunked")))
			why = FAULT_HTTP_CODING;
		else if (!last || name.len < coding.len)
			return FAULT_HTTP_FRAMING;
	}
	return why;
}

fault_t notes_body(const struct notes *n, unsigned minor, enum http_body_kind *ret_kind,
                   uint64_t *ret_length)
{
	fault_t why;

	*ret_kind = HTTP_BODY_NONE;
	*ret_length = 0;
	if (n->lengths + n->codings > 1 || (n->codings && minor == 0))
		return FAULT_HTTP_FRAMING;
	if (n->codings) {
		if ((why = check_coding(n->coding)))
			return why;
		*ret_kind = HTTP_BODY_CHUNKED;
	} else if (n->lengths) {
		if (!read_length(n->length, ret_length))
			return FAULT_HTTP_FRAMING;
		*ret_kind = HTTP_BODY_LENGTH;
	}
	return NULL;
}

bool notes_is_host(str host)
{
	str port = host;
	uint64_t number;
	size_t n = 0;

	if (str_skip(&port, STR("["))) {
		str inside = str_first(port, str_find(port, ']'));

		for (; n < inside.len; n++)
			if (!http_char_is(inside.ptr[n], HTTP_HEX) &&
			    inside.ptr[n] != ':' && inside.ptr[n] != '.')
				return false;
		if (n < 2 || n == port.len)
			return false;
		port = str_from(port, n + 1);
	} else {
		while (n < port.len && http_char_is(port.ptr[n], HTTP_NAME))
			n++;
		if (n == 0)
			return false;
		port = str_from(port, n);
	}
	if (port.len == 0)
		return true;
	return str_skip(&port, STR(":")) && port.len <= 5 && str_to_u64(port, &number) &&
	       number > 0 && number <= 65535;
}
