#include "wire/chat_event.h"

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
