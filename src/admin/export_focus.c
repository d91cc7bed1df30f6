/* export_focus.c - attempts in the words of FOCUS 1.2 (focus.finops.org).
 *
 * Amounts are printed with twelve decimals, which is what prices have; the rounding of an
 * attempt's cost to nano-dollars is in its last line, so that lines add up to it. */
#include "admin/export.h"

#include "codec/json_write.h"
#include "codec/text.h"
#include "policy/price.h"

#include <time.h>

void export_focus_head(struct buf *to)
{
	buf_add(to,
	        STR("BilledCost,BillingAccountId,BillingAccountName,BillingCurrency,"
	            "BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargeClass,"
	            "ChargeDescription,ChargeFrequency,ChargePeriodEnd,ChargePeriodStart,"
	            "ConsumedQuantity,ConsumedUnit,ContractedCost,ContractedUnitPrice,"
	            "EffectiveCost,InvoiceIssuerName,ListCost,ListUnitPrice,"
	            "PricingCategory,PricingQuantity,PricingUnit,ProviderName,"
	            "PublisherName,ResourceId,ResourceName,ResourceType,ServiceCategory,"
	            "ServiceName,ServiceSubcategory,SkuId,SkuPriceId,SubAccountId,"
	            "SubAccountName,Tags,x_AttemptId,x_RequestId,x_Route,x_User,x_Trial,"
	            "x_CostIsKnown,x_UsageKind\n"));
}

/* What a class is called, and counted in. */
static const struct {
	str name, unit;
} classes[PRICE_CLASSES] = {
	[PRICE_INPUT] = { STR_INIT("input"), STR_INIT("Tokens") },
	[PRICE_CACHE_READ] = { STR_INIT("cache_read"), STR_INIT("Tokens") },
	[PRICE_CACHE_WRITE] = { STR_INIT("cache_write"), STR_INIT("Tokens") },
	[PRICE_CACHE_WRITE_1H] = { STR_INIT("cache_write_1h"), STR_INIT("Tokens") },
	[PRICE_AUDIO_INPUT] = { STR_INIT("audio_input"), STR_INIT("Tokens") },
	[PRICE_OUTPUT] = { STR_INIT("output"), STR_INIT("Tokens") },
	[PRICE_REASONING] = { STR_INIT("reasoning"), STR_INIT("Tokens") },
	[PRICE_AUDIO_OUTPUT] = { STR_INIT("audio_output"), STR_INIT("Tokens") },
	[PRICE_IMAGE] = { STR_INIT("image"), STR_INIT("Images") },
	[PRICE_REQUEST] = { STR_INIT("request"), STR_INIT("Requests") },
	[PRICE_SEARCH] = { STR_INIT("search"), STR_INIT("Searches") },
};

/* One line of the file. */
struct charge {
	const struct attempt_row *row;
	const struct spend_names *names;
	str what, unit;
	bool is_correction;
	uint64_t quantity;
	picousd price, list; /* PRICE_UNKNOWN: none */
	__int128 amount;     /* pico-dollars */
};

static void add_text(struct buf *to, str text)
{
	csv_text(to, text);
	buf_add_char(to, ',');
}

/* A cell of both: what is put together is quoted as a whole. */
static void add_joined(struct buf *to, str first, str between, str second)
{
	struct buf text = BUF_LIMIT(64 * KiB);

	buf_add(&text, first);
	buf_add(&text, between);
	buf_add(&text, second);
	add_text(to, buf_str(&text));
	buf_free(&text);
}

/* Pico-dollars as dollars. */
static void add_pico(struct buf *to, __int128 pico)
{
	unsigned __int128 value = (unsigned __int128)(pico < 0 ? -pico : pico);
	const uint64_t unit = 1000000000000;

	buf_addf(to, "%s%llu.%012llu,", pico < 0 ? "-" : "",
	         (unsigned long long)(value / unit), (unsigned long long)(value % unit));
}

static void add_time(struct buf *to, usec wall)
{
	char text[32];
	time_t seconds = (time_t)(wall / USEC_SEC);
	struct tm utc;

	gmtime_r(&seconds, &utc);
	buf_add(to,
	        str_of(text, strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ,", &utc)));
}

static usec month_of(usec wall, int more)
{
	time_t seconds = (time_t)(wall / USEC_SEC);
	struct tm utc;

	gmtime_r(&seconds, &utc);
	utc.tm_mday = 1;
	utc.tm_hour = utc.tm_min = utc.tm_sec = 0;
	utc.tm_mon += more;
	return (usec)timegm(&utc) * USEC_SEC;
}

/* {"env":"prod"} of "env=prod". */
static void add_tags(struct buf *to, str tags)
{
	struct buf text = BUF_LIMIT(4 * KiB);
	struct json_writer w = { .to = &text };

	json_open(&w, '{');
	while (tags.len) {
		str value = str_cut(&tags, ',');
		str name = str_cut(&value, '=');

		json_key_str(&w, name, value);
	}
	json_close(&w, '}');
	add_text(to, buf_str(&text));
	buf_free(&text);
}

static void add_id(struct buf *to, uint64_t id)
{
	if (id)
		buf_add_hex(to, id, 12);
	buf_add_char(to, ',');
}

static void add_price(struct buf *to, picousd price)
{
	if (price == PRICE_UNKNOWN)
		buf_add_char(to, ',');
	else
		add_pico(to, price);
}

static void add_bill(struct buf *to, const struct charge *c)
{
	const struct attempt_row *row = c->row;
	usec hour = row->began_wall / USEC_HOUR * USEC_HOUR;

	add_pico(to, c->amount);
	add_text(to, row->provider);
	add_text(to, row->provider);
	add_text(to, STR("USD"));
	add_time(to, month_of(row->began_wall, 1));
	add_time(to, month_of(row->began_wall, 0));
	add_text(to, c->is_correction ? STR("Adjustment") : STR("Usage"));
	add_text(to, c->is_correction ? STR("Correction") : STR_NONE);
	add_joined(to, c->what, STR(" of "), row->model);
	add_text(to, STR("Usage-Based"));
	add_time(to, hour + USEC_HOUR);
	add_time(to, hour);
}

static void add_quantities(struct buf *to, const struct charge *c)
{
	bool is_listed = c->list != PRICE_UNKNOWN;

	if (!c->is_correction)
		buf_add_u64(to, c->quantity);
	buf_add_char(to, ',');
	add_text(to, c->unit);
	add_pico(to, c->amount);
	add_price(to, c->price);
	add_pico(to, c->amount);
	add_text(to, c->row->provider);
	add_pico(to, is_listed ? (__int128)c->list * c->quantity : c->amount);
	add_price(to, c->list);
	add_text(to, c->is_correction ? STR_NONE : STR("Standard"));
	if (!c->is_correction)
		buf_add_u64(to, c->quantity);
	buf_add_char(to, ',');
	add_text(to, c->unit);
}

static void add_charge(struct buf *to, const struct charge *c)
{
	static const str kinds[] = { STR_INIT("none"), STR_INIT("reported"),
		                     STR_INIT("estimated"), STR_INIT("unknown") };
	const struct attempt_row *row = c->row;

	add_bill(to, c);
	add_quantities(to, c);
	add_text(to, row->provider);
	add_text(to, row->provider);
	add_text(to, row->model);
	add_text(to, row->model);
	add_text(to, STR("Model"));
	add_text(to, STR("AI and Machine Learning"));
	add_joined(to, row->operation, STR(" "), row->provider);
	add_text(to, STR("Generative AI"));
	add_joined(to, row->model, STR("/"), c->what);
	if (row->price)
		buf_add_hex(to, row->price->version, 16);
	buf_add_char(to, ',');
	add_id(to, row->key);
	add_text(to, spend_name(c->names, row->key));
	add_tags(to, row->tags);
	buf_add_hex(to, row->id, 16);
	buf_add_char(to, ',');
	buf_add_hex(to, row->exchange, 16);
	buf_add_char(to, ',');
	add_text(to, row->route);
	add_text(to, row->user);
	add_text(to, row->trial);
	buf_addf(to, "%s,%.*s\n", row_cost(row) == COST_UNKNOWN ? "false" : "true",
	         STR_ARG(kinds[row->usage_kind]));
}

/* What the unit costs without the discount. */
static picousd list_of(const struct price *p, picousd unit)
{
	const uint32_t million = 1000000;

	if (unit == PRICE_UNKNOWN || p->discount == 0 || p->discount >= million)
		return unit;
	return (picousd)(((__int128)unit * million + (million - p->discount) / 2) /
	                 (million - p->discount));
}

static void add_lines(struct buf *to, struct charge *c)
{
	struct price_line lines[PRICE_CLASSES];
	const struct attempt_row *row = c->row;
	unsigned count = price_lines(row->price, &row->usage, lines);
	__int128 rest = (__int128)row->cost * 1000;

	for (unsigned i = 0; i < count; i++) {
		const struct price_line *line = &lines[i];

		c->what = classes[line->what].name;
		c->unit = classes[line->what].unit;
		c->quantity = line->quantity;
		c->price = line->unit;
		c->list = list_of(row->price, line->unit);
		c->amount = i + 1 < count ? (__int128)line->amount : rest;
		rest -= c->amount;
		add_charge(to, c);
	}
}

void export_focus_row(struct buf *to, const struct spend_names *n,
                      const struct attempt_row *row)
{
	struct charge c = { .row = row,
		            .names = n,
		            .what = STR("usage"),
		            .price = PRICE_UNKNOWN,
		            .list = PRICE_UNKNOWN };

	if (row->number == 0 || row->usage_kind == USAGE_NONE)
		return;
	if (row->cost != COST_UNKNOWN && row->price)
		add_lines(to, &c);
	else
		add_charge(to, &c);
	if (!row->is_corrected)
		return;
	c.what = STR("correction");
	c.is_correction = true;
	c.unit = STR_NONE;
	c.quantity = 0;
	c.price = c.list = PRICE_UNKNOWN;
	c.amount = (__int128)row->corrected * 1000;
	add_charge(to, &c);
}
