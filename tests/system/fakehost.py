# SPDX-License-Identifier: ISC
"""A scripted SMTP server on loopback for the sender's tests: what it says at each stage is the test's choice, and every
byte that it got is kept.

    host = FakeHost({"RCPT": lambda c, line: b"550 5.1.1 no\\r\\n"})

A hook gets the connection and the line; it returns bytes to say, None for the usual answer, CLOSE, or SILENT.
"""
import base64
import socket
import ssl
import threading
import time

CLOSE, SILENT = object(), object()


class Connection:
    def __init__(self, host, sock, number):
        self.host, self.sock, self.number = host, sock, number
        self.clear = b""  # what came before TLS
        self.raw = bytearray()  # what came in all, decrypted
        self.buffer = bytearray()
        self.commands = []
        self.tls = False
        self.mail, self.rcpts, self.chunks = None, [], b""

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("closed")
        self.raw += data
        if not self.tls:
            self.clear += data
        self.buffer += data

    def until(self, end):
        while end not in self.buffer:
            self.more()
        at = self.buffer.index(end) + len(end)
        out = bytes(self.buffer[:at])
        del self.buffer[:at]
        return out

    def say(self, data):
        self.sock.sendall(data)

    def wait_end(self):
        while True:
            self.more()


class FakeHost:
    def __init__(self, hooks=None, extensions=("PIPELINING", "SIZE 50000000", "8BITMIME", "SMTPUTF8", "DSN"),
                 context=None, implicit=False, name="relay.example.net", port=0, address="127.0.0.1"):
        self.hooks, self.extensions, self.context, self.implicit, self.name = hooks or {}, extensions, context, implicit, name
        self.messages = []  # (sender, [recipients], raw content as it came, with the end)
        self.connections = []
        self.peers = set()  # the addresses that connected
        self.lock = threading.Lock()
        self.listener = socket.create_server((address, port), backlog=50,
                                             family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.port = self.listener.getsockname()[1]
        self.closing = False
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                sock, peer = self.listener.accept()
            except OSError:
                if self.closing:
                    return
                time.sleep(0.01)  # of one connection only, or no descriptors for a moment
                continue
            with self.lock:
                c = Connection(self, sock, len(self.connections) + 1)
                self.connections.append(c)
                self.peers.add(peer[0])
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def close(self):
        # the thread in accept() leaves first: a restarted accept() would take the clients of whoever has the number next
        self.closing = True
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(20)
        self.listener.close()
        for c in self.connections:
            try:
                c.sock.close()
            except OSError:
                pass

    def secure(self, c):
        c.sock = self.context.wrap_socket(c.sock, server_side=True)
        c.tls = True

    def answer(self, c, stage, line, usual):
        hook = self.hooks.get(stage)
        said = hook(c, line) if callable(hook) else hook
        if said is CLOSE:
            c.sock.shutdown(socket.SHUT_RDWR)
            raise ConnectionError("closed by the test")
        if said is SILENT:
            c.wait_end()
        said = usual if said is None else said
        c.say(said)
        return said

    def hello(self):
        offered = list(self.extensions)
        lines = [self.name, *offered]
        return b"".join(b"250%s%s\r\n" % (b" " if x is lines[-1] else b"-", x.encode()) for x in lines)

    def serve(self, c):
        try:
            if self.implicit:
                self.secure(c)
            self.answer(c, "connect", b"", b"220 %s ESMTP\r\n" % self.name.encode())
            while self.command(c, c.until(b"\r\n")[:-2]):
                pass
        except (OSError, ConnectionError, ssl.SSLError, ValueError):
            pass
        finally:
            try:
                c.sock.close()
            except OSError:
                pass

    def command(self, c, line):
        c.commands.append(line)
        verb = line.split(b" ")[0].upper().decode(errors="replace")
        if verb in ("EHLO", "HELO"):
            self.answer(c, verb, line, self.hello())
        elif verb == "STARTTLS":
            said = self.answer(c, verb, line, b"220 go ahead\r\n")
            if said.startswith(b"220"):
                self.secure(c)
        elif verb == "AUTH":
            self.auth(c, line)
        elif verb == "MAIL":
            c.mail, c.rcpts = line, []
            self.answer(c, verb, line, b"250 2.1.0 ok\r\n")
        elif verb == "RCPT":
            if self.answer(c, verb, line, b"250 2.1.5 ok\r\n").startswith(b"2"):
                c.rcpts.append(line)
        elif verb == "DATA":
            if self.answer(c, verb, line, b"354 go\r\n").startswith(b"354"):
                self.content(c)
        elif verb == "BDAT":
            self.chunk(c, line)
        elif verb == "QUIT":
            self.answer(c, verb, line, b"221 bye\r\n")
            return False
        else:
            self.answer(c, verb, line, b"250 ok\r\n")
        return True

    def auth(self, c, line):
        words = line.split(b" ")
        if words[1] == b"PLAIN":
            c.login = base64.b64decode(words[2]).split(b"\0")[1:]
        self.answer(c, "AUTH", line, b"235 2.7.0 welcome\r\n")

    def chunk(self, c, line):
        """RFC 3030: the bytes, as many as were told; the message is kept without an end."""
        words = line.split()
        size, last = int(words[1]), words[2:] == [b"LAST"]
        while len(c.buffer) < size:
            c.more()
        c.chunks += bytes(c.buffer[:size])
        del c.buffer[:size]
        said = self.answer(c, "BDAT", line, b"250 2.0.0 %d octets\r\n" % size)
        if last:
            if said.startswith(b"2"):
                with self.lock:
                    self.messages.append((c.mail, c.rcpts, c.chunks))
            c.chunks = b""

    def content(self, c):
        hook = self.hooks.get("BODY")
        if hook:
            hook(c)
        seen = 0
        while c.buffer[:3] != b".\r\n" and c.buffer.find(b"\r\n.\r\n", seen) < 0:
            seen = max(len(c.buffer) - 4, 0)
            c.more()
        at = 3 if c.buffer[:3] == b".\r\n" else c.buffer.index(b"\r\n.\r\n") + 5
        raw = bytes(c.buffer[:at])
        del c.buffer[:at]
        said = self.answer(c, "CONTENT", raw, b"250 2.0.0 queued as %d\r\n" % (len(self.messages) + 1))
        if said.startswith(b"2"):
            with self.lock:
                self.messages.append((c.mail, c.rcpts, raw))
