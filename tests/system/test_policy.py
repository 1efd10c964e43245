# SPDX-License-Identifier: ISC
"""policyd alone, with a real resolverd, knot, and a web server of policies (MTA-STS, RFC 8461): what is fetched, what is refused,
what is kept, and that nobody waits for long."""
import http.server
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

import pytest

from conftest import BUILD, ROOT, free_ports, make_certificate, wait_for
from nameservers import Knot, Resolver, fields_of, message

INSIDE = "inside_networks = 127.0.0.0/8"
GOOD = "version: STSv1\r\nmode: enforce\r\nmx: mx.{0}\r\nmx: *.pool.{0}\r\nmax_age: {1}\r\n"
NAMES = ["good", "testing", "none", "redirect", "html", "long", "broken", "wrongname", "hung", "two", "norecord", "change", "short", "garbage"]


class Web(threading.Thread):
    """The web server of all policies: mta-sts.NAME.test; `say` tells what each gets."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.say, self.asked, self.posted, self.answer, web = {}, [], [], 200, self
        self.hold = threading.Event()
        self.cert, key = make_certificate(folder, *[f"mta-sts.{n}.test" for n in NAMES if n != "wrongname"], name="web")

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.headers["Host"].split(":")[0].removeprefix("mta-sts.").removesuffix(".test")
                web.asked.append(name)
                status, type, body = web.say.get(name, (404, "text/plain", "nothing"))
                if name == "hung":
                    web.hold.wait(30)
                if name == "garbage":
                    self.wfile.write(b"220 what only the inside may see\r\n")
                    return
                self.send_response(status if self.path == "/.well-known/mta-sts.txt" else 404)
                self.send_header("Content-Type", type)
                self.send_header("Location", f"https://mta-sts.good.test:{web.port}/.well-known/mta-sts.txt")
                self.end_headers()
                try:
                    self.wfile.write(body.encode())
                except OSError:
                    pass

            def do_POST(self):  # a report about TLS (test_tlsrpt.py)
                web.posted.append((self.headers["Host"], self.path, self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(web.answer)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # who does not like our certificate
        self.port = self.server.server_address[1]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)

    def run(self):
        self.server.serve_forever(0.05)

    def stop(self):
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()


class Policyd:
    def __init__(self, folder, resolver, *settings, trust, wait="8s"):
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen(["bash", "-c", f"exec 3<&{theirs.fileno()}; exec {BUILD}/libexec/policyd"], stdin=subprocess.DEVNULL,
                                        pass_fds=[theirs.fileno()], user="_policy" if ROOT else None)  # its sandbox is not for root
        theirs.close()
        if ROOT:
            shutil.chown(folder, "_policy")
            for f in pathlib.Path(folder).iterdir():
                shutil.chown(f, "_policy")
        dir = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        pem = os.open(trust, os.O_RDONLY)
        socket.send_fds(self.control, [message("start", [("name", "policyd"), ("instance", 0), ("settings", "[sts]\n" + "".join(f"{s}\n" for s in (*settings, f"wait = {wait}")))],
                                               ["dir", "trust"])], [dir, pem])
        os.close(dir)
        os.close(pem)
        self.control.settimeout(20)
        self.connect(resolver)
        self.link, other = self.pair()
        socket.send_fds(self.control, [message("client", [("name", "sender"), ("instance", 0)], ["fd"])], [other.fileno()])
        other.close()
        assert self.control.recv(65536).startswith(b"mansio 1 ready")
        self.id = 0

    @staticmethod
    def pair():
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for s in (ours, theirs):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 262144)
            s.settimeout(30)
        return ours, theirs

    def connect(self, resolver):
        one, other = self.pair()
        one.setblocking(True)
        other.setblocking(True)
        socket.send_fds(resolver.control, [message("client", [("name", "policyd"), ("instance", 0)], ["fd"])], [one.fileno()])
        socket.send_fds(self.control, [message("peer", [("name", "resolverd")], ["fd"])], [other.fileno()])
        one.close()
        other.close()

    def send(self, domain):
        self.id += 1
        self.link.sendall(message("policy", [("id", self.id), ("domain", domain)]))
        return str(self.id)

    def ask(self, domain):
        id = self.send(domain)
        while True:
            answer = fields_of(self.link.recv(1 << 18))
            if answer["id"] == id:
                return answer

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.control.close()
        self.link.close()


def zone(name, id=None):
    records = ["@ 60 MX 10 mx", "mx 60 A 127.0.0.1", "mta-sts 60 A 127.0.0.1", "*.pool 60 A 127.0.0.1"]
    if name != "norecord":
        records.append(f'_mta-sts 1 TXT "v=STSv1; id={id or "one"};"')
    if name == "two":
        records.append('_mta-sts 1 TXT "v=STSv1; id=second"')
    return "\n".join(records) + "\n"


@pytest.fixture(scope="module")
def world(system_users):
    class World:
        pass
    w = World()
    w.folder = pathlib.Path(tempfile.mkdtemp(prefix="mansio-policy."))
    w.folder.chmod(0o755)
    w.web = Web(w.folder)
    w.web.start()
    w.web.say = {n: (200, "text/plain", GOOD.format(n + ".test", 86400)) for n in NAMES}
    w.web.say["testing"] = (200, "text/plain; charset=utf-8", GOOD.format("testing.test", 86400).replace("enforce", "testing").replace("\r", ""))
    w.web.say["none"] = (200, "text/plain", "version: STSv1\nmode: none\nmax_age: 60\n")
    w.web.say["redirect"] = (302, "text/plain", "")
    w.web.say["html"] = (200, "text/html", GOOD.format("html.test", 86400))
    w.web.say["long"] = (200, "text/plain", GOOD.format("long.test", 86400) + "x: y\n" * 20000)
    w.web.say["broken"] = (200, "text/plain", "version: STSv1\nmode: perhaps\n")
    w.web.say["short"] = (200, "text/plain", GOOD.format("short.test", 2))
    w.knot = Knot({f"{n}.test": zone(n) for n in NAMES} |
                  {f"{n}.test": f'_mta-sts 1 TXT "v=STSv1; id=one"\n' + "".join(f"mta-sts 60 {a}\n" for a in addresses) for n, addresses in
                   {"closed": ["A 127.9.9.9"], "private": ["A 10.1.2.3", "A 169.254.169.254", "A 192.168.0.1", "AAAA fe80::1", "AAAA fd00::1",
                                                           "AAAA ::1", "AAAA 64:ff9b::a00:1"]}.items()})
    w.resolver = Resolver("zones = " + ", ".join(w.knot.setting() + ["dead.test=127.0.0.1:1"]), "trust_anchor = none")
    w.state = w.folder / "policies"
    w.state.mkdir()
    w.settings = [f"port = {w.web.port}", "retry = 10m", "fetch = 10s", INSIDE]
    w.policyd = Policyd(w.state, w.resolver, *w.settings, trust=w.web.cert)
    yield w
    for part in (w.policyd, w.resolver, w.knot, w.web):
        part.stop()
    shutil.rmtree(w.folder)


def test_a_policy_is_fetched_once_and_kept(world):
    p = world.policyd
    for _ in range(3):
        a = p.ask("good.test")
        assert (a["result"], a["mode"], a["mx"]) == ("found", "enforce", ["mx.good.test", "*.pool.good.test"]), a
    assert world.web.asked.count("good") == 1
    assert (world.state / "good.test").exists()
    assert p.ask("testing.test")["mode"] == "testing"
    a = p.ask("none.test")
    assert a["result"] == "found" and a["mode"] == "none" and "mx" not in a


@pytest.mark.parametrize("name, words", [("redirect", "302"), ("html", "text/plain"), ("long", "longer than"), ("broken", "broken: its mode"),
                                         ("wrongname", "its web server: its certificate is for another name"), ("garbage", "or it does not speak HTTP")])
def test_what_is_no_policy_is_refused_and_not_asked_for_again_at_once(world, name, words):
    a = world.policyd.ask(f"{name}.test")
    assert a["result"] == "failed" and a["mode"] == "none" and words in a["words"], a
    n = world.web.asked.count(name)
    assert world.policyd.ask(f"{name}.test")["result"] == "failed"
    assert world.web.asked.count(name) == n
    assert not (world.state / f"{name}.test").exists()


def test_without_exactly_one_record_nothing_is_fetched(world):
    for name in ("two.test", "norecord.test", "absent.good.test", "[127.0.0.1]", "a b", "x" * 300):
        assert world.policyd.ask(name)["result"] == "none", name
    assert not {"two", "norecord"} & set(world.web.asked)


def test_the_web_server_must_show_a_certificate_that_we_trust(world):
    other = world.folder / "other"
    other.mkdir()
    cert, _ = make_certificate(other, "mta-sts.good.test")
    state = world.folder / "untrusting"
    state.mkdir()
    p = Policyd(state, world.resolver, *world.settings, trust=cert)
    try:
        a = p.ask("good.test")
        assert a["result"] == "failed" and "certificate" in a["words"], a
    finally:
        p.stop()


def test_a_policy_is_not_fetched_from_the_inside(world):
    """Whose servers they are is a stranger's to say: nothing is asked of the network behind this host, nor of this host. Nobody
    learns either what listens there."""
    words = set()
    n = len(world.web.asked)
    for name, more in (("shut", []), ("narrow", ["inside_networks = 127.0.0.2/32, 10.0.0.0/8"])):
        state = world.folder / name
        state.mkdir()
        p = Policyd(state, world.resolver, *[s for s in world.settings if s != INSIDE], *more, trust=world.web.cert)
        try:
            for domain in ("good.test", "closed.test", "private.test"):
                if domain != "private.test" or name == "shut":
                    a = p.ask(domain)
                    assert a["result"] == "failed", a
                    words.add(a["words"])
        finally:
            p.stop()
    assert words == {"its web server has no address of the Internet (setting sts.inside_networks)"}
    assert len(world.web.asked) == n


def test_nobody_waits_for_a_server_that_hangs(world):
    state = world.folder / "impatient"
    state.mkdir()
    p = Policyd(state, world.resolver, *world.settings, trust=world.web.cert, wait="300ms")
    try:
        hung = p.send("hung.test")
        good = p.send("good.test")
        answers = {}
        began = time.monotonic()
        while len(answers) < 2:
            a = fields_of(p.link.recv(1 << 18))
            answers[a["id"]] = a
        assert time.monotonic() - began < 5
        assert answers[hung]["result"] == "failed" and "in time" in answers[hung]["words"]
        wait_for(lambda: p.ask("good.test")["result"] == "found", 20)  # the others go on
        world.web.hold.set()  # and what comes late is kept for the next
        wait_for(lambda: p.ask("hung.test")["result"] == "found", 20)
        assert good in answers
        assert p.ask("x.dead.test")["result"] == "failed"
    finally:
        p.stop()


def test_another_id_means_another_policy_and_failures_keep_the_old_one(world):
    p = world.policyd
    assert p.ask("change.test")["mode"] == "enforce"
    world.web.say["change"] = (200, "text/plain", GOOD.format("change.test", 86400).replace("enforce", "testing"))
    world.knot.change("change.test", zone("change", "two"))
    wait_for(lambda: p.ask("change.test")["mode"] == "testing", 20)
    world.web.say["change"] = (500, "text/plain", "")  # the next version cannot be had
    n = world.web.asked.count("change")
    world.knot.change("change.test", zone("change", "three"))
    wait_for(lambda: p.ask("change.test") and world.web.asked.count("change") > n, 20)
    assert p.ask("change.test")["mode"] == "testing"
    world.knot.change("change.test", zone("norecord"))  # even the record is gone
    wait_for(lambda: "record" not in world.resolver.ask("_mta-sts.change.test", "TXT"), 20)
    assert p.ask("change.test")["result"] == "found"


def test_policies_survive_kill_and_the_dns(world):
    p = world.policyd
    p.process.send_signal(signal.SIGKILL)
    p.process.wait()
    (world.state / "good.test.tmp-1").write_text("half a file")
    dead = Resolver("zones = good.test=127.0.0.1:1", "trust_anchor = none")
    p = Policyd(world.state, dead, *world.settings, trust=world.web.cert, wait="1s")
    try:
        a = p.ask("good.test")
        assert a["result"] == "found" and a["mx"] == ["mx.good.test", "*.pool.good.test"]
        assert not (world.state / "good.test.tmp-1").exists()
        p.connect(world.resolver)  # resolverd is back
        assert p.ask("testing.test")["result"] == "found"
    finally:
        p.stop()
        dead.stop()
        world.policyd = Policyd(world.state, world.resolver, *world.settings, trust=world.web.cert)


def test_a_policy_ends_with_its_age(world):
    assert world.policyd.ask("short.test")["result"] == "found"
    n = world.web.asked.count("short")
    wait_for(lambda: world.policyd.ask("short.test") and world.web.asked.count("short") > n, 20)  # renewed while it is used
    world.web.say["short"] = (404, "text/plain", "")
    wait_for(lambda: world.policyd.ask("short.test")["result"] == "failed", 20)


def test_it_is_small_at_rest(world):
    pss = int(next(x.split()[1] for x in open(f"/proc/{world.policyd.process.pid}/smaps_rollup") if x.startswith("Pss:")))
    sanitized = b"__asan" in (pathlib.Path(BUILD) / "libexec" / "policyd").read_bytes()
    assert sanitized or pss < 8000
