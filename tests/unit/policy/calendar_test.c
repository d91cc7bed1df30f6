#include "policy/calendar.h"

#include "tests/check.h"

#include <stdlib.h>
#include <time.h>

static struct calendar *calendar_of(const char *zone)
{
	struct buf why = BUF_LIMIT(256);
	struct calendar *c = calendar_new(str_from_z(zone), &why);

	CHECK(c != NULL);
	buf_free(&why);
	return c;
}

static usec utc(int year, int month, int day, int hour, int minute)
{
	struct tm tm = { .tm_year = year - 1900,
		         .tm_mon = month - 1,
		         .tm_mday = day,
		         .tm_hour = hour,
		         .tm_min = minute };

	return (usec)timegm(&tm) * USEC_SEC;
}

static void check_window(const struct calendar *c, enum budget_window w, usec at,
                         usec from, usec until)
{
	usec got_from, got_until;

	calendar_window(c, w, at, &got_from, &got_until);
	CHECK_INT(got_from, from);
	CHECK_INT(got_until, until);
}

TEST(windows_in_utc_are_plain)
{
	struct calendar *c = calendar_of("UTC");
	usec at = utc(2028, 2, 29, 13, 37) + 42;

	check_window(c, BUDGET_HOUR, at, utc(2028, 2, 29, 13, 0),
	             utc(2028, 2, 29, 14, 0));
	check_window(c, BUDGET_DAY, at, utc(2028, 2, 29, 0, 0), utc(2028, 3, 1, 0, 0));
	check_window(c, BUDGET_WEEK, at, utc(2028, 2, 28, 0, 0), utc(2028, 3, 6, 0, 0));
	check_window(c, BUDGET_MONTH, at, utc(2028, 2, 1, 0, 0), utc(2028, 3, 1, 0, 0));
	check_window(c, BUDGET_TOTAL, at, INT64_MIN, USEC_NEVER);
	at = utc(2038, 12, 31, 23, 59); /* beyond 32 bits, and the end of a year */
	check_window(c, BUDGET_MONTH, at, utc(2038, 12, 1, 0, 0), utc(2039, 1, 1, 0, 0));
	check_window(c, BUDGET_WEEK, at, utc(2038, 12, 27, 0, 0), utc(2039, 1, 3, 0, 0));
	at = utc(1969, 12, 31, 23, 0);
	check_window(c, BUDGET_MONTH, at, utc(1969, 12, 1, 0, 0), utc(1970, 1, 1, 0, 0));
	calendar_free(&c);
}

TEST(days_follow_summer_time)
{
	struct calendar *c = calendar_of("Europe/Berlin");

	/* 23 hours in spring, 25 in autumn. */
	check_window(c, BUDGET_DAY, utc(2027, 3, 28, 12, 0), utc(2027, 3, 27, 23, 0),
	             utc(2027, 3, 28, 22, 0));
	check_window(c, BUDGET_DAY, utc(2027, 10, 31, 12, 0), utc(2027, 10, 30, 22, 0),
	             utc(2027, 10, 31, 23, 0));
	check_window(c, BUDGET_MONTH, utc(2027, 10, 31, 22, 30), utc(2027, 9, 30, 22, 0),
	             utc(2027, 10, 31, 23, 0));
	/* The hour that comes twice is two hours. */
	check_window(c, BUDGET_HOUR, utc(2027, 10, 31, 0, 30), utc(2027, 10, 31, 0, 0),
	             utc(2027, 10, 31, 1, 0));
	check_window(c, BUDGET_HOUR, utc(2027, 10, 31, 1, 30), utc(2027, 10, 31, 1, 0),
	             utc(2027, 10, 31, 2, 0));
	calendar_free(&c);
	c = calendar_of("Asia/Kathmandu"); /* 5:45 */
	check_window(c, BUDGET_HOUR, utc(2027, 1, 1, 0, 0), utc(2026, 12, 31, 23, 15),
	             utc(2027, 1, 1, 0, 15));
	calendar_free(&c);
}

/* Without a gap or an overlap, and each moment of a window gives the same one. */
static void check_tiling(const struct calendar *c, enum budget_window w, usec from,
                         usec until)
{
	usec end = 0;

	for (usec at = from; at < until; at = end) {
		usec begin, a, b;

		calendar_window(c, w, at, &begin, &end);
		CHECK(begin <= at && at < end);
		CHECK(at == from || begin == at);
		calendar_window(c, w, end - 1, &a, &b);
		CHECK(a == begin && b == end);
		calendar_window(c, w, begin + (end - begin) / 2, &a, &b);
		if (!CHECK(a == begin && b == end))
			return;
	}
}

/* By the C library's own reckoning a day begins where the local date first changes. */
static void check_days(const struct calendar *c, usec from, usec until)
{
	time_t t = (time_t)(from / USEC_SEC);
	struct tm tm;
	int64_t most = 0;

	for (; t < (time_t)(until / USEC_SEC); t += 900) {
		usec begin, end;
		bool is_new;

		localtime_r(&t, &tm);
		int64_t date = (tm.tm_year * 100 + tm.tm_mon) * 100 + tm.tm_mday;
		is_new = date > most && most;
		most = date > most ? date : most;
		calendar_window(c, BUDGET_DAY, (usec)t * USEC_SEC, &begin, &end);
		/* Within a quarter of an hour, in which the date changed. */
		if (is_new != (begin > ((usec)t - 900) * USEC_SEC) &&
		    (time_t)(from / USEC_SEC) + 900 <= t) {
			CHECK_INT(t, -1);
			return;
		}
	}
}

TEST(windows_tile_all_of_time)
{
	/* Half an hour of summer time; none; midnights that are skipped or come twice; a
	 * zone that left a day out, one east of all others. */
	static const char *const zones[] = { "UTC",
		                             "Europe/Berlin",
		                             "America/New_York",
		                             "Australia/Lord_Howe",
		                             "Asia/Kolkata",
		                             "America/Asuncion",
		                             "America/Sao_Paulo",
		                             "Africa/Casablanca",
		                             "Asia/Beirut",
		                             "Pacific/Apia",
		                             "Pacific/Kiritimati",
		                             "America/Scoresbysund" };

	for (size_t i = 0; i < countof(zones); i++) {
		struct calendar *c = calendar_of(zones[i]);

		check_tiling(c, BUDGET_HOUR, utc(2011, 1, 1, 5, 7),
		             utc(2019, 1, 1, 0, 0));
		check_tiling(c, BUDGET_HOUR, utc(2026, 1, 1, 5, 7),
		             utc(2028, 1, 1, 0, 0));
		check_tiling(c, BUDGET_DAY, utc(2004, 1, 1, 5, 7), utc(2040, 1, 1, 0, 0));
		check_tiling(c, BUDGET_WEEK, utc(2004, 1, 1, 5, 7),
		             utc(2040, 1, 1, 0, 0));
		check_tiling(c, BUDGET_MONTH, utc(2000, 2, 1, 5, 7),
		             utc(2140, 1, 1, 0, 0));
		setenv("TZ", zones[i], 1);
		tzset();
		check_days(c, utc(2009, 1, 1, 0, 0), utc(2020, 1, 1, 0, 0));
		unsetenv("TZ");
		tzset();
		calendar_free(&c);
	}
}

TEST(an_unknown_time_zone_is_said)
{
	struct buf why = BUF_LIMIT(256);

	CHECK(!calendar_new(STR("Europe/Bielefeld"), &why));
	CHECK_STR(buf_str(&why),
	          "there is no time zone \"Europe/Bielefeld\" in /usr/share/zoneinfo");
	CHECK(!calendar_new(STR("../../../etc/passwd"), &why));
	CHECK(!calendar_new(STR("/etc/localtime"), &why));
	buf_free(&why);
}
