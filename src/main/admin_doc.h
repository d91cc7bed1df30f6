/* admin_doc.h - docs/admin-api.md, from the tables of routes and schemas. */
#pragma once
#include "base/buf.h"

void admin_doc_write(struct buf *to);
