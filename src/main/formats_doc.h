/* formats_doc.h - docs/formats.md, made from wire/concept.def. */
#pragma once
#include "base/buf.h"

void formats_doc_write(struct buf *to);
