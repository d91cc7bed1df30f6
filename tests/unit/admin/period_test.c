#include "admin/period.h"
#include "tests/check.h"

#include <stdlib.h>
#include <time.h>

static void set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static usec at(const char *text)
{
	usec wall = 0;

	CHECK(period_moment(str_from_z(text), 0, &wall));
	return wall;
}

TEST(period_moment_reads_what_people_write)
{
	usec now = 1795651200LL * USEC_SEC + 3600 * USEC_SEC, got; /* 2026-11-26 01:00Z */

	set_zone("UTC");
	CHECK(period_moment(STR("7d"), now, &got));
	CHECK_INT(got, now - 7 * 24 * USEC_HOUR);
	CHECK(period_moment(STR("90m"), now, &got));
	CHECK_INT(got, now - 90 * USEC_MIN);
	CHECK(period_moment(STR("today"), now, &got));
	CHECK_INT(got, now - USEC_HOUR);
	CHECK(period_moment(STR("yesterday"), now, &got));
	CHECK_INT(got, now - 25 * USEC_HOUR);
	CHECK_INT(at("2026-11-26"), now - USEC_HOUR);
	CHECK_INT(at("2026-11-26T01:00:00Z"), now);
	CHECK_INT(at("2026-11"), now - USEC_HOUR - 25 * 24 * USEC_HOUR);
	CHECK(!period_moment(STR("2026-02-30"), now, &got));
	CHECK(!period_moment(STR("2026-13"), now, &got));
	CHECK(!period_moment(STR("7"), now, &got));
	CHECK(!period_moment(STR("d"), now, &got));
	CHECK(!period_moment(STR(""), now, &got));
}

TEST(period_follows_the_local_clock)
{
	usec from, until;

	set_zone("Europe/Berlin");
	/* A day of 23 hours, and a month that ends in summer time. */
	CHECK_INT(period_next(at("2026-03-29"), PERIOD_DAY) - at("2026-03-29"),
	          23 * USEC_HOUR);
	CHECK(period_month(STR("2026-03"), &from, &until));
	CHECK_INT(until - from, (31 * 24 - 1) * USEC_HOUR);
	CHECK(period_month(STR("2026-12"), &from, &until));
	CHECK_INT(until, at("2027-01-01"));
	CHECK(!period_month(STR("2026-12-01"), &from, &until));
	/* Midnight comes twice: the hour between is of the day that has begun. */
	set_zone("America/Havana");
	usec end;
	CHECK(period_month(STR("2026-10"), &from, &until));
	CHECK(period_month(STR("2026-11"), &from, &end));
	CHECK_INT(until, from);
	CHECK_INT(from, at("2026-11-01T04:00:00Z"));
	/* The C library would go on with the offset that it found last. */
	at("2027-01-15");
	CHECK_INT(at("2026-11-01"), from);
	at("2026-07-15");
	CHECK_INT(at("2026-11-01"), from);
	CHECK_INT(period_next(at("2026-10-31"), PERIOD_DAY), from);
	CHECK_INT(period_next(from, PERIOD_DAY) - from, 25 * USEC_HOUR);
	CHECK_INT(period_next(from + 90 * USEC_MIN, PERIOD_DAY) - from, 25 * USEC_HOUR);
	set_zone("UTC");
}
