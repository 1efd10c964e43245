# SPDX-License-Identifier: ISC
"""S2, C04: commands in every order. Each session says three commands and the end; whatever the order, each reply is
well formed, no process dies, and what is in the mailbox afterwards is exactly what was acknowledged."""
import base64
import concurrent.futures
import itertools
import re
import socket
import ssl

import pytest

from conftest import check_log

THREADS = 8
BODY = "Subject: t\r\n\r\nx\r\n"


def talk(sock, data):
    """Sends all at once and reads to the end."""
    sock.settimeout(30)
    got = b""
    try:
        sock.sendall(data)
        while True:
            part = sock.recv(65536)
            if not part:
                break
            got += part
    except (ConnectionResetError, BrokenPipeError):
        pass
    finally:
        sock.close()
    return got


def secure(suite, service):
    context = ssl.create_default_context(cafile=str(suite.cert))
    return context.wrap_socket(suite.connect(service), server_hostname="localhost")


def every(function, cases):
    """function(case) for all, a few at a time; the list of complaints."""
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        return [c for c in pool.map(function, cases) if c]


def walk(names, length):
    """A sequence in which each `length` names in a row occur (de Bruijn)."""
    names, out, a = list(names), [], [0] * len(names) * length

    def step(t, p):
        if t > length:
            if length % p == 0:
                out.extend(a[1:p + 1])
            return
        a[t] = a[t - p]
        step(t + 1, p)
        for j in range(a[t - p] + 1, len(names)):
            a[t] = j
            step(t + 1, t)

    step(1, 1)
    return [names[i] for i in out + out[:length - 1]]


def unharmed(suite, before):
    check_log(suite)
    assert {p["pid"] for p in suite.status()} == before, "a process was replaced"


@pytest.fixture
def calm(own_suite):
    """A suite without brakes: thousands of sessions come from one address."""
    s = own_suite({"limit.connections_per_network": "2000", "limit.errors": "10000", "smtp.processes": "8",
                   "smtp.sessions_per_process": "1000000", "imap.renew_after": "1000000", "pop3.renew_after": "1000000",
                   "delivery.renew_after": "1000000", "log.level": "info"})
    s.before = {p["pid"] for p in s.status()}
    return s


def smtp_commands(to):
    chunk = f"BDAT {len(BODY)}"
    return {
        "ehlo": "EHLO x\r\n", "helo": "HELO x\r\n", "mail": "MAIL FROM:<a@elsewhere.example>\r\n", "rcpt": f"RCPT TO:<{to}>\r\n",
        "nobody": "RCPT TO:<nobody@example.org>\r\n", "data": f"DATA\r\n{BODY}.\r\n", "bdat": f"{chunk}\r\n{BODY}",
        "last": f"{chunk} LAST\r\n{BODY}", "nothing": "BDAT 0 LAST\r\n", "rset": "RSET\r\n", "noop": "NOOP\r\n", "vrfy": "VRFY x\r\n",
        "auth": "AUTH PLAIN =\r\n", "tls": "STARTTLS\r\n", "junk": "\x80\x00\t(\r\n", "quit": "QUIT\r\n",
    }


def smtp_replies(got):
    """The reply lines, or None if one of them is none."""
    lines = got.split(b"\r\n")
    good = lines.pop() == b"" and lines and all(re.fullmatch(rb"[2345]\d\d[ -][\x20-\x7e]*", x) for x in lines)
    return lines if good else None


def count_mails(suite, account):
    c = suite.imap(account)
    n = int(c.select("INBOX")[1][0])
    c.logout()
    return n


def test_smtp_in_every_order(calm):
    """All triples in clear, the transaction by fours: one segment each. Stored is what was acknowledged."""
    anna = calm.account()
    commands = smtp_commands(anna.address)
    accepted = []

    def session(names):
        got = talk(calm.connect("smtp"), ("EHLO first\r\n" + "".join(commands[n] for n in names) + "QUIT\r\n").encode("latin-1"))
        lines = smtp_replies(got)
        if not lines:
            return f"{names}: {got!r}"
        accepted.append(sum(x.startswith(b"250 2.0.0 Accepted") for x in lines))
        return None

    transaction = itertools.product(("mail", "rcpt", "data", "bdat", "last", "rset", "ehlo"), repeat=3)
    bad = every(session, itertools.chain(itertools.product(commands, repeat=3), (("mail", "rcpt") + t for t in transaction)))
    assert not bad, bad[:5]
    assert sum(accepted) > 100
    assert count_mails(calm, anna) == sum(accepted)
    unharmed(calm, calm.before)


def test_submission_in_every_order(calm):
    """Pairs over TLS behind a login, also behind a begun transaction."""
    anna = calm.account()
    commands = smtp_commands(anna.address)
    commands["mail"] = f"MAIL FROM:<{anna.address}>\r\n"
    login = "EHLO x\r\nAUTH PLAIN " + base64.b64encode(f"\0{anna.address}\0{anna.password}".encode()).decode() + "\r\n"
    accepted = []

    def session(names):
        got = talk(secure(calm, "submissions"), (login + "".join(commands[n] for n in names) + "QUIT\r\n").encode("latin-1"))
        lines = smtp_replies(got)
        if not lines or not any(x.startswith(b"235 ") for x in lines):
            return f"{names}: {got!r}"
        accepted.append(sum(x.startswith(b"250 2.0.0 Accepted") for x in lines))
        return None

    pairs = list(itertools.product(commands, repeat=2))
    bad = every(session, pairs + [("mail", "rcpt") + p for p in pairs])
    assert not bad, bad[:5]
    assert count_mails(calm, anna) == sum(accepted) > 10
    unharmed(calm, calm.before)


IMAP_BEFORE = {
    "noop": "NOOP", "capability": "CAPABILITY", "id": "ID NIL", "junk": "\x80 (", "select": "SELECT INBOX", "idle": "IDLE",
    "literal": "LOGIN {3+}\r\nabc {1+}\r\nx", "plain": "AUTHENTICATE PLAIN\r\n=", "cancel": "AUTHENTICATE LOGIN\r\n*", "tls": "STARTTLS",
    "logout": "LOGOUT",
}
IMAP_AFTER = {
    "noop": "NOOP", "select": "SELECT INBOX", "examine": "EXAMINE Trash", "close": "CLOSE", "expunge": "EXPUNGE", "fetch": "FETCH 1:* (FLAGS BODY[])",
    "store": "STORE 1 FLAGS (\\Deleted k)", "copy": "COPY 1 INBOX", "move": "UID MOVE 1:4 Trash", "append": "APPEND INBOX {5+}\r\nabcde",
    "search": "UID SEARCH UNDELETED", "idle": "IDLE\r\nDONE", "status": "STATUS INBOX (MESSAGES)", "create": "CREATE x.y", "delete": "DELETE x.y",
    "rename": "RENAME x.y x.z", "login": "LOGIN a b", "junk": "FETCH (((",
}


def imap_complaint(got, sent, cut_off):
    """Each command has one answer, in order, and BYE comes last; cut_off: bytes stood behind STARTTLS or LOGOUT."""
    answers = [int(n) for n in re.findall(rb"(?m)^t(\d+) (?:OK|NO|BAD) [^\r\n]*\r$", got)]
    whole = list(range(sent))
    if got.endswith(b"\r\n") and (b"* BYE" in got and answers == whole or cut_off and answers == whole[:len(answers)]):
        return None
    return f"answers to {answers} of {sent}: {got[-1500:]!r}"


def imap_bytes(commands, names):
    return b"".join(b"t%d %s\r\n" % (i, commands[n].encode("latin-1")) for i, n in enumerate(names))


def test_imap_before_login_in_every_order(calm):
    def session(names):
        got = talk(calm.connect("imap"), imap_bytes({**IMAP_BEFORE, "end": "LOGOUT"}, names + ("end",)))
        return imap_complaint(got, len(names) + 1, "tls" in names or "logout" in names) and f"{names}: {got!r}"

    bad = every(session, itertools.product(IMAP_BEFORE, repeat=3))
    assert not bad, bad[:5]
    unharmed(calm, calm.before)


def test_imap_in_every_order(calm):
    """All triples after the login, in long sessions, several of them on one account at once."""
    anna = calm.account()
    login = f"t0 LOGIN {anna.address} \"{anna.password}\"\r\n".encode()
    names = walk(IMAP_AFTER, 3)
    commands = {**IMAP_AFTER, "end": "LOGOUT"}

    def session(at):
        part = names[max(at - 2, 0):at + 500] + ["end"]
        sent = imap_bytes(commands, ["noop"] + part).split(b"\r\n", 1)[1]
        return imap_complaint(talk(secure(calm, "imaps"), login + sent), len(part) + 1, False)

    bad = every(session, range(0, len(names), 500))
    assert not bad, bad[:3]
    unharmed(calm, calm.before)
    calm.cli("mailbox", "check", anna.address)


POP3_BEFORE = {"user": "USER a@example.org", "pass": "PASS x", "capa": "CAPA", "noop": "NOOP", "junk": "\x80 \x01", "stat": "STAT", "auth": "AUTH",
               "plain": "AUTH PLAIN\r\n*", "stls": "STLS", "quit": "QUIT"}
POP3_AFTER = {"stat": "STAT", "list": "LIST", "one": "LIST 1", "retr": "RETR 2", "dele": "DELE 2", "rset": "RSET", "uidl": "UIDL", "top": "TOP 1 1",
              "noop": "NOOP", "capa": "CAPA", "user": "USER a", "junk": "\x80 \x01", "far": "RETR 4294967297"}


def pop3_complaint(got, names, cut_off=False):
    """One reply a command, a list behind +OK where the command has one."""
    lines = iter(got.split(b"\r\n"))
    for name in ["greeting"] + names:
        line = next(lines)
        if line == b"" and cut_off:
            return None
        if name == "plain": # refused without TLS: then "*" is a command
            line = next(lines)
        if not re.fullmatch(rb"(\+OK|-ERR) [\x20-\x7e]+", line):
            return f"{name} of {names}: {line!r} in {got[-1500:]!r}"
        if name in ("list", "uidl", "top", "capa", "auth", "retr") and line.startswith(b"+OK"):
            while (line := next(lines, None)) != b".":
                if line is None:
                    return f"{name} of {names}: no end in {got[-1500:]!r}"
    return None if list(lines) == [b""] else f"more than was asked for by {names}: {got[-1500:]!r}"


def test_pop3_before_login_in_every_order(calm):
    def session(names):
        names = list(names) + ["quit"]
        names = names[:names.index("quit") + 1]
        got = talk(calm.connect("pop3"), "".join(POP3_BEFORE[n] + "\r\n" for n in names).encode("latin-1"))
        return pop3_complaint(got, names, "stls" in names)

    bad = every(session, itertools.product(POP3_BEFORE, repeat=3))
    assert not bad, bad[:5]
    unharmed(calm, calm.before)


def test_pop3_in_every_order(calm):
    """All triples after the login, each part on an account of its own; deletions taken back delete nothing."""
    names = walk(POP3_AFTER, 3)
    accounts = {at: calm.account() for at in range(0, len(names), 500)}
    for a in accounts.values():
        for _ in range(3):
            calm.deliver(a.address)

    def session(at):
        commands = {**POP3_AFTER, "login": f"USER {accounts[at].address}", "pass": f"PASS {accounts[at].password}", "quit": "QUIT"}
        part = ["login", "pass"] + names[max(at - 2, 0):at + 500] + ["rset", "quit"]
        got = talk(secure(calm, "pop3s"), "".join(commands[n] + "\r\n" for n in part).encode("latin-1"))
        return pop3_complaint(got, part)

    bad = every(session, accounts)
    assert not bad, bad[:3]
    assert all(count_mails(calm, a) == 3 for a in accounts.values())
    unharmed(calm, calm.before)
