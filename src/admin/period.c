/* period.c - see period.h. */
#include "admin/period.h"

#include "codec/text.h"

#include <time.h>

static struct tm local_of(usec wall)
{
	time_t seconds = (time_t)(wall / USEC_SEC);
	struct tm tm;

	localtime_r(&seconds, &tm);
	return tm;
}

static bool is_same_time(const struct tm *a, const struct tm *b)
{
	return a->tm_mday == b->tm_mday && a->tm_hour == b->tm_hour &&
	       a->tm_min == b->tm_min && a->tm_sec == b->tm_sec;
}

/* Where the clock is set back over midnight it comes twice: what begins then begins with
 * the earlier one, or the time between would be in nothing. */
static usec wall_of(struct tm *tm)
{
	tm->tm_isdst = -1;
	usec wall = (usec)mktime(tm) * USEC_SEC, first = wall;

	for (usec ago = 30 * USEC_MIN; ago <= 3 * USEC_HOUR; ago += 30 * USEC_MIN) {
		struct tm earlier = local_of(wall - ago);

		if (is_same_time(&earlier, tm))
			first = wall - ago;
	}
	return first;
}

static usec day_of(usec wall, int days)
{
	struct tm tm = local_of(wall);

	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_mday += days;
	return wall_of(&tm);
}

/* "7d": so long before now. */
static bool parse_ago(str text, usec now, usec *ret)
{
	static const struct {
		char unit;
		usec span;
	} units[] = { { 'm', USEC_MIN },
		      { 'h', USEC_HOUR },
		      { 'd', 24 * USEC_HOUR },
		      { 'w', 7 * 24 * USEC_HOUR } };
	uint64_t count;

	if (text.len < 2 || !str_to_u64(str_first(text, text.len - 1), &count) ||
	    count > 1000000)
		return false;
	for (unsigned i = 0; i < countof(units); i++) {
		if (units[i].unit == text.ptr[text.len - 1]) {
			*ret = now - (usec)count * units[i].span;
			return true;
		}
	}
	return false;
}

static bool parse_part(str *text, unsigned digits, unsigned least, unsigned most,
                       int *ret)
{
	uint64_t value;

	if (text->len < digits || !str_to_u64(str_take(text, digits), &value) ||
	    value < least || value > most)
		return false;
	*ret = (int)value;
	return true;
}

/* "2026-11-01", or "2026-11". */
static bool parse_date(str text, usec *ret)
{
	struct tm tm = { .tm_mday = 1 };

	if (!parse_part(&text, 4, 1970, 9999, &tm.tm_year) ||
	    !str_skip(&text, STR("-")) || !parse_part(&text, 2, 1, 12, &tm.tm_mon))
		return false;
	if (text.len &&
	    (!str_skip(&text, STR("-")) || !parse_part(&text, 2, 1, 31, &tm.tm_mday)))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	int month = tm.tm_mon;
	*ret = wall_of(&tm);
	return text.len == 0 && tm.tm_mon == month;
}

bool period_moment(str text, usec now, usec *ret)
{
	if (str_eq(text, STR("now")))
		*ret = now;
	else if (str_eq(text, STR("today")))
		*ret = day_of(now, 0);
	else if (str_eq(text, STR("yesterday")))
		*ret = day_of(now, -1);
	else
		return parse_ago(text, now, ret) || parse_date(text, ret) ||
		       rfc3339_parse(text, ret);
	return true;
}

bool period_month(str text, usec *ret_from, usec *ret_until)
{
	if (text.len != 7 || !parse_date(text, ret_from))
		return false;
	*ret_until = period_next(*ret_from, PERIOD_MONTH);
	return true;
}

usec period_next(usec wall, enum period_step step)
{
	struct tm tm = local_of(wall);

	/* Hours are those of the rollups, whatever the zone. */
	if (step == PERIOD_HOUR)
		return (wall / USEC_HOUR + 1) * USEC_HOUR;
	if (step == PERIOD_DAY)
		return day_of(wall, 1);
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_mday = 1;
	tm.tm_mon++;
	return wall_of(&tm);
}

void period_name(struct buf *to, usec wall, enum period_step step)
{
	struct tm tm = local_of(wall);
	char text[32];
	size_t n = 0;

	switch (step) {
	case PERIOD_HOUR:
		n = strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm);
		break;
	case PERIOD_DAY:
		n = strftime(text, sizeof(text), "%Y-%m-%d", &tm);
		break;
	case PERIOD_MONTH:
		n = strftime(text, sizeof(text), "%Y-%m", &tm);
		break;
	}
	buf_add(to, str_of(text, n));
}
