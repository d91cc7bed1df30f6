/* health_usage.c - what a model's tokens have been: how many bytes each, and how many an
 * answer. */
#include "policy/health_private.h"

enum { KNOWN_ENOUGH = 20, REMEMBERED = 1024 };

void health_learn_usage(const struct health *h, uint64_t prompt_bytes,
                        uint64_t prompt_tokens, uint64_t text_bytes, uint64_t text_tokens,
                        usec now)
{
	struct health_cell *m = h->model;

	if (!m)
		return;
	ratio_learn(&m->prompts, prompt_bytes, prompt_tokens);
	ratio_learn(&m->texts, text_bytes, text_tokens);
	if (text_tokens)
		histogram_add(
		        &m->lengths,
		        (usec)(min_of(text_tokens, (uint64_t)UINT32_MAX) << LENGTH_SHIFT),
		        REMEMBERED, now);
}

uint64_t health_prompt_tokens(const struct health *h, uint64_t bytes)
{
	/* No token is less than a byte of the prompt. */
	return min_of(ratio_tokens(h->model ? &h->model->prompts : NULL, bytes), bytes);
}

uint64_t health_text_tokens(const struct health *h, uint64_t bytes)
{
	return ratio_tokens(h->model ? &h->model->texts : NULL, bytes);
}

uint64_t health_length_quantile(const struct health *h, unsigned per_mille)
{
	if (!h->model || histogram_count(&h->model->lengths) < KNOWN_ENOUGH)
		return 0;
	return ((uint64_t)histogram_quantile(&h->model->lengths, per_mille) >>
	        LENGTH_SHIFT) +
	       1;
}
