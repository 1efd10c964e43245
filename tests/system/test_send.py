# SPDX-License-Identifier: ISC
"""The sender: mail to the outside by a smarthost. The smarthosts are scripted (fakehost.py), or a second suite."""
import email
import email.policy
import itertools
import json
import re
import smtplib
import socket
import ssl
import time

import pytest

from conftest import DOMAIN, free_ports, make_certificate, make_folder, wait_for
from fakehost import CLOSE, SILENT, FakeHost

serial = itertools.count(1)


@pytest.fixture
def hosts():
    made = []

    def make(*args, **kw):
        made.append(FakeHost(*args, **kw))
        return made[-1]

    yield make
    for h in made:
        h.close()


@pytest.fixture
def house(own_suite):
    """A suite whose smarthost is the given server; deferred mail is tried again after a second."""

    def make(host, tls="none", **settings):
        port = host if isinstance(host, int) else host.port
        values = {"send.smarthost": f"127.0.0.1:{port}", "send.smarthost_tls": tls, "queue.retry": "1s"}
        values.update({k.replace("__", "."): v for k, v in settings.items()})
        s = own_suite(values)
        s.cli("domain", "add", DOMAIN)
        return s

    return make


def post(s, *targets, text="Subject: hello\r\n\r\nHello.\r\n", sender="someone@elsewhere.example", options=()):
    """A message to an address here that goes on to the targets, all outside."""
    alias = f"out{next(serial)}@{DOMAIN}"
    s.cli("alias", "add", alias, *(targets or ("ben@outside.example",)))
    text = text if isinstance(text, bytes) else text.encode()
    with smtplib.LMTP(str(s.state / "run" / "lmtp")) as c:
        c.sendmail(sender, [alias], text, mail_options=list(options))
    return alias


def arrived(host, n=1, timeout=40):
    wait_for(lambda: len(host.messages) >= n, timeout)
    return host.messages


def stuffed_right(raw):
    """What left: lines with CRLF only, dots doubled, one end. Returns the message."""
    assert raw.endswith(b".\r\n") and (raw == b".\r\n" or raw.endswith(b"\r\n.\r\n"))
    body = raw[:-3]
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", body), "a bare CR or LF left us"
    lines = body.split(b"\r\n")
    assert all(not x.startswith(b".") or x.startswith(b"..") for x in lines)
    return b"\r\n".join(x[1:] if x.startswith(b".") else x for x in lines)


def server_context(folder, *names):
    cert, key = make_certificate(folder, *names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert


# --- what leaves

def test_a_message_leaves_when_its_sender_said(house, hosts):
    host = hosts()
    s = house(host)
    anna = s.account()
    began = time.time()
    with s.smtp(anna) as c:
        assert b"FUTURERELEASE" in c.ehlo()[1]
        for subject, options in (("much later", ["HOLDFOR=3600"]), ("later", ["HOLDFOR=2", "MT-PRIORITY=-4"]), ("now", [])):
            c.sendmail(anna.address, ["ben@outside.example"], f"Subject: {subject}\r\n\r\nx\r\n", mail_options=options)
    wait_for(lambda: any(b"Subject: later" in raw for _, _, raw in list(host.messages)), 40)
    assert time.time() - began >= 2
    # what may leave at once waits for neither
    left = {re.search(rb"Subject: (.*)\r\n", raw)[1] for _, _, raw in arrived(host, 2)}
    assert left == {b"now", b"later"} and len(json.loads(s.cli("--json", "queue", "list").stdout)) == 1


def test_a_message_leaves_once_and_unchanged(house, hosts):
    host = hosts()
    s = house(host)
    body = "".join(f"{'.' * (i % 4)}line {i}\r\n" for i in range(200)) + ".\r\n..\r\nend\r\n"
    post(s, text="Subject: dots\r\nFrom: a@elsewhere.example\r\n\r\n" + body)
    (mail, rcpts, raw), = arrived(host)
    assert re.match(rb"MAIL FROM:<SRS0=.{6}=..=elsewhere\.example=someone@example\.org>", mail) and rcpts[0].startswith(b"RCPT TO:<ben@outside.example>")
    message = stuffed_right(raw)
    assert message.endswith(b"\r\n\r\n" + body.encode())
    line = s.wait_log(" sent ")
    assert "to=ben@outside.example" in line and "queued as 1" in line and "remote=127.0.0.1" in line
    assert len(host.messages) == 1


def test_a_large_message_goes_by_pieces(house, hosts):
    host = hosts()
    s = house(host)
    body = ("." * 70 + "\r\n") * 200000
    post(s, text="Subject: large\r\n\r\n" + body)
    (_, _, raw), = arrived(host, timeout=30)
    assert stuffed_right(raw).endswith(body.encode())
    pid = next(p for p, n in s.tree().items() if n == "sender")
    peak = int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1))
    assert peak < 40000, "a large message is never in memory as a whole"


def test_chunking_is_used_where_it_is_offered(house, hosts):
    host = hosts(extensions=("PIPELINING", "SIZE 50000000", "8BITMIME", "CHUNKING"))
    s = house(host)
    body = "".join(f"{'.' * (i % 4)}line {i}\r\n" for i in range(20000)) + ".\r\nQUIT\r\n"
    post(s, text="Subject: dots\r\n\r\n" + body)
    post(s, text="Subject: small\r\n\r\n.\r\n")
    arrived(host, 2)
    large, small = sorted((raw for _, _, raw in host.messages), key=len, reverse=True)
    assert large.endswith(b"\r\n\r\n" + body.encode()) and small.endswith(b"Subject: small\r\n\r\n.\r\n")
    said = [x.split()[0] for c in host.connections for x in c.commands]
    assert b"DATA" not in said and said.count(b"BDAT") == 5


def test_chunking_that_is_refused_costs_no_attempt(house, hosts):
    host = hosts({"BDAT": lambda c, line: b"502 5.5.2 never heard of it\r\n"}, extensions=("PIPELINING", "CHUNKING"))
    s = house(host)
    post(s, text="Subject: x\r\n\r\nMAIL FROM:<evil@example.com>\r\n")
    (_, _, raw), = arrived(host)
    stuffed_right(raw)
    assert " deferred " not in s.log()
    assert [x.split()[0] for c in host.connections for x in c.commands].count(b"BDAT") == 1


def test_many_messages_share_connections(house, hosts):
    host = hosts()
    s = house(host, send__sessions="2", send__session_idle="10s")
    for i in range(10):
        post(s, text=f"Subject: {i}\r\n\r\nx\r\n")
    arrived(host, 10)
    assert len(host.connections) <= 2
    assert {re.search(rb"Subject: (\d)", raw).group(1) for _, _, raw in host.messages} == {b"%d" % i for i in range(10)}


def test_eight_bit_text_is_converted_or_returned_by_the_book(house, hosts):
    host = hosts(extensions=("SIZE 1000000",))
    s = house(host)
    text = email.message.EmailMessage(policy=email.policy.SMTP)
    text["Subject"] = "two"
    text.set_content("Grüße von der Donau\n", cte="8bit")
    text.add_attachment(bytes(range(256)), "application", "octet-stream")
    post(s, text=bytes(text), options=["BODY=8BITMIME"])
    (mail, _, raw), = arrived(host)
    assert raw.isascii() and b"BODY=" not in mail
    got = email.message_from_bytes(stuffed_right(raw), policy=email.policy.default)
    body, data = got.iter_parts()
    assert data.get_content() == bytes(range(256))
    assert body.get_content().strip() == "Grüße von der Donau" and body["Content-Transfer-Encoding"] == "quoted-printable"
    signed = ("Subject: s\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nö\r\n--b\r\nContent-Type: "
              "application/pgp-signature\r\n\r\nx\r\n--b--\r\n")
    post(s, text=signed, options=["BODY=8BITMIME"])
    line = s.wait_log(" failed ")
    assert "5.6.3" in line and "it is signed" in line
    assert len(host.messages) == 1


def test_dsn_parameters_are_passed_on(house, hosts):
    host = hosts()
    s = house(host)
    alias = post(s)
    (_, rcpts, _), = arrived(host)
    assert f"ORCPT=rfc822;{alias}".encode() in rcpts[0]
    anna = s.account()
    with s.smtp(anna) as c:
        c.sendmail(anna.address, ["ben@outside.example", "eva@outside.example"], f"From: {anna.address}\r\n\r\nx\r\n",
                   mail_options=["RET=HDRS", "ENVID=QQ+3D1"], rcpt_options=["NOTIFY=SUCCESS,FAILURE"])
    mail, rcpts, _ = arrived(host, 2)[1]
    assert mail.startswith(f"MAIL FROM:<{anna.address}> ".encode()) and b" RET=HDRS" in mail and b" ENVID=QQ+3D1" in mail
    assert len(rcpts) == 2 and all(b" NOTIFY=SUCCESS,FAILURE" in r for r in rcpts)
    # the next server tells of success: we do not
    wait_for(lambda: s.log().count(" sent ") == 3)
    assert s.cli("queue", "list").stdout.count("@") == 0


# --- odd servers

def test_each_recipient_has_its_own_fate(house, hosts):
    tries = []

    def rcpt(c, line):
        if b"gone@" in line:
            return b"550-5.1.1 there is\r\n550 5.1.1 no such user\r\n"
        if b"later@" in line:
            tries.append(line)
            return b"450 4.2.0 greylisted\r\n" if len(tries) == 1 else None

    host = hosts({"RCPT": rcpt})
    s = house(host)
    post(s, "ok@outside.example", "gone@outside.example", "later@outside.example")
    assert "550 5.1.1 there is no such user" in s.wait_log("to=gone@outside.example via=")
    arrived(host, 2)
    got = sorted(x for _, rcpts, _ in host.messages for x in (re.search(rb"<(.*)>", r).group(1) for r in rcpts))
    assert got == [b"later@outside.example", b"ok@outside.example"]


@pytest.mark.parametrize("stage", ["connect", "EHLO", "MAIL", "RCPT", "DATA", "CONTENT"])
def test_refused_for_now_at_each_stage_comes_later(house, hosts, stage):
    tries = []

    def first(c, line):
        tries.append(line)
        return b"421 4.3.2 not now\r\n" if stage == "EHLO" and len(tries) == 1 else \
            b"451 4.3.0 not now\r\n" if len(tries) == 1 else None

    host = hosts({stage: first})
    s = house(host)
    post(s)
    assert "not now" in s.wait_log(" deferred ")
    arrived(host)
    s.wait_log(" sent ")
    assert len(host.messages) == 1


@pytest.mark.parametrize("stage", ["connect", "EHLO", "MAIL", "RCPT", "DATA", "CONTENT"])
def test_a_connection_that_drops_at_each_stage_loses_nothing(house, hosts, stage):
    tries = []

    def first(c, line):
        tries.append(line)
        return CLOSE if len(tries) == 1 else None

    host = hosts({stage: first})
    s = house(host)
    post(s)
    assert "closed the connection" in s.wait_log(" deferred ")
    arrived(host)
    s.wait_log(" sent ")


def test_dropped_in_the_middle_of_the_message(house, hosts):
    tries = []

    def body(c):
        tries.append(c)
        if len(tries) == 1:
            c.more()
            c.sock.close()

    host = hosts({"BODY": body})
    s = house(host)
    post(s, text="Subject: x\r\n\r\n" + "some text\r\n" * 100000)
    s.wait_log(" deferred ")
    stuffed_right(arrived(host, timeout=20)[0][2])


@pytest.mark.parametrize("stage", ["connect", "EHLO", "MAIL", "DATA", "CONTENT"])
def test_a_silent_server_is_given_up(house, hosts, stage):
    host = hosts({stage: SILENT})
    s = house(host, send__greeting="300ms", send__command="300ms", send__data_start="300ms", send__data_end="300ms",
              queue__retry="1h")
    post(s)
    assert "silent for too long" in s.wait_log(" deferred ")
    assert not host.messages


def drip(c, line):
    """A reply without end, and each byte in time."""
    while True:
        c.say(b"2")
        c.sock.settimeout(0.05)
        try:
            c.more()
        except TimeoutError:
            pass


@pytest.mark.parametrize("reply,said", [
    (b"220-and so on\r\n" * 10000, "without end"),
    (b"220 " + b"x" * 1000000 + b"\r\n", "without end"),
    (b"HTTP/1.1 200 OK\r\n\r\n", "does not speak SMTP"),
    (b"220-one\r\n250 two\r\n", "does not speak SMTP"),
    (b"\0\xff\r\n", "does not speak SMTP"),
], ids=["endless", "long-line", "http", "two-codes", "binary"])
def test_servers_that_make_no_sense(house, hosts, reply, said):
    host = hosts({"connect": lambda c, line: reply})
    s = house(host, queue__retry="1h")
    post(s)
    assert said in s.wait_log(" deferred ")


def test_dripping_bytes_win_no_time(house, hosts):
    host = hosts({"EHLO": drip})
    s = house(host, send__command="500ms", queue__retry="1h")
    post(s)
    assert "silent for too long" in s.wait_log(" deferred ")


def test_a_server_that_takes_bytes_slowly_gets_all(house, hosts):
    def body(c):
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(20):
            c.buffer += c.sock.recv(1000)

    host = hosts({"BODY": body})
    s = house(host)
    text = "Subject: slow\r\n\r\n" + "text\r\n" * 10000
    post(s, text=text)
    assert stuffed_right(arrived(host, timeout=20)[0][2]).endswith(b"text\r\n" * 10000)


def test_nobody_answers_and_then_somebody_does(house, hosts):
    port, = free_ports(1)
    s = house(port)
    post(s)
    assert "cannot be reached: Connection refused" in s.wait_log(" deferred ")
    arrived(hosts(port=port))


def test_a_name_without_address_waits(house):
    s = house(25, send__smarthost="no.such.host.invalid:25", queue__retry="1h")
    post(s)
    assert "has no address" in s.wait_log(" deferred ", timeout=25)


def test_a_name_is_looked_up(house, hosts):
    host = hosts()
    s = house(host, send__smarthost=f"localhost:{host.port}")
    post(s)
    arrived(host)


def test_a_smarthost_by_its_ipv6_address(house, hosts):
    host = hosts(address="::1")
    s = house(host, send__smarthost=f"[::1]:{host.port}")
    post(s)
    arrived(host)


def test_mail_never_goes_in_a_circle(own_suite):
    s = own_suite({"queue.retry": "1h", "send.smarthost_tls": "none"}, start=False)
    s.settings["send.smarthost"] = f"localhost:{s.ports['smtp']}"
    s.write_config()
    s.start()
    s.cli("domain", "add", DOMAIN)
    post(s)
    assert "is this server itself" in s.wait_log(" deferred ")


# --- TLS and login

@pytest.fixture
def folder():
    import shutil
    f = make_folder()
    yield f
    shutil.rmtree(f)


def test_starttls_with_a_verified_certificate(house, hosts, folder):
    context, cert = server_context(folder, "localhost")
    host = hosts(context=context, extensions=("STARTTLS", "PIPELINING"))
    s = house(host, tls="verify", send__smarthost=f"localhost:{host.port}", send__smarthost_ca=str(cert))
    post(s)
    arrived(host)
    c = host.connections[0]
    assert [x.split()[0] for x in c.clear.split(b"\r\n")[:2]] == [b"EHLO", b"STARTTLS"]
    assert c.clear.count(b"\r\n") == 2, "nothing else went in clear"
    assert "tls=TLSv1.3" in s.wait_log("connected remote=localhost")


def test_an_address_is_verified_too(house, hosts, folder):
    context, cert = server_context(folder, "relay.example.net")  # names 127.0.0.1 as well
    host = hosts(context=context, extensions=("STARTTLS",))
    s = house(host, tls="verify", send__smarthost_ca=str(cert))
    post(s)
    arrived(host)


def never_told(host):
    """Whom the mail is from, to, and what it says did not leave."""
    for c in host.connections:
        assert b"MAIL" not in c.raw and b"AUTH" not in c.raw and b"Subject" not in c.raw
    assert not host.messages


def test_a_wrong_name_in_the_certificate_stops_it(house, hosts, folder):
    context, cert = server_context(folder, "elsewhere.example")
    host = hosts(context=context, extensions=("STARTTLS",))
    s = house(host, tls="verify", send__smarthost=f"localhost:{host.port}", send__smarthost_ca=str(cert), queue__retry="1h")
    post(s)
    assert re.search("(?i)hostname mismatch", s.wait_log(" deferred "))
    never_told(host)


def test_an_unknown_certificate_stops_it(house, hosts, folder):
    context, _ = server_context(folder, "localhost")
    host = hosts(context=context, extensions=("STARTTLS",))
    s = house(host, tls="verify", send__smarthost=f"localhost:{host.port}", queue__retry="1h")
    post(s)
    assert "self-signed" in s.wait_log(" deferred ")
    never_told(host)


def test_no_starttls_stops_it(house, hosts):
    host = hosts(extensions=("AUTH PLAIN",))
    s = house(host, tls="verify", queue__retry="1h")
    post(s)
    assert "does not offer STARTTLS" in s.wait_log(" deferred ")
    never_told(host)


def test_bytes_behind_the_answer_to_starttls_stop_it(house, hosts, folder):
    """C05 at the client: somebody between us may have put them there."""
    context, cert = server_context(folder, "localhost")
    host = hosts({"STARTTLS": lambda c, line: b"220 go\r\n250-localhost\r\n250 AUTH PLAIN\r\n"}, context=context,
                 extensions=("STARTTLS",))
    s = house(host, tls="verify", send__smarthost=f"localhost:{host.port}", send__smarthost_ca=str(cert), queue__retry="1h")
    post(s)
    assert "more than its answer to STARTTLS" in s.wait_log(" deferred ")
    never_told(host)


def test_what_was_offered_in_clear_is_forgotten(house, hosts, folder):
    """... and so is an AUTH that only the clear EHLO had."""
    context, cert = server_context(folder, "localhost")
    host = hosts({"EHLO": lambda c, line: None if not c.tls else b"250 localhost\r\n"}, context=context,
                 extensions=("STARTTLS", "AUTH PLAIN"))
    secret = folder / "secret"
    secret.write_text("pass word\n")
    s = house(host, tls="verify", send__smarthost=f"localhost:{host.port}", send__smarthost_ca=str(cert),
              send__smarthost_user="anna", send__smarthost_password_file=str(secret), queue__retry="1h")
    post(s)
    assert "offers no login" in s.wait_log(" deferred ")
    never_told(host)


def test_implicit_tls_and_plain_login(house, hosts, folder):
    context, cert = server_context(folder, "localhost")
    host = hosts(context=context, implicit=True, extensions=("AUTH LOGIN PLAIN",))
    secret = folder / "secret"
    secret.write_text("pass word\n")
    s = house(host, tls="verify", send__smarthost=f"localhost:{host.port}", send__smarthost_tls_start="implicit",
              send__smarthost_ca=str(cert), send__smarthost_user="anna", send__smarthost_password_file=str(secret))
    post(s)
    arrived(host)
    assert host.connections[0].login == [b"anna", b"pass word"]
    assert host.connections[0].clear == b""
    shown = s.cli("--config", s.config, "config", "show").stdout
    assert str(secret) in shown and "pass word" not in shown and "pass word" not in s.log()


def test_a_password_never_goes_in_clear(house, hosts, folder):
    host = hosts(extensions=("AUTH PLAIN LOGIN",))
    secret = folder / "secret"
    secret.write_text("pass word\n")
    s = house(host, tls="none", send__smarthost_user="anna", send__smarthost_password_file=str(secret), queue__retry="1h")
    post(s)
    assert "without TLS" in s.wait_log(" deferred ")
    never_told(host)


def test_a_refused_login_bounces_nothing_and_is_told_once(house, hosts, folder):
    context, cert = server_context(folder, "localhost")
    host = hosts({"AUTH": lambda c, line: b"535 5.7.8 bad credentials\r\n"}, context=context, implicit=True,
                 extensions=("AUTH PLAIN",))
    secret = folder / "secret"
    secret.write_text("wrong\n")
    s = house(host, tls="verify", send__smarthost=f"localhost:{host.port}", send__smarthost_tls_start="implicit",
              send__smarthost_ca=str(cert), send__smarthost_user="anna", send__smarthost_password_file=str(secret))
    post(s)
    wait_for(lambda: s.log().count(" deferred ") >= 3)
    assert "535 5.7.8 bad credentials" in s.wait_log(" deferred ")
    assert s.log().count(" smarthost-login ") == 1 and " failed " not in s.log()
    assert "refuses the login of 'anna'" in s.cli("status").stdout
    secret.write_text("right\n")
    host.hooks.clear()
    s.cli("reload")
    arrived(host)
    assert host.connections[-1].login == [b"anna", b"right"]


def test_settings_that_cannot_be_are_refused(own_suite, folder):
    s = own_suite({"send.smarthost": "localhost", "send.smarthost_user": "anna",
                   "send.smarthost_password_file": str(folder / "missing"), "send.smarthost_ca": str(folder)}, start=False)
    with pytest.raises(RuntimeError) as e:
        s.start()
    assert "smarthost_password_file" in str(e.value) and "smarthost_ca" in str(e.value)


# --- a second suite

def test_another_suite_takes_it_with_scram(house, own_suite, folder):
    relay = own_suite({"server.hostname": "relay.example.net"})
    account = relay.account("courier@relay.example.net", "a long password")
    inbox = relay.account("ben@outside.example")
    secret = folder / "secret"
    secret.write_text("a long password\n")
    for service, start in (("submission", "auto"), ("submissions", "implicit")):
        s = house(relay.ports[service], tls="verify", send__smarthost=f"localhost:{relay.ports[service]}",
                  send__smarthost_ca=str(relay.cert), send__smarthost_tls_start=start,
                  send__smarthost_user=account.address, send__smarthost_password_file=str(secret), forward__srs="no")
        post(s, sender=account.address, text=f"Subject: by {service}\r\nFrom: {account.address}\r\n\r\n.\r\nx\r\n")
        s.wait_log(" sent ")
        assert f"user={account.address}" in s.wait_log("connected remote=localhost")
    c = relay.imap(inbox)
    c.select()
    assert wait_for(lambda: c.search(None, "ALL")[1][0]) == b"1 2"
    assert b".\r\nx\r\n" in c.fetch("1", "(BODY[TEXT])")[1][0][1]
    assert relay.log().count("mech=SCRAM-SHA-256") >= 2 or "SCRAM-SHA-256" in relay.log()


# --- our own processes

def test_a_killed_sender_loses_nothing(house, hosts):
    import os
    import signal
    release = []

    def content(c, line):
        if not release:
            wait_for(lambda: release, 20)
            return CLOSE  # a sender that is killed leaves its connection to the next one (test_send_kills.py)

    host = hosts({"CONTENT": content})
    s = house(host)
    post(s)
    wait_for(lambda: host.connections and b"DATA" in host.connections[0].raw)
    os.kill(next(p for p, n in s.tree().items() if n == "sender"), signal.SIGKILL)
    release.append(1)
    arrived(host)


def test_what_is_known_is_told_before_the_rest_is_tried(house, hosts):
    """A sender that dies in the second transaction of a message repeats nothing of the first."""
    import os
    import signal
    release = []

    def content(c, line):
        if host.messages and not release:
            wait_for(lambda: release, 20)
            return CLOSE  # a sender that is killed leaves its connection to the next one (test_send_kills.py)

    host = hosts({"CONTENT": content})
    s = house(host, send__recipients="2")
    post(s, *(f"r{i}@outside.example" for i in range(4)))
    wait_for(lambda: len(host.messages) == 1 and s.log().count(" sent ") == 2)
    os.kill(next(p for p, n in s.tree().items() if n == "sender"), signal.SIGKILL)
    release.append(1)
    wait_for(lambda: s.log().count(" sent ") == 4, 20)
    got = [r for _, rcpts, _ in host.messages for r in rcpts]
    assert len(got) == 4 and len({re.search(rb"<(.*)>", r).group(1) for r in got}) == 4


def test_a_resolver_that_dies_delays_nothing(house, hosts):
    """What was asked of it is asked of the next one."""
    import os
    import signal
    host = hosts()
    s = house(host, send__smarthost=f"localhost:{host.port}")
    first = next(p for p, n in s.tree().items() if n == "resolverd")
    os.kill(first, signal.SIGSTOP)
    try:
        post(s)
        wait_for(lambda: "waiting" in next(r for r in s.status() if r["process"] == "sender")["note"])
    finally:
        os.kill(first, signal.SIGKILL)
    arrived(host)
    assert " deferred " not in s.log()
    assert first not in s.tree()


def test_an_opportunist_goes_without_tls_when_it_fails(house, hosts):
    host = hosts({"STARTTLS": lambda c, line: b"220 go\r\n"}, extensions=("STARTTLS",))
    host.secure = lambda c: c.wait_end()
    s = house(host, tls="opportunistic", send__handshake="300ms")
    post(s)
    arrived(host)
    assert "tls=none" in s.wait_log("connected remote=")


def test_more_sessions_after_a_reload(house, hosts):
    gate = []

    def content(c, line):
        while not gate:
            c.sock.settimeout(0.05)
            try:
                c.more()
            except TimeoutError:
                pass
        c.sock.settimeout(None)

    host = hosts({"CONTENT": content})
    s = house(host, send__sessions="1")
    for _ in range(5):
        post(s)
    wait_for(lambda: len(host.connections) == 1)
    s.settings["send.sessions"] = "4"
    s.write_config()
    s.cli("reload")
    wait_for(lambda: len(host.connections) >= 4)
    gate.append(1)
    arrived(host, 5)


def test_a_report_comes_out_of_the_queue_into_a_mailbox(house, hosts):
    """The local way: queued, sender, lmtpd."""
    host = hosts({"RCPT": lambda c, line: b"550 5.1.1 no such user\r\n"})
    s = house(host)
    anna = s.account()
    s.cli("alias", "add", f"friend@{DOMAIN}", "ben@outside.example")
    with s.smtp(anna) as c:
        c.sendmail(anna.address, [f"friend@{DOMAIN}"], f"From: {anna.address}\r\nSubject: x\r\n\r\nx\r\n")
    box = s.imap(anna)
    wait_for(lambda: box.select()[1] == [b"1"], 20)
    report = box.fetch("1", "(BODY.PEEK[])")[1][0][1]
    assert b"550 5.1.1 no such user" in report
    assert "via=lmtp" in s.wait_log(f" sent ", since=0) or f"to={anna.address} via=lmtp" in s.log()


def test_a_server_that_takes_one_connection_gets_all_by_it(house, hosts):
    open_now = []

    def connect(c, line):
        open_now.append(c)
        if len(open_now) > 1:
            return b"421 4.7.0 one connection only\r\n"

    host = hosts({"connect": connect, "MAIL": lambda c, line: wait_for(lambda: len(host.messages) or len(open_now) > 1) and None})
    s = house(host, send__sessions="4", queue__retry="1h")
    for _ in range(6):
        post(s)
    arrived(host, 6)
    assert " deferred " not in s.log()


def test_a_killed_queue_loses_nothing(house, hosts):
    import os
    import signal
    release = []
    host = hosts({"CONTENT": lambda c, line: wait_for(lambda: release) and None})
    s = house(host)
    post(s, text="Subject: first\r\n\r\nx\r\n")
    wait_for(lambda: host.connections and b"DATA" in host.connections[0].raw)
    os.kill(next(p for p, n in s.tree().items() if n == "queued"), signal.SIGKILL)
    release.append(1)
    wait_for(lambda: [x for x, n in s.tree().items() if n == "queued"])
    wait_for(lambda: try_post(s))
    wait_for(lambda: any(b"Subject: second" in raw for _, _, raw in host.messages), 20)
    wait_for(lambda: s.cli("queue", "list").stdout.count("outside.example") == 0, 20)
    assert any(b"Subject: first" in raw for _, _, raw in host.messages)


def try_post(s):
    try:
        return post(s, text="Subject: second\r\n\r\nx\r\n")
    except smtplib.SMTPException:
        return None


def test_bytes_in_clear_before_the_handshake_stop_it(house, hosts, folder):
    """C05 once more: they come a little later, where the TLS library would read them."""
    context, cert = server_context(folder, "localhost")
    host = hosts(context=context, extensions=("STARTTLS",))

    def secure(c):
        c.say(b"250-localhost\r\n250 AUTH PLAIN\r\n")
        FakeHost.secure(host, c)

    host.secure = secure
    s = house(host, tls="verify", send__smarthost=f"localhost:{host.port}", send__smarthost_ca=str(cert), queue__retry="1h")
    post(s)
    line = s.wait_log(" deferred ")
    assert "TLS handshake" in line or "more than its answer to STARTTLS" in line
    never_told(host)


def test_a_stop_does_not_wait_for_a_silent_server(house, hosts):
    release = []
    host = hosts({"CONTENT": lambda c, line: None if release else SILENT})
    s = house(host)
    post(s)
    wait_for(lambda: host.connections and b"\r\n.\r\n" in host.connections[0].raw)
    assert s.stop() < 30
    release.append(1)
    s.start()
    arrived(host)
