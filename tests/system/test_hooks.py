# SPDX-License-Identifier: ISC
"""hookd: records of each attempt in a file of the day, and webhooks: signed, repeated, bounded, and nobody waits for them."""
import csv
import email
import http.server
import io
import json
import re
import ssl
import threading
import time

import pytest

from conftest import TOP, make_certificate, wait_for
from test_queue import kill, post, relay, with_relay  # noqa: F401

SECRET = "correct horse"
exec(re.search(r"```python\n(.*?)```", (TOP / "docs" / "HOOKS.md").read_text(), re.S)[1])  # verified(): as docs/HOOKS.md shows it


class Receiver:
    """An HTTPS server that keeps what was posted; `answers` are taken one after the other, then `last`: a status, or "hang"."""

    def __init__(self, folder, *answers, last=200):
        self.answers, self.last, self.got, self.bad = list(answers), last, [], []
        cert, key = make_certificate(folder, "localhost", name="hooks")
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not verified(SECRET.encode(), self.headers["X-Mansio-Signature"], body):
                    receiver.bad.append(body)
                events = json.loads(body)["events"]
                what = receiver.answers.pop(0) if receiver.answers else receiver.last
                if what == "hang":
                    receiver.ended.wait(20)
                    return
                if what == "endless":
                    self.send_response(200)
                    self.end_headers()
                    try:
                        while not receiver.ended.is_set():
                            self.wfile.write(b"x" * 65536)
                    except OSError:
                        pass
                    return
                if what == 200:
                    receiver.got += events
                self.send_response(what)
                self.end_headers()

            def log_message(self, *args):
                pass

        self.ended = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        (folder / "secret").write_text(SECRET + "\n")
        self.settings = {"webhook.url": f"https://localhost:{self.server.server_port}/mail", "webhook.secret_file": folder / "secret",
                         "webhook.ca_file": cert, "webhook.retry": "50ms", "webhook.retry_max": "200ms", "webhook.request": "1s"}

    def of(self, event):
        return {e["recipient"] for e in self.got if e["event"] == event}

    def close(self):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver(tmp_path):
    made = []

    def make(*answers, **options):
        made.append(Receiver(tmp_path, *answers, **options))
        return made[-1]

    yield make
    for r in made:
        r.close()


def ask(s, *verb):
    """One that was killed is not ready at once."""
    def answer():
        p = s.cli("--json", *verb, check=False)
        assert p.returncode in (0, 75), p
        return p.returncode == 0 and [json.loads(p.stdout)]
    return wait_for(answer, 20)[0]


def state(s):
    return ask(s, "webhook", "list")[0]


def records(s):
    names = [r["file"] for r in ask(s, "accounting", "list")]
    return "".join((s.state / "hooks" / n).read_text() for n in names)


def test_each_outcome_is_recorded_and_posted(own_suite, relay, receiver):
    r = receiver(500, 302, "endless", "hang")  # each of these is an attempt that failed: the events come again
    s = own_suite(with_relay(relay, **r.settings, **{"accounting.format": "csv"}))
    anna = s.account()
    m = post(s, anna, "good@x.example", "no@x.example", "later@x.example", subject="a")
    wait_for(lambda: r.of("delivered") >= {"good@x.example"} and r.of("bounced") == {"no@x.example"} and r.of("deferred"), 20)
    assert not r.bad and not relay.__dict__.get("problems")
    event = next(e for e in r.got if e["event"] == "bounced")
    assert (event["message"], event["sender"], event["user"], event["code"], event["status"]) == (m, anna.address, anna.address, 550, "5.1.1")
    assert "no such user" in event["reply"] and event["attempts"] == 1 and event["size"] > 50 and abs(event["time"] - time.time()) < 60
    ids = [e["id"] for e in r.got]
    assert len(ids) == len(set(ids)), "one of them was taken twice"
    s.wait_log("webhook-failed"), s.wait_log("webhook-again")
    wait_for(lambda: state(s)["pending"] == 0)
    rows = list(csv.DictReader(io.StringIO(records(s))))
    assert {(x["event"], x["recipient"]) for x in rows} >= {("delivered", "good@x.example"), ("bounced", "no@x.example"),
                                                            ("deferred", "later@x.example")}
    assert set(ids) <= {x["id"] for x in rows} and all(x["message"] and x["time"] for x in rows)
    # the verbs
    assert s.cli("webhook", "test").returncode == 0
    assert [e for e in r.got if e["event"] == "test"]
    r.last = 503
    said = s.cli("--json", "webhook", "test", check=False)
    assert said.returncode == 69 and "503" in said.stdout + said.stderr


def test_a_receiver_that_is_away_costs_nobody_and_nothing_is_lost(own_suite, receiver):
    r = receiver(last="hang")
    s = own_suite({**r.settings, "webhook.request": "300ms", "accounting.format": "json", "webhook.batch": "7"})
    anna, ben = s.account(), s.account()
    began = time.monotonic()
    want = {post(s, anna, ben.address, rcpt_options=["NOTIFY=SUCCESS"]) for _ in range(15)}
    assert time.monotonic() - began < 40
    wait_for(lambda: state(s)["pending"] >= 30, 20)  # each, and the report about each
    for _ in range(3):  # it dies, and master starts it again; once at a reload
        kill(s, "hookd")
        want.add(post(s, anna, ben.address, rcpt_options=["NOTIFY=SUCCESS"]))
    s.cli("reload")
    want.add(post(s, anna, ben.address, rcpt_options=["NOTIFY=SUCCESS"]))
    wait_for(lambda: want <= {json.loads(x)["message"] for x in records(s).splitlines()}, 20)
    assert state(s)["posted"] == 0
    r.last = 200
    wait_for(lambda: want <= {e["message"] for e in r.got}, 20)
    wait_for(lambda: state(s)["pending"] == 0)
    assert not r.bad


def test_what_waits_is_bounded(own_suite, receiver):
    r = receiver(last=500)
    s = own_suite({**r.settings, "webhook.queue": "5", "webhook.events": "delivered", "accounting.format": "csv", "accounting.size": "64k"})
    anna, ben = s.account(), s.account()
    for i in range(12):
        last = post(s, anna, ben.address, rcpt_options=["NOTIFY=SUCCESS"])
    s.wait_log("webhook-dropped", timeout=20)
    wait_for(lambda: state(s)["pending"] <= 5 and state(s)["given_up"] >= 7, 20)
    r.last = 200
    wait_for(lambda: last in {e["message"] for e in r.got}, 20)  # the newest are kept


def test_settings_that_would_tell_strangers(own_suite):
    s = own_suite(start=False)
    for url, good in (("http://hooks.example.org/", False), ("https://user:pass@hooks.example.org/", False), ("ftp://x.example/", False),
                      ("https://hooks.example.org/a?b=c", True), ("http://127.0.0.1:8080/x", True)):
        s.settings["webhook.url"] = url
        s.write_config()
        p = s.cli("config", "check", "--config", str(s.config), check=False)
        assert (p.returncode == 0) == good, (url, p.stdout, p.stderr)


def test_a_complaint_is_delivered_and_told(own_suite, receiver):
    r = receiver()
    s = own_suite({**r.settings, "accounting.format": "json", "reports.feedback": "fbl@example.org"})
    fbl, other = s.account("fbl"), s.account()
    report = (TOP / "tests/fuzz/corpus/arf/rfc5965").read_bytes()
    with s.smtp() as c:
        c.sendmail("abusedesk@example.com", [other.address], report)  # to another address: mail, and nothing else
        c.sendmail("abusedesk@example.com", [fbl.address], report.replace(b"Version: 1", b"X: 1"))  # not as the RFC wants it
        c.sendmail("abusedesk@example.com", [fbl.address], report)
    wait_for(lambda: r.got)
    (e,) = r.got
    assert (e["event"], e["class"], e["recipient"], e["sender"], e["ip"]) == ("complaint", "abuse", "user@example.com", "somespammer@example.net",
                                                                            "192.0.2.2")
    assert "8787KJKJ3K4J3K4J3K4J3.mail@example.net" in e["reply"] and json.loads(records(s))["id"] == e["id"]
    with s.imap(fbl) as m:
        assert int(m.select()[1][0]) == 2


def test_a_test_right_after_a_change_goes_by_the_new_settings(own_suite, receiver):
    """`config set` answers when every process lives by what it set."""
    r = receiver()
    s = own_suite(r.settings)
    other = s.folder / "other"
    other.write_text("another secret\n")
    for turn in range(4):
        s.cli("config", "set", "webhook.secret_file", str(other))
        s.cli("webhook", "test", check=False)
        assert len(r.bad) == turn + 1, "signed with the secret of before"
        s.cli("config", "unset", "webhook.secret_file")
        s.cli("config", "set", "webhook.secret_file", r.settings["webhook.secret_file"])
        s.cli("webhook", "test")
        assert len(r.bad) == turn + 1 and len(r.got) == 2 * (turn + 1)


def test_what_ends_here_is_recorded_posted_and_reported_as_ours(own_suite, relay, receiver):
    """By the list of suppressed addresses, by `queue bounce`, by `queue remove`: each leaves one record that says so, and a report that
    blames no other server."""
    r = receiver()
    s = own_suite(with_relay(relay, **r.settings, **{"accounting.format": "json", "queue.retry": "1h"}))
    anna = s.account()
    for i in (1, 2, 3):
        post(s, anna, f"later{i}@x.example", subject=f"m{i}")
    wait_for(lambda: len(r.of("deferred")) == 3, 20)
    s.cli("suppression", "add", "address=later1@x.example", "comment=he moved away")
    s.cli("queue", "retry", "recipient=later1@x.example")
    s.cli("queue", "bounce", "recipient=later2@x.example")
    s.cli("queue", "remove", "recipient=later3@x.example")
    over = lambda: [e for e in r.got if e["event"] in ("bounced", "removed")]  # noqa: E731
    wait_for(lambda: len(over()) == 3, 20)
    ends = {e["recipient"]: e for e in over()}
    assert {(k[:6], e["event"], e["class"], e["attempts"], e["user"], e["sender"]) for k, e in ends.items()} == {
        ("later1", "bounced", "suppressed", 1, anna.address, anna.address), ("later2", "bounced", "admin", 1, anna.address, anna.address),
        ("later3", "removed", "admin", 1, anna.address, anna.address)}
    assert not any(k in e for e in ends.values() for k in ("code", "remote", "ip", "tls")), ends  # no server said it
    assert {json.loads(x)["id"] for x in records(s).splitlines()} >= {e["id"] for e in ends.values()}
    with s.imap(anna) as m:
        wait_for(lambda: int(m.select()[1][0]) == 2, 20)
        reports = sorted((email.message_from_bytes(m.fetch(f"{i}", "(BODY.PEEK[])")[1][0][1]) for i in (1, 2)), key=lambda x: x["Subject"])
    for report, name, who in zip(reports, ("suppression", "admin"), ("this server", "The administrator of this mail server")):
        text, fields = report.get_payload(0).get_payload(), report.get_payload(1).get_payload(1)
        assert fields["Action"] == "failed" and fields["Status"] == "5.7.1" and fields["Remote-MTA"] is None, fields
        assert fields["Diagnostic-Code"].startswith("x-mansio; "), fields
        assert who in text and "administrator" in text and "server there" not in text and "mansio suppression" not in report.as_string(), text
        assert ("he moved away" in text) == (name == "suppression")
