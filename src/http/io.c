/* io.c - the read buffer that the connections of a worker share, and what one of them
 * keeps aside when it has to wait. */
#include "base/mem.h"
#include "http/private.h"

void http_io_init(struct http_io *io, struct loop *loop)
{
	*io = (struct http_io){
		.loop = loop,
		.buffer = mem_new(HTTP_BUFFER_SIZE),
		.request = new_of(struct http_request),
		.response = new_of(struct http_response),
	};
}

void http_io_done(struct http_io *io)
{
	free(io->buffer);
	free(io->request);
	free(io->response);
	*io = (struct http_io){ .loop = NULL };
}

void kept_load(const struct http_kept *k, struct http_io *io, struct bytes *ret)
{
	*ret = (struct bytes){ .at = io->buffer, .len = k->len };
	if (k->len)
		memcpy(io->buffer, k->ptr, k->len);
}

/* The memory of a connection that waits for the next few bytes again and again is kept.
 */
void kept_save(struct http_kept *k, const struct bytes *in)
{
	if (in->len == 0) {
		kept_free(k);
		return;
	}
	if (in->len > k->cap) {
		free(k->ptr);
		k->cap = (uint32_t)(in->len + 255) & ~255u;
		k->ptr = mem_new(k->cap);
	}
	memcpy(k->ptr, in->at, in->len);
	k->len = (uint32_t)in->len;
}

void kept_free(struct http_kept *k)
{
	if (k->ptr)
		free(k->ptr);
	*k = (struct http_kept){ .ptr = NULL };
}

ssize_t bytes_read(struct bytes *in, struct http_io *io, struct sock *s, size_t most)
{
	if (in->at + in->len + most > io->buffer + HTTP_BUFFER_SIZE) {
		memmove(io->buffer, in->at, in->len);
		in->at = io->buffer;
	}
	io->read_calls += s->may_read;
	ssize_t n = sock_read(s, in->at + in->len, most);
	if (n > 0)
		in->len += (size_t)n;
	return n;
}
