"""The admin API against those who want it to be slow, full, or guessed."""

import socket

import admin_world
from admin_world import BASE, BODY, ask, first_token, over_socket, tokens
from harness import Gateway, check, same
from raw import Raw, until

gateway = None


def setup():
    global gateway
    gateway = admin_world.setup()


# --- slow and huge -----------------------------------------------------------------------------------

def test_slow_and_huge_bodies_hold_nobody_up():
    slow = [Raw(gateway.admin_port) for _ in range(20)]
    try:
        for raw in slow:
            raw.send(f"POST {BASE}/tokens HTTP/1.1\r\nHost: x\r\nAuthorization: {tokens['all']}\r\n"
                     "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{".encode())
        same(ask("GET", "/status").status, 200, "beside slow ones")
        with Raw(gateway.admin_port) as raw:
            raw.send(f"POST {BASE}/tokens HTTP/1.1\r\nHost: x\r\nAuthorization: {tokens['all']}\r\n"
                     "Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n".encode())
            same(raw.reply().status, 413, "by its length alone")
        with Raw(gateway.admin_port) as raw:
            raw.send(f"POST {BASE}/tokens HTTP/1.1\r\nHost: x\r\nAuthorization: {tokens['all']}\r\n"
                     "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            raw.send((b"4000\r\n" + b" " * 0x4000 + b"\r\n") * 20)
            same(raw.reply().status, 413, "by what came")
        with Raw(gateway.admin_port) as raw:
            raw.send(f"GET {BASE}/{'a' * 9000} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            same(raw.reply().status, 414, "a long path")
    finally:
        for raw in slow:
            raw.close()
    same(ask("POST", "/tokens", None, body=b" " * 1000000).status, 401, "who is nobody sends no body")


def test_large_bodies_share_their_memory():
    """Each may be 32 MiB, and a token that only reads may send one; but not many at once."""
    size = 32 * 1024 * 1024 - 1
    held = [Raw(gateway.admin_port) for _ in range(2)]

    def one_more():
        return ask("POST", "/reconcile", "read", body=b"," * 100000, kind="text/csv")

    try:
        for raw in held:
            raw.send(f"POST {BASE}/reconcile HTTP/1.1\r\nHost: x\r\nAuthorization: {tokens['read']}\r\n"
                     f"Content-Type: text/csv\r\nContent-Length: {size}\r\n\r\n".encode())
            raw.send(b"," * (size - 1))
        until(lambda: one_more().status == 503, "their bytes to have come")
        busy = one_more()
        same((busy.status, busy.json()["error"]["type"]), (503, "busy"), busy)
        check(busy.header("retry-after"), busy.headers)
        same(ask("GET", "/status").status, 200, "others are answered")
    finally:
        for raw in held:
            raw.close()
    until(lambda: one_more().status != 503, "their memory to be free")


def test_many_connections_are_bounded():
    held = []
    known = Raw(gateway.admin_port)

    def status():
        known.send(f"GET {BASE}/status HTTP/1.1\r\nHost: x\r\nAuthorization: {tokens['all']}\r\n\r\n".encode())
        return known.reply().status
    same(status(), 200, "a connection with a token")
    try:
        for _ in range(200):
            held.append(socket.create_connection(("127.0.0.1", gateway.admin_port)))
        same(gateway.post(gateway.chat("fast")).status, 200, "clients notice nothing")
        same(over_socket(gateway, "GET", "/status")[0], 200, "nor the socket")
        # Nor who has something to say, even where the others say a little.
        for link in held[-120:]:
            link.sendall(f"GET {BASE}/alive HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n".encode())
        for _ in range(30):
            held.append(socket.create_connection(("127.0.0.1", gateway.admin_port)))
        same([ask("GET", "/status").status for _ in range(3)], [200] * 3, "with a token, beside them")
        same(status(), 200, "the connection that was there before")
    finally:
        known.close()
        for link in held:
            link.close()
    until(lambda: _alive(), "the listener to have room again")


def _alive():
    try:
        return ask("GET", "/status").status == 200
    except Exception:
        return False


# --- guessing ----------------------------------------------------------------------------------------

def test_guessing_is_slowed_down_and_known_tokens_are_not():
    fresh = Gateway(BODY)
    known = "Bearer " + first_token(fresh)
    same(ask("GET", "/status", known, g=fresh).status, 200, "known")
    wrong = [ask("GET", "/status", "Bearer sl-admin-0123456789ab-" + "A" * 43, g=fresh) for _ in range(14)]
    same([each.status for each in wrong[:10]], [401] * 10, "wrong ones")
    check(429 in [each.status for each in wrong[10:]], wrong)
    late = [each for each in wrong if each.status == 429][0]
    check(late.header("retry-after"), late.headers)
    same(ask("GET", "/status", known, g=fresh).status, 200, "still known")
    fresh.remove()


