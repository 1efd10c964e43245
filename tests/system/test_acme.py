# SPDX-License-Identifier: ISC
"""Certificates from an authority (ACME), against Debian's pebble; and what the ports serve."""
import base64
import contextlib
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
import urllib.request

import pytest

from conftest import ROOT, TOP, Suite, free_ports, make_certificate, make_folder, wait_for
from nameservers import Knot, Scripted, wire_record

NAMES = ("mail.example.org", "autoconfig.example.org")


class Dns(threading.Thread):
    """A name server on loopback: every name is 127.0.0.1; TXT records stand in files of a folder; `missing` names do not exist."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder, self.missing = folder, set()
        self.port = free_ports(1)[0]
        self.socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM)]
        self.socks[0].bind(("127.0.0.1", self.port))

    def run(self):
        sock = self.socks[0]
        while True:
            try:
                packet, peer = sock.recvfrom(4096)
            except OSError:
                return
            with contextlib.suppress(Exception):
                sock.sendto(self.answer(packet), peer)

    def answer(self, packet):
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode())
            at += 1 + packet[at]
        question = packet[12:at + 5]
        name, kind = ".".join(labels).lower(), struct.unpack("!H", packet[at + 1:at + 3])[0]
        records = []
        if name in self.missing:
            return packet[:2] + struct.pack("!HHHHH", 0x8583, 1, 0, 0, 0) + question
        if kind == 1 and not name.startswith("_"):
            records = [socket.inet_aton("127.0.0.1")]
        elif kind == 16:
            with contextlib.suppress(OSError):
                records = [bytes([len(v)]) + v for v in (self.folder / name).read_bytes().split()]
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 1, len(r)) + r for r in records)
        return packet[:2] + struct.pack("!HHHHH", 0x8580, 1, len(records), 0, 0) + question + body

    def close(self):
        self.socks[0].close()


class Pebble:
    """pebble with a certificate of its own for 127.0.0.1; restart keeps its ports, not its memory."""

    def __init__(self, folder, http, tls, nonce_reject=20, eab=None, dns_port=None):
        self.folder, self.eab, self.dns_port = folder, eab, dns_port
        self.cert, key = make_certificate(folder, "localhost", name="pebble")
        self.port, self.management = free_ports(2)
        self.dns = Dns(folder)
        self.dns.start()
        (folder / "pebble.json").write_text(json.dumps({"pebble": {
            "listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": str(self.cert), "privateKey": str(key), "httpPort": http, "tlsPort": tls, "ocspResponderURL": "",
            "externalAccountBindingRequired": bool(eab), "externalAccountMACKeys": eab or {}}}))
        self.env = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": str(nonce_reject), "PEBBLE_AUTHZREUSE": "0"}
        self.process = None
        self.start()

    @property
    def url(self):
        return f"https://localhost:{self.port}/dir"

    def start(self):
        log = open(self.folder / "pebble.log", "ab")
        self.process = subprocess.Popen(
            ["pebble", "-config", self.folder / "pebble.json", "-dnsserver", f"127.0.0.1:{self.dns_port or self.dns.port}"],
            env=self.env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()
        context = ssl.create_default_context(cafile=str(self.cert))

        def up():
            with contextlib.suppress(OSError):
                return urllib.request.urlopen(self.url, context=context, timeout=2).status == 200
        wait_for(up, 20)

    def stop(self):
        self.process.kill()
        self.process.wait()

    def log(self):
        return (self.folder / "pebble.log").read_text(errors="replace")


@pytest.fixture
def acme(system_users, request):
    """Factory: acme({...}) is a suite (not started) with a pebble of its own."""
    made = []

    def make(settings=None, start=True, **options):
        s = Suite(make_folder())
        port = free_ports(1)[0]
        s.ports["http"] = port
        s.settings["listen.http"] = f"127.0.0.1:{port}"
        pebble = Pebble(s.folder, port, s.ports["https"], **options)
        made.append((s, pebble))
        del s.settings["tls.certificates"], s.settings["tls.keys"]
        s.settings.update({"acme.enabled": "yes", "acme.directory": pebble.url, "acme.ca_file": str(pebble.cert),
                           "acme.names": ", ".join(NAMES), "acme.retry": "1s", "acme.retry_max": "2s",
                           "acme.request": "5s", "acme.order": "60s", "acme.look": "1h", **(settings or {})})
        s.write_config()
        if start:
            s.start()
        return s, pebble

    yield make
    failed = getattr(getattr(request.node, "report_call", None), "failed", False)
    for s, pebble in made:
        s.stop()
        pebble.stop()
        pebble.dns.close()
        if failed:
            print("the end of the suite's log:\n" + s.log()[-6000:] + "\nof pebble's:\n" + pebble.log()[-3000:])
        shutil.rmtree(s.folder)


def show(s):
    return json.loads(s.cli("--json", "cert", "show").stdout)


def rows(s):
    return json.loads(s.cli("--json", "cert", "list").stdout)


def served(s, service="imaps", name=NAMES[0]):
    """The certificate that a port shows to who asks for that name, as PEM."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with s.connect(service) as c, context.wrap_socket(c, server_hostname=name) as t:
        return ssl.DER_cert_to_PEM_cert(t.getpeercert(True))


def text_of(pem):
    return subprocess.run(["openssl", "x509", "-noout", "-text"], input=pem, text=True, capture_output=True, check=True).stdout


def issued(s, timeout=30):
    return wait_for(lambda: show(s)["state"] == "good" and "Pebble" in text_of(served(s)) and served(s), timeout, 0.1)


def test_http_01_and_a_renewal_that_ends_no_session(acme):
    s, pebble = acme()
    first = issued(s)
    text = text_of(first)
    assert all(f"DNS:{n}" in text for n in NAMES), text
    anna = s.account()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    sessions = []
    for service, greeting in (("imaps", b"* OK"), ("pop3s", b"+OK"), ("submissions", b"220")):
        t = context.wrap_socket(s.connect(service), server_hostname=NAMES[0])
        assert t.recv(1000).startswith(greeting)
        sessions.append((t, service))
    login = sessions[0][0]
    login.sendall(f'a login {anna.address} "{anna.password}"\r\n'.encode())
    assert b"a OK" in login.recv(4000)
    since = len(s.log())
    s.cli("cert", "renew")
    second = wait_for(lambda: served(s) != first and served(s), 30, 0.1)
    s.wait_log("reload text=certificates", since)
    for service in ("imaps", "pop3s", "submissions", "https"):
        assert served(s, service) == second, service
    login.sendall(b"b noop\r\n")
    assert b"b OK" in login.recv(4000)
    sessions[1][0].sendall(b"CAPA\r\n")
    assert sessions[1][0].recv(4000).startswith(b"+OK")
    sessions[2][0].sendall(b"NOOP\r\n")
    assert sessions[2][0].recv(4000).startswith(b"250")
    for t, _ in sessions:
        t.close()
    # what is served, as each port says it
    got = rows(s)
    assert {r["service"] for r in got} == {"smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "https"}
    assert {r["name"] for r in got} >= set(NAMES)
    assert all(r["state"] == "OK" and r["source"] == "acme" and r["days"] > 30 for r in got), got
    assert len({r["fingerprint"] for r in got}) == 1
    # keys and account are acmed's alone
    folder = s.state / "acme"
    for name in ("account.pem", "live.pem", "state"):
        st = (folder / name).stat()
        assert st.st_mode & 0o777 == 0o600
        if ROOT:
            assert st.st_uid != 0
    # the account stays over a restart; nothing is ordered again
    account = (folder / "account.pem").read_bytes()
    orders = show(s)["orders"]
    s.stop()
    s.start()
    assert served(s) == second
    assert show(s)["orders"] == orders
    s.cli("cert", "renew")
    wait_for(lambda: served(s) != second, 30, 0.1)
    assert (folder / "account.pem").read_bytes() == account
    assert pebble.log().count("There are now 1 accounts in memory") == 1 and "now 2 accounts" not in pebble.log()
    # port 80: nothing is pending any more, everybody else goes to https
    for target, start in (("/.well-known/acme-challenge/abc", b"HTTP/1.1 404"), ("/x?y", b"HTTP/1.1 301")):
        with s.connect("http") as c:
            c.sendall(f"GET {target} HTTP/1.1\r\nHost: mail.example.org\r\n\r\n".encode())
            answer = b"".join(iter(lambda: c.recv(4096), b""))
        assert answer.startswith(start), answer
    assert f"Location: https://mail.example.org:{s.ports['https']}/x?y\r\n".encode() in answer


def test_tls_alpn_01(acme):
    s, pebble = acme({"acme.challenge": "tls-alpn-01", "acme.names": NAMES[0]})
    issued(s)
    assert "acme-challenge" in s.log()
    # no challenge is pending: the protocol is refused
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["acme-tls/1"])
    with s.connect("https") as c, pytest.raises(ssl.SSLError):
        context.wrap_socket(c, server_hostname=NAMES[0])


def test_dns_01_by_hook(acme):
    s, pebble = acme({"acme.challenge": "dns-01", "acme.names": "example.org, *.example.org", "acme.dns_wait": "0"}, start=False)
    hook = s.folder / "hook"
    hook.write_text("#!/bin/sh\n"
                    f'cd {s.folder}/zone || exit 1\n'
                    'echo "$@" >>called\n'
                    '[ ! -e broken ] || { echo "the zone is locked"; exit 3; }\n'
                    'case $1 in set) echo "$3" >>"$2" ;; clear) rm -f "$2" ;; esac\n')
    hook.chmod(0o755)
    zone = s.folder / "zone"
    zone.mkdir()
    zone.chmod(0o777)
    pebble.dns.folder = zone
    (zone / "broken").touch()
    s.settings["acme.hook"] = str(hook)
    s.write_config()
    s.start()
    said = wait_for(lambda: (now := show(s))["state"] == "failed" and now, 20)
    assert "the zone is locked" in said["words"] and "_acme-challenge.example.org" in said["words"] and said["fix"]
    (zone / "broken").unlink()
    pem = issued(s)
    assert "DNS:*.example.org" in text_of(pem) and "DNS:example.org" in text_of(pem)
    called = (zone / "called").read_text().split("\n")
    assert {line.split()[0] for line in called if line} == {"set", "clear"}
    assert not (zone / "_acme-challenge.example.org").exists(), "the record was left behind"


def test_dns_01_by_dynamic_update(acme):
    """The hook that comes along, with each of the two programs, against a name server that wants a TSIG key."""
    key = base64.b64encode(os.urandom(32)).decode()
    knot = Knot({"example.org": "mail 60 A 127.0.0.1"}, update=("mansio", key))
    s, pebble = acme({"acme.challenge": "dns-01", "acme.names": "example.org, *.example.org", "acme.dns_wait": "0"}, start=False, dns_port=knot.port)
    try:
        conf, hook, first_found = s.folder / "nsupdate.conf", s.folder / "hook", s.folder / "bin"
        first_found.mkdir()
        conf.write_text(f"server 127.0.0.1 {knot.port}\nzone example.org\nkey hmac-sha256:mansio {'A' * 43}=\n")
        # what [acme] hook names is called without a shell and without environment
        hook.write_text(f"#!/bin/sh\nPATH={first_found}:$PATH NSUPDATE_CONF={conf} exec {TOP}/acme/acme-nsupdate \"$@\"\n")
        hook.chmod(0o755)
        s.settings["acme.hook"] = str(hook)
        s.write_config()
        s.start()
        said = wait_for(lambda: show(s)["state"] == "failed" and show(s), 20)
        assert "the hook" in said["words"] and "_acme-challenge.example.org" in said["words"], "negative control: a wrong key"
        conf.write_text(conf.read_text().replace("A" * 43 + "=", key))
        first = issued(s)
        assert "DNS:*.example.org" in text_of(first)
        assert knot.dig("_acme-challenge.example.org", "TXT") == "", "the record was left behind"
        # the other program, found first
        (first_found / "nsupdate").symlink_to(shutil.which("knsupdate"))
        s.cli("cert", "renew")
        wait_for(lambda: served(s) != first, 30, 0.1)
        assert knot.dig("_acme-challenge.example.org", "TXT") == ""
    finally:
        knot.stop()


def key_of(pem):
    """As a TLSA record "3 1 1" names it."""
    return "3 1 1 " + subprocess.run("openssl x509 -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum", shell=True, input=pem,
                                     check=True, capture_output=True, text=True).stdout.split()[0]


def test_a_renewal_keeps_the_key_and_another_comes_in_two_steps(acme):
    zone = []

    def answer(name, type, tcp):
        return 0, [wire_record(name, "TLSA", bytes((3, 1, 1)) + bytes.fromhex(t.split()[-1]), 0) for t in zone] if type == 52 else [], 0

    server = Scripted(answer)
    try:
        s, pebble = acme({"acme.names": NAMES[0], "server.hostname": NAMES[0], "dns.servers": f"127.0.0.1:{server.port}", "dns.trust_anchor": "none"})

        def told():
            return [r["value"] for r in json.loads(s.cli("--json", "domain", "dns", "example.org").stdout) if r["type"] == "TLSA"]
        def checked():
            return next((r["state"], r["words"]) for r in json.loads(s.cli("--json", "domain", "check", "example.org").stdout) if r["type"] == "TLSA")
        first = issued(s)
        s.cli("cert", "renew")
        second = wait_for(lambda: served(s) != first and served(s), 30, 0.1)
        assert key_of(second) == key_of(first)
        assert s.cli("cert", "rekey", "--now", check=False).returncode == 69, "nothing was published yet"
        row = json.loads(s.cli("--json", "cert", "rekey").stdout)
        assert row["name"] == f"_25._tcp.{NAMES[0]}" and row["value"] != key_of(first)
        assert json.loads(s.cli("--json", "cert", "rekey").stdout)["value"] == row["value"], "made once"
        wait_for(lambda: told() == [key_of(first), row["value"]], 20, 0.1)
        # the DNS names the old key alone: who sends by DANE would find nobody
        zone.append(key_of(first))
        assert checked() == ("WARN", "It names the certificate in use, but not yet the next key.")
        s.cli("cert", "rekey", "--now")
        said = wait_for(lambda: show(s)["state"] == "failed" and show(s), 20)
        assert "the key stays" in said["words"] and f"IN TLSA {row['value']}" in said["fix"] and served(s) == second
        zone.append(row["value"])
        assert checked() == ("OK", "It names the certificate in use, and the next key.")
        s.cli("cert", "rekey", "--now")
        third = wait_for(lambda: served(s) != second and served(s), 30, 0.1)
        assert key_of(third) == row["value"] and not (s.state / "acme" / "next.pem").exists()
        wait_for(lambda: told() == [row["value"]], 20, 0.1)
        before = {p for p, n in s.tree().items() if n == "acmed"}
        s.cli("config", "set", "acme.reuse_key", "no")
        wait_for(lambda: before.isdisjoint(s.tree()), 20)
        s.cli("cert", "renew")
        fourth = wait_for(lambda: served(s) != third and served(s), 30, 0.1)
        assert key_of(fourth) != row["value"]
        wait_for(lambda: told() == [key_of(fourth)], 20, 0.1)
        assert checked()[0] == "WARN" and "another certificate" in checked()[1]
    finally:
        server.stop()


def test_what_the_authority_says_is_told_with_the_next_step(acme):
    s, pebble = acme({"acme.orders_per_day": "4"}, start=False)
    pebble.dns.missing = {NAMES[1]}
    s.start()
    # until there is one, the suite serves its own
    assert "CN = mail.example.org" in text_of(served(s))
    assert all(r["source"] == "self-signed" and r["state"] in ("WARN", "FAIL") and r["words"] for r in rows(s))
    said = wait_for(lambda: (now := show(s))["state"] == "failed" and now, 20)
    assert NAMES[1] in said["words"], said
    assert said["fix"] and said["next_try"]
    # never more orders than are allowed, however often it fails
    said = wait_for(lambda: "as many as we may make" in (now := show(s))["words"] and now, 30)
    assert said["orders"] == 4
    s.cli("cert", "renew")
    wait_for(lambda: show(s)["state"] == "failed", 20)
    assert show(s)["orders"] == 4
    assert said["next_try"] > time.time() + 3600


def test_external_account_binding(acme):
    eab = {"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}
    s, pebble = acme({"acme.names": NAMES[0]}, eab=eab)
    said = wait_for(lambda: (now := show(s))["state"] == "failed" and now, 20)
    assert "eab_kid" in said["fix"], said
    key = s.folder / "eab.key"
    key.write_text(eab["kid-1"] + "\n")
    key.chmod(0o600)
    s.settings.update({"acme.eab_kid": "kid-1", "acme.eab_key_file": str(key)})
    s.write_config()
    s.cli("reload")
    issued(s)


def test_an_authority_that_is_away_hangs_or_forgot_us(acme):
    s, pebble = acme({"acme.names": NAMES[0], "acme.request": "1s"}, start=False)
    pebble.process.send_signal(signal.SIGSTOP)
    s.start()
    said = wait_for(lambda: (now := show(s))["state"] == "failed" and now, 20)
    assert "no answer" in said["words"] and said["fix"]
    pebble.process.send_signal(signal.SIGCONT)
    first = issued(s)
    # it lost its memory: a new account is made, and the certificate comes
    pebble.stop()
    s.cli("cert", "renew")
    wait_for(lambda: show(s)["state"] == "failed", 20)
    assert served(s) == first
    pebble.start()
    wait_for(lambda: served(s) != first, 30, 0.1)


def test_killed_in_the_middle_it_goes_on(acme):
    s, pebble = acme({"acme.names": NAMES[0], "acme.orders_per_day": "50"}, nonce_reject=60)
    first = issued(s)
    for _ in range(3):
        s.cli("cert", "renew")
        for pid in wait_for(lambda: orders_of(s), 20, 0.002):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    wait_for(lambda: served(s) != first and show(s)["state"] == "good", 40, 0.1)
    second = served(s)
    acmed = next(p["pid"] for p in s.status() if p["process"] == "acmed")
    s.cli("cert", "renew")
    wait_for(lambda: orders_of(s), 20, 0.002)
    os.kill(acmed, signal.SIGKILL)
    s.account()
    wait_for(lambda: next(p["pid"] for p in s.status() if p["process"] == "acmed") not in (0, acmed), 20)
    s.cli("cert", "renew")
    wait_for(lambda: served(s) != second, 40, 0.1)
    assert not [line for line in s.log().splitlines() if "signal 11" in line or "SIGSYS" in line]


def orders_of(s):
    """The processes that work on an order now."""
    acmed = [pid for pid, name in s.tree().items() if name == "acmed"]
    return [int(p.name) for p in pathlib.Path("/proc").iterdir()
            if p.name.isdigit() and b"acmed order" in title(p) and parent(p) in acmed]


def title(p):
    with contextlib.suppress(OSError):
        return (p / "cmdline").read_bytes()
    return b""


def parent(p):
    with contextlib.suppress(OSError):
        stat = (p / "stat").read_text()
        return int(stat[stat.rindex(")") + 2:].split()[1])
    return 0


def test_the_authority_may_want_it_sooner(acme):
    """RFC 9773. This pebble has no renewal information, so a server of the test says it, where the state names it."""
    s, pebble = acme({"acme.names": NAMES[0], "acme.look": "1s"})
    first = issued(s)
    s.stop()
    asked = []

    class Renewal(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = json.dumps({"suggestedWindow": {"start": "2020-01-02T04:00:00Z", "end": "2020-01-03T04:00:00.5+01:00"}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Renewal)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pebble.cert, pebble.cert.with_suffix(".key"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # of all ports, acmed may reach the authority's and our own: one of ours that is not served
    s.settings["listen.lmtp"] = f"127.0.0.2:{server.server_address[1]}"
    s.write_config()
    state = s.state / "acme" / "state"
    text = "".join(line for line in state.read_text().splitlines(True) if not line.startswith("ari="))
    state.write_text(text + f"ari=https://localhost:{server.server_address[1]}/renewal/abc.def\n")
    s.start()
    wait_for(lambda: served(s) != first, 30, 0.1)
    assert asked and set(asked) == {"/renewal/abc.def"}
    server.shutdown()


def test_own_certificates_are_told_apart(own_suite):
    """cert list with two own certificates: each name its own; a name that none covers is told."""
    s = own_suite(start=False)
    cert2, key2 = make_certificate(s.folder, "mail.second.example", name="second")
    s.settings["tls.certificates"] += f", {cert2}"
    s.settings["tls.keys"] += f", {key2}"
    s.settings["server.hostname"] = "mail.third.example"
    s.write_config()
    s.start()
    got = rows(s)
    assert {r["name"] for r in got} == {"mail.third.example", "localhost", "mail.example.org", "mail.second.example"}
    for r in got:
        own = str(cert2) if r["name"] == "mail.second.example" else str(s.cert)
        assert r["source"] == own, [r, r["words"]]
        assert r["days"] in (29, 30) and r["not_after"] > time.time()
        if r["name"] == "mail.third.example":
            assert r["state"] == "FAIL" and "not for this name" in r["words"]
        else:
            assert r["state"] == "WARN" and "self-signed" in r["words"]
    assert show(s)["state"] == "off"
    assert s.cli("cert", "renew", check=False).returncode == 69


def test_without_any_certificate_the_suite_makes_its_own(own_suite):
    s = own_suite(start=False)
    del s.settings["tls.certificates"], s.settings["tls.keys"]
    s.write_config()
    s.start()
    first = served(s)
    text = text_of(first)
    assert "DNS:mail.example.org" in text and "DNS:localhost" in text and "P-256" in text
    assert (s.state / "tls" / "self-signed.pem").stat().st_mode & 0o777 == 0o600
    s.cli("reload")
    s.stop()
    s.start()
    assert served(s) == first, "its fingerprint must stay"
    assert {r["source"] for r in rows(s)} == {"self-signed"}
    s.stop()
    s.settings["server.hostname"] = "other.example.org"
    s.write_config()
    s.start()
    assert "DNS:other.example.org" in text_of(served(s))


def test_port_80_is_strict(own_suite):
    port = free_ports(1)[0]
    s = own_suite({"listen.http": f"127.0.0.1:{port}", "limit.handshake": "500ms"})
    s.ports["http"] = port

    def ask(data):
        with s.connect("http") as c:
            c.sendall(data)
            return b"".join(iter(lambda: c.recv(4096), b""))

    assert ask(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").startswith(b"HTTP/1.1 301")
    head = ask(b"HEAD /x HTTP/1.0\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 301") and f"https://mail.example.org:{s.ports['https']}/x\r\n".encode() in head
    assert f"https://mail.example.org:{s.ports['https']}/\r\n".encode() in ask(b"GET / HTTP/1.1\r\nHost: evil\"><script>\r\n\r\n")
    assert ask(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n").startswith(b"HTTP/1.1 405")
    for bad in (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
                b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
                b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\nHost: a\n\n", b"\x16\x03\x01\x00\r\n\r\n"):
        assert ask(bad).startswith(b"HTTP/1.1 400"), bad
    assert ask(b"GET / HTTP/1.1\r\nX: " + b"a" * 9000).startswith(b"HTTP/1.1 431")
    assert ask(b"GET / HT").startswith(b"HTTP/1.1 408")
    anna = s.account()  # who asks for the settings of mail programs gets them here, too
    found = ask(f"GET /mail/config-v1.1.xml?emailaddress={anna.address} HTTP/1.1\r\nHost: autoconfig.example.org\r\n"
                "Connection: close\r\n\r\n".encode())
    assert found.startswith(b"HTTP/1.1 200") and b"<incomingServer" in found, found
