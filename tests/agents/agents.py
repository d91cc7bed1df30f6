#!/usr/bin/env python3
"""Coding agents as their users run them, without a screen: each against providers of all six formats.

    tests/agents/agents.py [-v] [agent...] [format...]

They come from npm by the lock file here (1.6 GB) and run in a network of their own, where nothing but
loopback is, each with a private home and a key that is good for nothing else. One turn with the model
`echo`, which says the prompt back, and one with `tools`, which first calls a tool of the agent's and
then repeats what it said. A cell of the table: echo / tools. Not part of the tests.

Environment: SLUICE (the binary, default build/sluice), AGENT_SECONDS (for one run, 60).
"""

import concurrent.futures
import json
import os
import pathlib
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


def run(agent, provider, model, base, key):
    """One agent, one turn: (what was wrong or "", seconds)."""
    home = pathlib.Path(tempfile.mkdtemp(prefix="sluice-agent-"))
    work = home / "work"
    work.mkdir()
    command, more = AGENTS[agent](Setting(home, base, key, f"{provider}/{model}"))
    environment = {"PATH": f"{BIN}:{npm.node(HERE).parent}:/usr/bin:/bin", "HOME": str(home), "TERM": "dumb",
                   "NO_COLOR": "1", **more}
    began = time.monotonic()
    process = subprocess.Popen([BIN / command[0], *command[1:]], cwd=work, env=environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, errors="replace", start_new_session=True)
    try:
        said, _ = process.communicate(timeout=SECONDS)
        why = "" if process.returncode == 0 else f"exit {process.returncode}"
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)      # the session that was started just now
        said, _ = process.communicate()
        why = f"still running after {SECONDS} s"
    if not why and WANTED[model] not in said:
        why = f"no {WANTED[model]!r}"
    shutil.rmtree(home, ignore_errors=True)
    return why and f"{why}: {said[-600:]}", time.monotonic() - began


def table(results, agents, formats):
    print("\n| agent \\ provider | " + " | ".join(formats) + " |\n|---|" + "---|" * len(formats))
    for agent in agents:
        cells = [" / ".join("FAILS" if results[agent, each, model] else "ok" for model in WANTED)
                 for each in formats]
        print(f"| {agent} | " + " | ".join(cells) + " |", flush=True)


def work(agents, formats, verbose):
    port = free_port()
    mock = subprocess.Popen([SLUICE, "mock", "--listen", f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    gateway = Gateway("providers:\n" + "".join(
        f"  {each.name}: {{ format: {each.name}, url: \"http://127.0.0.1:{port}{each.base}\", "
        f"key: sk-upstream }}\n" for each in dialects.ALL))
    try:
        cases = [(agent, each, model) for agent in agents for each in formats for model in WANTED]
        base, key, results = f"http://127.0.0.1:{gateway.port}", gateway.key(), {}
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for case, (why, seconds) in zip(cases, pool.map(lambda case: run(*case, base, key), cases)):
                results[case] = why
                shown = why if verbose else why.replace("\n", " ")[:400]
                print(f"{'FAIL' if why else 'ok'} {'/'.join(case)} {seconds:.1f} s {shown}", flush=True)
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
                          [each for each in formats if each in names] or formats, "-v" in names))


if __name__ == "__main__":
    main()
