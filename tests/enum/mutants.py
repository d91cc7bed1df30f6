"""Mistakes that the enumeration must notice; tools/mutants makes them, one at a time.

Each is a few exact texts and what stands there instead. Guarantees 5.3.7 names the kinds. What no
stream of these formats can show (blocks that are open at the same time as a text) is left to the unit
tests of the seam: such a mutant names them.
"""

from typing import NamedTuple


class Mutant(NamedTuple):
    name: str
    edits: tuple        # of (file, old, new)
    unit: str = ""      # unit tests that notice instead


def mutant(name, file, *texts, unit=""):
    return Mutant(name, tuple((file, texts[n], texts[n + 1]) for n in range(0, len(texts), 2)), unit)


SEAM, PROOF = "src/wire/seam.c", "src/wire/seam_proof.c"
GIVEN, GO_ON = "src/wire/given.c", "src/wire/go_on.c"
RESUME, STREAM, LANE = "src/gateway/resume.c", "src/gateway/stream.c", "src/gateway/lane.c"

MUTANTS = [
    # --- the seam ---
    mutant("anchor-off-by-one", PROOF,
           "if (at + s->matched + c.len < s->p.len) {", "if (at + s->matched + c.len + 1 < s->p.len) {"),
    mutant("anchor-inside-a-code-point", PROOF,
           "chars -= utf8_begins(p.ptr[at]);", "chars -= 1;",
           "while (at > 0 && !utf8_begins(p.ptr[at]))\n\t\tat--;", ""),
    mutant("any-tail-is-proof", PROOF,
           "return at == s->p_begin ||", "return at > 0 || at == s->p_begin ||"),
    mutant("repeated-twice", SEAM,
           "if (s->twice_at == s->twice.len)\n\t\tseam_refuse(s);", ""),
    mutant("stop-sequence-missed", SEAM, "\tfind_strides(s);\n\tlook_behind", "\tlook_behind"),
    mutant("usage-summed-twice", SEAM,
           "u.output = s->given_tokens + new;", "u.output = 2 * s->given_tokens + new;"),
    mutant("index-not-shifted", SEAM, "e.block += s->shift;", "(void)s->shift;", unit="seam"),
    mutant("held-text-lost", SEAM,
           "s->is_settled = true;\n\tsay(s, buf_str(&s->held));", "s->is_settled = true;"),
    mutant("empty-rest-is-an-answer", SEAM,
           "(e->finish == FINISH_STOP && s->p.len == 0 && s->said_bytes == 0)) {",
           "(e->finish == FINISH_NONE && s->p.len == 0 && s->said_bytes == 0)) {"),
    mutant("double-finish", "src/wire/openai_emit.c",
           "for (unsigned i = 0; i < e->choice_count; i++) {\n\t\tif (!e->choices[i].used)",
           "for (unsigned n = 0; n < 2 * e->choice_count; n++) {\n\t\tunsigned i = n / 2;\n\t\tif (!e->choices[i].used)"),
    mutant("double-role", "src/wire/openai_emit.c",
           "e->own[BEGUN] |= bit;\n", "if (!e->adopts)\n\t\te->own[BEGUN] |= bit;\n"),
    mutant("blank-behind-a-prefix-twice", SEAM, "s->owed = str_from(p, end);", "(void)end;"),
    mutant("calls-before-the-proof", SEAM,
           "} else if (e->kind == CHAT_OPEN && e->what != CHAT_TEXT) {\n\t\tseam_refuse(s);",
           "} else if (e->kind == CHAT_OPEN && e->what != CHAT_TEXT) {\n\t\tchat_push(s->next, e);"),
    # --- what the client has been given ---
    mutant("tool-hold-leaks", GIVEN, "g->count = g->held_from;", "(void)g->held_from;"),
    mutant("last-delta-lost", GIVEN,
           "last->len[GIVEN_STRINGS - 1] += (uint32_t)text.len;", "(void)last;"),
    mutant("call-released-too-soon", "src/wire/args_end.c",
           "--s->depth == 0) {\n\t\ts->is_whole = true;", "--s->depth == 1) {\n\t\ts->is_whole = true;"),
    mutant("replayed-twice", LANE,
           "buf_clear(&l->out); /* the client has it */", ""),
    mutant("foreign-head", LANE, "l->e.head = buf_str(&a->given->head);", ""),
    mutant("held-call-replayed", RESUME,
           "given_cut(a->given); /*", "(void)given_cut; /*"),
    # --- what may be continued ---
    mutant("max-tokens-not-reduced", GO_ON,
           "r->max_tokens -= how->said_tokens;\n", "(void)how;\n"),
    mutant("too-many-continuations", RESUME,
           "if (r->sent >= RESUMES_MOST || !x->client ||", "if (r->sent >= 9 || !x->client ||"),
    mutant("refusal-shopping", RESUME, "s->has_call || s->has_refusal ||", "s->has_call ||"),
    mutant("calls-continued", RESUME, "s->has_call || s->has_refusal ||", "s->has_refusal ||"),
    # --- what goes out ---
    mutant("done-behind-an-error", "src/wire/openai.c",
           "write_error_object(&w, why, message, STR_NONE);\n\tbuf_add(to, STR(\"\\n\\n\"));",
           "write_error_object(&w, why, message, STR_NONE);\n\tbuf_add(to, STR(\"\\n\\ndata: [DONE]\\n\\n\"));"),
    mutant("end-mark-missing", STREAM,
           "if (!was_done)\n\t\tadd_rest(a, &out->text);", "if (was_done)\n\t\tadd_rest(a, &out->text);"),
    mutant("truncation-is-success", STREAM,
           "if (!wire_tap_eof(a->wire, &a->tap, NULL) ||\n\t    (finished", "if (wire_tap_eof(a->wire, &a->tap, NULL) &&\n\t    (finished"),
    mutant("error-passed-then-resumed", STREAM,
           "if (a->given && !a->long_kept)\n\t\t\tret->pass_error = false;", ""),
    mutant("usage-chunk-not-stripped", "src/wire/openai_tap.c",
           "ret->strip = t->strip_usage && has_usage", "ret->strip = !t->strip_usage && has_usage"),
    mutant("checksum-ignored", "src/codec/event_stream.c",
           "crc_of(str_first(bytes, s->need - CRC)) ||", "get_u32(bytes.ptr + s->need - CRC) ||"),
    mutant("comment-among-messages", "src/gateway/outgoing.c",
           "x->endpoint->wire->frames == FRAMES_SSE && ", ""),
    mutant("no-last-chunk", "src/gateway/outgoing.c",
           "if (x->is_chunked && last)", "if (x->is_chunked && last && !x->resume)"),
    # --- the books ---
    mutant("row-of-the-first-attempt-missing", "src/gateway/attempt.c",
           "attempt_settle(before, false);\n", "\n"),
]
