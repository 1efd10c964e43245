# SPDX-License-Identifier: ISC
"""Runs the dialogues of tests/wire: one file, one topic.

    # RFC section                       a comment
    service: smtp                       which port (first lines); "tls: yes" wraps it
    C: EHLO client.example              sent with CRLF; {user} {password} {user2} {plain} {rand} are filled in
    C~ text                             sent as it is: \\r \\n \\t \\0 \\xHH are escapes, no CRLF added
    S: 250 .*                           the next line must match this regular expression, whole; a group
                                        (?P<name>...) in it is {name} from then on
    S* 250[ -].*                        any number of lines that match (greedy), until one does not
    STARTTLS                            TLS handshake now
    CLOSED                              the server closes within 30 s
    SILENT 0.3                          nothing comes for that time
    2C: 2C~ 2S: 2S*                     the same on a second connection
"""
import base64
import pathlib
import random
import re
import socket

import pytest

from conftest import TOP

FILES = sorted((TOP / "tests" / "wire").glob("*/*.t"))


class Dialogue:
    def __init__(self, suite, service, tls):
        self.suite = suite
        self.s = suite.connect(service)
        self.s.settimeout(30)
        self.buf = b""
        self.held = None
        if tls:
            self.starttls()

    def starttls(self):
        assert not self.buf, f"bytes before the handshake: {self.buf!r}"
        self.s = self.suite.context().wrap_socket(self.s, server_hostname="localhost")

    def line(self):
        while b"\n" not in self.buf:
            data = self.s.recv(65536)
            if not data:
                raise EOFError(f"closed after {self.buf!r}")
            self.buf += data
        line, self.buf = self.buf.split(b"\n", 1)
        assert line.endswith(b"\r"), f"bare LF: {line!r}"
        return line[:-1].decode("utf-8", "replace")

    def closed(self):
        try:
            while True:
                data = self.s.recv(65536)
                if not data:
                    return
                self.buf += data
        except ConnectionResetError:
            return
        finally:
            assert not self.buf, f"unexpected: {self.buf!r}"


def unescape(text):
    return re.sub(r"\\(x[0-9A-Fa-f]{2}|.)",
                  lambda m: {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}.get(
                      m[1]) or chr(int(m[1][1:], 16)), text).encode("latin-1")


def run(path, suite):
    head = {}
    a, b = suite.account(), suite.account()
    values = {
        "user": a.address, "password": a.password, "user2": b.address, "password2": b.password,
        "plain": base64.b64encode(f"\0{a.address}\0{a.password}".encode()).decode(),
        "rand": str(random.randrange(10**9)), "hostname": "mail.example.org",
    }

    def fill(text):
        return re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), text)

    both = {}
    for number, raw in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.name}:{number}: {raw}"
        if not raw.strip() or raw.startswith("#"):
            continue
        if m := re.match(r"(service|tls): (\S+)$", raw):
            head[m[1]] = m[2]
            continue
        which, raw = ("2", raw[1:]) if re.match("2[CS][:~*]", raw) else ("1", raw)
        if which not in both:
            both[which] = Dialogue(suite, head["service"], head.get("tls") == "yes")
        d = both[which]
        try:
            if raw.startswith("C: ") or raw == "C:":
                d.s.sendall(fill(raw[3:]).encode() + b"\r\n")
            elif raw.startswith("C~ "):
                d.s.sendall(unescape(fill(raw[3:])))
            elif raw.startswith("S: "):
                line = d.held if d.held is not None else d.line()
                d.held = None
                pattern = re.sub(r"\{(\w+)\}", lambda m: re.escape(values[m[1]]) if m[1] in values else m[0], raw[3:])
                m = re.fullmatch(pattern, line)
                assert m, f"got: {line}"
                values.update(m.groupdict())
            elif raw.startswith("S* "):
                while True:
                    d.held = d.line()
                    if not re.fullmatch(fill(raw[3:]), d.held):
                        break
            elif raw == "STARTTLS":
                d.starttls()
            elif raw == "CLOSED":
                d.closed()
            elif raw.startswith("SILENT "):
                d.s.settimeout(float(raw[7:]))
                try:
                    data = d.s.recv(1)
                    raise AssertionError(f"not silent: {data!r}")
                except (socket.timeout, TimeoutError):
                    d.s.settimeout(30)
            else:
                raise ValueError("not a line of a dialogue")
        except Exception as e:
            raise AssertionError(f"{where}\n{type(e).__name__}: {e}") from e
    assert both, f"{path}: nothing in it"
    for d in both.values():
        d.s.close()


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_dialogue(suite, path):
    run(path, suite)


def test_a_wrong_dialogue_fails(suite, tmp_path):
    """Negative control: the runner does notice a wrong reply."""
    t = tmp_path / "wrong.t"
    t.write_text("service: smtp\nS: 999 .*\n")
    with pytest.raises(AssertionError):
        run(t, suite)
