/* skim.c - what every route needs to know of a request's body: the model, and whether it
 * is a stream.  A JSON body is looked at when it is whole; of a multipart one the
 * beginning is enough, so that a large upload can go through while it comes in. */
#include "gateway/exchange.h"

#include "codec/multipart.h"
#include "codec/text.h"

/* The model's field was found. */
static fault_t take_model(struct exchange *x, str body, str model, bool *ret_enough,
                          str *ret_detail)
{
	/* Of unknown length it is held whole, because it could not be announced. */
	if (!x->body_whole && x->body_length == 0) {
		if (body.len < x->plan->config->limits.body)
			return NULL;
		*ret_detail = STR("an upload this large must announce its length");
		return FAULT_HTTP_BODY_LARGE;
	}
	x->skim.model = arena_copy(&x->arena, str_first(model, 512));
	x->skim.model_at = (size_t)(model.ptr - body.ptr);
	x->skim.model_len = model.len;
	if (model.len == 0 || model.len > 512 || !http_value_is_safe(model)) {
		*ret_detail = STR("\"model\" is not usable");
		return FAULT_BAD_REQUEST;
	}
	*ret_enough = true;
	return NULL;
}

/* Searching again only after the body has doubled keeps a slow upload linear. */
static fault_t skim_multipart(struct exchange *x, bool *ret_enough, str *ret_detail)
{
	str body = retained_str(&x->body), boundary, model;
	uint64_t most = x->plan->config->limits.body;

	if (!x->body_whole && body.len < x->look_at && body.len < most)
		return NULL;
	x->look_at = body.len * 2;
	if (!multipart_boundary(x->content_type, &boundary)) {
		*ret_detail = STR("no boundary in the content type");
		return FAULT_BAD_MULTIPART;
	}
	switch (multipart_find(body, boundary, STR("model"), &model)) {
	case MULTIPART_FOUND:
		return take_model(x, body, model, ret_enough, ret_detail);
	case MULTIPART_MORE:
		if (!x->body_whole && body.len < most)
			return NULL;
		return x->body_whole ? FAULT_BAD_MULTIPART : FAULT_HTTP_BODY_LARGE;
	case MULTIPART_NONE:
		return FAULT_NO_MODEL;
	case MULTIPART_TWICE:
		*ret_detail = STR("\"model\" stands there twice");
		return FAULT_BAD_MULTIPART;
	case MULTIPART_BAD:
		break;
	}
	return FAULT_BAD_MULTIPART;
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
