#include "policy/calendar.h"

#include "base/compiler.h"
#include "base/mem.h"
#include "config/config.h"

#include <time.h>

/* Seconds everywhere in here. */
enum { HOUR = 3600, DAY = 24 * HOUR, OFFSETS_MOST = 1024 };

/* Zones are looked at from 2000 to 2120, in steps within which none changes twice. */
#define FIRST_LOOK ((int64_t)946684800)
#define LAST_LOOK ((int64_t)4733510400)
#define STEP ((int64_t)4 * DAY)

/* From `at` on, local time is UTC + offset. */
struct offset {
	int64_t at;
	int32_t offset;
};

struct calendar {
	unsigned count; /* at least one; the first holds from ever on */
	struct offset offsets[OFFSETS_MOST];
};

/* ---- the table ---- */

static int32_t ask(int64_t at)
{
	time_t t = (time_t)at;
	struct tm local;

	return localtime_r(&t, &local) ? (int32_t)local.tm_gmtoff : 0;
}

/* The first moment in (from, until] that has the offset of `until`. */
static int64_t find_change(int64_t from, int64_t until)
{
	int32_t after = ask(until);

	while (until - from > 1) {
		int64_t middle = from + (until - from) / 2;

		if (ask(middle) == after)
			until = middle;
		else
			from = middle;
	}
	return until;
}

static void look(struct calendar *c)
{
	int32_t before = ask(FIRST_LOOK);

	c->offsets[c->count++] = (struct offset){ .at = INT64_MIN, .offset = before };
	for (int64_t at = FIRST_LOOK; at < LAST_LOOK && c->count < OFFSETS_MOST;
	     at += STEP) {
		int32_t after = ask(at + STEP);

		if (after == before)
			continue;
		c->offsets[c->count++] = (struct offset){
			.at = find_change(at, at + STEP),
			.offset = after,
		};
		before = after;
	}
}

static bool is_utc(str zone)
{
	return zone.len == 0 || str_eq(zone, STR("UTC"));
}

struct calendar *calendar_new(str zone, struct buf *why)
{
	struct calendar *c;
	char *was, *name;

	/* The C library takes an unknown name for UTC without a word. */
	if (!is_utc(zone) && !config_knows_zone(zone)) {
		buf_addf(why, "there is no time zone \"%.*s\" in /usr/share/zoneinfo",
		         STR_ARG(zone));
		return NULL;
	}
	c = new_of(struct calendar);
	if (is_utc(zone)) {
		c->offsets[c->count++] = (struct offset){ .at = INT64_MIN };
		return c;
	}
	was = getenv("TZ");
	was = was ? mem_copy_z(str_from_z(was)) : NULL;
	name = mem_copy_z(zone);
	setenv("TZ", name, 1);
	tzset();
	look(c);
	if (was)
		setenv("TZ", was, 1);
	else
		unsetenv("TZ");
	tzset();
	free(name);
	free(was);
	return c;
}

void calendar_free(struct calendar **c)
{
	free(*c);
	*c = NULL;
}

/* ---- arithmetic ---- */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Which offset holds then. */
static unsigned offset_at(const struct calendar *c, int64_t at)
{
	unsigned low = 0, high = c->count;

	while (high - low > 1) {
		unsigned middle = (low + high) / 2;

		if (c->offsets[middle].at <= at)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static int64_t end_of_offset(const struct calendar *c, unsigned i)
{
	return i + 1 < c->count ? c->offsets[i + 1].at : INT64_MAX;
}

/* The first moment at which the local clock shows that day or a later one. */
static int64_t begin_of_day(const struct calendar *c, int64_t day)
{
	/* Local midnight is at most 14 hours before that of UTC, 12 behind it. */
	unsigned i = offset_at(c, day * DAY - 15 * HOUR);

	for (;; i++) {
		int64_t then = day * DAY - c->offsets[i].offset;

		if (then < end_of_offset(c, i))
			return max_of(then, c->offsets[i].at);
	}
}

static int64_t day_at(const struct calendar *c, int64_t at)
{
	int64_t day = floor_div(at + c->offsets[offset_at(c, at)].offset, DAY);

	/* The clock was set back over midnight. */
	while (begin_of_day(c, day + 1) <= at)
		day++;
	return day;
}

/* The first day of the month which that day lies in, and of the next one; days since
 * 1970. After Howard Hinnant's "chrono-compatible low-level date algorithms": years that
 * begin with March, in eras of 400. */
static int64_t day_of_month_begin(int64_t year, int month)
{
	int64_t y = year - (month <= 2), era = floor_div(y, 400), of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void month_of(int64_t day, int64_t *ret_first, int64_t *ret_next)
{
	int64_t z = day + 719468, era = floor_div(z, 146097), d = z - era * 146097;
	int64_t y = (d - d / 1460 + d / 36524 - d / 146096) / 365;
	int64_t of_year = d - (365 * y + y / 4 - y / 100);
	int month = (int)((5 * of_year + 2) / 153);

	month += month < 10 ? 3 : -9;
	y += era * 400 + (month <= 2);
	*ret_first = day_of_month_begin(y, month);
	*ret_next = month == 12 ? day_of_month_begin(y + 1, 1)
	                        : day_of_month_begin(y, month + 1);
}

static void hour(const struct calendar *c, int64_t at, int64_t *ret_from,
                 int64_t *ret_until)
{
	unsigned i = offset_at(c, at);
	int64_t from =
	        floor_div(at + c->offsets[i].offset, HOUR) * HOUR - c->offsets[i].offset;

	*ret_from = max_of(from, c->offsets[i].at);
	*ret_until = min_of(from + HOUR, end_of_offset(c, i));
}

/* Monday is the fourth day since Thursday, 1970-01-01. */
static int64_t monday_of(int64_t day)
{
	return floor_div(day + 3, 7) * 7 - 3;
}

void calendar_window(const struct calendar *c, enum budget_window window, usec wall,
                     usec *ret_from, usec *ret_until)
{
	int64_t at = floor_div(wall, USEC_SEC), from = 0, until = 0, day, next;

	switch (window) {
	case BUDGET_HOUR:
		hour(c, at, &from, &until);
		break;
	case BUDGET_DAY:
		day = day_at(c, at);
		from = begin_of_day(c, day);
		until = begin_of_day(c, day + 1);
		break;
	case BUDGET_WEEK:
		day = monday_of(day_at(c, at));
		from = begin_of_day(c, day);
		until = begin_of_day(c, day + 7);
		break;
	case BUDGET_MONTH:
		month_of(day_at(c, at), &day, &next);
		from = begin_of_day(c, day);
		until = begin_of_day(c, next);
		break;
	case BUDGET_TOTAL:
	case BUDGET_WINDOWS:
		*ret_from = INT64_MIN;
		*ret_until = USEC_NEVER;
		return;
	}
	*ret_from = from * USEC_SEC;
	*ret_until = until * USEC_SEC;
}
