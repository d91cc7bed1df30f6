"""Judges what the enumeration has played: is each answer whole, or honestly broken?

The idea: tests/enum/enum.c writes each different outcome once, with the answers that would be
right; here the client's bytes are read anew (fold.py) and compared. A verdict is one of
    exact       an answer that is right, with its format's success mark
    honest      an error in the client's format, behind nothing but a beginning of a right answer
    refused     an honest status instead of a stream
or a violation, named after the invariant (docs of the enumeration: tests/enum/README.md).
"""

import collections
import json
import re

import fold

# What the gateway is known to do and still has to learn; told, not counted.
KNOWN = re.compile("(?!)")      # nothing; "F20: repeated rows|..." would be beginnings of verdicts

# These give an answer of their own when they are asked afresh.
HELPFUL = {"PERFECT", "REFUSES", "PLAIN", "LAST12", "LAST39", "LAST41", "WRONG", "SPLIT", "BLANK",
           "QUOTED", "REPLAY", "DIVERGES", "OTHERWISE", "CHATTY", "TWICE", "REASONS", "LENGTH", "CALLS",
           "DECLINES", "LANGUAGE", "STOPS"}
# Without a proof at the seam: what they go on with must not be taken, right as it may be.
UNPROVEN = {"PLAIN"}

UNREAD = ("gemini",)
ANCHOR = 40                     # characters that are repeated to prove a seam


def text_of(answer, kind):
    return "".join(part["text"] for part in answer["parts"] if part["kind"] == kind)


def calls_of(answer):
    return [(part["id"], part["name"], part["text"]) for part in answer["parts"] if part["kind"] == "call"]


def seals_of(answer):
    return [part["seal"] for part in answer["parts"] if part["seal"]]


def same_json(a, b):
    try:
        return json.loads(a) == json.loads(b)
    except ValueError:
        return False


def same_calls(got, want, ids):
    return len(got) == len(want) and all(
        g[1] == w[1] and same_json(g[2], w[2]) and (not ids or g[0] == w[0]) for g, w in zip(got, want))


class Judge:
    def __init__(self):
        self.answers, self.folds, self.cases, self.bodies = {}, {}, {}, {}
        self.counts = collections.Counter()
        self.verdicts = {}              # of a case
        self.wrong = []                 # (what, scene, case or None)
        self.runs = 0

    # --- reading what enum.c has written ---

    def read(self, stream):
        """Also what an aborted program has left behind."""
        for line in stream:
            if not line.endswith(b"\n"):
                break
            word, _, rest = line.partition(b" ")
            if word == b"body":
                id, length = map(int, rest.split())
                self.bodies[id] = stream.read(length)
                stream.read(1)
            elif word == b"answer":
                id, _, text = rest.partition(b" ")
                self.answers[int(id)] = json.loads(text)
            elif word == b"case":
                id, _, text = rest.partition(b" ")
                self.case(int(id), json.loads(text))
            elif word == b"wrong":
                said = json.loads(rest)
                self.wrong.append((said["what"], said["scene"], None))
            elif word == b"count":
                id, n = map(int, rest.split())
                self.counts[self.verdicts[id]] += n
            elif word == b"runs":
                self.runs = int(rest)
        return self

    def folded(self, client, id):
        key = client, id
        if key not in self.folds:
            self.folds[key] = fold.fold(client, self.bodies[id])
        return self.folds[key]

    def case(self, id, case):
        verdict, why = self.verdict(case)
        self.verdicts[id] = (case["client"], case["shape"], case["cut"], case["second"],
                             verdict)
        if verdict == "wrong":
            self.wrong.append((why, case["scene"], case))

    # --- the verdict ---

    def verdict(self, case):
        client, body = case["client"], self.bodies[case["body"]]
        # Where no SDK looks at errors in a stream, the framing breaks behind one.
        unread = client in UNREAD and case["ending"] == "cut" and self.folded(client, case["body"]).end == "error"
        if case["ending"] == "cut" and not unread and client in UNREAD and case["slow"]:
            return "wrong", "F11: a slow client is cut inside the error"
        if case["ending"] != "whole" and not unread:
            return "wrong", f"F11: the response is {case['ending']}"
        if case["status"] != 200:
            if not fold.is_error_body(client, body):
                return "wrong", f"F11: status {case['status']} without the format's error"
            return self.rescue(case, "refused")
        if case["cut"] == "CORRUPT" and case["as_sent"] and client != "bedrock":
            return "as sent", ""
        m = self.folded(client, case["body"])
        # What was changed has been passed on as it came; where there are checksums, it cannot be.
        sums = case["providers"][0] == "bedrock"
        if case["cut"] == "CORRUPT" and m.wrong and not sums:
            return "as sent", ""
        if m.wrong:
            return "wrong", m.wrong[0]
        accepts = [self.answers[each] for each in case["accepts"]]
        if m.end == "success":
            return self.success(case, m, accepts)
        if m.end == "error":
            return self.failure(case, m, accepts)
        return "wrong", "F11: neither a success mark nor an error"

    def rescue(self, case, verdict):
        """Nothing was given to the client, and somebody could have helped."""
        if case["second"] in HELPFUL and case["cut"] not in ("NONE", "CORRUPT"):
            return "wrong", "S0: not rescued before the first token"
        return verdict, ""

    def success(self, case, m, accepts):
        whys = []
        for answer in accepts:
            why = self.differs(case, m, answer)
            if not why:
                if case["second"] in UNPROVEN and case["continued"] == 1 and not case["prefills"]:
                    return "wrong", "F20: a continuation was taken without a proof"
                return "exact", ""
            whys.append(why)
        if case["cut"] == "CORRUPT" and case["providers"][0] != "bedrock":
            return "as sent", ""
        return "wrong", "F3: a wrong answer claims success: " + " / ".join(whys)

    def must_go_on(self, case, m):
        """An error event in the middle of a text, among providers of one format of which the next
        would continue perfectly."""
        one_format = {case["client"], *case["providers"]} == {case["client"]}
        return (case["cut"] == "ERROR" and case["shape"] == "plain" and case["second"] == "PERFECT" and one_format
                and len(m.joined("text")) >= ANCHOR)

    def differs(self, case, m, answer):
        """Why that is not this answer; empty: it is."""
        asked = case["providers"][:max(case["attempts"], 2)]
        same = {case["client"], *asked} == {case["client"]}
        got, want = m.joined("text"), text_of(answer, "text")
        refusal = text_of(answer, "refusal")
        if not same:                    # across formats a refusal is text, or text a refusal
            got, want, refusal = got + m.joined("refusal"), want + refusal, ""
        if got != want:
            return f"text is {short(got, want)}"
        if refusal != (m.joined("refusal") if same else ""):
            return f"refusal is {short(m.joined('refusal'), refusal)}"
        if not same_calls(m.calls(), calls_of(answer), same):
            return f"calls are {m.calls()}"
        thought = text_of(answer, "reasoning")
        got = m.joined("reasoning")
        told = [text_of(self.answers[each], "reasoning") for each in case["accepts"]]
        if got != thought and (case["attempts"] == 1 or not is_chain(got, told)):
            return f"reasoning is {short(got, thought)}"
        if m.finish != answer["finish"] and (same or "?" in m.finish):
            return f"finish is {m.finish}, not {answer['finish']}"
        seals = seals_of(answer)
        if same and m.seals() != seals and not self.seals_fit(case, m):
            return f"F8: seals are {m.seals()}, not {seals}"
        if same and seals and case["client"] != "gemini" and not all(
                part[2] for part in m.parts if part[0] == "reasoning" and part[1]):
            return "F8: reasoning without its seal"
        if same and m.usage and m.usage[1] >= 0 and not usage_fits(case, m, answer):
            return f"F7: usage is {m.usage}, provider said {answer['given']}, {answer['made']}"
        if case["client"] == "openai-chat" and (m.usage is not None) != (case["shape"] == "long") and same:
            return f"F7: usage is {m.usage}, asked for or not"
        return ""

    def seals_fit(self, case, m):
        """Across a seam: those of the answer whose thoughts the client has; Gemini's come last and
        may be missing."""
        return case["attempts"] > 1 and (
            case["client"] == "gemini" and not m.seals()
            or any(m.seals() == seals_of(self.answers[each])
                   and m.joined("reasoning") == text_of(self.answers[each], "reasoning")
                   for each in case["accepts"]))

    def failure(self, case, m, accepts):
        if m.is_empty():
            return self.rescue(case, "honest")
        if self.must_go_on(case, m):
            return "wrong", "S3: an error event, enough text to go on from, and nobody has"
        if case["cut"] == "CORRUPT":
            return "honest", ""
        for answer in accepts:
            if begins(m, answer, [text_of(each, "reasoning") for each in accepts]):
                return "honest", ""
        if begins(m, self.answers[case["oracle"]], [text_of(self.answers[case["oracle"]], "reasoning")]):
            return "honest", ""
        return "wrong", (f"F1: before the error stands what nobody has said: "
                         f"{m.joined('text')[-60:]!r} {m.kinds()}")


def usage_fits(case, m, answer):
    """As the provider said, when one alone has answered; else the first prompt and what is visible."""
    if m.usage == (answer["given"], answer["made"]):
        return True
    if case["attempts"] == 1 and case["cut"] == "NONE":
        return False
    visible = sum(len(part[1].encode()) for part in m.parts) / 4
    return 0 < m.usage[0] <= 60 and abs(m.usage[1] - visible) <= 30 + visible / 8


def is_chain(text, thoughts):
    """Beginnings of these, one behind the other: each attempt thinks anew, and a provider may be asked again."""
    rests, before = {text}, set()
    while rests != before:
        before = set(rests)
        for thought in thoughts:
            rests |= {rest[n:] for rest in before for n in range(1, len(rest) + 1) if thought.startswith(rest[:n])}
    return "" in rests


def begins(m, answer, thoughts):
    """Is what was delivered a beginning of that answer?"""
    text, refusal = text_of(answer, "text"), text_of(answer, "refusal")
    if not text.startswith(bare(m.joined("text"))) and not (text + refusal).startswith(
            bare(m.joined("text") + m.joined("refusal"))):
        return False
    wanted = calls_of(answer)
    for got in m.calls():
        if not any(got[1] == want[1] and is_json_beginning(got[2], want[2]) for want in wanted):
            return False
    return is_chain(m.joined("reasoning"), thoughts)


def bare(text):
    """Without half a pair at its end."""
    return text[:-1] if text and "\ud800" <= text[-1] <= "\udbff" else text


def is_json_beginning(got, want):
    return want.startswith(got) or same_json(got, want)


def short(got, want):
    at = next((n for n, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
    return f"{len(got)} long, wanted {len(want)}, differs at {at}: {got[max(0, at - 20):at + 30]!r}"
