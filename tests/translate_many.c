/* translate_many.c - translations asked for on a pipe, one after the other: thousands of
 * them in the time that starting `sluice translate` so often would take.  For
 * tests/recordings and tests/golden, by tests/translator.py.
 *
 * A job is a line and as many bytes as it says; the answer is one too:
 *
 *	WHAT FROM TO PROVIDER MODEL STEP LENGTH \n body
 *	FAULT BYTES DROPPED DETAIL \n output, names of what is lost, what is wrong
 *
 * WHAT is request, stream-request (for formats that say it in the URL), reply, stream,
 * array (a stream as one JSON array) or error (the body of a provider's 400 as a client
 *of the other format gets it).  With "cut-" in front of it the body is cut behind every
 * STEPth byte, and the output is the lengths at which what came was taken for all of it.
 * PROVIDER may be "-".  FAULT is a name of fault.def, or "ok". */
#include "base/mem.h"
#include "wire/complaint.h"
#include "wire/translate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MOST = 256 * MiB };

struct job {
	char what[32], from[32], to[32], provider[64], model[128];
	size_t step, length;
};

static fault_t say_error(const struct translation *t, str body)
{
	fault_t why = complaint_fault(&(struct complaint){
	        .format = t->from->format, .status = 400, .text = body });

	t->to->write_fault(t->out, why, t->from->error_message(body), STR_NONE);
	return NULL;
}

static fault_t translate(const char *what, struct translation *t, str body)
{
	t->array = strcmp(what, "array") == 0;
	t->stream = strcmp(what, "stream-request") == 0;
	if (t->array || strcmp(what, "stream") == 0)
		return translate_stream(t, body);
	if (strcmp(what, "reply") == 0)
		return translate_reply(t, body);
	return strcmp(what, "error") == 0 ? say_error(t, body)
	                                  : translate_request(t, body);
}

/* The lengths of those beginnings of a body that pass for all of it. */
static void cut(const char *what, struct translation *t, size_t step, str body)
{
	struct buf lengths = BUF_LIMIT(BODY_MOST);

	for (size_t n = 0; n < body.len; n += step) {
		/* A copy of its own, so that sanitizers see a look past its end. */
		char *part = mem_new(max_of(n, (size_t)1));

		memcpy(part, body.ptr, n);
		buf_clear(t->out);
		if (!translate(what, t, str_of(part, n)))
			buf_addf(&lengths, "%zu ", n);
		free(part);
	}
	buf_set(t->out, buf_str(&lengths));
	buf_free(&lengths);
}

static void put(const struct buf *b)
{
	if (b->len)
		fwrite(b->ptr, 1, b->len, stdout);
}

/* True: there was one. */
static bool serve(void)
{
	struct buf out = BUF_LIMIT(BODY_MOST), dropped = BUF_LIMIT(MiB),
	           detail = BUF_LIMIT(MiB);
	struct job j;
	struct catalog_model facts;
	struct translation t = { .out = &out, .dropped = &dropped, .detail = &detail };
	fault_t why = NULL;
	char *body;

	if (scanf("%31s %31s %31s %63s %127s %zu %zu", j.what, j.from, j.to, j.provider,
	          j.model, &j.step, &j.length) != 7 ||
	    getchar() != '\n' || j.length > BODY_MOST)
		return false;
	/* Of just that size, so that a look past the end is seen by the sanitizers. */
	body = mem_new(max_of(j.length, (size_t)1));
	if (fread(body, 1, j.length, stdin) != j.length)
		return false;
	t.from = wire_of(wire_format_find(str_from_z(j.from)));
	t.to = wire_of(wire_format_find(str_from_z(j.to)));
	if (!t.from || !t.to)
		return false;
	t.model = str_from_z(j.model);
	if (strcmp(j.provider, "-") != 0)
		t.provider = str_from_z(j.provider);
	if (catalog_find_model(NULL, t.provider, t.model, &facts))
		t.facts = &facts;
	if (strncmp(j.what, "cut-", 4) == 0) {
		cut(j.what + 4, &t, max_of(j.step, (size_t)1), str_of(body, j.length));
	} else {
		t.step = j.step;
		why = translate(j.what, &t, str_of(body, j.length));
	}
	printf("%s %zu %zu %zu\n", why ? why->name.ptr : "ok", out.len, dropped.len,
	       detail.len);
	put(&out);
	put(&dropped);
	put(&detail);
	fflush(stdout);
	free(body);
	buf_free(&out);
	buf_free(&dropped);
	buf_free(&detail);
	return true;
}

int main(void)
{
	while (serve())
		;
	return feof(stdin) ? 0 : 1;
}
