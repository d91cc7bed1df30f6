/* record.c - attempt rows as journal records.
 *
 * A record is a fixed part, copied as it lies in memory, and its texts one after another;
 * their lengths stand in the fixed part.  Nothing is put together first: the journal
 * gathers the pieces into the segment; but what clients and providers say may hold a key
 * of ours, and then a copy goes there in which it is not to be read (G36).  The version
 * byte stands first; a record of another version is refused, not guessed.  Journals never
 * leave the machine, so byte order and layout are the compiler's, held still by the
 * asserts below. */
#include "meter/record.h"

#include "base/assert.h"
#include "config/key.h"
#include "meter/trace.h"

#include <limits.h>

enum { VERSION = 1, TEXT_MOST = 512, TEXT_SHORT = 36, OPEN_TEXTS = 8, CLOSE_TEXTS = 6 };

struct open_part {
	uint8_t version;
	uint8_t stream;
	uint16_t lengths[OPEN_TEXTS];
	uint8_t endpoint;
	uint8_t more; /* enum more: what follows, before the texts */
	uint32_t number;
	uint64_t id, exchange, key, team;
	int64_t began_wall;
	uint64_t request_bytes;
	int64_t reserved;
};

enum more {
	MORE_TRACE = 1 << 0,        /* a struct trace_parent */
	MORE_CONVERSATION = 1 << 1, /* 8 bytes */
};

struct close_part {
	uint8_t version;
	uint8_t usage_kind;
	uint8_t closes;
	uint8_t has_price; /* a struct price follows, before the texts */
	uint16_t lengths[CLOSE_TEXTS];
	uint64_t id;
	int64_t total, exchange_total;
	uint64_t answer_bytes;
	uint64_t input, output;
	int64_t cost, reserved;
	/* Parts of the whole: more than 4 G tokens, or 71 minutes, stay at the limit. */
	uint32_t cache_read, cache_write, reasoning, audio_input, audio_output;
	uint32_t cache_write_1h, searches;
	uint32_t connect, first_byte, first_token, overhead;
	uint32_t attempts;
	int32_t status, client_status;
	uint32_t images, flags;
};

/* No padding: what is not written would be some other memory's bytes. */
_Static_assert(sizeof(struct open_part) == 80, "layout of version 1");
_Static_assert(sizeof(struct close_part) == 144, "layout of version 1");
_Static_assert(sizeof(struct price) == 24 + 8 * PRICE_CLASSES, "layout of version 1");
_Static_assert(sizeof(struct close_part) + sizeof(struct price) + JOURNAL_OVERHEAD +
                               3 * TEXT_SHORT <=
                       JOURNAL_PROMISE,
               "a shortened CLOSE fits into what was promised");
_Static_assert(sizeof(struct open_part) + sizeof(struct close_part) +
                               sizeof(struct price) + TRACE_PARENT + 8 +
                               (OPEN_TEXTS + CLOSE_TEXTS) * TEXT_MOST <=
                       JOURNAL_RECORD_MOST,
               "the longest record");

/* ---- writing ---- */

struct pieces {
	struct iovec iov[5 + OPEN_TEXTS + CLOSE_TEXTS];
	int count, masked;
	char room[OPEN_TEXTS + CLOSE_TEXTS][TEXT_MOST]; /* of masked texts */
};

/* iovec is not const, but what is written is only read. */
static void add(struct pieces *p, const void *bytes, size_t size)
{
	union {
		const void *in;
		void *out;
	} unconst = { .in = bytes };

	p->iov[p->count++] = (struct iovec){ .iov_base = unconst.out, .iov_len = size };
}

static void add_text(struct pieces *p, const char *text, size_t len)
{
	if (unlikely(key_stands_in(str_of(text, len)))) {
		text = memcpy(p->room[p->masked], text, len);
		key_hide(p->room[p->masked++], len);
	}
	add(p, text, len);
}

static void add_texts(struct pieces *p, uint16_t *lengths, const str *texts, int count,
                      size_t most)
{
	for (int i = 0; i < count; i++) {
		lengths[i] = (uint16_t)min_of(texts[i].len, most);
		if (lengths[i])
			add_text(p, texts[i].ptr, lengths[i]);
	}
}

static uint32_t at_most_u32(uint64_t value)
{
	return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

static uint32_t span_u32(usec span)
{
	return span > 0 ? at_most_u32((uint64_t)span) : 0;
}

static void add_open(struct pieces *p, struct open_part *to,
                     const struct attempt_row *row)
{
	const str texts[OPEN_TEXTS] = { row->operation, row->asked, row->route,
		                        row->provider,  row->model, row->user,
		                        row->tags,      row->trial };

	*to = (struct open_part){
		.version = VERSION,
		.stream = row->stream,
		.endpoint = row->endpoint,
		.more = (uint8_t)((row->trace.len == TRACE_PARENT ? MORE_TRACE : 0) |
		                  (row->conversation ? MORE_CONVERSATION : 0)),
		.number = row->number,
		.id = row->id,
		.exchange = row->exchange,
		.key = row->key,
		.team = row->team,
		.began_wall = row->began_wall,
		.request_bytes = row->request_bytes,
		.reserved = row->reserved,
	};
	add(p, to, sizeof(*to));
	if (to->more & MORE_TRACE)
		add(p, row->trace.ptr, TRACE_PARENT);
	if (to->more & MORE_CONVERSATION)
		add(p, &row->conversation, sizeof(row->conversation));
	add_texts(p, to->lengths, texts, OPEN_TEXTS, TEXT_MOST);
}

static void add_close(struct pieces *p, struct close_part *to,
                      const struct attempt_row *row, bool shorten)
{
	const struct token_usage *usage = &row->usage;
	const str none = STR_NONE;
	const str texts[CLOSE_TEXTS] = {
		row->fault,  shorten ? none : row->detail,
		row->finish, shorten ? none : row->answered_model,
		row->client, shorten ? none : row->agent,
	};

	*to = (struct close_part){
		.version = VERSION,
		.usage_kind = (uint8_t)row->usage_kind,
		.closes = row->closes,
		.has_price = row->price != NULL,
		.id = row->id,
		.total = row->total,
		.exchange_total = row->exchange_total,
		.answer_bytes = row->answer_bytes,
		.input = usage->input,
		.output = usage->output,
		.cost = row->cost,
		.reserved = row->reserved,
		.cache_read = at_most_u32(usage->cache_read),
		.cache_write = at_most_u32(usage->cache_write),
		.reasoning = at_most_u32(usage->reasoning),
		.audio_input = at_most_u32(usage->audio_input),
		.audio_output = at_most_u32(usage->audio_output),
		.cache_write_1h = at_most_u32(usage->cache_write_1h),
		.searches = at_most_u32(usage->searches),
		.connect = span_u32(row->connect),
		.first_byte = span_u32(row->first_byte),
		.first_token = span_u32(row->first_token),
		.overhead = span_u32(row->overhead),
		.attempts = row->attempts,
		.status = row->status,
		.client_status = row->client_status,
		.images = at_most_u32(usage->images),
		.flags = row->flags,
	};
	add(p, to, sizeof(*to));
	if (row->price)
		add(p, row->price, sizeof(*row->price));
	add_texts(p, to->lengths, texts, CLOSE_TEXTS, shorten ? TEXT_SHORT : TEXT_MOST);
}

bool record_write(struct journal *j, enum record_kind kind, const struct attempt_row *row)
{
	struct pieces p;
	struct open_part open;
	struct close_part close;

	p.count = p.masked = 0;
	if (kind != RECORD_CLOSE)
		add_open(&p, &open, row);
	if (kind == RECORD_CLOSE) {
		/* With the last room a record without its long texts is better than none.
		 */
		bool shorten = !journal_has_room(j);

		journal_keep_promise(j);
		add_close(&p, &close, row, shorten);
	} else if (kind == RECORD_WHOLE) {
		add_close(&p, &close, row, false);
	} else {
		journal_promise(j);
	}
	if (journal_write(j, kind, p.iov, p.count))
		return true;
	if (kind == RECORD_OPEN)
		journal_keep_promise(j);
	return false;
}

/* ---- reading ---- */

static bool take_part(str *rest, void *to, size_t size)
{
	str bytes = str_take(rest, size);

	if (bytes.len < size || bytes.ptr[0] != VERSION)
		return false;
	memcpy(to, bytes.ptr, size);
	return true;
}

static bool take_texts(str *rest, const uint16_t *lengths, str *const *to, int count)
{
	for (int i = 0; i < count; i++) {
		*to[i] = str_take(rest, lengths[i]);
		if (to[i]->len < lengths[i])
			return false;
	}
	return true;
}

static bool take_conversation(str *rest, struct attempt_row *row)
{
	str bytes = str_take(rest, sizeof(row->conversation));

	if (bytes.len < sizeof(row->conversation))
		return false;
	memcpy(&row->conversation, bytes.ptr, sizeof(row->conversation));
	return true;
}

static bool read_open(str *rest, struct attempt_row *row)
{
	str *const texts[OPEN_TEXTS] = { &row->operation, &row->asked, &row->route,
		                         &row->provider,  &row->model, &row->user,
		                         &row->tags,      &row->trial };
	struct open_part from;

	if (!take_part(rest, &from, sizeof(from)))
		return false;
	row->id = from.id;
	row->exchange = from.exchange;
	row->number = from.number;
	row->key = from.key;
	row->team = from.team;
	row->began_wall = from.began_wall;
	row->stream = from.stream != 0;
	row->request_bytes = from.request_bytes;
	row->reserved = from.reserved;
	row->state = ROW_OPEN;
	row->endpoint = from.endpoint;
	row->trace = from.more & MORE_TRACE ? str_take(rest, TRACE_PARENT) : STR_NONE;
	if (from.more & MORE_TRACE && row->trace.len < TRACE_PARENT)
		return false;
	row->conversation = 0;
	if (from.more & MORE_CONVERSATION && !take_conversation(rest, row))
		return false;
	return take_texts(rest, from.lengths, texts, OPEN_TEXTS);
}

static void read_usage(const struct close_part *from, struct attempt_row *row)
{
	row->usage_kind = from->usage_kind <= USAGE_UNKNOWN
	                          ? (enum usage_kind)from->usage_kind
	                          : USAGE_UNKNOWN;
	row->usage = (struct token_usage){
		.input = from->input,
		.output = from->output,
		.cache_read = from->cache_read,
		.cache_write = from->cache_write,
		.reasoning = from->reasoning,
		.audio_input = from->audio_input,
		.audio_output = from->audio_output,
		.cache_write_1h = from->cache_write_1h,
		.searches = from->searches,
		.images = from->images,
	};
	row->cost = from->cost;
}

/* Whatever the figures are, the texts behind them must be found. */
static bool take_price(str *rest, struct attempt_row *row, struct price *room)
{
	str bytes = str_take(rest, sizeof(*room));

	if (bytes.len < sizeof(*room))
		return false;
	memcpy(room, bytes.ptr, sizeof(*room));
	row->price = room;
	return true;
}

static bool read_close(str *rest, struct attempt_row *row, struct price *price_room)
{
	str *const texts[CLOSE_TEXTS] = { &row->fault,  &row->detail,
		                          &row->finish, &row->answered_model,
		                          &row->client, &row->agent };
	struct close_part from;

	if (!take_part(rest, &from, sizeof(from)))
		return false;
	row->id = from.id;
	row->state = ROW_DONE;
	row->status = from.status;
	row->connect = from.connect;
	row->first_byte = from.first_byte;
	row->first_token = from.first_token;
	row->total = from.total;
	row->answer_bytes = from.answer_bytes;
	row->reserved = from.reserved;
	read_usage(&from, row);
	row->closes = from.closes != 0;
	row->client_status = from.client_status;
	row->exchange_total = from.exchange_total;
	row->overhead = from.overhead;
	row->attempts = from.attempts;
	row->flags = from.flags;
	row->price = NULL;
	if (from.has_price && !take_price(rest, row, price_room))
		return false;
	return take_texts(rest, from.lengths, texts, CLOSE_TEXTS);
}

bool record_read(const struct journal_record *record, struct attempt_row *ret,
                 struct price *ret_price)
{
	str rest = record->payload;
	bool ok = false;

	switch (record->kind) {
	case RECORD_OPEN:
		ok = read_open(&rest, ret);
		break;
	case RECORD_CLOSE:
		ok = read_close(&rest, ret, ret_price);
		break;
	case RECORD_WHOLE:
		ok = read_open(&rest, ret) && read_close(&rest, ret, ret_price);
		break;
	default:
		break;
	}
	return ok && rest.len == 0;
}

/* In both parts the id, which is the row's own, ends the first piece. */
_Static_assert(offsetof(struct open_part, team) - offsetof(struct open_part, key) == 8,
               "key and team are one piece");
_Static_assert(offsetof(struct close_part, client_status) -
                               offsetof(struct close_part, status) ==
                       4,
               "and so are the statuses");
_Static_assert(offsetof(struct close_part, flags) + 4 == sizeof(struct close_part),
               "flags, price and texts are another");

bool record_pieces(str open, str close, str ret[RECORD_PIECES])
{
	uint8_t more = (uint8_t)open.ptr[offsetof(struct open_part, more)];
	size_t texts = sizeof(struct open_part);
	uint16_t detail; /* the second of the texts */

	texts += more & MORE_TRACE ? (size_t)TRACE_PARENT : 0;
	texts += more & MORE_CONVERSATION ? sizeof(uint64_t) : 0;
	memcpy(&detail, close.ptr + offsetof(struct close_part, lengths) + sizeof(detail),
	       sizeof(detail));
	ret[0] = str_first(open, offsetof(struct open_part, id));
	ret[1] = str_of(open.ptr + offsetof(struct open_part, key), 16);
	ret[2] = str_from(open, texts);
	ret[3] = str_first(close, offsetof(struct close_part, id));
	ret[4] = str_of(close.ptr + offsetof(struct close_part, status), 8);
	ret[5] = str_from(close, offsetof(struct close_part, flags));
	return detail == 0;
}

uint64_t record_id(const struct journal_record *record)
{
	size_t least = record->kind == RECORD_OPEN ? sizeof(struct open_part)
	               : record->kind == RECORD_CLOSE
	                       ? sizeof(struct close_part)
	                       : sizeof(struct open_part) + sizeof(struct close_part);
	size_t at = record->kind == RECORD_CLOSE ? offsetof(struct close_part, id)
	                                         : offsetof(struct open_part, id);
	uint64_t id;

	if (record->kind < RECORD_OPEN || record->kind > RECORD_WHOLE ||
	    record->payload.len < least || record->payload.ptr[0] != VERSION)
		return 0;
	memcpy(&id, record->payload.ptr + at, sizeof(id));
	return id;
}
