/* list.h - a doubly linked ring whose links live inside the objects.
 *
 * The head is a link too; an empty list points at itself.  An object that is in no list
 * has a zeroed or self-pointing link. */
#pragma once
#include "base/compiler.h"

#include <stdbool.h>

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

static inline bool list_is_linked(const struct list *l)
{
	return l->next && l->next != l;
}

static inline void list_add_last(struct list *head, struct list *item)
{
	item->prev = head->prev;
	item->next = head;
	head->prev->next = item;
	head->prev = item;
}

static inline void list_add_first(struct list *head, struct list *item)
{
	list_add_last(head->next, item);
}

/* Harmless on an item that is in no list. */
static inline void list_remove(struct list *item)
{
	if (!item->next)
		return;
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_init(item);
}

/* The first item, unlinked; NULL when there is none. */
static inline struct list *list_take_first(struct list *head)
{
	struct list *item = head->next;

	if (item == head)
		return NULL;
	list_remove(item);
	return item;
}

#define list_each(head, it)                                                              \
	for (struct list *it = (head)->next; it != (head); it = it->next)
/* Survives the removal of `it` from inside the loop. */
#define list_each_safe(head, it)                                                         \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head);        \
	     it = it##_next, it##_next = it->next)
