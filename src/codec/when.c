/* when.c - the forms in which providers say when, or how long.
 *
 * Decimal numbers are read without floats: a span is a sum of number x unit in
 * nanoseconds, saturating far beyond any wait.  Dates are days since 1970 by the
 * civil-calendar arithmetic below, because gmtime takes a lock. */
#include "codec/text.h"

static const usec span_most = 24 * USEC_HOUR; /* no wait is longer */

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char weekdays[] = "MonTueWedThuFriSatSun";

/* ---- spans ---- */

/* Takes all digits, of which the first `most` count; how many there were. */
static size_t take_digits(str *s, size_t most, uint64_t *ret)
{
	uint64_t value = 0;
	size_t n = 0;

	for (; n < s->len && char_is_digit(s->ptr[n]); n++) {
		if (n < most)
			value = value * 10 + (uint64_t)(s->ptr[n] - '0');
	}
	str_take(s, n);
	*ret = value;
	return n;
}

/* Takes the digits behind a point, of which nine count, as billionths. */
static bool take_fraction(str *s, uint64_t *ret_nano)
{
	size_t n = take_digits(s, 9, ret_nano);

	for (size_t i = n; i < 9; i++)
		*ret_nano *= 10;
	return n > 0;
}

/* Takes "12" or "12.5"; the whole part saturates at 10^15 - 1. */
static bool take_decimal(str *s, uint64_t *ret_whole, uint64_t *ret_nano)
{
	size_t n;

	while (s->len > 1 && s->ptr[0] == '0' && char_is_digit(s->ptr[1]))
		str_take(s, 1);
	n = take_digits(s, 15, ret_whole);
	if (n > 15)
		*ret_whole = 999999999999999;
	*ret_nano = 0;
	return n > 0 && (!str_skip(s, STR(".")) || take_fraction(s, ret_nano));
}

/* whole.nano units of `unit` nanoseconds, added to *sum. */
static void add_span(usec *sum, uint64_t whole, uint64_t nano, uint64_t unit)
{
	unsigned __int128 ns = (unsigned __int128)whole * unit +
	                       (unsigned __int128)nano * unit / 1000000000;
	unsigned __int128 total = (unsigned __int128)*sum + ns / 1000;

	*sum = total > (uint64_t)span_most ? span_most : (usec)total;
}

static bool span_parse(str s, uint64_t unit, usec *ret)
{
	uint64_t whole, nano;
	usec span = 0;

	if (s.len == 0 || !take_decimal(&s, &whole, &nano) || s.len > 0)
		return false;
	add_span(&span, whole, nano, unit);
	*ret = span;
	return true;
}

bool retry_after_parse(str value, usec wall_now, usec *ret)
{
	usec date;

	value = str_trim(value);
	if (span_parse(value, 1000000000, ret))
		return true;
	if (!http_date_parse(value, &date) || date < wall_now)
		return false;
	*ret = min_of(date - wall_now, span_most);
	return true;
}

bool retry_after_ms_parse(str value, usec *ret)
{
	return span_parse(str_trim(value), 1000000, ret);
}

bool go_duration_parse(str value, usec *ret)
{
	static const struct {
		str name;
		uint64_t ns;
	} units[] = { /* a name before those it is the beginning of, so ms before m */
		      { STR_INIT("ns"), 1 },
		      { STR_INIT("us"), 1000 },
		      { STR_INIT("\xc2\xb5s"), 1000 },
		      { STR_INIT("ms"), 1000000 },
		      { STR_INIT("s"), 1000000000 },
		      { STR_INIT("m"), 60 * (uint64_t)1000000000 },
		      { STR_INIT("h"), 3600 * (uint64_t)1000000000 }
	};
	str rest = str_trim(value);
	uint64_t whole, nano;
	usec sum = 0;

	if (rest.len == 0)
		return false;
	while (rest.len > 0) {
		size_t i = 0;

		if (!take_decimal(&rest, &whole, &nano))
			return false;
		while (i < countof(units) && !str_skip(&rest, units[i].name))
			i++;
		if (i == countof(units))
			return false;
		add_span(&sum, whole, nano, units[i].ns);
	}
	*ret = sum;
	return true;
}

/* ---- dates ---- */

struct civil {
	int64_t year;
	unsigned month, day; /* from 1 */
	unsigned hour, minute, second;
	unsigned usec;
};

/* Both directions count years from March, so that the leap day is a year's last, in eras
 * of 400 years, which are all equally long. */
static int64_t days_from_civil(const struct civil *c)
{
	int64_t year = c->year - (c->month <= 2);
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t day_of_year = (153 * ((c->month + 9) % 12) + 2) / 5 + c->day - 1;
	int64_t day_of_era =
	        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, struct civil *ret)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t day_of_era = days - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
	                       day_of_era / 146096) /
	                      365;
	int64_t day_of_year =
	        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * day_of_year + 2) / 153; /* March is 0 */

	ret->day = (unsigned)(day_of_year - (153 * month + 2) / 5 + 1);
	ret->month = (unsigned)(month < 10 ? month + 3 : month - 9);
	ret->year = year_of_era + era * 400 + (ret->month <= 2);
}

static bool civil_is_valid(const struct civil *c)
{
	struct civil same;

	if (c->month < 1 || c->month > 12 || c->day < 1 || c->day > 31)
		return false;
	civil_from_days(days_from_civil(c), &same);
	/* A second 60 is a leap second; it counts as the next minute's first. */
	return same.day == c->day && c->hour < 24 && c->minute < 60 && c->second <= 60;
}

static usec civil_to_wall(const struct civil *c)
{
	int64_t minutes = (days_from_civil(c) * 24 + c->hour) * 60 + c->minute;

	return (minutes * 60 + c->second) * USEC_SEC + c->usec;
}

/* Takes exactly n digits. */
static bool take_number(str *s, size_t n, unsigned *ret)
{
	uint64_t value;

	if (s->len < n || !str_to_u64(str_take(s, n), &value))
		return false;
	*ret = (unsigned)value;
	return true;
}

/* And the mark behind them. */
static bool take_field(str *s, size_t n, char mark, unsigned *ret)
{
	return take_number(s, n, ret) && str_skip(s, str_of(&mark, 1));
}

/* Takes three letters; the index of them in `names`, from 1, or 0. */
static unsigned take_name(str *s, const char *names)
{
	for (unsigned i = 0; names[i]; i += 3) {
		if (str_skip(s, str_of(names + i, 3)))
			return i / 3 + 1;
	}
	return 0;
}

bool http_date_parse(str value, usec *ret_wall)
{
	struct civil c = { .usec = 0 };
	unsigned year;

	if (take_name(&value, weekdays) == 0 || !str_skip(&value, STR(", ")) ||
	    !take_field(&value, 2, ' ', &c.day))
		return false;
	c.month = take_name(&value, months);
	if (!str_skip(&value, STR(" ")) || !take_field(&value, 4, ' ', &year) ||
	    !take_field(&value, 2, ':', &c.hour) ||
	    !take_field(&value, 2, ':', &c.minute) ||
	    !take_field(&value, 2, ' ', &c.second) || !str_eq(value, STR("GMT")))
		return false;
	c.year = year;
	if (!civil_is_valid(&c))
		return false;
	*ret_wall = civil_to_wall(&c);
	return true;
}

/* Takes "Z" or "+01:00"; what has to be subtracted, in minutes. */
static bool take_offset(str *s, int *ret)
{
	bool is_west = str_starts(*s, STR("-"));
	unsigned hours, minutes;

	if (str_skip(s, STR("Z"))) {
		*ret = 0;
		return true;
	}
	if (!is_west && !str_starts(*s, STR("+")))
		return false;
	str_take(s, 1);
	if (s->len < 5 || !take_number(s, 2, &hours) || !str_skip(s, STR(":")) ||
	    !take_number(s, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret = (int)(hours * 60 + minutes) * (is_west ? -1 : 1);
	return true;
}

bool rfc3339_parse(str value, usec *ret_wall)
{
	struct civil c = { .usec = 0 };
	unsigned year;
	uint64_t nano = 0;
	int offset;

	if (!take_field(&value, 4, '-', &year) || !take_field(&value, 2, '-', &c.month) ||
	    !take_field(&value, 2, 'T', &c.day) || !take_field(&value, 2, ':', &c.hour) ||
	    !take_field(&value, 2, ':', &c.minute) || !take_number(&value, 2, &c.second))
		return false;
	if (str_skip(&value, STR(".")) && !take_fraction(&value, &nano))
		return false;
	c.year = year;
	c.usec = (unsigned)(nano / 1000);
	if (!take_offset(&value, &offset) || value.len > 0 || !civil_is_valid(&c))
		return false;
	*ret_wall = civil_to_wall(&c) - offset * USEC_MIN;
	return true;
}

void rfc3339_write(struct buf *to, usec wall)
{
	struct civil c;
	int64_t days = wall / (24 * USEC_HOUR) - (wall % (24 * USEC_HOUR) < 0);
	int64_t ms = (wall - days * 24 * USEC_HOUR) / USEC_MS; /* of that day */

	civil_from_days(days, &c);
	buf_addf(to, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", (int)c.year, c.month, c.day,
	         (int)(ms / 3600000), (int)(ms / 60000 % 60), (int)(ms / 1000 % 60),
	         (int)(ms % 1000));
}
