/* log.c - `log:`: what is taken out of what is kept. */
#include "config/section.h"

#include "codec/redact.h"
#include "config/value.h"

enum { PATTERNS_MOST = 64 };

/* "/.../", else it is to be a name. */
static bool is_pattern(str text)
{
	return text.len > 2 && text.ptr[0] == '/' && text.ptr[text.len - 1] == '/';
}

/* A back reference makes the time it takes exponential. */
static bool has_reference(str pattern)
{
	for (size_t i = 0; i + 1 < pattern.len; i++) {
		if (pattern.ptr[i] != '\\')
			continue;
		i++;
		if (pattern.ptr[i] >= '1' && pattern.ptr[i] <= '9')
			return true;
	}
	return false;
}

static bool check_pattern(struct reader *r, const char *pattern,
                          const struct tree_node *node)
{
	const char *const list[] = { pattern, NULL };
	struct buf why = BUF_LIMIT(KiB);
	struct redact *one = redact_new(0, list, &why);

	if (!one)
		note(r, NOTE_VALUE, node, "redact: %.*s", (int)why.len, why.ptr);
	else if (has_reference(str_from_z(pattern)))
		note(r, NOTE_VALUE, node, "redact: \"%s\" has a back reference", pattern);
	redact_free(&one);
	buf_free(&why);
	return r->notes->errors == 0;
}

static void read_redact(struct reader *r, const struct tree_node *node)
{
	struct log_settings *log = &r->config->log;
	const char **patterns;
	unsigned count = 0;
	str text;

	if (node->kind != TREE_LIST) {
		note(r, NOTE_SHAPE, node, "redact is %s, but must be a list",
		     tree_kind_name(node->kind));
		note_hint(r, "write it like this: [email, card]");
		return;
	}
	if (node->count > PATTERNS_MOST) {
		note(r, NOTE_TOO_MANY, node, "redact has more than %d entries",
		     PATTERNS_MOST);
		return;
	}
	patterns = arena_array(r->keep, const char *, node->count + 1);
	for (const struct tree_item *it = node->first; it; it = it->next) {
		unsigned bit;

		if (!scalar_text(r, "redact", it->value, &text))
			continue;
		bit = redact_class_find(text);
		log->redact |= bit;
		if (bit)
			continue;
		if (!is_pattern(text)) {
			note(r, NOTE_WORD, it->value,
			     "redact: nobody knows what \"%.*s\" is", STR_ARG(text));
			note_hint(r, "possible: email, phone, card, iban, secret, or a "
			             "pattern between slashes: /ACME-[0-9]+/");
			continue;
		}
		patterns[count] = str_z(r->keep, str_of(text.ptr + 1, text.len - 2));
		if (check_pattern(r, patterns[count], it->value))
			count++;
	}
	patterns[count] = NULL;
	log->patterns = patterns;
}

void read_log_settings(struct reader *r, const struct tree_node *node)
{
	const struct tree_node *redact =
	        node && node->kind == TREE_MAP ? tree_find(node, STR("redact")) : NULL;

	if (!redact)
		return;
	read_redact(r, redact);
	if (r->config->log.bodies == LOG_BODIES_OFF) {
		note(r, NOTE_NO_EFFECT, redact,
		     "redact changes nothing: no bodies are kept");
		note_hint(r, "bodies: errors or all keeps them");
	}
}
