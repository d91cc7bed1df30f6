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
