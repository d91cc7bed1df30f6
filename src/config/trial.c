/* trial.c - `trials:` becomes config->trials, sorted by the names of their routes. */
#include "config/section.h"

#include "codec/text.h"

#include <stdlib.h>

enum { TRIALS_MOST = 64, TRIAL_NAME_MOST = 64, MILLION = 1000 * 1000 };
#define DAY (24 * USEC_HOUR)

static bool is_trial_name(str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!(c >= 'a' && c <= 'z') && !char_is_digit(c) && c != '-' &&
		    c != '_' && c != '.')
			return false;
	}
	return name.len > 0 && name.len <= TRIAL_NAME_MOST;
}

/* A decimal number as a count of 10^-places; false: it is none, has more places, or more
 * than `most`. */
static bool parse_decimal(str text, unsigned places, uint64_t most, uint64_t *ret)
{
	str part = text, whole = str_cut(&part, '.');
	uint64_t n = 0, rest = 0, scale = 1;

	if (!str_to_u64(whole, &n) || part.len > places ||
	    (part.len ? !str_to_u64(part, &rest) : text.len != whole.len))
		return false;
	for (unsigned i = 0; i < places; i++) {
		scale *= 10;
		if (i >= part.len)
			rest *= 10;
	}
	if (n > most / scale)
		return false;
	*ret = n * scale + rest;
	return *ret <= most;
}

static void read_share(struct reader *r, struct trial *t, const struct tree_node *node)
{
	str text = t->share_text;
	uint64_t share = MILLION;

	if (!text.len)
		return; /* missing, or not a text: told */
	t->is_shadow = str_skip(&text, STR("shadow"));
	text = str_trim(text);
	/* of a million: ten thousand for a hundredth */
	if (!(t->is_shadow && text.len == 0) &&
	    (!str_ends(text, STR("%")) || text.len < 2 ||
	     !parse_decimal(str_first(text, text.len - 1), 4, MILLION, &share) ||
	     share == 0)) {
		note(r, NOTE_VALUE, node, "share: \"%.*s\" is no share",
		     STR_ARG(t->share_text));
		note_hint(r, "write 10%%, 0.5%%, shadow, or shadow 10%%");
		return;
	}
	t->share = (uint32_t)share;
}

static void read_until(struct reader *r, struct trial *t, const struct tree_node *node)
{
	char room[32];
	struct buf text = { room, .cap = sizeof(room), .limit = sizeof(room) };

	if (!t->until_text.len)
		return;
	buf_add(&text, t->until_text);
	buf_add(&text, STR("T00:00:00Z"));
	if (!text.over && t->until_text.len == 10 &&
	    rfc3339_parse(buf_str(&text), &t->until_wall)) {
		t->until_wall += DAY;
		return;
	}
	note(r, NOTE_VALUE, node, "until: \"%.*s\" is no day", STR_ARG(t->until_text));
	note_hint(r, "write it like this: 2027-01-31");
}

static void read_max_cost(struct reader *r, struct trial *t, const struct tree_node *node)
{
	str text = t->cost_text;
	uint64_t nano;

	t->max_cost = COST_UNKNOWN;
	if (!text.len)
		return;
	if (str_skip(&text, STR("$")) && parse_decimal(text, 9, INT64_MAX, &nano) &&
	    nano > 0) {
		t->max_cost = (nanousd)nano;
		return;
	}
	note(r, NOTE_VALUE, node, "max_cost: \"%.*s\" is no amount",
	     STR_ARG(t->cost_text));
	note_hint(r, "write it like this: $200, or $0.50");
}

static const struct route *find_route(struct reader *r, str name,
                                      const struct tree_node *node)
{
	const struct config *c = r->config;
	const struct route *route = config_find_route(c, name);
	str near = STR_NONE;
	unsigned least = 4;

	if (route || !node || !name.len)
		return route;
	note(r, NOTE_NO_ROUTE, node, "there is no route \"%.*s\"", STR_ARG(name));
	for (unsigned i = 0; i < c->route_count && note_wants_hint(r); i++) {
		unsigned d = str_distance(name, c->routes[i].name, least);

		if (d >= least)
			continue;
		least = d;
		near = c->routes[i].name;
	}
	if (near.len)
		note_hint(r, "did you mean \"%.*s\"?", STR_ARG(near));
	return NULL;
}

static void read_trial(struct reader *r, const struct tree_item *it, struct trial *t)
{
	struct found found;

	t->name = arena_copy(r->keep, it->key->text);
	if (!is_trial_name(t->name)) {
		note(r, NOTE_NAME, it->key, "\"%.*s\" cannot be the name of a trial",
		     STR_ARG(t->name));
		note_hint(r, "at most %d of a-z, 0-9, \".\", \"_\" and \"-\"",
		          TRIAL_NAME_MOST);
	}
	if (it->value->kind != TREE_MAP) {
		note(r, NOTE_SHAPE, it->value,
		     "trial \"%.*s\" is %s, but must be a mapping", STR_ARG(t->name),
		     tree_kind_name(it->value->kind));
		return;
	}
	section_defaults(r, SECTION_TRIAL, t);
	section_read(r, SECTION_TRIAL, it->value, t, NULL, &found);
	section_require(r, &found, it->key);
	read_share(r, t, found_value(&found, "share"));
	read_until(r, t, found_value(&found, "until"));
	read_max_cost(r, t, found_value(&found, "max_cost"));
	t->route = find_route(r, t->route_name, found_value(&found, "route"));
	t->candidate = find_route(r, t->candidate_name, found_value(&found, "candidate"));
	if (t->route && t->route == t->candidate)
		note(r, NOTE_TRIAL, found_value(&found, "candidate"),
		     "trial \"%.*s\" compares \"%.*s\" with itself", STR_ARG(t->name),
		     STR_ARG(t->route_name));
}

static int by_route(const void *a, const void *b)
{
	const struct trial *one = a, *two = b;

	return str_cmp(one->route_name, two->route_name);
}

void read_trials(struct reader *r, const struct tree_node *node)
{
	struct config *c = r->config;

	if (!node || tree_is_null(node))
		return;
	if (node->kind != TREE_MAP) {
		note(r, NOTE_SHAPE, node,
		     "trials is %s, but must be a mapping from names",
		     tree_kind_name(node->kind));
		note_hint(r, "write trials: { new: { route: fast, candidate: fast-new, "
		             "share: 10%% } }");
		return;
	}
	if (node->count > TRIALS_MOST) {
		note(r, NOTE_TOO_MANY, node, "more than %d trials", TRIALS_MOST);
		return;
	}
	c->trials = arena_array(r->keep, struct trial, node->count + 1);
	for (const struct tree_item *it = node->first; it; it = it->next)
		read_trial(r, it, &c->trials[c->trial_count++]);
	qsort(c->trials, c->trial_count, sizeof(*c->trials), by_route);
	for (unsigned i = 0; i < c->trial_count; i++) {
		c->trials[i].index = i;
		if (i > 0 && c->trials[i].route &&
		    c->trials[i].route == c->trials[i - 1].route)
			note(r, NOTE_TRIAL, node,
			     "trials \"%.*s\" and \"%.*s\" are both of route \"%.*s\"",
			     STR_ARG(c->trials[i - 1].name), STR_ARG(c->trials[i].name),
			     STR_ARG(c->trials[i].route_name));
	}
}

const struct trial *config_trial_of(const struct config *c, str route)
{
	for (unsigned i = 0; i < c->trial_count; i++)
		if (str_eq(c->trials[i].route_name, route))
			return &c->trials[i];
	return NULL;
}
