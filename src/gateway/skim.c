/* skim.c - what every route needs to know of a request's body: the model, and whether it
 * is a stream.  A JSON body is looked at when it is whole; of a multipart one the
 * beginning is enough, so that a large upload can go through while it comes in. */
#include "gateway/exchange.h"

#include "codec/multipart.h"
#include "codec/text.h"
#include "gateway/prompt_size.h"

/* The model's field was found. */
static fault_t take_model(struct exchange *x, str body, bool *ret_enough, str *ret_detail)
{
	str model = str_of(body.ptr + x->form->value_at, x->form->value_len);

	/* Of unknown length it is held whole, because it could not be announced. */
	if (!x->body_whole && x->body_length == 0) {
		if (body.len < x->plan->config->limits.body)
			return NULL;
		*ret_detail = STR("an upload this large must announce its length");
		return FAULT_HTTP_BODY_LARGE;
	}
	x->skim.model = arena_copy(&x->arena, str_first(model, 512));
	x->skim.model_at = x->form->value_at;
	x->skim.model_len = model.len;
	if (model.len == 0 || model.len > 512 || !http_value_is_safe(model)) {
		*ret_detail = STR("\"model\" is not usable");
		return FAULT_BAD_REQUEST;
	}
	*ret_enough = true;
	return NULL;
}

static fault_t begin_form(struct exchange *x, str *ret_detail)
{
	str boundary;

	if (!multipart_boundary(x->content_type, &boundary)) {
		*ret_detail = STR("no boundary in the content type, or an unclear one");
		return FAULT_BAD_MULTIPART;
	}
	x->form = arena_new(&x->arena, struct multipart_scan);
	multipart_begin(x->form, boundary, STR("model"));
	x->form->beside = STR("n");
	return NULL;
}

/* What is wrong with the form, as far as it has come; NULL: nothing. */
static fault_t refuse_form(const struct exchange *x, enum multipart_result found,
                           str *ret_detail)
{
	if (found == MULTIPART_TWICE)
		*ret_detail = STR("\"model\" or \"n\" stands there twice");
	if (found == MULTIPART_TWICE || found == MULTIPART_BAD)
		return FAULT_BAD_MULTIPART;
	if (found == MULTIPART_NONE)
		return FAULT_NO_MODEL;
	/* A part that is not whole to us may be whole to another reader. */
	if (!x->body_whole || x->form->is_over)
		return NULL;
	*ret_detail = STR("the form has no end");
	return FAULT_BAD_MULTIPART;
}

/* How many pictures are wanted, once that has come. */
static void take_number(struct exchange *x)
{
	const struct multipart_scan *f = x->form;
	uint64_t n;

	if (likely(!f->has_beside))
		return;
	if (!str_to_u64(str_trim(str_of(f->beside_value, f->beside_len)), &n))
		n = FORM_PICTURES_MOST; /* whatever a provider takes it for */
	x->skim.choices = (uint32_t)min_of(n ? n : 1, (uint64_t)UINT32_MAX);
}

static fault_t skim_multipart(struct exchange *x, bool *ret_enough, str *ret_detail)
{
	str body = retained_str(&x->body);
	enum multipart_result found;
	fault_t why = x->form ? NULL : begin_form(x, ret_detail);

	x->prompt_size = x->body_bytes;
	if (why)
		return why;
	found = multipart_next(x->form, str_from(body, x->form->taken));
	take_number(x);
	why = refuse_form(x, found, ret_detail);
	if (why)
		return why;
	if (found == MULTIPART_FOUND)
		return take_model(x, body, ret_enough, ret_detail);
	return body.len < x->plan->config->limits.body ? NULL : FAULT_HTTP_BODY_LARGE;
}

/* A second model behind the first would be the provider's to choose from: the request
 * ends before it has the bytes. */
fault_t exchange_skim_rest(struct exchange *x, str bytes, str *ret_detail)
{
	enum multipart_result found;

	x->prompt_size = x->body_bytes;
	if (!x->form)
		return NULL;
	found = multipart_next(x->form, bytes);
	take_number(x);
	return refuse_form(x, found, ret_detail);
}

/* What it is instead, where that can be seen; else it is broken somewhere. */
static cold str not_an_object(str body)
{
	body = str_trim(body);
	if (body.len == 0)
		return STR("it is empty");
	return body.ptr[0] == '{' ? STR_NONE : STR("it does not begin with {");
}

static fault_t skim_json(struct exchange *x, bool *ret_enough, str *ret_detail)
{
	fault_t why;
	str wanted;

	if (!x->body_whole)
		return NULL;
	x->prompt_size = prompt_size(retained_str(&x->body));
	if (x->endpoint->operation == OP_STORED) {
		x->skim.stream = url_query_get(x->query, STR("stream"), &wanted, NULL) &&
		                 str_eq(wanted, STR("true"));
		*ret_enough = true;
		return NULL;
	}
	why = x->endpoint->wire->skim(retained_str(&x->body), x->endpoint->operation,
	                              &x->arena, &x->skim, ret_detail);
	if (why == FAULT_BAD_JSON && ret_detail->len == 0)
		*ret_detail = not_an_object(retained_str(&x->body));
	if (x->endpoint->suffix.len) {
		x->skim.model = x->path_model;
		x->skim.stream = x->endpoint->stream;
	}
	*ret_enough = !why;
	return why;
}

fault_t exchange_skim(struct exchange *x, bool *ret_enough, str *ret_detail)
{
	return operations[x->endpoint->operation].multipart
	               ? skim_multipart(x, ret_enough, ret_detail)
	               : skim_json(x, ret_enough, ret_detail);
}
