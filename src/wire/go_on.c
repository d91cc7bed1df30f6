#include "wire/go_on.h"

/* ---- who goes on from a prefix ---- */

static const struct prefix {
	str provider;
	str model;  /* how its id begins */
	str member; /* says so in the message, where the dialect wants that */
} prefixes[] = {
	{ STR_INIT("alibaba"), STR_INIT("qwen-flash"), STR_INIT("partial") },
	{ STR_INIT("alibaba"), STR_INIT("qwen-max"), STR_INIT("partial") },
	{ STR_INIT("alibaba"), STR_INIT("qwen-plus"), STR_INIT("partial") },
	{ STR_INIT("alibaba"), STR_INIT("qwen-turbo"), STR_INIT("partial") },
	{ STR_INIT("alibaba"), STR_INIT("qwen3-coder"), STR_INIT("partial") },
	{ STR_INIT("anthropic"), STR_INIT("claude-3"), STR_INIT("") },
	{ STR_INIT("anthropic"), STR_INIT("claude-haiku-4-5"), STR_INIT("") },
	{ STR_INIT("anthropic"), STR_INIT("claude-opus-4-0"), STR_INIT("") },
	{ STR_INIT("anthropic"), STR_INIT("claude-opus-4-1"), STR_INIT("") },
	{ STR_INIT("anthropic"), STR_INIT("claude-opus-4-2025"), STR_INIT("") },
	{ STR_INIT("anthropic"), STR_INIT("claude-opus-4-5"), STR_INIT("") },
	{ STR_INIT("anthropic"), STR_INIT("claude-sonnet-4-0"), STR_INIT("") },
	{ STR_INIT("anthropic"), STR_INIT("claude-sonnet-4-2025"), STR_INIT("") },
	{ STR_INIT("anthropic"), STR_INIT("claude-sonnet-4-5"), STR_INIT("") },
	{ STR_INIT("google"), STR_INIT("gemini-2."), STR_INIT("") },
	{ STR_INIT("google"), STR_INIT("gemini-3-"), STR_INIT("") },
	{ STR_INIT("google"), STR_INIT("gemini-3.1-"), STR_INIT("") },
	{ STR_INIT("mistral"), STR_INIT("codestral"), STR_INIT("prefix") },
	{ STR_INIT("mistral"), STR_INIT("mistral-"), STR_INIT("prefix") },
	{ STR_INIT("moonshotai"), STR_INIT("kimi-k2-0"), STR_INIT("partial") },
	{ STR_INIT("moonshotai"), STR_INIT("moonshot-v1"), STR_INIT("partial") },
};

static const struct prefix *find_prefix(str provider, str model)
{
	for (size_t i = 0; i < countof(prefixes); i++) {
		if (str_eq(provider, prefixes[i].provider) &&
		    str_starts(model, prefixes[i].model))
			return &prefixes[i];
	}
	return NULL;
}

/* Thinking and a prefix exclude each other. */
bool go_on_has_prefix(str provider, str model, const struct chat_request *r)
{
	return chat_wanted_effort(r) <= EFFORT_NONE && r->budget == 0 &&
	       find_prefix(provider, model);
}

/* ---- the request ---- */

/* What hosts call a form that is no response_format: members that no other format knows,
 * so they were dropped when the request was read.  Beside them all of "guided_...". */
static const str host_forms[] = { STR_INIT("structured_outputs"),
	                          STR_INIT("grammar"),
	                          STR_INIT("json_schema"),
	                          STR_INIT("regex"),
	                          STR_INIT("ebnf"),
	                          STR_INIT("structural_tag") };

static bool has_host_form(const struct chat_request *r)
{
	for (unsigned i = 0; i < r->dropped_count; i++) {
		if (str_starts(r->dropped[i], STR("guided_")))
			return true;
		for (size_t k = 0; k < countof(host_forms); k++) {
			if (str_eq(r->dropped[i], host_forms[k]))
				return true;
		}
	}
	return false;
}

bool go_on_may(const struct chat_request *r, bool is_strict)
{
	static const enum concept forms[] = { CONCEPT_LOGPROBS, CONCEPT_TOP_LOGPROBS,
		                              CONCEPT_TEXT_LOGPROBS, CONCEPT_AUDIO_OUT };

	for (size_t i = 0; i < countof(forms); i++) {
		if (chat_is_marked(r, forms[i]) || r->options[forms[i]].type != JSON_NONE)
			return false;
	}
	if (is_strict && r->options[CONCEPT_SEED].type != JSON_NONE)
		return false;
	return r->form == FORM_TEXT && r->messages && !has_host_form(r);
}

static const char ask[] =
        "Your reply above was cut off by a technical fault. Go on with it exactly where "
        "it stopped, as if nothing had happened. Begin by repeating, verbatim, its last "
        "characters, which stand between <<< and >>>, without these marks; then go on "
        "in the same line. Write nothing before them, and nothing about this.\n<<<";

static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* About four bytes are a token; what is repeated is not for the client. */
static uint64_t tokens_of(str text)
{
	return (text.len + 3) / 4;
}

enum { LEAST_LEFT = 16 };

static void shrink(struct chat_request *r, const struct go_on *how)
{
	if (r->max_tokens == 0 || how->method == SEAM_WHOLE)
		return;
	/* What was said is an estimate: a little is left wherever something is wanted. */
	if (r->max_tokens > how->said_tokens)
		r->max_tokens -= how->said_tokens;
	else
		r->max_tokens = min_of(r->max_tokens, (uint64_t)LEAST_LEFT);
	if (how->method == SEAM_ANCHOR)
		r->max_tokens += tokens_of(how->anchor);
}

static void add_turns(struct chat_request *r, const struct go_on *how)
{
	struct chat_message *m;
	struct buf text = BUF_LIMIT(8 * KiB);
	str said = how->said;

	if (how->method == SEAM_PREFIX) {
		const struct prefix *p = find_prefix(how->provider, how->model);

		r->prefix = p ? p->member : STR_NONE;
		/* Some refuse a prefix with white space at its end. */
		while (said.len && is_blank(said.ptr[said.len - 1]))
			said.len--;
	}
	m = chat_add_message(r, CHAT_ASSISTANT);
	chat_add_text(r, m, chat_escape(r->keep, said));
	if (how->method == SEAM_ANCHOR) {
		buf_add(&text, str_from_z(ask));
		buf_add(&text, how->anchor);
		buf_add(&text, STR(">>>"));
		m = chat_add_message(r, CHAT_USER);
		chat_add_text(r, m,
		              chat_escape(r->keep, arena_copy(r->keep, buf_str(&text))));
	}
	buf_free(&text);
}

void go_on_begin(struct chat_request *r, const struct go_on *how,
                 struct chat_request *ret_before)
{
	*ret_before = *r;
	shrink(r, how);
	r->options[CONCEPT_SEED] = (struct json_value){ 0 };
	if (how->method != SEAM_WHOLE)
		add_turns(r, how);
}

/* What else was changed since (names of tools, what is named as lost) stays. */
void go_on_end(struct chat_request *r, const struct chat_request *before)
{
	r->options[CONCEPT_SEED] = before->options[CONCEPT_SEED];
	r->max_tokens = before->max_tokens;
	r->prefix = before->prefix;
	r->last_message = before->last_message;
	r->last_message->next = NULL;
}
