/* emit_form.c - events of a stream are alike but for their text (emit.h): the last one is
 * kept as a form for the next. */
#include "wire/emit.h"

enum { FORM_MOST = 2 * KiB };

void emit_remember(struct emitter *e, const struct emit_block *b,
                   const struct emit_form *form)
{
	str event = str_from(buf_str(e->to), form->from);
	size_t head = form->text_at - form->from, text = form->text_end - form->text_at;

	e->form_of = NULL;
	if (e->to->over || event.len - text > FORM_MOST)
		return;
	/* The text itself is left out. */
	e->form_text.limit = FORM_MOST;
	buf_set(&e->form_text, str_first(event, head));
	buf_add(&e->form_text, str_from(event, head + text));
	e->form = (struct emit_form){ .text_at = head, .text_end = head };
	if (form->number_end) {
		e->form.number_at = form->number_at - form->from;
		e->form.number_end = form->number_end - form->from;
	}
	e->form_of = b;
}

bool emit_again(struct emitter *e, const struct emit_block *b, jstr text)
{
	str form = buf_str(&e->form_text);

	if (e->form_of != b ||
	    !buf_reserve(e->to, form.len + text.len + sizeof("18446744073709551615")))
		return false;
	if (e->form.number_end) {
		buf_add(e->to, str_first(form, e->form.number_at));
		buf_add_u64(e->to, e->sequence++);
	}
	buf_add(e->to, str_of(form.ptr + e->form.number_end,
	                      e->form.text_at - e->form.number_end));
	buf_add(e->to, text);
	buf_add(e->to, str_from(form, e->form.text_at));
	return true;
}

void emit_data_begin(struct emitter *e, str name, struct json_writer *w)
{
	if (name.len) {
		buf_add(e->to, STR("event: "));
		buf_add(e->to, name);
		buf_add_char(e->to, '\n');
	}
	buf_add(e->to, STR("data: "));
	e->data_at = e->to->len;
	*w = (struct json_writer){ .to = e->to };
}

/* Within JSON line ends stand only between values: blanks say the same. */
static void put_on_one_line(char *text, size_t len, char line_end)
{
	char *at = text, *end = text + len;

	while ((at = memchr(at, line_end, (size_t)(end - at))))
		*at++ = ' ';
}

void emit_data_end(struct emitter *e)
{
	size_t len = e->to->len - e->data_at;

	if (len) {
		put_on_one_line(e->to->ptr + e->data_at, len, '\n');
		put_on_one_line(e->to->ptr + e->data_at, len, '\r');
	}
	buf_add(e->to, STR("\n\n"));
}
