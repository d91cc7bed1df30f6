/* scalar.c - a number, a unit from a table, and nothing else. */
#include "config/scalar.h"

#include "base/compiler.h"

struct unit {
	str name;
	uint64_t factor;
};

static const struct unit times[] = {
	{ STR_INIT("ms"), 1000 },
	{ STR_INIT("s"), 1000 * 1000 },
	{ STR_INIT("m"), (uint64_t)USEC_MIN },
	{ STR_INIT("h"), (uint64_t)USEC_HOUR },
	{ STR_INIT("d"), (uint64_t)(24 * USEC_HOUR) },
};
static const struct unit sizes[] = {
	{ STR_INIT("B"), 1 },
	{ STR_INIT("KiB"), KiB },
	{ STR_INIT("MiB"), MiB },
	{ STR_INIT("GiB"), (uint64_t)1 << 30 },
	{ STR_INIT("TiB"), (uint64_t)1 << 40 },
};
static const struct unit none[] = { { STR_INIT(""), 1 } };
static const struct unit percent[] = { { STR_INIT(""), 1 }, { STR_INIT("%"), 1 } };

static enum scalar_result parse(str s, const struct unit *units, size_t count,
                                uint64_t *ret)
{
	size_t digits = 0;
	uint64_t number, product;
	str unit;

	while (digits < s.len && char_is_digit(s.ptr[digits]))
		digits++;
	if (digits == 0)
		return SCALAR_JUNK;
	unit = str_from(s, digits);
	for (size_t i = 0; i < count; i++) {
		if (!str_eq(unit, units[i].name))
			continue;
		if (!str_to_u64(str_first(s, digits), &number) ||
		    __builtin_mul_overflow(number, units[i].factor, &product) ||
		    product > INT64_MAX)
			return SCALAR_LARGE;
		*ret = product;
		return SCALAR_OK;
	}
	return unit.len == 0 ? SCALAR_NO_UNIT : SCALAR_NOT_A_UNIT;
}

enum scalar_result scalar_time(str s, uint64_t *ret)
{
	if (str_eq(s, STR("0"))) {
		*ret = 0;
		return SCALAR_OK;
	}
	return parse(s, times, countof(times), ret);
}

enum scalar_result scalar_size(str s, uint64_t *ret)
{
	return parse(s, sizes, countof(sizes), ret);
}

enum scalar_result scalar_count(str s, uint64_t *ret)
{
	return parse(s, none, countof(none), ret);
}

enum scalar_result scalar_percent(str s, uint64_t *ret)
{
	return parse(s, percent, countof(percent), ret);
}

/* ---- dates, shares, prices ---- */

enum scalar_result scalar_date(str s, uint64_t *ret)
{
	static const unsigned char days[] = { 31, 29, 31, 30, 31, 30,
		                              31, 31, 30, 31, 30, 31 };
	uint64_t year, month, day;

	if (s.len != 10 || s.ptr[4] != '-' || s.ptr[7] != '-' ||
	    !str_to_u64(str_first(s, 4), &year) ||
	    !str_to_u64(str_first(str_from(s, 5), 2), &month) ||
	    !str_to_u64(str_from(s, 8), &day))
		return SCALAR_JUNK;
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days[month - 1])
		return SCALAR_JUNK;
	*ret = year * 10000 + month * 100 + day;
	return SCALAR_OK;
}

/* "12", "12.5", "0.075" times ten to the power of `places`; *s is moved behind it. */
static enum scalar_result take_decimal(str *s, unsigned places, uint64_t *ret)
{
	uint64_t value = 0;
	size_t before = 0, behind = 0;
	bool is_fine = false;

	for (; before < s->len && char_is_digit(s->ptr[before]); before++)
		if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(s->ptr[before] - '0'),
		                           &value))
			return SCALAR_LARGE;
	*s = str_from(*s, before);
	if (before && s->len > 1 && s->ptr[0] == '.' && char_is_digit(s->ptr[1])) {
		str_take(s, 1);
		for (; behind < s->len && char_is_digit(s->ptr[behind]); behind++) {
			unsigned digit = (unsigned)(s->ptr[behind] - '0');

			is_fine |= behind >= places && digit != 0;
			if (behind < places &&
			    (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
			     __builtin_add_overflow(value, (uint64_t)digit, &value)))
				return SCALAR_LARGE;
		}
		*s = str_from(*s, behind);
	}
	for (; behind < places; behind++)
		if (__builtin_mul_overflow(value, (uint64_t)10, &value))
			return SCALAR_LARGE;
	*ret = value;
	return before == 0 ? SCALAR_JUNK : is_fine ? SCALAR_FINE : SCALAR_OK;
}

enum scalar_result scalar_share(str s, uint64_t *ret)
{
	enum scalar_result result = take_decimal(&s, 4, ret);

	if (result != SCALAR_OK)
		return result;
	if (!str_skip(&s, STR("%")))
		return s.len ? SCALAR_NOT_A_UNIT : SCALAR_NO_UNIT;
	return s.len ? SCALAR_NOT_A_UNIT : SCALAR_OK;
}

static enum scalar_result parse_price(str s, bool needs_unit, uint64_t *ret)
{
	enum { PICO = 12, MILLION = 6, THOUSAND = 3 };
	unsigned places = PICO;
	size_t slash = str_find(s, '/');
	str unit = str_from(s, slash), figure = str_first(s, slash);
	enum scalar_result result;

	if (str_eq(s, STR("free"))) {
		*ret = 0;
		return SCALAR_OK;
	}
	if (!str_skip(&figure, STR("$")))
		return SCALAR_JUNK;
	if (str_eq(unit, STR("/1M")))
		places -= MILLION;
	else if (str_eq(unit, STR("/1k")))
		places -= THOUSAND;
	result = take_decimal(&figure, places, ret);
	if (result == SCALAR_LARGE)
		return result;
	if (result == SCALAR_JUNK || figure.len > 0)
		return SCALAR_JUNK;
	if (unit.len == 0 ? needs_unit : places == PICO)
		return unit.len ? SCALAR_NOT_A_UNIT : SCALAR_NO_UNIT;
	return result == SCALAR_OK && *ret > INT64_MAX ? SCALAR_LARGE : result;
}

enum scalar_result scalar_price(str s, uint64_t *ret)
{
	return parse_price(s, false, ret);
}

enum scalar_result scalar_token_price(str s, uint64_t *ret)
{
	return parse_price(s, true, ret);
}

/* A sign, digits with '_' between, a fraction, an exponent, or 0x.../0o... */
static bool looks_numeric(str s)
{
	if (!str_skip(&s, STR("-")))
		str_skip(&s, STR("+"));
	if (str_starts(s, STR("0x")) || str_starts(s, STR("0o")))
		return true;
	if (s.len == 0 || (!char_is_digit(s.ptr[0]) && s.ptr[0] != '.'))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!char_is_digit(s.ptr[i]) && str_find(STR("._eE+-"), s.ptr[i]) == 6)
			return false;
	return true;
}

bool scalar_is_ambiguous(str s)
{
	static const str words[] = {
		STR_INIT("true"), STR_INIT("false"), STR_INIT("yes"), STR_INIT("no"),
		STR_INIT("on"),   STR_INIT("off"),   STR_INIT("y"),   STR_INIT("n"),
		STR_INIT("null"), STR_INIT("~"),
	};

	for (size_t i = 0; i < countof(words); i++)
		if (str_eq_nocase(s, words[i]))
			return true;
	return looks_numeric(s);
}
