/* telemetry_doc.h - docs/telemetry.md. */
#pragma once
#include "base/buf.h"

void telemetry_doc_write(struct buf *to);
