"""How the gateway proves to providers who it is: keys, AWS signatures, deployments, access tokens.

Whatever is proved is checked here a second time by other means: a signature is computed again from
the raw request (hmac, hashlib), a token's question is verified with the openssl command. A provider
that is not convinced says 401 or 403, and then the next target answers.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.parse

import answers
from fake_provider import Fake
from harness import Gateway, check, openai_error, provider, route, same
from raw import SLOW, until

ACCESS, SECRET, SESSION = "AKIAE2EEXAMPLE", "wJalrXUtnFEMI/SECRET+SIGNING", "session/token+SECRET=="
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
SECRETS = (SECRET, SESSION, "SECRET", "PRIVATE KEY")
CONVERSE = {"output": {"message": {"role": "assistant", "content": [{"text": "signed"}]}},
            "stopReason": "end_turn", "usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7},
            "metrics": {"latencyMs": 1}}
GEMINI = {"candidates": [{"content": {"role": "model", "parts": [{"text": "from vertex"}]},
                          "finishReason": "STOP", "index": 0}],
          "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7},
          "modelVersion": "gemini-2.5-flash", "responseId": "r1"}

fake = work = None


def setup():
    global fake, work
    fake = Fake()
    work = pathlib.Path(tempfile.mkdtemp(prefix="sluice-auth-"))
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa.pem")
    openssl("pkey", "-in", "rsa.pem", "-pubout", "-out", "rsa.pub")


def teardown():
    shutil.rmtree(work, ignore_errors=True)


def openssl(*args):
    done = subprocess.run(["openssl", *args], cwd=work, capture_output=True, text=True)
    check(done.returncode == 0, "openssl", args, done.stderr)
    return done.stdout


def fresh(name):
    site = fake.site(name)
    site.clear()
    site.default = answers.auto
    return site


def quiet(gateway, *more):
    """No secret in what was said."""
    said = gateway.stderr() + (gateway.dir / "stdout").read_text(errors="replace")
    for secret in (*SECRETS, *more):
        check(secret not in said, f"{secret!r} in the log:", said[-1500:])


def ask(gateway, model, **more):
    return gateway.post(gateway.chat(model, **more))


# --- AWS ---------------------------------------------------------------------------------------------

def signature(request, secret, region):
    """The Authorization this raw request should have had (wire-formats 8.2)."""
    header = request.header("authorization") or ""
    found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
                         r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})", header)
    check(found, f"authorization is {header!r}")
    access, day, place, service, names, _ = found.groups()
    names = names.split(";")
    check({"host", "x-amz-date", "content-type"} <= set(names), "signed headers", names)
    date = request.header("x-amz-date")
    same((place, service, day), (region, "bedrock", date[:8]), "scope")
    path, _, query = request.target.partition("?")
    canonical = "\n".join([
        request.method, urllib.parse.quote(path, safe="/-_.~"),
        "&".join(sorted(urllib.parse.quote(k, safe="-_.~") + "=" + urllib.parse.quote(v, safe="-_.~")
                        for k, v in urllib.parse.parse_qsl(query, keep_blank_values=True))),
        *(f"{name}:{' '.join(request.header(name).split())}" for name in sorted(names)), "",
        ";".join(names), hashlib.sha256(request.body).hexdigest()])
    scope = f"{day}/{place}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("AWS4" + secret).encode()
    for step in (day, place, service, "aws4_request"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    made = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return (f"AWS4-HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={';'.join(names)}, "
            f"Signature={made}")


def bedrock(secret=SECRET, region="eu-west-3", session=None, body=None):
    """A provider that answers only what was signed with that secret, five minutes ago at most."""
    def script(x):
        request = x.request
        age = time.time() - time.mktime(time.strptime(request.header("x-amz-date"), "%Y%m%dT%H%M%SZ")) \
            + time.timezone
        if request.header("authorization") != signature(request, secret, region) \
                or abs(age) > 300 or request.header("x-amz-security-token") != session:
            x.send(answers.http(answers.dumps({"message": "The request signature we calculated does "
                                                          "not match"}), 403))
            return
        x.send(answers.http(answers.dumps(body or CONVERSE)))
        x.bill.reported = True
    return script


def aws(name, url, more=""):
    return (f'  {name}: {{ format: bedrock, url: "{url}", auth: sigv4, region: eu-west-3, '
            f'access_key: {ACCESS}, secret_key: "{SECRET}"{more} }}\n')


def test_sigv4_signs_what_is_sent():
    site = fresh("bedrock")
    url = site.url.removesuffix("/v1")
    gateway = Gateway("providers:\n" + aws("aws", url) + aws("temp", url, f', session_token: "{SESSION}"')
                      + provider("well", fresh("well").url)
                      + "routes:\n" + route("two", "aws/m", "well/m"))
    body = {"messages": [{"role": "user", "content": [{"text": "grüße 🙂"}]}]}
    path = f"/model/aws%2F{urllib.parse.quote(MODEL, safe='')}/converse"

    # The same format: the client's own bytes; its own AWS headers do not travel.
    site.default = bedrock()
    got = gateway.post(body, path=path, headers=[("x-amz-date", "20200101T000000Z"),
                                                 ("x-amz-security-token", "x")])
    check(got.status == 200 and got.json()["output"], got)
    same(site.requests[-1].body, json.dumps(body).encode(), "the body")
    check("%3A" in site.requests[-1].target, site.requests[-1].target)
    # Another format: a body of ours.
    got = ask(gateway, f"aws/{MODEL}")
    check(got.status == 200 and got.json()["choices"][0]["message"]["content"] == "signed", got)
    # An ARN, and one without its client saying a charset.
    got = gateway.post(json.dumps(gateway.chat("aws/arn:aws:bedrock:eu-west-3:1:inference-profile/x")).encode(),
                       kind="application/json;  charset=utf-8")
    check(got.status == 200, got)
    # Temporary credentials.
    site.default = bedrock(session=SESSION)
    check(ask(gateway, f"temp/{MODEL}").status == 200, "session token")
    # Each attempt is signed afresh.
    site.default = bedrock()
    site.queue(answers.reply(status=503), bedrock())
    check(ask(gateway, f"aws/{MODEL}").status == 200, "retry")
    # A provider that is not convinced: the next target answers.
    site.default = bedrock(secret="another")
    got = ask(gateway, "two")
    check(got.status == 200 and got.header("x-sluice-provider") == "well", got)
    got = ask(gateway, f"aws/{MODEL}")
    same(got.status, 502, "refused")
    same(got.json()["error"]["code"], "upstream_auth", "refused")
    check(SECRET not in str(got), got)
    quiet(gateway)
    gateway.remove()


def test_sigv4_from_the_environment():
    site = fresh("bedrock")
    url = site.url.removesuffix("/v1")
    env = {"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": SESSION,
           "AWS_REGION": "ap-south-2"}
    text = f'providers:\n  amazon-bedrock: {{ url: "{url}" }}\n'
    site.default = bedrock(region="ap-south-2", session=SESSION)
    gateway = Gateway(text, env=env)
    check(ask(gateway, f"amazon-bedrock/{MODEL}").status == 200, "environment")
    gateway.remove()
    # A bearer key goes first.
    gateway = Gateway(text, env={**env, "AWS_BEARER_TOKEN_BEDROCK": "bedrock-SECRET"})
    site.default = answers.raw(answers.http(answers.dumps(CONVERSE)))
    check(ask(gateway, f"amazon-bedrock/{MODEL}").status == 200, "bearer")
    same(site.requests[-1].header("authorization"), "Bearer bedrock-SECRET", "bearer")
    same(site.requests[-1].header("x-amz-date"), None, "no signature")
    gateway.remove()


# --- Azure -------------------------------------------------------------------------------------------

def test_azure_deployments_and_v1():
    site = fresh("azure")
    root = site.url.removesuffix("/v1")
    version = ", api_version: 2024-12-01-preview"
    gateway = Gateway(
        "providers:\n"
        f'  azure: {{ url: "{root}/openai/v1", key: az-SECRET }}\n'
        f'  old: {{ format: openai-chat, url: "{root}", auth: api-key, key: az-SECRET{version} }}\n'
        f'  one: {{ format: openai-chat, url: "{root}/openai/deployments/gpt", auth: api-key, '
        f'key: az-SECRET{version} }}\n')

    def target(model, path="/v1/chat/completions", **more):
        got = gateway.post({"model": model, "messages": [{"role": "user", "content": "hi"}],
                            "input": "hi", **more}, path=path)
        check(got.status == 200, got)
        last = site.requests[-1]
        same((last.header("api-key"), last.header("authorization")), ("az-SECRET", None), "key")
        return last.target

    same(target("azure/gpt-5"), "/azure/openai/v1/chat/completions", "v1")
    same(target("old/my gpt/5"), "/azure/openai/deployments/my%20gpt%2F5/chat/completions"
         "?api-version=2024-12-01-preview", "a deployment")
    same(target("old/emb", "/v1/embeddings"),
         "/azure/openai/deployments/emb/embeddings?api-version=2024-12-01-preview", "embeddings")
    same(target("one/whatever", stream=True),
         "/azure/openai/deployments/gpt/chat/completions?api-version=2024-12-01-preview", "fixed")
    # Responses: themselves in v1, translated where there are only deployments.
    site.queue(answers.reply(answers.dumps({
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5",
        "output": [{"type": "message", "id": "m", "role": "assistant", "status": "completed",
                    "content": [{"type": "output_text", "text": "hi", "annotations": []}]}],
        "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}})))
    got = gateway.post({"model": "azure/gpt-5", "input": "hi"}, path="/v1/responses")
    check(got.status == 200, got)
    same(site.requests[-1].target, "/azure/openai/v1/responses", "responses in v1")
    got = gateway.post({"model": "old/gpt-5", "input": "hi"}, path="/v1/responses")
    check(got.status == 200 and "/deployments/gpt-5/chat/completions?" in site.requests[-1].target, got)
    quiet(gateway)
    gateway.remove()


# --- access tokens -----------------------------------------------------------------------------------

class Tokens:
    """A token endpoint. Each good question gets another token; `now` are those that are accepted."""

    def __init__(self, life=3600, delay=0.0):
        self.server = Fake()
        self.server.mute = True                 # its clients have no ids
        self.site = self.server.site("token")
        self.site.default = self.answer
        self.life, self.delay, self.made, self.now = life, delay, 0, set()
        self.script = None

    @property
    def count(self):
        return len(self.site.requests)

    def file(self, **more):
        path = work / f"account-{self.server.port}.json"
        path.write_text(json.dumps({
            "type": "service_account", "project_id": "my-project", "private_key_id": "kid-1",
            "private_key": (work / "rsa.pem").read_text(),
            "client_email": "robot@my-project.iam.gserviceaccount.com", "client_id": "1",
            "token_uri": f"{self.server.origin}/token", **more}))
        return path

    def verify(self, request):
        """The question is a JWT that our key has signed, about the right things."""
        form = dict(urllib.parse.parse_qsl(request.body.decode()))
        same(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer", "grant_type")
        same(request.header("content-type"), "application/x-www-form-urlencoded", "content type")
        parts = form["assertion"].split(".")
        head, claims, signed = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts)
        same(json.loads(head), {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}, "JWT header")
        claims = json.loads(claims)
        same((claims["iss"], claims["sub"], claims["aud"], claims["exp"] - claims["iat"]),
             ("robot@my-project.iam.gserviceaccount.com",) * 2 + (f"{self.server.origin}/token", 3600),
             "claims")
        same(claims["scope"], "https://www.googleapis.com/auth/cloud-platform", "scope")
        check(abs(claims["iat"] - time.time()) < 60, "iat", claims["iat"])
        (work / "signed").write_bytes(f"{parts[0]}.{parts[1]}".encode())
        (work / "signature").write_bytes(signed)
        check("Verified OK" in openssl("dgst", "-sha256", "-verify", "rsa.pub", "-signature", "signature",
                                       "signed"), "JWT signature")

    def answer(self, x):
        time.sleep(self.delay)
        if self.script:
            self.script(x)
            return
        self.made += 1
        token = f"ya29.SECRET-{self.made}"
        self.now.add(token)
        x.send(answers.http(answers.dumps({"access_token": token, "expires_in": self.life,
                                           "token_type": "Bearer"})))

    def vertex(self, x):
        """A provider that wants one of these tokens."""
        token = (x.request.header("authorization") or "").removeprefix("Bearer ")
        if token not in self.now:
            x.send(answers.http(answers.dumps({"error": {"code": 401, "status": "UNAUTHENTICATED",
                                                         "message": "bad token"}}), 401))
            return
        x.send(answers.http(answers.dumps(GEMINI)))
        x.bill.reported = True


def vertex_gateway(tokens, more="", workers=2, **how):
    site = fresh("vertex")
    site.default = tokens.vertex
    url = site.url + "/projects/my-project/locations/global/publishers/google"
    text = (f'providers:\n  google-vertex: {{ url: "{url}", credentials: "{tokens.file(**how)}"{more} }}\n'
            + provider("well", fresh("well").url) + "routes:\n" + route("two", "google-vertex/m", "well/m"))
    return Gateway(text, top=f"drain: 2s\nworkers: {workers}\n"), site


def test_vertex_many_workers_one_question():
    tokens = Tokens(delay=0.7)
    gateway, site = vertex_gateway(tokens, workers=4)
    gateway.key()
    got = []
    threads = [threading.Thread(target=lambda: got.append(ask(gateway, "google-vertex/gemini-2.5-flash")))
               for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    same([each.status for each in got], [200] * 16, "all of them waited")
    same(tokens.count, 1, "questions")
    tokens.verify(tokens.site.requests[0])
    same(site.requests[-1].target, "/vertex/v1/projects/my-project/locations/global/publishers/google"
         "/models/gemini-2.5-flash:generateContent", "path")
    same({each.header("authorization") for each in site.requests}, {"Bearer ya29.SECRET-1"}, "bearer")
    same({each.header("x-goog-api-key") for each in site.requests}, {None}, "no key beside it")
    body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    got = gateway.post(body, path="/v1beta/models/google-vertex/gemini-2.5-flash:generateContent")
    check(got.status == 200 and site.requests[-1].body == json.dumps(body).encode(), got)
    # A reload keeps the token.
    gateway.write(gateway.body + route("three", "google-vertex/m"))
    code, _, err = gateway.cli("config", "reload", config=True)
    if code != 0:
        gateway.process.send_signal(1)
    until(lambda: ask(gateway, "three").status == 200, "the reload")
    same(tokens.count, 1, "questions after a reload")
    quiet(gateway, "ya29.")
    gateway.remove()


def test_vertex_token_is_renewed_before_its_end():
    tokens = Tokens(life=10)
    gateway, _ = vertex_gateway(tokens)
    check(ask(gateway, "google-vertex/m").status == 200, "first")
    until(lambda: tokens.count == 2, "a second question", 9)
    until(lambda: ask(gateway, "google-vertex/m").status == 200
          and fake.site("vertex").requests[-1].header("authorization") == "Bearer ya29.SECRET-2",
          "the second token")
    same(len([each for each in fake.site("vertex").requests]) >= 2, True, "requests")
    # A renewal that fails does not take away a token that is good.
    tokens.script = answers.reply(answers.dumps({"error": "internal_failure"}), 500)
    until(lambda: tokens.count >= 3, "a third question", 9)
    check(ask(gateway, "google-vertex/m").status == 200, "the old token is good")
    gateway.remove()


def test_vertex_refused_token_is_renewed():
    tokens = Tokens()
    gateway, site = vertex_gateway(tokens)
    check(ask(gateway, "google-vertex/m").status == 200, "first")
    tokens.now.clear()
    # It is very young: another would be refused as well, so the next target answers.
    got = ask(gateway, "two")
    check(got.header("x-sluice-provider") == "well", got)
    same(tokens.count, 1, "questions")
    time.sleep(5.2)
    before = len(site.requests)
    got = ask(gateway, "google-vertex/m")
    same((got.status, got.header("x-sluice-attempts")), (200, "2"), f"with a new token {got}")
    same(tokens.count, 2, "questions")
    same([each.header("authorization")[-1] for each in site.requests[before:]], ["1", "2"], "tokens")
    quiet(gateway, "ya29.")
    gateway.remove()


def test_vertex_without_a_token():
    tokens = Tokens()
    assertion = []

    def refuse(x):
        form = dict(urllib.parse.parse_qsl(x.request.body.decode()))
        assertion.append(form["assertion"])
        x.send(answers.http(answers.dumps({"error": "invalid_grant", "error_description":
                                           f"Invalid JWT Signature. {form['assertion']}"}), 400))
    tokens.script = refuse
    gateway, site = vertex_gateway(tokens)
    until(lambda: "invalid_grant" in gateway.stderr(), "a line in the log")
    began = time.monotonic()
    got = ask(gateway, "two")
    check(got.status == 200 and got.header("x-sluice-provider") == "well", got)
    got = ask(gateway, "google-vertex/m")
    same((got.status, got.json()["error"]["code"]), (502, "upstream_auth"), "alone")
    check("invalid_grant" in got.json()["error"]["message"], got)
    check(time.monotonic() - began < 2 * SLOW, "it took too long")
    same(len(site.requests), 0, "requests without a token")
    check("robot@my-project" in gateway.stderr() and "HTTP 400" in gateway.stderr(), gateway.stderr())
    quiet(gateway, assertion[0], assertion[0][:60])
    # Once it answers again, all is well.
    tokens.script = None
    until(lambda: ask(gateway, "google-vertex/m").status == 200, "a token in the end", 20)
    gateway.remove()


def test_vertex_silent_token_endpoint():
    tokens = Tokens()
    tokens.script = lambda x: x.stall()
    gateway, _ = vertex_gateway(tokens)
    began = time.monotonic()
    got = ask(gateway, "two")
    took = time.monotonic() - began
    check(got.status == 200 and got.header("x-sluice-provider") == "well", got)
    # The next target is tried beside one that is not connected after 700 ms.
    check(0.7 <= took < 3 * SLOW, f"waited {took:.1f} s")
    gateway.remove()


def test_a_request_waits_once_for_a_token():
    """However many of its targets are of an account whose endpoint is silent: four seconds in all."""
    tokens = Tokens()
    tokens.script = lambda x: x.stall()
    gateway, site = vertex_gateway(tokens)
    gateway.write(gateway.body + route("many", *(f"google-vertex/{each}" for each in "abcdefgh")))
    gateway.stop()
    gateway.start()
    got = ask(gateway, "many")
    openai_error(got, 502, "upstream_auth")
    until(lambda: len(gateway.rows("asked = 'many' AND state = 'done'")) == 8, "eight attempts")
    rows = gateway.rows("asked = 'many'")
    same(len(site.requests), 0, "requests without a token")
    took = max(each["began"] + each["total_us"] for each in rows) - min(each["began"] for each in rows)
    check(4e6 <= took < 7e6 * SLOW, f"waited {took / 1e6:.1f} s")
    gateway.remove()


def test_vertex_with_a_key():
    site = fresh("vertex")
    site.default = answers.raw(answers.http(answers.dumps(GEMINI)))
    gateway = Gateway(f'providers:\n  google-vertex: {{ url: "{site.url}/publishers/google", '
                      f'key: express-SECRET }}\n')
    check(ask(gateway, "google-vertex/gemini-2.5-flash").status == 200, "express")
    last = site.requests[-1]
    same((last.header("x-goog-api-key"), last.header("authorization")), ("express-SECRET", None), "key")
    same(last.target, "/vertex/v1/publishers/google/models/gemini-2.5-flash:generateContent", "path")
    gateway.remove()


def test_vertex_as_a_person():
    tokens = Tokens()
    gateway, _ = vertex_gateway(tokens, type="authorized_user", client_id="id+1", client_secret="se cret",
                                refresh_token="1//refresh-SECRET")
    check(ask(gateway, "google-vertex/m").status == 200, "person")
    same(dict(urllib.parse.parse_qsl(tokens.site.requests[0].body.decode())),
         {"grant_type": "refresh_token", "client_id": "id+1", "client_secret": "se cret",
          "refresh_token": "1//refresh-SECRET"}, "question")
    quiet(gateway, "refresh")
    gateway.remove()


def test_an_attempt_that_fails_at_once_gives_way():
    """Nothing was sent anywhere: the next target is tried all the same."""
    tokens = Tokens()
    tokens.script = answers.reply(status=500)
    gateway, _ = vertex_gateway(tokens)
    until(lambda: "HTTP 500" in gateway.stderr(), "a line in the log")
    for stream in (False, True):
        got = ask(gateway, "two", stream=stream)
        check(got.status == 200 and got.header("x-sluice-provider") == "well", got)
    gateway.remove()
