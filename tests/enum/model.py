"""The states of guarantees 5.1 as a small model, compared with what the gateway does.

Every grammatical stream of up to MOST events, ended behind each of them, with later providers that
go on well or fail: how is the next one asked, and how does it end? The streams are words, a letter
an event; model.h has the alphabet.
"""

import re
import subprocess
import threading

CLIENTS = {"openai-chat": 0, "openai-responses": 1, "anthropic": 2, "gemini": 3, "cohere": 5}


def words(most):
    """o, then text, reasoning and refusals in any order, then calls, then the end."""
    def calls(room):
        yield ""
        for one in ("cz", "caz"):
            if len(one) <= room:
                for rest in calls(room - len(one)):
                    yield one + rest

    def said(room):
        yield ""
        if room:
            for letter in "trx":
                for rest in said(room - 1):
                    yield letter + rest
    for body in said(most - 3):
        if "x" in body and "t" in body:
            continue                    # a refusal is all that is said
        for tail in calls(most - 3 - len(body)):
            if "x" in body and tail:
                continue
            yield "o" + body + tail + "fd"
            if len(body + tail) < most - 3:
                yield "o" + body + tail + "fud"


def predict(word, cut, ok):
    """(how later attempts are asked, how it ends)."""
    seen = word[:cut]
    said = seen[1:]
    calls_whole = said.count("z")
    has_text, has_thought, has_refusal = "t" in said, "r" in said, "x" in said
    if "f" in said and (has_text or has_thought or has_refusal or calls_whole):
        return "", "success"                                    # S6
    if not (has_text or has_thought or has_refusal or calls_whole):
        return ("a", "success") if ok else ("aa", "status")     # S0, S1; a call that waits is not given
    if has_refusal or calls_whole:
        return "", "error"                                      # S7, S5
    how = "r" if has_text else "a"                              # S2, S3
    return (how, "success") if ok else (how * 2, "error")


def compare(program, most, clients):
    """(runs, [what differs])"""
    cases = [(word, cut, ok, client) for word in words(most) for cut in range(len(word) + 1)
             for ok in (1, 0) for client in clients]
    process = subprocess.Popen([program, "--model"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def feed():
        for word, cut, ok, client in cases:
            process.stdin.write(f"{word} {cut} {ok} {CLIENTS[client]}\n")
        process.stdin.close()
    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    wrong = []
    for word, cut, ok, client in cases:
        line = process.stdout.readline().split()
        if not line:
            wrong.append(f"the program ended at {word} {cut} {ok} {client}")
            break
        got = line[0].replace("-", ""), line[1]
        wanted = predict(word, cut, ok)
        # Gemini's calls go out when the next thing comes: one behind which nothing is whole was not given.
        if client == "gemini" and re.fullmatch("ca*z(ca*)?", word[1:cut]):
            wanted = ("a", "success") if ok else ("aa", "status")
        if got != wanted:
            wrong.append(f"{word[:cut]}|{word[cut:]} {'ok' if ok else 'fails'} {client}: "
                         f"asked {got[0] or 'nobody'}, {got[1]}; the model: {wanted[0] or 'nobody'}, {wanted[1]}")
    process.kill()
    process.wait()
    return len(cases), wrong


if __name__ == "__main__":
    import sys
    runs, wrong = compare(sys.argv[1], int(sys.argv[2]), sys.argv[3].split(","))
    print(f"{runs} runs, {len(wrong)} differ")
    print("\n".join(wrong[:60]))
