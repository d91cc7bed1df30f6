"""The load a profile-guided build learns from (tools/release): every kind of traffic the
bench knows, through a program that counts how often each of its branches is taken.

What is not in here is compiled as always, so that it loses nothing by that."""

from harness.cases import PAIRS, check, stream_options
from harness.gateways import Governed, Sluice, Translator
from harness.tools import Load, Upstream

UNARY, FEW = 20_000, 2_000


def unconfined(kind):
    """Counters are written when the program ends, to files it may not open otherwise."""
    class Unconfined(kind):
        def write_config(self, name, template, **values):
            super().write_config(name, "sandbox: off\n" + template, **values)
    return Unconfined


def train(bench):
    upstream = Upstream(bench, events=50, rate=100)
    streams = stream_options(bench, upstream, 200)
    for kind in (Sluice, Governed):
        put_through(bench, unconfined(kind)(bench, upstream),
                    [["--connections", 64, "--requests", UNARY], streams,
                     [*streams, "--include-usage"]])
    put_through(bench, unconfined(Translator)(bench, upstream),
                [["--model", route, "--format", client, *load]
                 for client, route, _ in PAIRS
                 for load in (["--connections", 64, "--requests", FEW],
                              [*streams, "--include-usage"])])
    upstream.stop()
    upstream = Upstream(bench, events=50, rate=100, tls=True)
    put_through(bench, unconfined(Sluice)(bench, upstream),
                [["--connections", 64, "--requests", FEW], streams])
    upstream.stop()


def put_through(bench, gateway, loads):
    gateway.start()
    for load in loads:
        bench.say(f"training: {gateway.name} {' '.join(map(str, load))}")
        check(bench, gateway, Load(bench, gateway, *load).result())
    gateway.settle()
    gateway.stop()
