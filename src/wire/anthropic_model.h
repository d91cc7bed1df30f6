/* anthropic_model.h - what a Claude model takes, whoever sells it. */
#pragma once
#include "base/str.h"

enum anthropic_model_bits {
	CLAUDE_SAMPLING = 1 << 0,   /* temperature, top_p, top_k */
	CLAUDE_ONE_OF_TWO = 1 << 1, /* but not temperature and top_p together */
	CLAUDE_BUDGET = 1 << 2,     /* thinking: enabled, with budget_tokens */
	CLAUDE_ADAPTIVE = 1 << 3,   /* thinking: adaptive */
	CLAUDE_EFFORT = 1 << 4,     /* output_config.effort: low, medium, high */
	CLAUDE_XHIGH = 1 << 5,      /* and xhigh */
	CLAUDE_UTMOST = 1 << 6,     /* and max */
	CLAUDE_SCHEMA = 1 << 7,     /* output_config.format, and strict tools */
	CLAUDE_SYSTEM = 1 << 8,     /* system messages within the conversation */
	CLAUDE_OMITS = 1 << 9,      /* shows its thinking only when asked to */
	CLAUDE_UNFORCED = 1 << 10,  /* cannot be made to call a tool, and always thinks */
	CLAUDE_OFF_CAPS = 1 << 11,  /* without thinking the effort is high at most */
};

unsigned anthropic_model_bits(str model);
