/* errors_doc.h - docs/errors.md, made from base/fault.def. */
#pragma once
#include "base/buf.h"

/* The whole document; some 20 KiB. */
void errors_doc_write(struct buf *to);
