/* bill.c - the mock provider's own account of what it served: a JSON line for each
 * request, in a file.
 *
 * It is there so that others can be checked against it.  So it counts what it has made
 * itself, also of answers that it broke off or nobody took, and reckons with a price list
 * and an arithmetic of its own. */
#include "mock/call.h"

#include <stdio.h>

struct list_price {
	str model;
	uint64_t input, cached, output, reasoning; /* micro-dollars per million */
	uint64_t picture, request;                 /* micro-dollars */
};

static const struct list_price list[] = {
#define MOCKPRICE(model_, input_, cached_, output_, reasoning_, picture_, request_)      \
	{ STR_INIT(model_), (input_),   (cached_), (output_),                            \
	  (reasoning_),     (picture_), (request_) },
#include "mock/prices.def"
#undef MOCKPRICE
};

static const struct list_price *find(str model)
{
	for (size_t i = 0; i < countof(list); i++)
		if (str_eq(list[i].model, model))
			return &list[i];
	return NULL;
}

/* What was made of the answer by now, in tokens of all choices. */
struct made {
	uint64_t output, reasoning;
};

/* A stream is made token by token, reasoning first.  Anything else is made in one go,
 * unless its model needs its time. */
static struct made count_made(const struct call *c)
{
	uint64_t tokens = c->length;

	if (c->is_stream && c->all)
		tokens = min_of(c->told, c->length);
	else if (!c->begun && c->model->pace_ms)
		tokens = min_of(tokens, (uint64_t)(c->mock->loop.now - c->asked_at) /
		                                (uint64_t)USEC_MS / c->model->pace_ms);
	else if (!c->begun)
		tokens = 0;
	uint64_t reasoning = min_of(tokens, c->thought);
	return (struct made){ tokens * c->choices, reasoning * c->choices };
}

/* In nano-dollars: a micro-dollar per million is a thousandth of one. */
static uint64_t charge(const struct call *c, struct made made)
{
	const struct list_price *p = find(c->base->id);
	uint64_t thousandths;

	if (!p)
		return 0;
	thousandths = p->input * (c->given - c->cached) + p->cached * c->cached +
	              p->output * (made.output - made.reasoning) +
	              p->reasoning * made.reasoning;
	return (thousandths + 500) / 1000 +
	       (p->picture * c->pictures + p->request) * 1000;
}

static str how_it_went(const struct call *c)
{
	if (!c->planned)
		return STR("refused");
	if (c->broken)
		return STR("broken");
	return c->whole ? STR("whole") : STR("left");
}

void bill_write(const struct call *c)
{
	struct buf line = BUF_LIMIT(8 * KiB);
	struct json_writer w = { .to = &line };
	struct made made = { 0, 0 };

	if (!c->mock->bill)
		return;
	if (c->planned)
		made = count_made(c);
	json_open(&w, '{');
	json_key_str(&w, STR("id"), c->client_id);
	json_key_str(&w, STR("mock"), c->mock->name);
	json_key_str(&w, STR("operation"), operations[c->op].name);
	json_key_str(&w, STR("model"), c->model ? c->model->id : STR_NONE);
	json_key_str(&w, STR("how"), how_it_went(c));
	json_key(&w, STR("input"));
	json_uint(&w, c->planned ? c->given : 0);
	json_key(&w, STR("cached"));
	json_uint(&w, c->planned ? c->cached : 0);
	json_key(&w, STR("output"));
	json_uint(&w, made.output);
	json_key(&w, STR("reasoning"));
	json_uint(&w, made.reasoning);
	json_key(&w, STR("images"));
	json_uint(&w, c->planned ? c->pictures : 0);
	json_key(&w, STR("cost_nano"));
	json_uint(&w, c->planned ? charge(c, made) : 0);
	json_close(&w, '}');
	buf_add_char(&line, '\n');
	fwrite(line.ptr, 1, line.len, c->mock->bill);
	fflush(c->mock->bill);
	buf_free(&line);
}
