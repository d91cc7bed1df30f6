"""The program tests/translate_many on the other end of a pipe: one translation per call."""

import os
import subprocess
from dataclasses import dataclass

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FORMATS = ["openai-chat", "openai-responses", "anthropic", "gemini", "bedrock", "cohere"]
IN_PATH = {"gemini", "bedrock"}  # model and stream stand in the URL
MODELS = {"openai-chat": ("openai", "gpt-5-mini"), "openai-responses": ("openai", "gpt-5-mini"),
          "anthropic": ("anthropic", "claude-sonnet-4-5"), "gemini": ("google", "gemini-2.5-pro"),
          "bedrock": ("amazon-bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
          "cohere": ("cohere", "command-a-03-2025")}


class Died(AssertionError):
    """The program ended in the middle of a translation."""


@dataclass
class Result:
    fault: str
    out: bytes
    dropped: list
    detail: str

    @property
    def ok(self):
        return self.fault == "ok"


class Translator:
    def __init__(self, path=None):
        self.path = path or os.environ.get("TRANSLATE_MANY") or os.path.join(
            ROOT, "build", "tests", "translate_many")
        self.process, self.calls = None, 0

    def call(self, what, source, target, body, provider="", model="some-model", step=0):
        if self.process is None:
            self.process = subprocess.Popen([self.path], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE)
        self.calls += 1
        to, come = self.process.stdin, self.process.stdout
        try:
            to.write(f"{what} {source} {target} {provider or '-'} {model} {step} {len(body)}\n".encode())
            to.write(body)
            to.flush()
            fault, out, dropped, detail = come.readline().split()
            out, dropped, detail = (come.read(int(n)) for n in (out, dropped, detail))
        except (OSError, ValueError) as why:
            self.process.kill()
            code, self.process = self.process.wait(), None
            raise Died(f"{what} {source} -> {target}: the program died with {code}") from why
        return Result(fault.decode(), out, [each for each in dropped.decode().split(", ") if each],
                      detail.decode("utf-8", "replace"))

    def request(self, source, target, body, stream=False, provider=None, model=None):
        of, name = MODELS[target]
        what = "stream-request" if stream and source in IN_PATH else "request"
        return self.call(what, source, target, body, provider or of, model or name)

    def reply(self, source, target, body, provider=""):
        return self.call("reply", source, target, body, provider)

    def stream(self, source, target, body, provider="", step=0, array=False):
        return self.call("array" if array else "stream", source, target, body, provider, step=step)

    def error(self, source, target, body):
        return self.call("error", source, target, body)

    def cuts(self, what, source, target, body, provider="", step=1):
        """The lengths at which the beginning of a body passes for all of it."""
        result = self.call("cut-" + what, source, target, body, provider, step=step)
        return [int(each) for each in result.out.split()]

    def close(self):
        if self.process:
            self.process.stdin.close()
            if self.process.wait():
                raise Died("the program failed at its end")
            self.process = None
