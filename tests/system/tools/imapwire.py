# SPDX-License-Identifier: ISC
"""An IMAP connection that hands out each response as a parsed value, and nothing more: no model, no retries.

A response is a list: ["*", "3", "FETCH", ["UID", "7", "FLAGS", ["\\Seen"]]]. Atoms, quoted strings and literals are str;
a "[CODE ...]" is one atom. The text behind a status response is its last element.
"""
import re
import select
import socket
import ssl

WORD = re.compile(r'[^\s()"\[\]{]+')
STATUS = ("OK", "NO", "BAD", "BYE", "PREAUTH")


class Broken(Exception):
    """The server said something that is no IMAP, or closed the connection."""


class Wire:
    def __init__(self, host, port, cafile, timeout=60):
        raw = socket.create_connection((host, port), timeout)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.s = ssl.create_default_context(cafile=cafile).wrap_socket(raw, server_hostname=host)
        self.buf = b""

    def close(self):
        self.s.close()

    def send(self, data):
        self.s.sendall(data)

    def waiting(self, seconds):
        """Is something there within that time?"""
        return bool(self.buf or self.s.pending() or select.select([self.s], [], [], seconds)[0])

    def _more(self):
        data = self.s.recv(65536)
        if not data:
            raise Broken("connection closed")
        self.buf += data

    def _line(self):
        while (at := self.buf.find(b"\r\n")) < 0:
            self._more()
        line, self.buf = self.buf[:at], self.buf[at + 2:]
        return line.decode("utf-8", "replace")

    def _bytes(self, n):
        while len(self.buf) < n:
            self._more()
        data, self.buf = self.buf[:n], self.buf[n:]
        return data.decode("utf-8", "replace")

    def response(self):
        """The next response, whole; its text as it came is in self.raw."""
        self.line, self.at = self._line(), 0
        self.raw = self.line
        if self.line.startswith("+"):
            return ["+"]
        out = []
        while self.at < len(self.line):
            if len(out) == 2 and out[1] in STATUS:
                rest = self.line[self.at:]
                if rest.startswith("["):
                    code, _, text = rest[1:].partition("]")
                    return out + [code.split(" "), text.strip()]
                return out + [[], rest]
            out.append(self._value())
            if self.at < len(self.line):
                if self.line[self.at] != " ":
                    raise Broken(f"no space at {self.at}: {self.raw}")
                self.at += 1
        return out

    def _value(self):
        c = self.line[self.at:self.at + 1]
        if c == "(":
            return self._list()
        if c == '"':
            m = re.compile(r'"((?:[^"\\]|\\.)*)"').match(self.line, self.at)
            if not m:
                raise Broken(f"bad quoted string: {self.raw}")
            self.at = m.end()
            return re.sub(r"\\(.)", r"\1", m[1])
        if m := re.compile(r"\{(\d+)\}$").match(self.line, self.at):
            text = self._bytes(int(m[1]))
            self.line, self.at = self._line(), 0
            self.raw += "\r\n" + text + self.line
            return text
        start = self.at
        while self.at < len(self.line) and self.line[self.at] not in ' ()"{':
            if self.line[self.at] == "[":  # BODY[HEADER.FIELDS (X)]: one word
                end = self.line.find("]", self.at)
                if end < 0:
                    raise Broken(f"no ]: {self.raw}")
                self.at = end
            self.at += 1
        if start == self.at:
            raise Broken(f"nothing at {self.at}: {self.raw}")
        return self.line[start:self.at]

    def _list(self):
        out = []
        self.at += 1
        while True:
            if self.at >= len(self.line):
                raise Broken(f"list without end: {self.raw}")
            if self.line[self.at] == ")":
                self.at += 1
                return out
            if out:
                if self.line[self.at] != " ":
                    raise Broken(f"no space in a list at {self.at}: {self.raw}")
                self.at += 1
            out.append(self._value())


def numbers(text):
    """{1,3,4,5} of "1,3:5"; ranges must rise."""
    out = []
    for part in text.split(","):
        lo, _, hi = part.partition(":")
        lo, hi = int(lo), int(hi or lo)
        if lo > hi or (out and lo <= out[-1]) or lo < 1:
            raise Broken(f"set does not rise: {text}")
        out += range(lo, hi + 1)
    return out


def compact(values):
    """"1,3:5" of numbers in any order."""
    out = []
    for v in sorted(values):
        if out and v == out[-1][1] + 1:
            out[-1][1] = v
        else:
            out.append([v, v])
    return ",".join(str(a) if a == b else f"{a}:{b}" for a, b in out)
