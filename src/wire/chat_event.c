/* chat_event.c - the usual sequences of readers (chat_event.h). */
#include "wire/chat_event.h"

enum { COUNT_MOST = INT32_MAX };

void chat_push_begin(struct chat_sink *to, jstr id, jstr model)
{
	chat_push(to,
	          &(struct chat_event){ .kind = CHAT_BEGIN, .id = id, .name = model });
}

void chat_push_block(struct chat_sink *to, unsigned choice, unsigned block,
                     enum chat_kind what, jstr text)
{
	struct chat_event e = { .choice = choice, .block = block, .what = what };

	e.kind = CHAT_OPEN;
	chat_push(to, &e);
	e.kind = CHAT_PIECE;
	e.text = text;
	chat_push(to, &e);
	e.kind = CHAT_CLOSE;
	e.text = STR_NONE;
	chat_push(to, &e);
}

void chat_push_piece(struct chat_reader *rd, struct chat_sink *to, enum chat_kind what,
                     jstr text)
{
	struct chat_event e = { .what = what };

	if (rd->open_block == 0 || rd->open_kind != what) {
		rd->open_block = ++rd->next_block;
		rd->open_kind = what;
		e.kind = CHAT_OPEN;
		e.block = rd->open_block - 1;
		chat_push(to, &e);
	}
	e.kind = CHAT_PIECE;
	e.block = rd->open_block - 1;
	e.text = text;
	chat_push(to, &e);
}

void chat_push_finish(struct chat_reader *rd, struct chat_sink *to,
                      struct json_value word, const struct chat_finish_row *rows,
                      size_t count)
{
	if (rd->finished)
		return;
	rd->finished = true;
	rd->finish = FINISH_STOP;
	for (size_t i = 0; i < count; i++) {
		if (json_text_is(word, rows[i].name)) {
			rd->finish = rows[i].finish;
			break;
		}
	}
	chat_push(to, &(struct chat_event){ .kind = CHAT_FINISH, .finish = rd->finish });
}

void chat_push_end(struct chat_reader *rd, struct chat_sink *to)
{
	if (rd->ended)
		return;
	rd->ended = true;
	chat_push(to, &(struct chat_event){ .kind = CHAT_END });
}

void chat_push_odd(struct chat_sink *to, jstr name)
{
	chat_push(to, &(struct chat_event){ .kind = CHAT_ODD, .name = name });
}

void chat_push_placed(struct chat_sink *to, unsigned block, enum chat_kind what, jstr id,
                      jstr name, unsigned place)
{
	chat_push(to, &(struct chat_event){ .kind = CHAT_OPEN,
	                                    .block = block,
	                                    .what = what,
	                                    .id = id,
	                                    .name = name,
	                                    .place = place });
}

void chat_push_open(struct chat_sink *to, unsigned block, enum chat_kind what, jstr id,
                    jstr name)
{
	chat_push_placed(to, block, what, id, name, 0);
}

/* Half a surrogate pair becomes U+FFFD on the way; memory is used for nothing else. */
void chat_push_text(struct chat_sink *to, unsigned block, enum chat_kind what,
                    struct json_value text)
{
	struct arena keep = { .ceiling = text.raw.len + KiB };

	if (json_has_text(text))
		chat_push(to, &(struct chat_event){ .kind = CHAT_PIECE,
		                                    .block = block,
		                                    .what = what,
		                                    .text = chat_text_in(&keep, text) });
	arena_done(&keep);
}

void chat_push_close(struct chat_sink *to, unsigned block)
{
	chat_push(to, &(struct chat_event){ .kind = CHAT_CLOSE, .block = block });
}

unsigned chat_find_slot(const struct chat_reader *rd, uint32_t key)
{
	unsigned i = 0;

	while (i < countof(rd->slots) && rd->slots[i].key != key)
		i++;
	return i;
}

unsigned chat_free_slot(const struct chat_reader *rd)
{
	unsigned oldest = 0;

	for (unsigned i = 0; i < countof(rd->slots); i++) {
		if (rd->slots[i].key == 0)
			return i;
		if (rd->slots[i].block < rd->slots[oldest].block)
			oldest = i;
	}
	return oldest;
}

bool chat_read_count(struct json_value v, uint64_t *ret)
{
	return v.type == JSON_NONE || v.type == JSON_NULL ||
	       (json_u64(v, ret) && *ret <= COUNT_MOST);
}

/* What vendors call what their price lists are for. */
bool chat_is_other_tier(struct json_value v)
{
	static const str usual[] = {
		STR_INIT("default"),   STR_INIT("standard"), STR_INIT("auto"),
		STR_INIT("on_demand"), STR_INIT("global"),   STR_INIT("standard_only"),
		STR_INIT(""),          STR_INIT("none"),     STR_INIT("not_available"),
	};

	if (v.type != JSON_STRING)
		return false;
	for (size_t i = 0; i < countof(usual); i++)
		if (str_eq_nocase(chat_inside(v), usual[i]))
			return false;
	return true;
}

jstr chat_inside(struct json_value v)
{
	return v.type == JSON_STRING ? str_of(v.raw.ptr + 1, v.raw.len - 2) : STR_NONE;
}
