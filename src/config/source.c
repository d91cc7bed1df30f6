/* source.c - the text of a configuration: the whole of a file, and keys that are read
 * alone, whatever else is in it. */
#include "base/mem.h"
#include "config/config.h"
#include "config/section.h"
#include "config/value.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* At most one byte more than a configuration may have; -errno. */
static int read_file(const char *path, struct buf *to)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = 0;

	if (fd < 0)
		return -errno;
	while (to->len <= READER_FILE_MOST && buf_reserve(to, 16 * KiB)) {
		n = read(fd, to->ptr + to->len, 16 * KiB);
		if (n <= 0)
			break;
		to->len += (size_t)n;
	}
	n = n < 0 ? -errno : 0;
	close(fd);
	return (int)n;
}

/* The text of source->path; false (noted) when it cannot be read. */
static bool load_text(const struct config_source *source, struct config_notes *notes,
                      struct buf *ret)
{
	struct reader r = { .source = source, .notes = notes };
	char path[PATH_MAX];
	int failed = -ENAMETOOLONG;

	*ret = BUF_LIMIT(READER_FILE_MOST + 32 * KiB);
	if (source->path.len < sizeof(path)) {
		memcpy(path, source->path.ptr, source->path.len);
		path[source->path.len] = 0;
		failed = read_file(path, ret);
	}
	if (failed)
		note(&r, NOTE_FILE, NULL, "the file cannot be read: %s",
		     strerror(-failed));
	return !failed;
}

struct config *config_load(const struct config_source *source, struct config_notes *notes)
{
	struct config_source with_text = *source;
	struct config *c = NULL;
	struct buf text;

	if (load_text(source, notes, &text)) {
		with_text.text = buf_str(&text);
		c = config_read(&with_text, notes);
		mem_wipe(text.ptr, text.len); /* there may be keys in it */
	}
	buf_free(&text);
	return c;
}

/* ---- parts of it ---- */

/* The value of a key of the file alone, as the key wants it; everything else is let pass.
 */
static void find_alone(struct reader *r, str text, enum section_id section,
                       const char *parent, const char *name, void *to)
{
	const struct config_notes before = *r->notes;
	const struct tree_node *root = tree_read(r, text), *above = root;
	const struct config_key *key;
	struct tree_node *node;
	unsigned index, place;

	key = config_key_find(&config_sections[section], str_from_z(name), &index,
	                      &place);
	if (parent)
		above = tree_find(root, str_from_z(parent));
	node = tree_find(above, str_from_z(name));
	/* The other parts of a tree that came back are for others to find wrong. */
	if (root && !(above && above->is_doubtful) && !(node && node->is_doubtful))
		*r->notes = before;
	if (!node)
		return;
	resolve_variables(r, node);
	value_store(r, key, node, to);
}

/* One reader for a part of a file, whose text it is given (empty without a path). */
struct partial {
	struct config_source source;
	struct buf text;
	struct reader r;
};

/* False: the file cannot be read.  partial_done in any case. */
static bool partial_init(struct partial *p, const struct config_source *source,
                         bool wants_text, struct config_notes *notes)
{
	*p = (struct partial){ .source = *source };
	if (wants_text && !load_text(source, notes, &p->text))
		return false;
	p->source.text = buf_str(&p->text);
	str_skip(&p->source.text, BYTE_ORDER_MARK);
	reader_begin(&p->r, &p->source, new_of(struct config), notes);
	return true;
}

static void partial_done(struct partial *p)
{
	arena_done(&p->r.work);
	config_unref(&p->r.config);
	if (p->text.ptr)
		mem_wipe(p->text.ptr, p->text.len);
	buf_free(&p->text);
}

bool config_find_data(const struct config_source *source, struct buf *ret,
                      struct config_notes *notes)
{
	bool wants_text = source->path.len > 0 && source->data.len == 0;
	struct partial p;

	if (partial_init(&p, source, wants_text, notes)) {
		if (p.text.len > 0)
			find_alone(&p.r, p.source.text, SECTION_ROOT, NULL, "data",
			           &p.r.config->data);
		read_data(&p.r);
		if (notes->errors == 0)
			buf_set(ret, p.r.config->data);
	}
	partial_done(&p);
	return notes->errors == 0 && !ret->over;
}

bool config_find_key_file(const struct config_source *source, struct buf *ret,
                          struct config_notes *notes)
{
	struct partial p;

	if (partial_init(&p, source, source->path.len > 0, notes)) {
		if (p.text.len > 0)
			find_alone(&p.r, p.source.text, SECTION_SECRETS, "secrets",
			           "key_file", &p.r.config->key_file);
		if (notes->errors == 0)
			buf_set(ret, str_from_z(p.r.config->key_file));
	}
	partial_done(&p);
	return notes->errors == 0 && !ret->over;
}

struct config *config_read_file(const char *path, struct config_notes *notes)
{
	struct config_source source = { .path = str_from_z(path) };

	return config_load(&source, notes);
}
