"""The official SDKs of six vendors, unmodified, against providers of all six formats.

One stand-alone mock speaks all formats; the gateway has a provider for each. What is asked stands in
sdk/cases.mjs, how an SDK says it in a file per family beside it. But for --night each client meets its own
format and openai-chat alone; `formats` has all thirty-six pairs.
"""

import concurrent.futures
import json
import os
import subprocess
import tempfile

import dialects
import harness
import npm
from harness import HERE, Gateway, check, free_port, route, same
from raw import SLUICE, until

SDK = HERE / "sdk"
FAMILIES = ["ai", "langchain", "openai", "google", "anthropic", "bedrock", "mistral", "cohere"]
AT_ONCE = 2
MODELS = ["echo", "tools", "json", "think", "429", "cut", "stall"]

gateway = mock = None


def setup():
    global gateway, mock
    npm.install(SDK)
    port = free_port()
    mock = subprocess.Popen([SLUICE, "mock", "--listen", f"127.0.0.1:{port}"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    providers = [f"  {each.name}: {{ format: {each.name}, url: \"http://127.0.0.1:{port}{each.base}\", "
                 f"key: sk-upstream }}\n" for each in dialects.ALL]
    # For an SDK which cannot say provider/model; see sdk/langchain.mjs.
    routes = [route(f"gemini-2-{each.name}.{model}", f"{each.name}/{model}")
              for each in dialects.ALL for model in MODELS]
    gateway = Gateway("providers:\n" + "".join(providers) + "routes:\n" + "".join(routes)
                      + 'prices: { "openai-chat/echo": { request: $0.10 } }\n')


def teardown():
    if mock:
        mock.terminate()
        mock.wait()


def run_family(family):
    out = tempfile.mktemp(prefix="sluice-sdks-")
    environment = {"BASE": f"http://127.0.0.1:{gateway.port}", "KEY": gateway.key()}
    if not harness.NIGHT:
        environment["FEW"] = "1"
    try:
        npm.run_node(SDK, [f"{family}.mjs"], environment, out, seconds=200)
    except subprocess.TimeoutExpired:
        pass                            # its last line is missing, and that fails
    return out


def test_family():
    gateway.key()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        running = [(family, pool.submit(run_family, family)) for family in FAMILIES]
        for family, outcome in running:
            yield from npm.rows(outcome.result(), f"{family}.mjs")


def spent_key(name):
    """A key of that name that has spent its budget."""
    gateway.key(name)
    code, out, err = gateway.cli("keys", "limit", gateway.key_ids[name], "--budget", "0.10/day")
    check(code == 0, err or out)
    same(gateway.post(gateway.chat("openai-chat/echo"), key=name).status, 200, "what spends it")
    return gateway.keys[name]


def test_a_spent_budget_is_said_once():
    """Each SDK, with its own idea of when to try again, throws the sentence and asks once."""
    out = tempfile.mktemp(prefix="sluice-sdks-")
    npm.run_node(SDK, ["budget.mjs"], {}, out)
    with open(out) as lines:
        names = lines.read().split()
    check(len(names) > 10, "clients:", names)
    keys = {name: spent_key(name) for name in names}
    npm.run_node(SDK, ["budget.mjs"], {"BASE": f"http://127.0.0.1:{gateway.port}", "KEYS": json.dumps(keys)}, out)
    yield from npm.rows(out, "budget.mjs")
    gateway.tail()                      # what was answered is in the ledger now

    def counted(name):
        rows = gateway.rows("key = ? AND fault = 'BUDGET_EXCEEDED'", int(gateway.key_ids[name], 16))
        same(len(rows), 1, "requests that were refused")
    for name in names:
        yield f"{name} asks once", lambda name=name: counted(name)


def test_aborts_end_the_request_upstream():
    """The model `stall` never ends by itself: each request for it was aborted by the SDK."""
    def ended():
        rows = gateway.rows("model = 'stall'")
        return rows and all(row["state"] == "done" for row in rows) and rows
    faults = [row["fault"] for row in until(ended, "aborted requests to be settled in the ledger")]
    check(set(faults) == {"CLIENT_GONE"} and len(faults) >= 2 * len(FAMILIES), "ended by", faults)


def test_no_request_stays_open():
    until(lambda: not gateway.rows("state = 'open'"), "all attempts to be settled in the ledger")
