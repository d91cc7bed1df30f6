/* usage_value.c - see usage_value.h.
 *
 * A figure is first a decimal: its digits as they stand, and how far the point is from
 * them.  What it counts decides what of that may be lost. */
#include "admin/usage_value.h"

#include "codec/text.h"

#include <time.h>

static bool parse_any_day(str text, int64_t *ret)
{
	struct tm utc = { 0 };
	uint64_t seconds, year, month, day;
	usec wall;

	text = str_trim(text);
	if (text.len >= 10 && text.ptr[4] == '-' && text.ptr[7] == '-' &&
	    str_to_u64(str_first(text, 4), &year) &&
	    str_to_u64(str_first(str_from(text, 5), 2), &month) &&
	    str_to_u64(str_first(str_from(text, 8), 2), &day)) {
		utc = (struct tm){ .tm_year = (int)year - 1900,
			           .tm_mon = (int)month - 1,
			           .tm_mday = (int)day };
		*ret = timegm(&utc) / 86400;
		/* 2026-02-31 has become a day of March. */
		return utc.tm_year == (int)year - 1900 && utc.tm_mon == (int)month - 1 &&
		       utc.tm_mday == (int)day;
	}
	if (str_to_u64(str_first(text, str_find(text, '.')), &seconds) &&
	    seconds > 100000000 && seconds < USAGE_DAYS_MOST * (uint64_t)86400) {
		*ret = (int64_t)(seconds / 86400);
		return true;
	}
	if (!rfc3339_parse(text, &wall))
		return false;
	*ret = wall / (24 * USEC_HOUR);
	return true;
}

bool usage_day_parse(str text, int64_t *ret)
{
	int64_t day;

	if (!parse_any_day(text, &day) || day < 0 || day >= USAGE_DAYS_MOST)
		return false;
	*ret = day;
	return true;
}

void usage_day(struct buf *to, int64_t day)
{
	time_t seconds = (time_t)(day * 86400);
	char text[16];
	struct tm utc;

	gmtime_r(&seconds, &utc);
	buf_add(to, str_of(text, strftime(text, sizeof(text), "%Y-%m-%d", &utc)));
}

/* "-$1,234.5e-3" as digits x 10^exponent. */
struct decimal {
	uint64_t digits;
	int exponent;
	bool is_negative;
};

static bool take_exponent(str text, int *exponent)
{
	int64_t power;

	str_skip(&text, STR("+"));
	if (!str_to_i64(text, &power) || power < -60 || power > 20)
		return false;
	*exponent += (int)power;
	return true;
}

/* "1,234,567" has commas in front of each three digits; "0,016" and "1,5" are how others
 * write a fraction, and are not read. */
static bool is_grouped_right(str text)
{
	size_t end = str_find_any(text, STR(".eE"));
	str rest = str_first(text, end), behind = str_from(text, end);
	str lead = str_cut(&rest, ',');

	if (str_find(behind, ',') < behind.len)
		return false;
	if (lead.len == end)
		return true;
	if (lead.len == 0 || lead.len > 3 || lead.ptr[0] == '0' ||
	    text.ptr[end - 1] == ',')
		return false;
	while (rest.len) {
		if (str_cut(&rest, ',').len != 3)
			return false;
	}
	return true;
}

static bool parse_decimal(str text, struct decimal *ret)
{
	struct decimal d = { 0 };
	bool any = false;
	int step = 0;

	text = str_trim(text);
	d.is_negative = str_skip(&text, STR("-"));
	str_skip(&text, STR("$"));
	if (!is_grouped_right(text))
		return false;
	while (text.len && text.ptr[0] != 'e' && text.ptr[0] != 'E') {
		char c = str_take(&text, 1).ptr[0];

		if (c == '.' && !step) {
			step = -1;
		} else if (char_is_digit(c) && d.digits <= (UINT64_MAX - 9) / 10) {
			d.digits = d.digits * 10 + (uint64_t)(c - '0');
			d.exponent += step;
			any = true;
		} else if (char_is_digit(c)) {
			d.exponent += step ? 0 : 1; /* beyond what can matter */
		} else if (c != ',') {
			return false;
		}
	}
	if (text.len && !take_exponent(str_from(text, 1), &d.exponent))
		return false;
	*ret = d;
	return any;
}

bool usage_count(str text, uint64_t *ret)
{
	struct decimal d;

	if (!parse_decimal(text, &d) || d.is_negative)
		return false;
	for (; d.digits && d.exponent < 0 && d.digits % 10 == 0; d.exponent++)
		d.digits /= 10;
	for (; d.digits && d.exponent > 0; d.exponent--)
		if (d.digits > (uint64_t)INT64_MAX / 1000)
			return false;
		else
			d.digits *= 10;
	*ret = d.digits;
	return (d.exponent == 0 || !d.digits) && d.digits <= USAGE_COUNT_MOST;
}

/* digits x 10^exponent dollars in nano-dollars. */
static bool scale(uint64_t digits, int exponent, nanousd *ret)
{
	unsigned __int128 value = digits;

	exponent += 9;
	for (; exponent > 0; exponent--) {
		value *= 10;
		if (value > INT64_MAX)
			return false;
	}
	for (; exponent < -1; exponent++)
		value /= 10;
	if (exponent == -1)
		value = (value + 5) / 10;
	*ret = (nanousd)value;
	return value <= INT64_MAX;
}

bool usage_amount_in(str text, int exponent, nanousd *ret)
{
	struct decimal d;

	if (!parse_decimal(text, &d) || !scale(d.digits, d.exponent + exponent, ret))
		return false;
	*ret = d.is_negative ? -*ret : *ret;
	return true;
}

bool usage_amount(str text, nanousd *ret)
{
	return usage_amount_in(text, 0, ret);
}

/* Without one date at its end: -20250929, or -2025-08-07. */
static str undated(str model)
{
	static const str shapes[] = { STR_INIT("-dddd-dd-dd"), STR_INIT("-dddddddd") };

	for (unsigned i = 0; i < countof(shapes); i++) {
		str end = str_from(model, model.len - min_of(model.len, shapes[i].len));
		bool fits = end.len == shapes[i].len && model.len > end.len;

		for (size_t k = 0; fits && k < end.len; k++)
			fits = shapes[i].ptr[k] == 'd' ? char_is_digit(end.ptr[k])
			                               : end.ptr[k] == '-';
		if (fits)
			return str_first(model, model.len - end.len);
	}
	return model;
}

str usage_model(str model)
{
	str shorter;

	for (model = str_trim(model);; model = shorter) {
		shorter = str_trim(undated(model));
		if (shorter.len == model.len)
			return model;
	}
}
