#include "codec/text.h"
#include "tests/check.h"

#define DAY (24 * USEC_HOUR)
#define REFUSED ((usec)-1)

/* Sun, 06 Nov 1994 08:49:37 GMT */
static const usec now = 784111777 * USEC_SEC;

struct row {
	str text;
	usec want;
};

static void check_row(const struct row *row, bool parsed, usec got)
{
	usec value = parsed ? got : REFUSED;

	if (value != row->want)
		check_failed(__FILE__, __LINE__, "\"%.*s\" is %lld, not %lld",
		             STR_ARG(row->text), (long long)value, (long long)row->want);
	if (!parsed)
		CHECK_INT(got, 77);
}

TEST(retry_after_in_all_its_forms)
{
	static const struct row rows[] = {
		{ STR_INIT("0"), 0 },
		{ STR_INIT("7"), 7 * USEC_SEC },
		{ STR_INIT(" 7\t"), 7 * USEC_SEC },
		{ STR_INIT("007"), 7 * USEC_SEC },
		{ STR_INIT("1.5"), 1500 * USEC_MS },
		{ STR_INIT("0.0000015"), 1 },
		{ STR_INIT("0.1234567899999"), 123456 },
		{ STR_INIT("86400"), DAY },
		{ STR_INIT("86401"), DAY },
		{ STR_INIT("1000000000"), DAY },
		{ STR_INIT("99999999999999999999999999999999999999"), DAY },
		{ STR_INIT("000000000000000000000000000000000000001"), USEC_SEC },
		{ STR_INIT("Sun, 06 Nov 1994 08:49:37 GMT"), 0 },
		{ STR_INIT("Sun, 06 Nov 1994 08:50:37 GMT"), 60 * USEC_SEC },
		{ STR_INIT("Mon, 07 Nov 1994 08:49:37 GMT"), DAY },
		{ STR_INIT("Fri, 31 Dec 9999 23:59:59 GMT"), DAY },
		{ STR_INIT("Sun, 06 Nov 1994 08:49:36 GMT"), REFUSED },
		{ STR_INIT("-1"), REFUSED },
		{ STR_INIT("-0"), REFUSED },
		{ STR_INIT("+1"), REFUSED },
		{ STR_INIT("1."), REFUSED },
		{ STR_INIT(".5"), REFUSED },
		{ STR_INIT("1e3"), REFUSED },
		{ STR_INIT("0x10"), REFUSED },
		{ STR_INIT("1,5"), REFUSED },
		{ STR_INIT("5 s"), REFUSED },
		{ STR_INIT("5, 6"), REFUSED },
		{ STR_INIT("soon"), REFUSED },
		{ STR_INIT(""), REFUSED },
		{ STR_INIT(" "), REFUSED },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		usec got = 77;
		bool parsed = retry_after_parse(rows[i].text, now, &got);

		check_row(&rows[i], parsed, got);
	}
}

TEST(no_text_is_no_time)
{
	usec got = 77;

	CHECK(!retry_after_parse(STR_NONE, now, &got) &&
	      !retry_after_ms_parse(STR_NONE, &got));
	CHECK(!go_duration_parse(STR_NONE, &got) && !http_date_parse(STR_NONE, &got));
	CHECK(!rfc3339_parse(STR_NONE, &got));
	CHECK_INT(got, 77);
}

TEST(retry_after_ms_is_in_milliseconds)
{
	static const struct row rows[] = {
		{ STR_INIT("0"), 0 },        { STR_INIT("250"), 250 * USEC_MS },
		{ STR_INIT("0.25"), 250 },   { STR_INIT("86400001"), DAY },
		{ STR_INIT("-5"), REFUSED }, { STR_INIT("250ms"), REFUSED },
		{ STR_INIT(""), REFUSED },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		usec got = 77;
		bool parsed = retry_after_ms_parse(rows[i].text, &got);

		check_row(&rows[i], parsed, got);
	}
}

TEST(go_durations)
{
	static const struct row rows[] = {
		{ STR_INIT("12ms"), 12 * USEC_MS },
		{ STR_INIT("6m0s"), 360 * USEC_SEC },
		{ STR_INIT("1h30m0s"), 5400 * USEC_SEC },
		{ STR_INIT("8.64s"), 8640 * USEC_MS },
		{ STR_INIT("2m59.56s"), 179560 * USEC_MS },
		{ STR_INIT("1.5h"), 5400 * USEC_SEC },
		{ STR_INIT("0s"), 0 },
		{ STR_INIT("1500ns"), 1 },
		{ STR_INIT("5000000000ns"), 5 * USEC_SEC },
		{ STR_INIT("15us"), 15 },
		{ STR_INIT("15\xc2\xb5s"), 15 },
		{ STR_INIT("24h"), DAY },
		{ STR_INIT("24h1s"), DAY },
		{ STR_INIT("20h20h"), DAY },
		{ STR_INIT("999999999999999999999h"), DAY },
		{ STR_INIT(""), REFUSED },
		{ STR_INIT("12"), REFUSED },
		{ STR_INIT("1m2"), REFUSED },
		{ STR_INIT("ms"), REFUSED },
		{ STR_INIT("-1s"), REFUSED },
		{ STR_INIT("1d"), REFUSED },
		{ STR_INIT("1.s"), REFUSED },
		{ STR_INIT("1S"), REFUSED },
		{ STR_INIT("1 s"), REFUSED },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		usec got = 77;
		bool parsed = go_duration_parse(rows[i].text, &got);

		check_row(&rows[i], parsed, got);
	}
}

TEST(http_dates)
{
	static const struct row rows[] = {
		{ STR_INIT("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777 * USEC_SEC },
		{ STR_INIT("Thu, 01 Jan 1970 00:00:00 GMT"), 0 },
		{ STR_INIT("Thu, 29 Feb 2024 12:00:00 GMT"), 1709208000 * USEC_SEC },
		{ STR_INIT("Sat, 31 Dec 2016 23:59:60 GMT"), 1483228800 * USEC_SEC },
		{ STR_INIT("Wed, 29 Feb 2023 12:00:00 GMT"), REFUSED },
		{ STR_INIT("Sun, 00 Nov 1994 08:49:37 GMT"), REFUSED },
		{ STR_INIT("Sun, 31 Nov 1994 08:49:37 GMT"), REFUSED },
		{ STR_INIT("Sun, 06 Nov 1994 24:49:37 GMT"), REFUSED },
		{ STR_INIT("Sun, 06 Nov 1994 08:60:37 GMT"), REFUSED },
		{ STR_INIT("Sun, 06 Nov 1994 08:49:61 GMT"), REFUSED },
		{ STR_INIT("Sun, 06 Nov 1994 08:49:37 UTC"), REFUSED },
		{ STR_INIT("Sun, 06 Nov 1994 08:49:37"), REFUSED },
		{ STR_INIT("Sun, 06 Nov 1994 08:49:37 GMT "), REFUSED },
		{ STR_INIT("Sun, 6 Nov 1994 08:49:37 GMT"), REFUSED },
		{ STR_INIT("sun, 06 nov 1994 08:49:37 GMT"), REFUSED },
		{ STR_INIT("Xyz, 06 Nov 1994 08:49:37 GMT"), REFUSED },
		{ STR_INIT("Sun, 06 anF 1994 08:49:37 GMT"), REFUSED },
		{ STR_INIT("Sunday, 06-Nov-94 08:49:37 GMT"), REFUSED },
		{ STR_INIT("Sun Nov  6 08:49:37 1994"), REFUSED },
		{ STR_INIT("Sun, 06 Nov +994 08:49:37 GMT"), REFUSED },
		{ STR_INIT(""), REFUSED },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		usec got = 77;
		bool parsed = http_date_parse(rows[i].text, &got);

		check_row(&rows[i], parsed, got);
	}
}

TEST(rfc3339_times)
{
	static const struct row rows[] = {
		{ STR_INIT("1970-01-01T00:00:00Z"), 0 },
		{ STR_INIT("1994-11-06T08:49:37Z"), 784111777 * USEC_SEC },
		{ STR_INIT("1994-11-06T08:49:37.5Z"), 784111777 * USEC_SEC + 500000 },
		{ STR_INIT("1994-11-06T08:49:37.123456789Z"),
		  784111777 * USEC_SEC + 123456 },
		{ STR_INIT("1994-11-06T09:49:37+01:00"), 784111777 * USEC_SEC },
		{ STR_INIT("1994-11-06T03:19:37-05:30"), 784111777 * USEC_SEC },
		{ STR_INIT("1994-11-06T08:49:37"), REFUSED },
		{ STR_INIT("1994-11-06T08:49:37.Z"), REFUSED },
		{ STR_INIT("1994-11-06T08:49:37Zx"), REFUSED },
		{ STR_INIT("1994-11-06T08:49:37+24:00"), REFUSED },
		{ STR_INIT("1994-11-06T08:49:37+1:00"), REFUSED },
		{ STR_INIT("1994-11-06T08:49:37+"), REFUSED },
		{ STR_INIT("1994-02-29T08:49:37Z"), REFUSED },
		{ STR_INIT("1994-13-06T08:49:37Z"), REFUSED },
		{ STR_INIT("1994-11-06"), REFUSED },
		{ STR_INIT("784111777"), REFUSED },
		{ STR_INIT(""), REFUSED },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		usec got = 77;
		bool parsed = rfc3339_parse(rows[i].text, &got);

		check_row(&rows[i], parsed, got);
	}
}

static str written(struct buf *to, usec wall)
{
	buf_clear(to);
	rfc3339_write(to, wall);
	return buf_str(to);
}

TEST(rfc3339_is_written)
{
	struct buf b = BUF_LIMIT(64);

	CHECK_STR(written(&b, 0), "1970-01-01T00:00:00.000Z");
	CHECK_STR(written(&b, now + 789 * USEC_MS + 999), "1994-11-06T08:49:37.789Z");
	CHECK_STR(written(&b, 951782399 * USEC_SEC), "2000-02-28T23:59:59.000Z");
	CHECK_STR(written(&b, 951782400 * USEC_SEC), "2000-02-29T00:00:00.000Z");
	CHECK_STR(written(&b, -1), "1969-12-31T23:59:59.999Z");
	CHECK_STR(written(&b, -DAY), "1969-12-31T00:00:00.000Z");
	buf_free(&b);
}

TEST(every_day_comes_back)
{
	struct buf b = BUF_LIMIT(64);

	for (int64_t day = -200000; day < 200000; day += 7) {
		usec got = 77, wall = day * DAY + (day & 1023) * USEC_MIN;

		CHECK(rfc3339_parse(written(&b, wall), &got));
		CHECK_INT(got, wall);
	}
	buf_free(&b);
}
