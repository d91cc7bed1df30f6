/* openai_effort.c - the levels of reasoning that models of OpenAI take.
 *
 * Each model takes some of the seven words and answers 400 (unsupported_value) to the
 * others, which is final.  Both of OpenAI's formats ask here.
 *
 * Facts: wire-formats 13.6; OpenAI's reference ("models before gpt-5.1 do not support
 * none", "gpt-5-pro only supports high") and the answers of its API, which name what a
 * model supports. */
#include "wire/openai_effort.h"

enum {
	NONE = 1 << EFFORT_NONE,
	MINIMAL = 1 << EFFORT_MINIMAL,
	LOW = 1 << EFFORT_LOW,
	MEDIUM = 1 << EFFORT_MEDIUM,
	HIGH = 1 << EFFORT_HIGH,
	XHIGH = 1 << EFFORT_XHIGH,
	MAX = 1 << EFFORT_MAX,
};

/* The first row that fits is right. */
static const struct {
	str begins, has;
	unsigned takes;
} models[] = {
	{ STR_INIT("gpt-5-pro"), STR_INIT(""), HIGH },
	{ STR_INIT("gpt-5-chat"), STR_INIT(""), 0 },
	{ STR_INIT("gpt-5-codex"), STR_INIT(""), LOW | MEDIUM | HIGH },
	{ STR_INIT("gpt-5."), STR_INIT("-pro"), MEDIUM | HIGH | XHIGH },
	{ STR_INIT("gpt-5."), STR_INIT("-chat"), MEDIUM },
	{ STR_INIT("gpt-5.1-codex-max"), STR_INIT(""), LOW | MEDIUM | HIGH | XHIGH },
	{ STR_INIT("gpt-5.1-codex"), STR_INIT(""), LOW | MEDIUM | HIGH },
	{ STR_INIT("gpt-5."), STR_INIT("-codex"), LOW | MEDIUM | HIGH | XHIGH },
	{ STR_INIT("gpt-5.1"), STR_INIT(""), NONE | LOW | MEDIUM | HIGH },
	{ STR_INIT("gpt-5.6"), STR_INIT(""), NONE | LOW | MEDIUM | HIGH | XHIGH | MAX },
	{ STR_INIT("gpt-5."), STR_INIT(""), NONE | LOW | MEDIUM | HIGH | XHIGH },
	{ STR_INIT("gpt-5"), STR_INIT(""), MINIMAL | LOW | MEDIUM | HIGH },
	{ STR_INIT("codex-mini"), STR_INIT(""), LOW | MEDIUM | HIGH },
	{ STR_INIT("o1-mini"), STR_INIT(""), 0 },
	{ STR_INIT("o1-preview"), STR_INIT(""), 0 },
	{ STR_INIT("o3-deep"), STR_INIT(""), MEDIUM },
	{ STR_INIT("o4-mini-deep"), STR_INIT(""), MEDIUM },
	{ STR_INIT("o1"), STR_INIT(""), LOW | MEDIUM | HIGH },
	{ STR_INIT("o3"), STR_INIT(""), LOW | MEDIUM | HIGH },
	{ STR_INIT("o4"), STR_INIT(""), LOW | MEDIUM | HIGH },
};

/* Who wants thoughts is never told that there are none. */
static enum chat_effort nearest(unsigned takes, enum chat_effort wanted)
{
	for (unsigned e = wanted; e <= EFFORT_MAX; e++) {
		if (takes >> e & 1)
			return (enum chat_effort)e;
	}
	for (unsigned e = wanted; e > EFFORT_NONE; e--) {
		if (takes >> e & 1)
			return (enum chat_effort)e;
	}
	return EFFORT_UNSET;
}

enum chat_effort openai_effort(const struct chat_request *r, const struct chat_target *t)
{
	enum chat_effort wanted = chat_wanted_effort(r);
	bool is_own = r->effort != EFFORT_UNSET &&
	              (r->from == WIRE_OPENAI_CHAT || r->from == WIRE_OPENAI_RESPONSES);
	str model = t->model;

	if (wanted == EFFORT_UNSET || is_own ||
	    !(str_eq(t->provider, STR("openai")) ||
	      str_starts(t->provider, STR("azure"))))
		return wanted;
	str_skip(&model, STR("ft:"));
	for (size_t i = 0; i < countof(models); i++) {
		if (str_starts(model, models[i].begins) && str_has(model, models[i].has))
			return nearest(models[i].takes, wanted);
	}
	return wanted;
}
