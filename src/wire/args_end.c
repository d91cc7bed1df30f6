#include "wire/args_end.h"

#include "codec/text.h"

static void look_at_char(struct args_end *s, char c)
{
	if (s->after_backslash) {
		s->after_backslash = false;
	} else if (s->in_string) {
		s->after_backslash = c == '\\';
		s->in_string = c != '"';
	} else if (c == '"') {
		s->in_string = true;
	} else if (c == '{' || c == '[') {
		s->depth++;
	} else if ((c == '}' || c == ']') && s->depth && --s->depth == 0) {
		s->is_whole = true;
	}
}

/* What an escape inside a JSON string stands for, as far as it matters here. */
static char unescape(str text, size_t *at)
{
	char c = *at + 1 < text.len ? text.ptr[*at + 1] : '\\';
	uint64_t code;

	*at += 2;
	if (c == '"' || c == '\\' || c == '/')
		return c;
	if (c != 'u')
		return ' ';
	*at += 4;
	if (*at <= text.len && hex_to_u64(str_of(text.ptr + *at - 4, 4), &code) &&
	    code < 128)
		return (char)code;
	return '?';
}

void args_end_follow(struct args_end *s, jstr text)
{
	for (size_t at = 0; at < text.len;) {
		char c = text.ptr[at];

		if (c == '\\')
			c = unescape(text, &at);
		else
			at++;
		look_at_char(s, c);
	}
}
