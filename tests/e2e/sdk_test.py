"""The official `openai` SDK, unmodified: against sluice without a config (mock/* models, open on
loopback, in a private network), and against sluice in front of the fake provider.

The SDK and a Node that is new enough for it come from npm by sdk/package-lock.json; they are
installed on first use. What is asked is in sdk/client.mjs; this file starts the two worlds.
"""

import tempfile

import answers
import npm
from cli_test import Bare
from fake_provider import Fake
from harness import HERE, Gateway, attempt_id, check, in_netns, provider, route, same
from raw import until

SDK = HERE / "sdk"


def setup():
    npm.install(SDK)


def run_node(mode, base, key, out):
    """Runs client.mjs; its lines go to the file `out`."""
    npm.run_node(SDK, ["client.mjs", mode], {"BASE_URL": base, "KEY": key}, out)


def test_mock():
    out = tempfile.mktemp(prefix="sluice-sdk-")
    open(out, "w").close()

    def inside():
        server = Bare()
        try:
            server.ready()
            run_node("mock", "http://127.0.0.1:8080/v1", "sk-anything", out)
        finally:
            server.end()
    try:
        in_netns(inside)
    except AssertionError as why:
        reason = str(why)
        yield "starts", lambda: check(False, reason)
        return
    yield from npm.rows(out, "client.mjs")


def test_fake():
    fake = Fake()
    names = ["chat-model", "slow", "stall", "limited", "broken", "cut", "count-400", "count-401"]
    sites = {name: fake.site(name) for name in names}
    parts = answers.events(["word "] * 40)
    sites["slow"].default = lambda x: paced(x, parts)
    sites["stall"].default = answers.refuse_by("stall")
    sites["limited"].default = answers.reply(status=429)
    sites["broken"].default = answers.reply(status=500)
    sites["cut"].default = answers.stream(parts[:7], end="rst")
    sites["count-400"].default = answers.reply(status=400)
    sites["count-401"].default = answers.reply(status=401)
    gateway = Gateway("providers:\n" + "".join(provider(name, site.url) for name, site in sites.items())
                      + "routes:\n" + "".join(route(name, f"{name}/x", more=", resume: off")
                                              for name in names))
    out = tempfile.mktemp(prefix="sluice-sdk-")
    run_node("fake", f"http://127.0.0.1:{gateway.port}/v1", gateway.key(), out)
    yield from npm.rows(out, "client.mjs")

    def counts():
        same([len(sites[name].requests) for name in ("count-400", "count-401")], [1, 1],
             "requests although the SDK would retry twice")
    yield "final errors are asked once", counts

    def aborted():
        for name in ("slow", "stall"):
            for each in sites[name].requests:
                check(each.gone.wait(5), f"{name}: an aborted request goes on upstream")
    yield "aborts reach the provider", aborted

    def settled():
        seen = {attempt_id(each.id) for each in fake.requests if each.method == "POST"}
        until(lambda: {row["id"] for row in gateway.rows("state = 'done'")} >= seen,
              "all attempts to be settled in the ledger")
    yield "all in the ledger", settled


def paced(x, parts):
    """An event every 20 ms."""
    x.send(answers.head(200, [("Content-Type", "text/event-stream")], framing="chunked"))
    for part in parts:
        x.send(b"%x\r\n%s\r\n" % (len(part), part))
        if x.peer_is_gone(0.02):
            return
    x.send(b"0\r\n\r\n")
