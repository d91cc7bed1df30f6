"""sluice drill: every fault at every target of a configuration of three providers that speak three
formats, as clients of several formats see it. Nothing may be lost."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile

from harness import SLUICE, check, cli, same
from raw import until

CONFIG = """version: 1
providers:
  openai:    { key: "${OPENAI_API_KEY}" }
  anthropic: { key: "${ANTHROPIC_API_KEY}" }
  google:    { key: "${GEMINI_API_KEY}" }
routes:
  fast:
    targets: [openai/gpt-5-mini, anthropic/claude-haiku-4-5, google/gemini-2.5-flash]
    first_token: 1s
    idle: 1s
  alone:
    targets: [anthropic/claude-haiku-4-5]
    first_token: 1s
    idle: 1s
"""
home = None

# What fails before the first token is made good by the next target, whatever it is.
BEFORE = ["refused", "black-hole", "silence", "401", "429", "500", "529", "error-first", "cut-whole", "500-whole",
          "flap"]


def setup():
    global home
    home = pathlib.Path(tempfile.mkdtemp(prefix="sluice-drill-test-"))
    (home / "sluice.yaml").write_text(CONFIG)


def drill(*options, code=0):
    done, out, err = cli("drill", "-c", home / "sluice.yaml", *options, "--json", seconds=120, home=home)
    check(done == code, f"exit code {done}, not {code}:", err, out[-2000:])
    return json.loads(out)


def check_cases(format_name):
    found = drill("--route", "fast", "--format", format_name)
    for case in found["cases"]:
        what = f"{case['fault']} at {case['provider']}: {case}"
        check(case["outcome"] not in ("LOST", "not run"), what)
        if case["provider"] == "openai" and case["fault"] in BEFORE:
            same(case["outcome"], "rescued", what)
    same(found["lost"], 0, "lost")
    same(found["not_run"], 0, "not run")
    return found


def test_nothing_is_lost_for_openai_chat():
    check_cases("openai-chat")


def test_the_mock_may_be_a_target():
    """Everybody stands for the same model in a drill, also who has models of the stand-in's names."""
    global home
    before = home
    home = pathlib.Path(tempfile.mkdtemp(prefix="sluice-drill-test-"))
    (home / "sluice.yaml").write_text(
        "version: 1\nproviders:\n  openai: { key: x }\n  mock: {}\n  other: { format: openai-chat, key: none, "
        'url: "http://127.0.0.1:9/v1" }\nroutes:\n'
        "  mixed: { targets: [openai/gpt-5-mini, mock/echo, other/tools], first_token: 1s, idle: 1s }\n")
    try:
        for case in drill("--fault", "500")["cases"] + drill("--fault", "error-first")["cases"]:
            same(case["outcome"], "rescued" if case["provider"] != "other" else "honest error", case)
    finally:
        home = before


def test_nothing_is_lost_for_anthropic():
    check_cases("anthropic")


def test_nothing_is_lost_for_responses():
    check_cases("openai-responses")


def test_nothing_is_lost_for_gemini():
    check_cases("gemini")


def test_nothing_is_lost_for_bedrock():
    check_cases("bedrock")


def test_nothing_is_lost_for_cohere():
    check_cases("cohere")


def test_who_is_alone_is_honest():
    found = drill("--route", "alone", "--fault", "401")
    same([case["outcome"] for case in found["cases"]], ["honest error"], "outcomes")
    same(found["cases"][0]["status"], 502, "status")


def test_a_route_that_does_not_answer_is_no_good_drill():
    """Nobody is marked for `phi: on`, so every case would be an error of ours."""
    with tempfile.TemporaryDirectory() as other:
        file = pathlib.Path(other) / "sluice.yaml"
        file.write_text(CONFIG + "  private:\n    targets: [openai/gpt-5-mini, anthropic/claude-haiku-4-5]\n    phi: on\n")
        code, out, err = cli("drill", "-c", file, "--route", "private", "--fault", "500", "--json", seconds=60, home=other)
        same(code, 1, "exit code")
        check("does not answer even when nothing is wrong: 403" in err, err)
        found = json.loads(out)
        same((found["not_run"], found["not_reached"], found["rescued"]), (2, 0, 0), found)
        same({(each["outcome"], each["error"]) for each in found["cases"]}, {("not run", "nothing to compare with")},
             "cases")
        code, out, _ = cli("drill", "-c", file, "--route", "private", "--fault", "500", seconds=60, home=other)
        check(code == 1 and "\n2 not run\n" in out and "not reached" not in out, code, out)


def test_no_credential_and_no_file_is_needed():
    code, out, _ = cli("drill", "-c", home / "sluice.yaml", "--fault", "500", "--route", "fast", seconds=60,
                       home=home)
    same(code, 0, "exit code")
    check("fast  (3 targets)" in out and "0 lost" in out, out)
    check("drill-key" not in out, "a credential in the report")


def test_what_does_not_exist_is_said():
    code, _, err = cli("drill", "-c", home / "sluice.yaml", "--route", "slow", home=home)
    same(code, 1, "exit code")
    check("there is no route slow" in err, err)
    code, _, err = cli("drill", "-c", home / "sluice.yaml", "--fault", "fire", home=home)
    same(code, 1, "exit code")
    check("there is no fault fire" in err, err)
    code, _, err = cli("drill", "-c", home / "sluice.yaml", "--route", "fast", "--fault", "fire", home=home)
    check(code == 1 and "there is no fault fire" in err, "of a route that there is:", code, err)
    code, out, _ = cli("drill", "--fault", "list", home=home)
    same(code, 0, "exit code")
    check("black-hole" in out, out)
    code, _, err = cli("drill", home=home)
    same(code, 2, "exit code")
    check("-c FILE" in err, err)


def below(process):
    """The processes that it has started."""
    return pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()


def data_of(process):
    """The directory that its gateways keep their data in, once they have begun to."""
    for child in below(process):
        for each in pathlib.Path(f"/proc/{child}/fd").iterdir():
            try:
                where = os.readlink(each)
            except OSError:
                continue
            if where.startswith("/tmp/sluice-drill-"):
                return pathlib.Path("/".join(where.split("/")[:3]))
    return None


def test_a_drill_that_is_interrupted_leaves_nothing_behind():
    for sig in (signal.SIGINT, signal.SIGTERM):
        with tempfile.TemporaryDirectory() as other:
            file = pathlib.Path(other) / "sluice.yaml"
            file.write_text(CONFIG.replace("1s", "60s"))
            process = subprocess.Popen([SLUICE, "drill", "-c", file, "--fault", "stall"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, env={"HOME": other, "PATH": os.environ["PATH"]})
            try:
                data = until(lambda p=process: data_of(p), "the data of a case")
                children = below(process)
                check(data.is_dir() and children, data, children)
                process.send_signal(sig)
                same(process.wait(20), 128 + sig, "exit code")
                check(not data.exists(), "left behind:", data)
                check(not any(pathlib.Path(f"/proc/{each}").exists() for each in children), "still running:", children)
            finally:
                process.kill()
                process.wait()


def test_a_drill_leaves_the_collector_alone():
    """What is broken on purpose is no trace for whoever is on call."""
    with tempfile.TemporaryDirectory() as other, socket.create_server(("127.0.0.1", 0)) as collector:
        file = pathlib.Path(other) / "sluice.yaml"
        file.write_text(CONFIG + f'telemetry: {{ otlp: {{ endpoint: "http://127.0.0.1:{collector.getsockname()[1]}" }} }}\n')
        code, _, err = cli("drill", "-c", file, "--route", "alone", "--fault", "500", seconds=60, home=other,
                           env={"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.getsockname()[1]}"})
        same(code, 0, err)
        collector.setblocking(False)
        try:
            collector.accept()
        except BlockingIOError:
            return
        check(False, "the collector was called")
