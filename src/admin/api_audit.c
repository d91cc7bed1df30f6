/* api_audit.c - the audit log: read, checked, exported. */
#include "admin/api.h"
#include "admin/audit.h"
#include "admin/config_view.h"
#include "admin/tenant_json.h"
#include "base/mem.h"
#include "codec/text.h"

struct page {
	struct admin_call *c;
	unsigned most, count;
	uint64_t last;
	usec since, until;
};

static int unreadable(struct admin_call *c)
{
	return admin_problem(c, 503, "ledger_unavailable", NULL,
	                     "the audit log could not be read");
}

static bool take_entry(void *arg, const struct audit_row *row)
{
	struct page *p = arg;
	struct buf line = BUF_LIMIT(4 * MiB);

	if (p->count++ < p->most) {
		audit_line(row, &line);
		json_raw(&p->c->to, buf_str(&line));
		p->last = row->seq;
	}
	buf_free(&line);
	return !p->c->out->over;
}

int api_audit(struct admin_call *c)
{
	struct ledger *l = admin_reader(c);
	struct page p = { .c = c };
	uint64_t before;

	if (!l)
		return 503;
	if (!(p.most = admin_page(c, &before)))
		return 400;
	json_open(&c->to, '{');
	json_key(&c->to, STR("data"));
	json_open(&c->to, '[');
	/* One more tells whether there is another page. */
	if (!ledger_audit(l, true, before, p.most + 1, take_entry, &p))
		return unreadable(c);
	json_close(&c->to, ']');
	admin_page_end(c, p.count > p.most ? p.last : 0);
	json_close(&c->to, '}');
	return 200;
}

/* "seq:hash", as the verdict has it. */
static bool head_parse(str text, struct audit_head *ret)
{
	char room[AUDIT_HASH * 2];
	str seq = str_cut(&text, ':'), hash;

	if (text.len != sizeof(room) || !hex_decode(text, room, &hash) ||
	    !str_to_u64(seq, &ret->seq))
		return false;
	memcpy(ret->hash, hash.ptr, AUDIT_HASH);
	return true;
}

int api_audit_verify(struct admin_call *c)
{
	struct ledger *l = admin_reader(c);
	str expect = admin_query(c, "expect");
	struct audit_head noted = { 0 };
	uint8_t key[AUDIT_KEY];
	struct audit_verdict v;
	bool is_read;

	if (!l)
		return 503;
	if (expect.len && !head_parse(expect, &noted))
		return admin_problem(c, 400, "invalid_parameter", "expect",
		                     "a head that was noted, like 12:0123...");
	audit_key(c->house->pepper, key);
	is_read = audit_verify(l, key, expect.len ? &noted : NULL, &v);
	mem_wipe(key, sizeof(key));
	if (!is_read)
		return unreadable(c);
	audit_verdict_write(&v, &c->to);
	return 200;
}

static bool export_entry(void *arg, const struct audit_row *row)
{
	struct page *p = arg;

	if (row->wall < p->since || row->wall >= p->until)
		return true;
	audit_line(row, p->c->out);
	buf_add_char(p->c->out, '\n');
	return !p->c->out->over;
}

/* Who may spend what, and what runs, as of now. */
static bool export_node(void *arg, const struct tenant_row *row,
                        const struct key_secret *secret)
{
	struct admin_call *c = arg;
	struct json_writer w = { .to = c->out };

	json_open(&w, '{');
	json_key(&w, STR("policy"));
	json_open(&w, '{');
	tenant_write(&w, row, secret, STR_NONE, c->wall);
	json_close(&w, '}');
	json_close(&w, '}');
	buf_add_char(c->out, '\n');
	return !c->out->over;
}

static bool export_token(void *arg, const struct admin_token_row *token)
{
	struct admin_call *c = arg;
	struct json_writer w = { .to = c->out };

	json_open(&w, '{');
	json_key(&w, STR("policy"));
	json_open(&w, '{');
	json_key_str(&w, STR("kind"), STR("token"));
	admin_write_token(&w, token);
	json_close(&w, '}');
	json_close(&w, '}');
	buf_add_char(c->out, '\n');
	return !c->out->over;
}

static void export_config(struct admin_call *c)
{
	struct json_writer w = { .to = c->out };
	struct config *config;

	if (!c->house->ops || !(config = admin_config(c)))
		return;
	json_open(&w, '{');
	json_key(&w, STR("policy"));
	json_open(&w, '{');
	json_key_str(&w, STR("kind"), STR("config"));
	json_key(&w, STR("config"));
	config_view_write(config, &w);
	json_close(&w, '}');
	json_close(&w, '}');
	buf_add_char(c->out, '\n');
	config_unref(&config);
}

int api_audit_export(struct admin_call *c)
{
	struct ledger *l = admin_reader(c);
	struct page p = { .c = c,
		          .since = admin_query_time(c, "since", 0),
		          .until = admin_query_time(c, "until", INT64_MAX) };

	if (!l)
		return 503;
	c->content_type = STR("application/x-ndjson");
	if (!ledger_audit(l, false, 0, INT32_MAX, export_entry, &p) ||
	    !ledger_tenants(l, export_node, c) || !ledger_tokens(l, 0, export_token, c))
		return unreadable(c);
	export_config(c);
	return 200;
}
