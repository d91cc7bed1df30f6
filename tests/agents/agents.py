#!/usr/bin/env python3
"""Coding agents as their users run them, without a screen: each against providers of all six formats.

    tests/agents/agents.py [-v] [agent...] [format...] [budget]

They come from npm by the lock file here (1.6 GB) and run in a network of their own, where nothing but
loopback is, each with a private home and a key that is good for nothing else. One turn with the model
`echo`, which says the prompt back, and one with `tools`, which first calls a tool of the agent's and
then repeats what it said. A cell of the table: echo / tools. Then once with a key whose budget is spent:
each has to show the sentence that says so, and to ask no more often than it cannot help. `budget` alone
does only this. Not part of the tests.

Environment: SLUICE (the binary, default build/sluice), AGENT_SECONDS (for one run, 60).
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
sys.dont_write_bytecode = True
os.environ.setdefault("E2E_SLOT", "10")

import dialects  # noqa: E402
import npm  # noqa: E402
from harness import SLUICE, Gateway, free_port, in_netns  # noqa: E402

SECONDS = int(os.environ.get("AGENT_SECONDS", "60"))
AT_ONCE = 2
PROMPT = "Say the word pong."
WANTED = {"echo": "You said:", "tools": "The tool said:"}
SPENT = re.compile(r'key \\*"[\w-]+\\*" has used \$0\.10 of \$0\.10 today; resets \d{4}-\d\d-\d\dT00:00:00')   # also in JSON
# Requests of a turn that is refused; opencode asks for a title beside it.
REFUSED = {"opencode": 2}
BIN = HERE / "node_modules" / ".bin"


class Setting:
    """Where an agent finds itself: a home with its files, and what it is to ask."""

    def __init__(self, home, base, key, model):
        self.home, self.base, self.key, self.model = home, base, key, model

    def write(self, path, text):
        at = self.home / path
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_text(text if isinstance(text, str) else json.dumps(text))


def claude(s):
    return ["claude", "-p", PROMPT, "--model", s.model], {
        "ANTHROPIC_BASE_URL": s.base, "ANTHROPIC_AUTH_TOKEN": s.key, "ANTHROPIC_API_KEY": "",
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": s.model, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}


def codex(s):
    s.write(".codex/config.toml", f"""model = "{s.model}"
model_provider = "sluice"
[model_providers.sluice]
name = "sluice"
base_url = "{s.base}/v1"
wire_api = "responses"
env_key = "SLUICE_KEY"
request_max_retries = 0
stream_max_retries = 0
""")
    return ["codex", "exec", "--skip-git-repo-check", PROMPT], {"SLUICE_KEY": s.key}


def codex_without_search(s):
    """It always offers OpenAI's web search, which no other provider has."""
    command, more = codex(s)
    return [*command[:2], "-c", 'web_search="disabled"', *command[2:]], more


def gemini(s):
    s.write(".gemini/settings.json", {"security": {"auth": {"selectedType": "gemini-api-key"}},
                                      "privacy": {"usageStatisticsEnabled": False},
                                      "general": {"disableAutoUpdate": True}})
    return ["gemini", "-m", s.model, "-p", PROMPT], {
        "GEMINI_API_KEY": s.key, "GOOGLE_GEMINI_BASE_URL": s.base, "GEMINI_CLI_TRUST_WORKSPACE": "true"}


def opencode(s):
    s.write(".config/opencode/opencode.json", {
        "autoupdate": False, "share": "disabled", "provider": {"sluice": {
            "npm": "@ai-sdk/openai-compatible", "name": "sluice", "models": {s.model: {"name": s.model}},
            "options": {"baseURL": s.base + "/v1", "apiKey": s.key}}}})
    return ["opencode", "run", "-m", "sluice/" + s.model, PROMPT], {"OPENCODE_DISABLE_MODELS_FETCH": "1"}


def qwen(s):
    s.write(".qwen/settings.json", {"security": {"auth": {"selectedType": "openai"}},
                                    "privacy": {"usageStatisticsEnabled": False}})
    return ["qwen", "-p", PROMPT], {"OPENAI_API_KEY": s.key, "OPENAI_BASE_URL": s.base + "/v1",
                                    "OPENAI_MODEL": s.model}


AGENTS = {"claude-code": claude, "codex": codex, "codex-without-search": codex_without_search,
          "gemini-cli": gemini, "opencode": opencode, "qwen-code": qwen}


def install():
    """The packages, and the two steps that npm leaves out: they put a binary in its place."""
    npm.install(HERE)
    mark = HERE / "node_modules" / ".prepared"
    if mark.exists():
        return
    for package, script in (("@anthropic-ai/claude-code", "install.cjs"), ("opencode-ai", "postinstall.mjs")):
        subprocess.run([npm.node(HERE), script], cwd=HERE / "node_modules" / package, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=120)
    mark.touch()


def turn(agent, model, base, key):
    """One agent, one turn: (exit code or None, what it said, seconds)."""
    home = pathlib.Path(tempfile.mkdtemp(prefix="sluice-agent-"))
    work = home / "work"
    work.mkdir()
    command, more = AGENTS[agent](Setting(home, base, key, model))
    environment = {"PATH": f"{BIN}:{npm.node(HERE).parent}:/usr/bin:/bin", "HOME": str(home), "TERM": "dumb",
                   "NO_COLOR": "1", **more}
    began = time.monotonic()
    process = subprocess.Popen([BIN / command[0], *command[1:]], cwd=work, env=environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, errors="replace", start_new_session=True)
    try:
        said, _ = process.communicate(timeout=SECONDS)
        code = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)      # the session that was started just now
        said, _ = process.communicate()
        code = None
    shutil.rmtree(home, ignore_errors=True)
    return code, said, time.monotonic() - began


def run(agent, provider, model, base, key):
    """Does it say what the model said? (What was wrong or "", seconds.)"""
    code, said, seconds = turn(agent, f"{provider}/{model}", base, key)
    why = f"still running after {SECONDS} s" if code is None else f"exit {code}" if code else ""
    if not why and WANTED[model] not in said:
        why = f"no {WANTED[model]!r}"
    return why and f"{why}: {said[-600:]}", seconds


def run_refused(agent, gateway, base):
    """With a key that has spent its budget: does it say so, and does it leave it at that?"""
    key = gateway.key(agent)
    code, out, err = gateway.cli("keys", "limit", gateway.key_ids[agent], "--budget", "0.10/day")
    assert code == 0, err or out
    paid = gateway.post(gateway.chat("openai-chat/echo"), key=agent)
    assert paid.status == 200, paid
    code, said, seconds = turn(agent, "openai-chat/echo", base, key)
    gateway.tail()                                      # what was answered is in the ledger now
    refused = gateway.rows("key = ? AND fault = 'BUDGET_EXCEEDED'", int(gateway.key_ids[agent], 16))
    why = f"still running after {SECONDS} s" if code is None else ""
    if not SPENT.search(" ".join(said.split())):        # some break lines
        why = why or "not the sentence"
    if len(refused) != REFUSED.get(agent, 1):
        why = why or f"{len(refused)} requests"
    return why and f"{why}: {said[-900:]}", seconds


def table(results, agents, formats):
    print("\n| agent \\ provider | " + " | ".join(formats) + " |\n|---|" + "---|" * len(formats))
    for agent in agents:
        cells = [" / ".join("FAILS" if results[agent, each, model] else "ok" for model in WANTED)
                 for each in formats]
        print(f"| {agent} | " + " | ".join(cells) + " |", flush=True)


def work(agents, formats, verbose):
    """The table, and the refusals; without formats these alone."""
    port = free_port()
    mock = subprocess.Popen([SLUICE, "mock", "--listen", f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    gateway = Gateway("providers:\n" + "".join(
        f"  {each.name}: {{ format: {each.name}, url: \"http://127.0.0.1:{port}{each.base}\", "
        f"key: sk-upstream }}\n" for each in dialects.ALL) +
        'prices: { "openai-chat/echo": { request: $0.10 } }\n')
    try:
        cases = [(agent, each, model) for agent in agents for each in formats for model in WANTED]
        base, key, results = f"http://127.0.0.1:{gateway.port}", gateway.key(), {}
        cases += [(agent, "budget") for agent in agents]

        def one(case):
            return run_refused(case[0], gateway, base) if case[1] == "budget" else run(*case, base, key)
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for case, (why, seconds) in zip(cases, pool.map(one, cases)):
                results[case] = why
                shown = why if verbose else why.replace("\n", " ")[:400]
                print(f"{'FAIL' if why else 'ok'} {'/'.join(case)} {seconds:.1f} s {shown}", flush=True)
        if formats:
            table(results, agents, formats)
        failed = sum(bool(why) for why in results.values())
        print(f"{len(results) - failed} passed, {failed} failed")
        if complaint := gateway.complaint():
            print(complaint)
    finally:
        gateway.remove()
        mock.terminate()
        mock.wait()


def main():
    if "-h" in sys.argv or "--help" in sys.argv:
        print(__doc__)
        return
    names = sys.argv[1:]
    formats = [each.name for each in dialects.ALL]
    install()
    in_netns(lambda: work([each for each in AGENTS if each in names] or list(AGENTS),
                          [each for each in formats if each in names] or ([] if "budget" in names else formats),
                          "-v" in names))


if __name__ == "__main__":
    main()
