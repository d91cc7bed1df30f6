/* export_csv.c - attempts as CSV, a line each. */
#include "admin/export.h"

#include "codec/text.h"
#include "admin/text.h"

void export_csv_head(struct buf *to)
{
	buf_add(to,
	        STR("began,id,attempt,number,state,operation,asked,route,provider,model,"
	            "answered_model,stream,team,team_name,key,key_name,user,tags,trial,"
	            "status,client_status,fault,finish,flags,usage_kind,input_tokens,"
	            "cache_read_tokens,cache_write_tokens,cache_write_1h_tokens,"
	            "output_tokens,reasoning_tokens,audio_input_tokens,"
	            "audio_output_tokens,images,searches,cost_usd,charged_usd,"
	            "corrected_usd,reserved_usd,price_version,connect_us,first_byte_us,"
	            "first_token_us,total_us,attempts,client,agent\n"));
}

static void add_text(struct buf *to, str text)
{
	csv_text(to, text);
	buf_add_char(to, ',');
}

static void add_hex(struct buf *to, uint64_t value, int digits)
{
	if (value)
		buf_add_hex(to, value, digits);
	buf_add_char(to, ',');
}

static void add_number(struct buf *to, int64_t value)
{
	buf_add_i64(to, value);
	buf_add_char(to, ',');
}

static void add_money(struct buf *to, nanousd amount)
{
	money_text(to, amount, false);
	buf_add_char(to, ',');
}

static void add_who(struct buf *to, const struct spend_names *n,
                    const struct attempt_row *row)
{
	static const str states[] = { STR_INIT("open"), STR_INIT("done"),
		                      STR_INIT("unknown") };

	rfc3339_write(to, row->began_wall);
	buf_add_char(to, ',');
	add_hex(to, row->exchange, 16);
	add_hex(to, row->id, 16);
	add_number(to, row->number);
	add_text(to, states[row->state]);
	add_text(to, row->operation);
	add_text(to, row->asked);
	add_text(to, row->route);
	add_text(to, row->provider);
	add_text(to, row->model);
	add_text(to, row->answered_model);
	add_number(to, row->stream);
	add_hex(to, row->team, 12);
	add_text(to, spend_name(n, row->team));
	add_hex(to, row->key, 12);
	add_text(to, spend_name(n, row->key));
	add_text(to, row->user);
	add_text(to, row->tags);
	add_text(to, row->trial);
}

static void add_usage(struct buf *to, const struct attempt_row *row)
{
	static const str kinds[] = { STR_INIT("none"), STR_INIT("reported"),
		                     STR_INIT("estimated"), STR_INIT("unknown") };
	const struct token_usage *u = &row->usage;
	const uint64_t counts[] = { u->input,          u->cache_read,   u->cache_write,
		                    u->cache_write_1h, u->output,       u->reasoning,
		                    u->audio_input,    u->audio_output, u->images,
		                    u->searches };

	add_text(to, kinds[row->usage_kind]);
	for (unsigned i = 0; i < countof(counts); i++)
		add_number(to, (int64_t)counts[i]);
}

void export_csv_row(struct buf *to, const struct spend_names *n,
                    const struct attempt_row *row)
{
	nanousd cost = row_cost(row);

	add_who(to, n, row);
	add_number(to, row->status);
	add_number(to, row->client_status);
	add_text(to, row->fault);
	add_text(to, row->finish);
	row_flags(to, row->flags, ' ');
	buf_add_char(to, ',');
	add_usage(to, row);
	if (cost != COST_UNKNOWN)
		money_text(to, cost, false);
	buf_add_char(to, ',');
	add_money(to, row_charged(row));
	add_money(to, row->corrected);
	add_money(to, row->reserved);
	add_hex(to, row->price ? row->price->version : 0, 16);
	add_number(to, row->connect);
	add_number(to, row->first_byte);
	add_number(to, row->first_token);
	add_number(to, row->total);
	add_number(to, row->attempts);
	add_text(to, row->client);
	csv_text(to, row->agent);
	buf_add_char(to, '\n');
}
