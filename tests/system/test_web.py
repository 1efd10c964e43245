# SPDX-License-Identifier: ISC
"""C20, C21, S14, 29: the admin page's door, API and gate: logins, sessions, CSRF, framing, roles, tokens, streams."""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import ssl
import threading
import time

import pytest

from conftest import BUILD, ROOT, Account, Suite, check_log, make_folder, wait_for
from web import Web, raw


SANITIZED = b"__asan_init" in (BUILD / "libexec" / "webadmind").read_bytes()  # its memory says nothing


@pytest.fixture(scope="module")
def house(system_users):
    s = Suite(make_folder(), {"web.streams_per_login": "3", "web.head_wait": "1s", "web.heartbeat": "300ms",
                              "web.names": "admin.example.org"}).start()
    s.boss = s.account("boss", "boss pass 1", "roles=admin")
    s.dora = s.account("dora", "dora pass 1", "roles=admin@example.org")
    s.anna = s.account("anna", "anna pass 1")
    s.far = s.account("far@far.example", "far pass 1")
    yield s
    s.stop()
    check_log(s)
    shutil.rmtree(s.folder)


# --- logins ----------------------------------------------------------------------

def test_a_login_and_its_end(house):
    w = Web(house)
    assert w.get("me").status == 401
    a = w.login(house.anna)
    assert a.status == 200
    assert a.json == {"address": house.anna.address, "name": "", "roles": [], "domains": [], "csrf": w.csrf}
    attributes = a.headers["Set-Cookie"].split("; ")
    assert attributes[0].startswith("__Host-mansio=")
    assert set(attributes[1:]) == {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"}
    assert w.get("me").json["address"] == house.anna.address
    assert Web(house, house.dora).get("me").json["domains"] == ["example.org"]
    assert w.post("logout").status == 200
    assert w.get("me").status == 401


def test_wrong_passwords_and_names_that_do_not_exist_look_alike_and_are_slow(house):
    for address in (house.far.address, "nobody@example.org", "no address"):
        w = Web(house)
        began = time.monotonic()
        first = w.login(Account(address, "wrong"))
        second = w.login(Account(address, "wrong"))
        assert (first.status, second.status) == (401, 401)
        assert first.json == second.json == {"error": "address or password is not right", "code": 77}
        assert time.monotonic() - began >= 0.1, "a failed login is answered late"
        assert "Set-Cookie" not in first.headers
    house.wait_log("login-failed")
    assert re.search(r"login-failed .*user=nobody@example.org service=web .*peer=127.0.0.1", house.log())


def test_a_password_with_nul_or_much_too_long_is_just_wrong(house):
    w = Web(house)
    assert w.login(Account(house.anna.address, "anna pass 1\0x")).status == 401
    assert w.login(Account("\0" + house.anna.address, "anna pass 1")).status == 401
    assert w.login(Account(house.anna.address, "x" * 20000)).status == 401


def test_many_guesses_at_once_are_refused(own_suite):
    s = own_suite({"auth.failure_delay": "2s", "auth.failure_delay_max": "2s"})
    who = s.account()
    found = []

    def guess():
        found.append(Web(s).login(Account(who.address, "guess")).status)

    threads = [threading.Thread(target=guess) for _ in range(40)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert set(found) <= {401, 429} and 429 in found, found


def test_a_login_is_never_the_browsers_choice(house):
    chosen = "abcdefghijkl." + "0" * 64
    w = Web(house)
    w.cookie = chosen
    assert w.login(house.anna).status == 200
    assert w.cookie != chosen
    first = w.cookie
    w.login(house.anna)
    assert w.cookie != first
    old = Web(house)
    for cookie in (chosen, first, w.cookie[:-1] + ("0" if w.cookie[-1] != "0" else "1"), w.cookie[:13], w.cookie + "0", ""):
        old.cookie = cookie
        assert old.get("me").status == 401, cookie
    # two cookies of the name: nobody
    assert w.request("GET", "/api/v1/me", headers={"Cookie": f"__Host-mansio={w.cookie}; __Host-mansio={chosen}"}).status == 401
    assert w.get("me").status == 200


def test_keep_alive_carries_no_identity(house):
    """CVE-2019-18928."""
    w = Web(house, house.boss)
    assert w.get("user/list").status == 200
    c = w.connection
    for headers in ({}, {"Cookie": "__Host-mansio=" + "x" * 77}, {"Authorization": "Bearer x"}):
        c.request("GET", "/api/v1/user/list", headers=headers)
        r = c.getresponse()
        r.read()
        assert r.status == 401
    assert w.connection is c and w.get("me").status == 200


@pytest.mark.parametrize("how", ["password", "roles", "active", "remove", "end", "own password"])
def test_a_login_ends_with(house, how):
    who = house.account()
    w = Web(house, who)
    assert w.get("me").status == 200
    if how == "password":
        house.cli("user", "password", who.address, input="another one\n")
    elif how == "roles":
        house.cli("user", "change", who.address, "roles=admin@example.org")
    elif how == "active":
        house.cli("user", "change", who.address, "active=no")
    elif how == "remove":
        house.cli("user", "remove", who.address)
        house.account(who.address)  # another account of the same name
    elif how == "end":
        row = [r for r in json.loads(house.cli("--json", "login", "list").stdout) if r["user"] == who.address]
        house.cli("login", "end", "id=" + row[0]["id"])
    else:
        assert w.post("user/password", {"address": who.address, "old": who.password, "password": "new one"}).status == 200
        assert Web(house).login(Account(who.address, "new one")).status == 200
    assert w.get("me").status == 401


def grow_old(s, who):
    """How long a login lived that was used all the time, and whether an idle one outlived its time; None: we paused too long."""
    idle, used = Web(s, who), Web(s, who)
    began = last = time.monotonic()
    while used.get("me").status == 200:
        now = time.monotonic()
        if now - last > 0.8:
            return None
        last = now
        time.sleep(0.05)
    lived = time.monotonic() - began
    return lived, idle.get("me").status


def test_logins_grow_old(own_suite):
    s = own_suite({"web.login_idle": "1s", "web.login_age": "3s"})
    who = s.account()
    idle = Web(s, who)
    time.sleep(1.1)
    assert idle.get("me").status == 401
    lived = wait_for(lambda: grow_old(s, who), 60)
    assert 2.9 <= lived[0] < 20 and lived[1] == 401, lived


# --- requests of other pages --------------------------------------------------------

def test_a_change_needs_our_own_page(house):
    w = Web(house, house.boss)
    body = {"address": "made@example.org", "name": "Made"}
    for headers in ({"X-Mansio-CSRF": None}, {"X-Mansio-CSRF": "0" * 64}, {"X-Mansio-CSRF": ""},
                    {"Origin": None}, {"Origin": "null"}, {"Origin": "https://evil.example"},
                    {"Origin": w.origin.replace("https:", "http:")}, {"Origin": w.origin + ".evil.example"},
                    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
                    {"X-Mansio-CSRF": Web(house, house.boss).csrf}):
        a = w.request("POST", "/api/v1/user/add", body, headers)
        assert a.status == 403, (headers, a)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None):
        assert w.request("POST", "/api/v1/user/add", body, {"Content-Type": kind}).status == 415
    assert w.request("POST", "/api/v1/logout", {}, {"X-Mansio-CSRF": None}).status == 403
    for path in ("user/add?address=made@example.org", "reload", "logout", "login"):
        assert w.get(path).status == 405
    assert w.post("user/list").status == 405
    assert "made@example.org" not in house.cli("user", "list").stdout
    assert w.post("user/add", body).status == 200  # the same, as the page does it
    assert "made@example.org" in house.cli("user", "list").stdout


def test_a_login_from_another_page_is_refused(house):
    w = Web(house)
    body = {"address": house.anna.address, "password": house.anna.password}
    a = w.request("POST", "/api/v1/login", body, {"Origin": "https://evil.example"})
    assert a.status == 403 and "Set-Cookie" not in a.headers


def test_only_our_names_are_answered(house):
    """DNS rebinding: a page of evil.example whose name points at this server."""
    for host, good in (("localhost", True), ("127.0.0.1", True), ("[::1]", True), ("mail.example.org", True),
                       ("admin.example.org", True), ("evil.example", False), ("localhost.evil.example", False),
                       ("", False), ("[evil", False)):
        for path in ("/", "/api/v1/me"):
            got = raw(house, f"GET {path} HTTP/1.1\r\nHost: {host}:{house.ports['https']}\r\nConnection: close\r\n\r\n".encode())
            status = int(got.split()[1])
            assert (status in (200, 401)) == good, (host, got[:80])


def test_every_answer_forbids_what_a_page_does_not_need(house):
    w = Web(house, house.anna)
    for path, status in (("/", 200), ("/api/v1/me", 200), ("/api/v1/user/list", 403), ("/nothing", 404), ("/%2e%2e/etc/passwd", 404)):
        a = w.request("GET", path)
        assert a.status == status, (path, a)
        policy = a.headers["Content-Security-Policy"]
        for word in ("default-src 'none'", "script-src 'self'", "form-action 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
            assert word in policy
        assert "unsafe" not in policy and "*" not in policy
        assert a.headers["X-Content-Type-Options"] == "nosniff" and a.headers["X-Frame-Options"] == "DENY"
        assert a.headers["Referrer-Policy"] == "no-referrer" and "max-age" in a.headers["Strict-Transport-Security"]
        assert a.headers["Cross-Origin-Opener-Policy"] == a.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        if path.startswith("/api/"):
            assert a.headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in a.headers


def test_a_file_that_the_browser_has_is_not_sent_again(house):
    w = Web(house)
    first = w.request("GET", "/")
    assert b"<script" in first.body and b"<script>" not in first.body, "no inline script"
    again = w.request("GET", "/", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status == 304 and again.body == b""
    packed = w.request("GET", "/", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip" and packed.headers["ETag"] != first.headers["ETag"]
    assert w.request("HEAD", "/").body == b""
    assert w.request("PUT", "/").status == 405


# --- framing ---------------------------------------------------------------------------

HEAD = "POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
SMUGGLED = "GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\n\r\n"
FRAMING = {
    "two lengths": HEAD + "Content-Length: 0\r\nContent-Length: 49\r\n\r\n",
    "the same length twice": HEAD + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "a list of lengths": HEAD + "Content-Length: 0, 0\r\n\r\n",
    "length and coding": HEAD + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding and length": HEAD + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "a coding alone": HEAD + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a strange coding": HEAD + "Transfer-Encoding: xchunked\r\n\r\n",
    "coding after a tab": HEAD + "Content-Length: 0\r\nTransfer-Encoding:\tchunked\r\n\r\n",
    "a sign": HEAD + "Content-Length: +0\r\n\r\n",
    "minus": HEAD + "Content-Length: -1\r\n\r\n",
    "hex": HEAD + "Content-Length: 0x0\r\n\r\n",
    "empty length": HEAD + "Content-Length:\r\n\r\n",
    "huge": HEAD + "Content-Length: 99999999999999999999\r\n\r\n",
    "larger than allowed": HEAD + "Content-Length: 999999999\r\n\r\n",
    "a folded line": HEAD + "X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "a folded first header": "GET / HTTP/1.1\r\n X: a\r\nHost: localhost\r\n\r\n",
    "space before the colon": HEAD + "Content-Length : 0\r\n\r\n",
    "no name": HEAD + ": 0\r\n\r\n",
    "no colon": HEAD + "Content-Length\r\n\r\n",
    "bare LF": HEAD.replace("\r\n", "\n") + "Content-Length: 0\n\n",
    "one bare LF": HEAD + "X: a\nContent-Length: 0\r\n\r\n",
    "bare CR": HEAD + "X: a\rContent-Length: 0\r\n\r\n",
    "NUL": HEAD + "X: a\0b\r\nContent-Length: 0\r\n\r\n",
    "control character": HEAD + "X: a\x01b\r\nContent-Length: 0\r\n\r\n",
    "no host": "GET / HTTP/1.1\r\n\r\n",
    "two hosts": "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    "absolute form": "GET https://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a fragment": "GET /#x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "two spaces": "GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a tab": "GET\t/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "1.0": "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n",
    "0.9": "GET /\r\n",
    "2.0": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a long head": "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + "a" * 20000 + "\r\n\r\n",
    "a long target": "GET /" + "a" * 20000 + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "many headers": "GET / HTTP/1.1\r\nHost: localhost\r\n" + "A: b\r\n" * 1000 + "\r\n",
    "a mail client": "EHLO x\r\n",
}


@pytest.mark.parametrize("what", FRAMING)
def test_a_request_that_two_readers_could_read_differently(house, what):
    """One refusal, then the end: what follows is never read as a request."""
    got = raw(house, (FRAMING[what] + SMUGGLED).encode("latin-1"))
    assert got is not None, "the connection stays open"
    assert got.count(b"HTTP/1.1 ") == 1 and got.split()[1] in (b"400", b"411", b"413", b"431", b"505"), got[:200]
    assert b"Connection: close" in got


def test_good_requests_in_one_packet_are_answered_in_order(house):
    """The negative control of the test above."""
    one = "GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\n\r\n"
    body = '{"address":"x","password":"y"}'
    post = HEAD + f"Content-Length: {len(body)}\r\n\r\n{body}"
    got = raw(house, (one + post + one + one[:-2] + "Connection: close\r\n\r\n").encode())
    assert re.findall(rb"HTTP/1.1 (\d+)", got) == [b"401"] * 4


def test_plain_http_and_other_protocols_are_refused(house):
    with house.connect("https") as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        s.settimeout(10)
        try:
            assert b"HTTP/1.1 2" not in s.recv(1000)
        except ConnectionResetError:
            pass
    context = house.context()
    context.set_alpn_protocols(["h2"])
    with house.connect("https") as s, pytest.raises(ssl.SSLError):
        context.wrap_socket(s, server_hostname="localhost")
    context = house.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with house.connect("https") as s, context.wrap_socket(s, server_hostname="localhost") as t:
        assert t.selected_alpn_protocol() == "http/1.1"


def test_a_browser_on_a_mail_port_is_hung_up_on(house):
    """C20."""
    for service in ("smtp", "submission", "imap", "pop3"):
        with house.connect(service) as s:
            s.recv(1000)
            s.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            s.settimeout(10)
            rest = b""
            try:
                while chunk := s.recv(1000):
                    rest += chunk
            except ConnectionResetError:
                pass
            assert rest.count(b"\r\n") <= 1, rest


def test_a_slow_head_is_not_waited_for(house):
    context = house.context()
    with house.connect("https") as s, context.wrap_socket(s, server_hostname="localhost") as t:
        t.sendall(b"GET / HTTP/1.1\r\nHost: local")
        t.settimeout(20)
        got = t.recv(1000)
        assert got.startswith(b"HTTP/1.1 408 ")
        assert t.recv(1000) == b""


def test_bodies_that_are_not_what_they_should_be(house):
    w = Web(house, house.boss)
    for body in (b"", b"{", b"[]", b"null", b'"x"', b'{"address":', b'{"address":{"x":1}}', b'{"address":[["x"]]}',
                 b'{"address":1.5}', b'{"address":"a@example.org","address":"b@example.org"}', b'{"no_such":"x"}',
                 b'{"address":"a\\u0000@example.org"}', b'{"address":["a@example.org","b@example.org"]}', b"\xff\xfe",
                 b'{"Address":"x"}', b'{"scope":"x"}', b'{"verb":"stop"}', b"[" * 5000, b'{"a":' * 2000):
        a = w.request("POST", "/api/v1/user/add", body)
        assert a.status == 400 and a.json["code"] in (64, 65), (body, a)
    for query in ("x", "domain=%", "domain=%zz", "domain=%00", "domain=a&domain=b", "a.b=c", "scope=example.org", "%64omain=x"):
        assert w.get("user/list?" + query).status == 400, query


# --- who may what -------------------------------------------------------------------------

def test_a_domain_administrator_stays_in_the_domain(house):
    w = Web(house, house.dora)
    rows = w.get("user/list").json["rows"]
    assert {r["address"].split("@")[1] for r in rows} == {"example.org"}
    assert [r["domain"] for r in w.get("domain/list").json["rows"]] == ["example.org"]
    assert w.get("user/list?domain=far.example").status == 403
    assert w.post("user/add", {"address": "x@far.example"}).status == 403
    assert w.post("user/change", {"address": house.anna.address, "roles": "admin"}).status == 403
    assert w.post("user/add", {"address": "x@example.org", "roles": "admin"}).status == 403
    for verb, more in (("change", {"active": "no"}), ("password", {"password": "mine now"}), ("remove", {}), ("invite", {}),
                       ("forward", {"target": [house.dora.address]})):
        a = w.post("user/" + verb, {"address": house.boss.address, **more})
        assert a.status == 403, (verb, a)
        a = w.post("user/" + verb, {"address": house.boss.address.upper().replace("EXAMPLE", "Example"), **more})
        assert a.status == 403, (verb, a)
    assert Web(house, house.boss).get("me").status == 200
    # nor one who looks after another domain as well: his password would be the way there
    both = house.account("both", "both pass 1", "roles=admin@example.org,admin@far.example")
    assert w.post("user/password", {"address": both.address, "password": "mine now"}).status == 403
    assert w.post("session/kick", {"user": house.boss.address}).status == 403
    assert w.post("user/change", {"address": house.anna.address, "name": "Anna"}).status == 200
    assert w.post("user/invite", {"address": house.anna.address}).status == 200


def test_an_alias_does_not_open_anothers_mailbox(house):
    """An address of one's own domain that leads elsewhere."""
    w = Web(house, house.dora)
    assert w.post("alias/add", {"address": "spy@example.org", "target": [house.far.address]}).status == 200
    assert w.get("mailbox/list?address=spy@example.org").status == 404
    assert w.get("mailbox/list?address=" + house.anna.address).status == 200
    assert w.get("mailbox/list?address=" + house.far.address).status == 403
    assert Web(house, house.boss).get("mailbox/list?address=spy@example.org").status == 200
    # nor does it tell what another domain does with its mail
    house.cli("alias", "add", "team@far.example", house.far.address, house.anna.address)
    house.cli("user", "forward", house.far.address, "far.in.private@elsewhere.example")
    assert w.post("alias/change", {"address": "spy@example.org", "target": [house.far.address, "team@far.example", house.anna.address]}).status == 200
    steps = [(r["step"], r["address"], r["kind"]) for r in w.get("alias/who?address=spy@example.org").json["rows"]]
    assert steps == [(0, "spy@example.org", "alias"), (1, house.far.address, "elsewhere"), (1, "team@far.example", "elsewhere"),
                     (1, house.anna.address, "mailbox")]
    assert "far.in.private" in str(Web(house, house.boss).get("alias/who?address=spy@example.org").json)
    house.cli("user", "forward", house.far.address)
    house.cli("alias", "remove", "team@far.example")


def test_a_person_looks_after_himself_alone(house):
    w = Web(house, house.anna)
    assert w.get("user/show?address=" + house.anna.address).json["result"]["address"] == house.anna.address
    assert w.get("user/show?address=" + house.dora.address).status == 403
    assert w.get("user/list").status == 403 and w.get("status").status == 403
    assert w.post("user/change", {"address": house.anna.address, "quota": 0}).status == 403
    with house.imap(house.anna), house.imap(house.far):
        users = {r["user"] for r in w.get("session/list").json["rows"]}
        assert users == {house.anna.address}
        other = [r for r in Web(house, house.boss).get("session/list").json["rows"] if r["user"] == house.far.address]
        assert w.post("session/kick", {"id": other[0]["id"]}).status == 404
        assert w.post("session/kick", {"user": house.far.address}).status == 403
        assert w.post("session/kick", {"user": house.anna.address}).json["rows"][0]["user"] == house.anna.address
    logins = w.get("login/list").json["rows"]
    assert {r["user"] for r in logins} == {house.anna.address}
    others = [r for r in Web(house, house.boss).get("login/list").json["rows"] if r["user"] == house.boss.address]
    assert w.post("login/end", {"id": others[0]["id"]}).status == 404


def test_ones_own_password_needs_the_old_one(house):
    for who in (house.account(), house.account("a%d" % time.time_ns(), "x pass 1", "roles=admin")):
        w = Web(house, who)
        assert w.post("user/password", {"address": who.address, "password": "new"}).status == 400
        assert w.post("user/password", {"address": who.address, "old": "wrong", "password": "new"}).status == 403
        assert Web(house).login(who).status == 200
        assert w.post("user/password", {"address": who.address, "old": who.password, "password": "new"}).status == 200
        assert Web(house).login(Account(who.address, "new")).status == 200


def test_the_audit_log_has_no_secret(house):
    w = Web(house, house.boss)
    since = len(house.log())
    assert w.post("user/add", {"address": "audited@example.org", "password": "seeecret"}).status == 200
    house.cli("user", "remove", "audited@example.org")
    line = house.wait_log('verb="user add"', since)
    assert f"who={house.boss.address} from=127.0.0.1 " in line and 'args="address=audited@example.org" code=0' in line
    line = house.wait_log('verb="user remove"', since)
    assert "who=root" in line or "who=\"uid " in line
    assert Web(house, house.anna).get("status").status == 403
    assert "code=77" in house.wait_log("verb=status", since)
    assert "seeecret" not in house.log()
    rows = wait_for(lambda: [r for r in w.get("audit/list").json["rows"] if r["verb"] == "user add" and "audited@" in r["args"]], 20)
    assert (rows[0]["who"], rows[0]["from"]) == (house.boss.address, "127.0.0.1")


# --- invitations, tokens, forwards ------------------------------------------------------------

def test_an_invitation_is_good_once(house):
    w = Web(house, house.boss)
    assert w.post("user/add", {"address": "new@example.org", "name": "New"}).status == 200
    assert w.get("user/show?address=new@example.org").json["result"]["password"] == "no"
    assert Web(house).login(Account("new@example.org", "")).status in (400, 401)
    first = w.post("user/invite", {"address": "new@example.org"}).json["result"]
    second = w.post("user/invite", {"address": "new@example.org"}).json["result"]
    assert second["expires"] - time.time() > 47 * 3600
    stranger = Web(house)
    link = re.fullmatch(r"https://mail\.example\.org:\d+/#/invite/(\S+)", second["link"])[1]
    redeem = {"token": link, "password": "my first"}
    assert stranger.post("invite", {**redeem, "token": first["link"].split("/")[-1]}).status == 404, "a newer one replaced it"
    assert stranger.post("invite", {**redeem, "token": link[:-1] + ("0" if link[-1] != "0" else "1")}).status == 404
    assert stranger.post("invite", {**redeem, "password": ""}).status == 400
    assert stranger.post("invite", redeem, Origin="https://evil.example").status == 403
    assert stranger.post("invite", redeem).json == {"result": {"address": "new@example.org"}}
    assert stranger.post("invite", {**redeem, "password": "my second"}).status == 404
    assert Web(house).login(Account("new@example.org", "my first")).status == 200
    stored = b"".join(p.read_bytes() for p in (house.state / "directory").iterdir() if p.is_file())
    assert link.split(".")[1].encode() not in stored, "the secret itself is stored"


def test_an_invitation_ends_with_what_it_was_made_for(house):
    """An administrator of a domain keeps no link to an account that is made a global administrator's."""
    dora = Web(house, house.dora)
    for how in (("user", "change", "roles=admin"), ("user", "password"), ("user", "change", "active=no"), ("user", "leave"), ("user", "change", "name=New")):
        who = house.account()
        link = dora.post("user/invite", {"address": who.address}).json["result"]["link"].split("/")[-1]
        house.cli(*how[:2], who.address, *how[2:], input="another pass 1\n")
        kept = Web(house).post("invite", {"token": link, "password": "taken over 1"}).status
        assert kept == (200 if how[-1] == "name=New" else 404), how
        house.cli("user", "remove", who.address)


def test_no_right_outlives_the_name_that_it_is_about(house):
    """Somebody else may have the name later."""
    w = Web(house, house.boss)
    def make(*roles):
        return Web(house, token=w.post("token/add", {"label": "outlives", "role": list(roles)}).json["result"]["token"])
    def roles():
        return sorted(r["roles"] for r in w.get("token/list").json["rows"] if r["label"] == "outlives")
    house.cli("domain", "add", "old.example")
    house.account("shop@old.example")
    sends, both, looks = make("send:shop@old.example"), make("metrics", "send:shop@old.example"), make("admin@old.example", "metrics")
    kate = house.account("kate", "kate pass 1", "roles=admin@old.example,admin@example.org")
    house.cli("user", "remove", "shop@old.example")
    assert roles() == ["admin@old.example,metrics", "metrics"]
    house.cli("domain", "remove", "old.example")
    assert roles() == ["metrics", "metrics"]
    house.cli("domain", "add", "old.example")
    house.account("shop@old.example")
    message = {"from": "shop@old.example", "to": ["shop@old.example"], "text": "x"}
    assert sends.post("send", message).status == 401 and both.post("send", message).status == 403
    assert looks.get("user/list").status == 403
    assert Web(house, kate).get("me").json["roles"] == ["admin@example.org"]
    house.cli("user", "remove", "shop@old.example")
    house.cli("domain", "remove", "old.example")
    house.cli("user", "remove", kate.address)


def test_tokens(house):
    w = Web(house, house.boss)
    def make(*roles):
        a = w.post("token/add", {"label": "test", "role": list(roles)})
        assert a.status == 200, a
        return Web(house, token=a.json["result"]["token"])
    assert w.post("token/add", {"label": "test", "role": ["root"]}).status == 400
    assert w.post("token/add", {"label": "test", "role": []}).status == 400
    admin, domain, metrics = make("admin"), make("admin@example.org"), make("metrics")
    assert admin.get("status").status == 200
    assert admin.request("POST", "/api/v1/domain/add", {"domain": "by-token.example"}, {"Origin": None}).status == 200
    assert domain.get("status").status == 403 and domain.get("user/list").status == 200
    assert domain.get("user/list?domain=far.example").status == 403
    assert metrics.get("user/list").status == 403 and metrics.get("me").json["roles"] == ["metrics"]
    assert b"# TYPE" in metrics.request("GET", "/metrics").body
    assert Web(house, house.anna).request("GET", "/metrics").status == 403
    assert Web(house).request("GET", "/metrics").status == 401
    rows = wait_for(lambda: [r for r in w.get("token/list").json["rows"] if r["last"] > 0 and r["roles"] == "admin"], 20)
    assert "digest" not in rows[0] and "token" not in rows[0]
    stored = b"".join(p.read_bytes() for p in (house.state / "directory").iterdir() if p.is_file())
    assert admin.token.split(".")[1].encode() not in stored
    assert w.post("token/remove", {"id": admin.token.split(".")[0]}).status == 200
    assert admin.get("status").status == 401
    assert w.post("token/remove", {"id": admin.token.split(".")[0]}).status == 404


def test_a_person_forwards_his_mail(house):
    who, other = house.account(), house.account()
    w = Web(house, who)
    assert w.post("user/forward", {"address": other.address, "target": [who.address]}).status == 403
    assert w.post("user/forward", {"address": who.address, "target": [other.address]}).status == 200
    assert w.get("user/show?address=" + who.address).json["result"]["forward"] == "copy to " + other.address
    def count(a):
        with house.imap(a) as c:
            return int(c.select("INBOX")[1][0])
    house.deliver(who.address)
    assert (count(who), count(other)) == (1, 1)
    assert w.post("user/forward", {"address": who.address, "target": [other.address], "keep": False}).status == 200
    house.deliver(who.address)
    assert (count(who), count(other)) == (1, 2)
    steps = Web(house, house.dora).get("alias/who?address=" + who.address).json["rows"]
    assert [(s["step"], s["kind"], s["address"]) for s in steps] == [(0, "forward", who.address), (1, "mailbox", other.address)]
    # both give their mail away: it stays where it is
    assert Web(house, other).post("user/forward", {"address": other.address, "target": [who.address], "keep": False}).status == 200
    house.deliver(who.address)
    assert count(who) + count(other) == 4
    assert w.post("user/forward", {"address": who.address}).status == 200
    assert w.get("user/show?address=" + who.address).json["result"]["forward"] == ""
    assert w.post("user/forward", {"address": who.address, "target": ["no address"]}).status == 400


def test_lists_in_parts(house):
    w = Web(house, house.boss)
    assert w.post("domain/add", {"domain": "parts.example"}).status == 200
    names = [f"p{i:02}@parts.example" for i in range(12)]
    for n in names:
        assert w.post("user/add", {"address": n, "name": "Part " + n[:3]}).status == 200
    got, after = [], None
    while True:
        rows = w.get("user/list?domain=parts.example&limit=5" + (f"&after={after}" if after else "")).json["rows"]
        if not rows:
            break
        assert len(rows) <= 5
        got += [r["address"] for r in rows]
        after = got[-1]
    assert got == names
    assert [r["address"] for r in w.get("user/list?match=pArT%20P07").json["rows"]] == ["p07@parts.example"]
    assert w.post("alias/add", {"address": "all@parts.example", "target": names[:3]}).status == 200
    assert [r["address"] for r in w.get("alias/list?target=p01@parts.example").json["rows"]] == ["all@parts.example"]
    assert w.get("alias/list?target=p09@parts.example").json["rows"] == []


# --- streams -------------------------------------------------------------------------------------

def open_stream(w, path):
    c = w.open()
    c.request("GET", "/api/v1/stream/" + path, headers={"Cookie": f"__Host-mansio={w.cookie}"})
    return c, c.getresponse()


def test_a_stream_goes_on_until_the_login_ends(house):
    w = Web(house, house.boss)
    c, r = open_stream(w, "stats/live")
    assert r.status == 200 and r.getheader("Content-Type") == "text/event-stream"
    rows = 0
    while rows < 2:
        line = r.readline()
        assert line, "it ended"
        if line.startswith(b"data: "):
            json.loads(line[6:])
            rows += 1
    assert w.post("logout").status == 200
    rest = r.read()
    assert b"event: end" in rest and b"login has ended" in rest


def test_streams_are_bounded_and_refused_like_requests(house):
    w = Web(house, house.boss)
    held = [open_stream(w, "stats/live") for _ in range(3)]
    assert all(r.status == 200 for _, r in held)
    _, r = open_stream(w, "stats/live")
    assert r.status == 429
    for c, _ in held:
        c.close()

    def again():
        c, r = open_stream(w, "stats/live")
        c.close()
        return r.status == 200
    assert wait_for(again, 20)
    assert open_stream(Web(house, house.anna), "stats/live")[1].status == 403
    assert open_stream(Web(house), "stats/live")[1].status == 401
    assert open_stream(w, "user/add")[1].status == 405
    _, r = open_stream(w, "domain/list")
    assert b'event: end' in r.read(), "a verb that ends, ends its stream"


def many_accounts(s, n):
    """So many accounts, put into the directory as `user add` would, but at once."""
    import sqlite3
    db = sqlite3.connect(s.state / "directory" / "directory.db", timeout=20)
    db.executemany("INSERT INTO account(local, domain, name, hash, scram, quota_bytes, quota_messages, active, roles, created)"
                   " VALUES(?, 'example.org', ?, '', '', 0, 0, 1, '', 0)", ((f"many{i:06}", "Many " + "x" * 60) for i in range(n)))
    db.commit()
    db.close()


@pytest.mark.alone
def test_ten_thousand_rows_and_a_browser_that_does_not_read(own_suite):
    s = own_suite({"web.stream_buffer": "4096", "web.heartbeat": "100ms", "web.body_wait": "1s"})
    w = Web(s, s.account("boss", "boss pass 1", "roles=admin"))
    many_accounts(s, 10500)
    rows = w.get("user/list").json["rows"]
    assert len(rows) == 10000
    assert len(w.get(f"user/list?after={rows[-1]['address']}").json["rows"]) == 501
    pid = next(p for p, n in s.tree().items() if n == "webadmind")
    assert memory(pid) < 20 * 1024 or SANITIZED
    since = len(s.log())
    c, r = open_stream(w, "user/list?limit=0")  # and never read
    assert r.status == 200
    s.wait_log("stream-slow", since, 20)
    assert w.get("me").status == 200
    assert next(p for p, n in s.tree().items() if n == "webadmind") == pid and (memory(pid) < 20 * 1024 or SANITIZED)
    c.close()
    since = len(s.log())
    c = w.open()  # the same with plain answers, more than all buffers on the way take
    c.connect()
    c.sock.sendall(f"GET /api/v1/user/list HTTP/1.1\r\nHost: localhost\r\nCookie: __Host-mansio={w.cookie}\r\n\r\n".encode() * 8)
    s.wait_log("http-slow", since, 30)
    assert w.get("me").status == 200
    c.close()


# --- lives -------------------------------------------------------------------------------------------

def memory(pid):
    """kB in RAM, pages that are shared with others included."""
    return int(re.search(r"^VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])


@pytest.mark.alone
@pytest.mark.skipif(not ROOT, reason="nobody else may look into a process that cannot be dumped")
def test_the_suite_at_rest_is_small(own_suite):
    s = own_suite({"smtp.processes": "4"})
    assert Web(s).get("me").status == 401
    share = {}
    for pid, name in s.tree().items():
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        share[name] = share.get(name, 0) + int(re.search(r"^Pss:\s+(\d+) kB", text, re.M)[1])
    assert share["webadmind"] < 4 * 1024 or SANITIZED, share
    assert sum(share.values()) < 60 * 1024 or SANITIZED, share


@pytest.mark.alone
def test_deaths_and_memory(own_suite):
    s = own_suite()
    boss = s.account("boss", "boss pass 1", "roles=admin")
    w = Web(s, boss)

    def pid(name):
        return min(p for p, n in s.tree().items() if n == name)
    for _ in range(100):
        assert w.get("status").status == 200
    for _ in range(30):
        assert Web(s).get("me").status == 401
    assert memory(pid("webadmind")) < 20 * 1024 or SANITIZED
    os.kill(pid("webadmind"), signal.SIGKILL)

    def serves():
        try:
            return Web(s).get("me").status == 401
        except (OSError, ssl.SSLError):
            return False
    assert wait_for(serves, 20)
    w.connection = None
    assert w.get("me").status == 200, "logins are authd's: they outlive webadmind"
    os.kill(pid("authd"), signal.SIGKILL)
    assert wait_for(lambda: w.get("me").status == 401, 20), "and end with authd"
    assert wait_for(lambda: Web(s).login(boss).status == 200, 20)


@pytest.mark.alone
def test_a_stop_waits_for_answers_but_not_for_live_pages(own_suite):
    s = own_suite({"auth.failure_delay": "500ms", "server.stop_grace": "20s"})
    who = s.account("boss", "boss pass 1", "roles=admin")
    held = open_stream(Web(s, who), "stats/live")
    assert held[1].status == 200
    found = []
    late = threading.Thread(target=lambda: found.append(Web(s).login(Account(who.address, "wrong")).status))
    late.start()
    s.wait_log("login-failed")
    assert s.stop(19) < 10
    late.join()
    assert found == [401], "the answer that was on its way came"
    with pytest.raises(http.client.IncompleteRead):
        held[1].read()
