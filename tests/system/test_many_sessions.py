# SPDX-License-Identifier: ISC
"""Thousands of sessions at once in the sender's one loop, each in the middle of a message, with a server that takes its time."""
import os
import selectors
import smtplib
import socket
import threading

import pytest

from conftest import BUILD, DOMAIN, ROOT, wait_for
from nameservers import Knot

ADDRESS, SESSIONS, BATCH = "127.0.7.40", 3000, 100


class Sink:
    """A server that holds every session at the end of its message until `release`; one thread, no threads a connection."""

    def __init__(self):
        self.listener = socket.create_server((ADDRESS, 0), backlog=4096)
        self.port = self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.held, self.taken, self.open, self.most, self.let = [], 0, 0, 0, False
        self.stopping = False
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while not self.stopping:
            for key, _ in self.selector.select(0.05):
                self.accept() if key.fileobj is self.listener else self.read(key.fileobj, key.data)
            while self.let and self.held:
                self.answer(self.held.pop())

    def accept(self):
        for _ in range(200):
            try:
                sock, _ = self.listener.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            self.selector.register(sock, selectors.EVENT_READ, {"data": False, "tail": b""})
            self.open += 1
            self.most = max(self.most, self.open)
            sock.send(b"220 sink ESMTP\r\n")

    def answer(self, sock):
        self.taken += 1
        sock.send(b"250 2.0.0 ok\r\n")

    def read(self, sock, state):
        try:
            got = sock.recv(65536)
        except ConnectionError:
            got = b""
        if not got:
            self.selector.unregister(sock)
            sock.close()
            self.open -= 1
            return
        state["tail"] += got
        if state["data"]:
            if state["tail"].endswith(b"\r\n.\r\n"):
                state.update(data=False, tail=b"")
                self.answer(sock) if self.let else self.held.append(sock)
            return
        *lines, state["tail"] = state["tail"].split(b"\r\n")
        for line in lines:
            verb = line[:4].upper()
            state["data"] = verb == b"DATA"
            sock.send({b"EHLO": b"250-sink\r\n250 PIPELINING\r\n", b"DATA": b"354 go\r\n", b"QUIT": b"221 bye\r\n"}.get(verb, b"250 ok\r\n"))

    def stop(self):
        self.stopping = True
        self.listener.close()


def pid_of(s):
    pid, = [p for p, name in s.tree().items() if name == "sender"]
    return pid


def memory(pid):
    """PSS in bytes."""
    for line in open(f"/proc/{pid}/smaps_rollup"):
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@pytest.mark.skipif(not ROOT, reason="other users' processes are looked into")
def test_three_thousand_sessions_are_held_at_once(own_suite):
    """Each of another destination; none fails, each costs two descriptors and some KiB, and all is given back."""
    sink = Sink()
    knot = Knot({"crowd.example": f"* 60 MX 10 mail.crowd.example.\nmail 60 A {ADDRESS}\n"})
    s = own_suite({"send.direct": "yes", "send.port": sink.port, "send.connections": SESSIONS + 500, "send.host_sessions": SESSIONS + 500,
                   "send.provider_sessions": SESSIONS + 500, "sts.enabled": "no", "dns.trust_anchor": "none", "dns.zones": ", ".join(knot.setting()), "send.lookup": "30s",
                   "send.session_idle": "100ms", "log.level": "warn", "queue.retry": "1h", "queue.active": 3 * SESSIONS})
    try:
        s.cli("domain", "add", DOMAIN)
        sender = pid_of(s)
        memory_before, before = memory(sender), descriptors(sender)
        with smtplib.LMTP(str(s.state / "run" / "lmtp")) as c:
            for i in range(SESSIONS // BATCH):
                s.cli("alias", "add", f"all{i}@{DOMAIN}", *(f"u@d{i * BATCH + k}.crowd.example" for k in range(BATCH)))
                c.sendmail("someone@elsewhere.example", [f"all{i}@{DOMAIN}"], b"Subject: x\r\n\r\nHello.\r\n")
        wait_for(lambda: len(sink.held) >= SESSIONS, 60, 0.1)
        assert len(sink.held) == SESSIONS == sink.open == sink.most, "each message has a session of its own"
        used, n = memory(sender) - memory_before, descriptors(sender) - before
        print(f"{used / SESSIONS / 1024:.1f} KiB and {n / SESSIONS:.2f} descriptors a session")
        assert n <= 2 * SESSIONS + 50
        assert used < SESSIONS * 32 * 1024 or b"__asan_init" in (BUILD / "libexec" / "sender").read_bytes()
        assert pid_of(s) == sender
        sink.let = True
        wait_for(lambda: sink.taken == SESSIONS and sink.open == 0, 60, 0.1)
        wait_for(lambda: not s.cli("queue", "list").stdout.strip() and descriptors(sender) <= before + 10, 30, 0.1)
        assert sink.most == SESSIONS and "deferred" not in s.log()
    finally:
        knot.stop()
        sink.stop()
