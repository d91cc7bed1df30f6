"""`sluice mock` as providers with bills of their own (src/mock/bill.c), and the `prices:` that say
the same as their price list."""

import json
import pathlib
import re
import subprocess
import tempfile

from harness import SLUICE, free_port
from raw import until

import socket

LIST = pathlib.Path(__file__).resolve().parents[2] / "src/mock/prices.def"
ROW = re.compile(r'^MOCKPRICE\("(\w+)",\s*(\d+),\s*(\d+),\s*(\d+),\s*(\d+),\s*(\d+),\s*(\d+)\)', re.M)


def dollars(micro):
    return f"${micro // 10 ** 6}.{micro % 10 ** 6:06}"


def figures(model):
    """The entry of `prices:` for a model of the mock provider."""
    for name, given, cached, made, thought, picture, asked in ROW.findall(LIST.read_text()):
        if name == model:
            given, cached, made, thought, picture, asked = map(
                dollars, map(int, (given, cached, made, thought, picture, asked)))
            return (f"{{ input: {given}/1M, cache_read: {cached}/1M, output: {made}/1M, "
                    f"reasoning: {thought}/1M, image: {picture}, request: {asked} }}")
    raise KeyError(model)


def prices(*providers):
    """`prices:` for all its models at these providers."""
    names = [row[0] for row in ROW.findall(LIST.read_text())]
    return "prices:\n" + "".join(f'  "{p}/{name}": {figures(name)}\n' for p in providers for name in names)


class Mock:
    """One of them; `bill` gives its lines by x-client-request-id."""

    def __init__(self, name, *options):
        self.name, self.port = name, free_port()
        self.file = pathlib.Path(tempfile.mkdtemp(prefix="sluice-mock-")) / "bill"
        self.process = subprocess.Popen(
            [SLUICE, "mock", "--listen", f"127.0.0.1:{self.port}", "--name", name, "--bill", str(self.file), *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self._answers, f"the mock {name} to listen", 10)

    def _answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def lines(self):
        return [json.loads(each) for each in self.file.read_text().splitlines()] if self.file.exists() else []

    def line(self, number):
        """The line of a request, by the id of its row, once it is there."""
        wanted = f"{number % 2 ** 64:016x}"
        return until(lambda: next((each for each in self.lines() if each["id"] == wanted), None),
                     f"{wanted} on the bill of {self.name}")

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
