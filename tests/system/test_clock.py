# SPDX-License-Identifier: ISC
"""The wall clock is set a year ahead, back, beyond 2038, while mail waits in the queue and comes in.

Nothing is bounced, no storm of attempts begins, UIDs and UIDVALIDITY rise, logins and deliveries go on. The clock is that of the
programs (tests/crash/faults_clock.c); deadlines are monotonic, as they are in life.
"""
import contextlib
import datetime
import imaplib
import json
import socketserver
import threading
import time

from conftest import wait_for
from test_faults import Rig

YEAR = 365 * 86400
QUEUED = 20


class Smarthost(socketserver.ThreadingTCPServer):
    """Counts who comes; too busy until it is told to take mail."""
    allow_reuse_address = daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Dialogue)
        self.connections, self.open, self.mail = 0, False, []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Dialogue(socketserver.StreamRequestHandler):
    def handle(self):
        host = self.server
        host.connections += 1
        if not host.open:
            self.wfile.write(b"421 busy\r\n")
            return
        self.wfile.write(b"220 hello\r\n")
        rcpt = []
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"RCPT":
                rcpt.append(line.decode().split("<")[1].split(">")[0])
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while self.rfile.readline() != b".\r\n":
                    pass
                host.mail += rcpt
                rcpt = []
            self.wfile.write(b"250 ok\r\n" if verb != b"QUIT" else b"221 bye\r\n")


def rows(suite):
    return json.loads(suite.cli("--json", "queue", "list").stdout)


def test_a_clock_that_is_set_bounces_nothing_and_storms_nobody():
    host = Smarthost()
    rig = Rig({"send.smarthost": f"127.0.0.1:{host.server_address[1]}", "send.smarthost_tls": "none"})
    suite = rig.suite
    try:
        anna = suite.account()
        sent = [f"x{i}@far{i}.example" for i in range(QUEUED)]
        with suite.smtp(anna) as c:
            for to in sent:
                c.sendmail(anna.address, [to], "Subject: out\r\n\r\nHello.\r\n")
        wait_for(lambda: host.connections > 0 and not any(r.get("state") == "active" for r in rows(suite)), timeout=20)
        validity, uid, inbox = 0, 0, 0
        to_2038 = int(datetime.datetime(2038, 2, 1).timestamp()) - int(time.time())
        for shift in (0, YEAR, -YEAR, to_2038, to_2038 - 5, 0):
            before = host.connections
            rig.page.shift(shift)
            began = time.monotonic()
            # mail comes in and is found by a new session
            suite.deliver(anna.address, f"at {shift}")
            inbox += 1
            with suite.imap(anna) as c:
                assert c.select("INBOX")[1] == [b"%d" % inbox], "something else came: a bounce?"
                uids = [int(u) for u in c.uid("SEARCH", None, "ALL")[1][0].split()]
                assert uids[-1] > uid and uids == sorted(uids)
                uid = uids[-1]
                date = imaplib.Internaldate2tuple(c.uid("FETCH", str(uid), "INTERNALDATE")[1][0])
                assert abs(time.mktime(date) - time.time() - shift) < 3600, "the clock was not set at all"
                # a folder of the same name is another folder, and can be told from it
                assert c.create("Again")[0] == "OK" and c.select("Again")[0] == "OK"
                now = int(c.response("UIDVALIDITY")[1][0])
                assert now > validity
                validity = now
                c.unselect()
                assert c.delete("Again")[0] == "OK"
            assert suite.imap(anna).logout()[0] == "BYE"
            # the queue has looked at its clock
            suite.cli("queue", "list")
            time.sleep(1.5)
            waiting = rows(suite)
            assert sorted(r["recipient"] for r in waiting) == sorted(sent), "the queue has lost or bounced something"
            # an attempt for each message is due at most; not one after the other
            took = time.monotonic() - began
            assert host.connections - before <= QUEUED * (1 + took / 20), f"{host.connections - before} attempts in {took:.1f} s"
        host.open = True
        with contextlib.suppress(AssertionError):
            suite.cli("queue", "retry", "--all")
        wait_for(lambda: not rows(suite) or suite.cli("queue", "retry", "--all", check=False) is None, timeout=30, step=0.3)
        assert sorted(host.mail) == sorted(sent)
        with suite.imap(anna) as c:
            assert c.select("INBOX")[1] == [b"%d" % inbox], "a bounce came"
    finally:
        rig.stop()
        host.shutdown()
