"""A stream that dies after its first token goes on with another target: on real sockets, for every
client's format, every format of the provider that dies, and every one of the one that goes on.

One stand-alone mock speaks all formats; its model `cut` resets the connection behind eight words of
the text that `lorem` says whole, and asked for the rest of an answer both repeat the anchor. What the
client gets is read by dialects.py, which shares nothing with the gateway.
"""

import json
import subprocess

import dialects
from dialects import Turn
from harness import Gateway, check, free_port, same
from raw import SLUICE

gateway = mock = lorem = None
SILENT = "gemini", "bedrock"  # no comments there


def setup():
    global gateway, mock, lorem
    port = free_port()
    mock = subprocess.Popen([SLUICE, "mock", "--listen", f"127.0.0.1:{port}"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    providers, routes = [], []
    # Each test has a provider of its own that dies: how it failed is remembered.
    for i, each in enumerate(dialects.ALL):
        for name in ["b"] + [f"a{n}x" for n in range(len(dialects.ALL) + 3)]:
            providers.append(f"  {name}{i}: {{ format: {each.name}, "
                             f"url: \"http://127.0.0.1:{port}{each.base}\", key: sk-upstream }}")
        for n in range(len(dialects.ALL)):
            for j in range(len(dialects.ALL)):
                routes.append(f"  r{n}{i}{j}: {{ targets: [a{n}x{i}/cut, b{j}/lorem] }}")
        routes.append(f"  off{i}: {{ targets: [a6x{i}/cut, b{i}/lorem], resume: off }}")
        routes.append(f"  on{i}: {{ targets: [a7x{i}/cut, b{i}/lorem] }}")
        routes.append(f"  other{i}: {{ targets: [a8x{i}/cut, b{i}/echo] }}")
    gateway = Gateway("providers:\n" + "\n".join(providers) + "\nroutes:\n" + "\n".join(routes) + "\n")
    path, body = dialects.ALL[0].request("b0/lorem", Turn("hello", most=60), False)
    lorem = dialects.ALL[0].whole(gateway.post(json.dumps(body).encode(), path=path).body).text


def teardown():
    mock.terminate()
    mock.wait()


def ask(client, model, headers=()):
    path, body = client.request(model, Turn("hello", most=30), True)
    return gateway.post(json.dumps(body).encode(), path=path, headers=list(headers))


def test_a_cut_stream_goes_on():
    for n, client in enumerate(dialects.ALL):
        for i, first in enumerate(dialects.ALL):
            j = (i + n) % len(dialects.ALL)

            def run(client=client, n=n, i=i, j=j):
                reply = ask(client, f"r{n}{i}{j}")
                same(reply.status, 200, "status")
                answer = client.stream(reply.body)
                check(lorem.startswith(answer.text), "not the text of the model", answer.text)
                check(len(answer.text.split()) > 12, "it ends where it was cut", answer.text)
                check(answer.finish in ("stop", "length"), "finish", answer)
                same(b": sluice resumed provider=b" in reply.body, client.name not in SILENT,
                     "the comment at the seam")
            yield f"{client.name}/{first.name} then {dialects.ALL[j].name}", run


def breaks(client, model, headers=()):
    """An honest error behind the words that came."""
    reply = ask(client, model, headers)
    same(reply.status, 200, "status")
    try:
        answer = client.stream(reply.body)
    except (AssertionError, KeyError):
        return
    same(answer.finish, "failed", "finish")


def test_off_is_off():
    for i, client in enumerate(dialects.ALL):
        yield f"{client.name}/by route", lambda client=client, i=i: breaks(client, f"off{i}")
        yield f"{client.name}/by header", lambda client=client, i=i: breaks(
            client, f"on{i}", [("x-sluice-resume", "off")])


def test_another_text_is_no_continuation():
    for i, client in enumerate(dialects.ALL):
        def run(client=client, i=i):
            breaks(client, f"other{i}")
        yield client.name, run
