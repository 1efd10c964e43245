# SPDX-License-Identifier: ISC
"""Name servers on loopback for tests: knot with signed zones, and scripted ones that lie or are silent; and resolverd alone,
asked as its peers ask it (net/resolver.h)."""
import contextlib
import ctypes
import itertools
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

from conftest import BUILD, free_ports, wait_for

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "TLSA": 52}


class Namespace:
    """A network of its own, with loopback and further addresses on it. In `with`, this thread's new sockets are of it."""

    serial = itertools.count(1)

    def __init__(self, *addresses):
        self.name = f"mansio-{os.getpid()}-{next(self.serial)}"
        self.prefix = ["ip", "netns", "exec", self.name]
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        subprocess.run(["ip", "-n", self.name, "link", "set", "lo", "up"], check=True)
        for a in addresses:
            subprocess.run(["ip", "-n", self.name, "addr", "add", a, "dev", "lo"], check=True)

    @staticmethod
    def setns(where):
        fd = os.open(where, os.O_RDONLY) if isinstance(where, str) else where
        try:
            if ctypes.CDLL(None, use_errno=True).setns(fd, 0x40000000):
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(fd)

    def __enter__(self):
        self.outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.setns(f"/run/netns/{self.name}")

    def __exit__(self, *_):
        self.setns(self.outside)

    def stop(self):
        subprocess.run(["ip", "netns", "del", self.name], check=True)


class Knot:
    """zones: {"example.test": "text of the zone, without SOA and NS"}; those named in `signed` are signed. update: name and secret of a TSIG key
    (hmac-sha256) that may change them (RFC 2136)."""

    negative = 60  # seconds that "there is none" may be kept

    def __init__(self, zones, signed=(), address="127.0.0.1", port=None, net=None, update=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mansio-knot."))
        self.port = port or free_ports(1)[0]
        self.address = address
        self.zones, self.signed = zones, signed
        self.prefix = net.prefix if net else []
        lines = [f"server:\n  listen: {address}@{self.port}\n  rundir: {self.folder}\n  udp-workers: 1\n  tcp-workers: 1\n"
                 "  background-workers: 1\n",
                 "log:\n  - target: stderr\n    any: warning\n", f"database:\n  storage: {self.folder}\n",
                 *([f"key:\n  - id: {update[0]}\n    algorithm: hmac-sha256\n    secret: {update[1]}\n"
                    f"acl:\n  - id: u\n    key: {update[0]}\n    action: update\n"] if update else []),
                 "policy:\n  - id: p\n    algorithm: ecdsap256sha256\n    single-type-signing: on\n    nsec3: off\n",
                 f"template:\n  - id: default\n    storage: {self.folder}\n    zonefile-load: difference-no-serial\n"
                 "    journal-content: all\n", "zone:\n"]
        for name, text in zones.items():
            self.write(name, text)
            lines.append(f"  - domain: {name}\n    file: {name.strip('.') or 'root'}.zone\n" + ("    acl: u\n" if update else "") +
                         ("    dnssec-signing: on\n    dnssec-policy: p\n" if name in signed else ""))
        (self.folder / "knot.conf").write_text("".join(lines))
        self.process = subprocess.Popen([*self.prefix, "knotd", "-c", self.folder / "knot.conf"], stdout=subprocess.DEVNULL,
                                        stderr=open(self.folder / "log", "wb"))
        wait_for(self.answers, 20)

    def write(self, name, text):
        ns = "" if re.search(r"^@? .*\bNS\b", text, re.M) else f"@ 60 NS ns\nns 60 A {self.address}\n"
        (self.folder / f"{name.strip('.') or 'root'}.zone").write_text(
            f"$ORIGIN {name.rstrip('.')}.\n@ 60 SOA ns hostmaster {int(time.time())} 3600 600 86400 {self.negative}\n{ns}{text}\n")

    def change(self, name, text):
        self.write(name, text)
        subprocess.run(["knotc", "-c", self.folder / "knot.conf", "-b", "zone-reload", name], check=True, capture_output=True)

    def dig(self, name, type):
        return subprocess.run([*self.prefix, "kdig", f"@{self.address}", "-p", str(self.port), "+short", "+time=1", "+retry=0", name, type],
                              capture_output=True, text=True).stdout

    def answers(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()
        return all(self.dig(z, "DNSKEY" if z in self.signed else "SOA") for z in self.zones)

    def anchors(self):
        return "".join(f"{z.rstrip('.')}. IN DNSKEY {line}\n" for z in self.signed for line in self.dig(z, "DNSKEY").splitlines())

    def setting(self):
        return [f"{z}={self.address}:{self.port}" for z in self.zones]

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder)


def wire_name(name):
    return b"".join(bytes([len(p)]) + p.encode() for p in name.strip(".").split(".") if p) + b"\0"


def wire_record(owner, type, data, ttl=60):
    return wire_name(owner) + struct.pack(">HHIH", TYPES[type], 1, ttl, len(data)) + data


class Scripted:
    """A name server whose answers are the test's: answer(name, type number, tcp) -> (rcode, [records], flags) or bytes
    that replace the packet, or None: silence."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        while True:
            self.port = free_ports(1)[0]
            with contextlib.suppress(OSError):  # a resolver asks from any port, of UDP alone
                self.udp.bind(("127.0.0.1", self.port))
                break
        self.tcp = socket.create_server(("127.0.0.1", self.port))
        for what in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=what, daemon=True).start()

    def reply(self, query, tcp):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        name, type = ".".join(labels).lower(), struct.unpack(">H", query[at + 1:at + 3])[0]
        self.asked.append((name, type))
        said = self.answer(name, type, tcp)
        if said is None:
            return None
        rcode, records, flags = said
        id = query[:2]
        if flags == "wrong id":
            id, flags = bytes([query[0] ^ 255, query[1]]), 0
        return id + struct.pack(">HHHHH", 0x8400 | (flags or 0) | rcode, 1, len(records), 0, 0) + query[12:at + 5] + b"".join(records)

    def serve_udp(self):
        with contextlib.suppress(OSError):
            while True:
                query, peer = self.udp.recvfrom(4096)
                if len(query) < 12:
                    return  # shut down
                packet = self.reply(query, False)
                if packet:
                    self.udp.sendto(packet, peer)

    def serve_tcp(self):
        with contextlib.suppress(OSError):
            while True:
                c, _ = self.tcp.accept()
                with c, contextlib.suppress(OSError, struct.error, IndexError):
                    c.settimeout(2)
                    n = struct.unpack(">H", c.recv(2))[0]
                    packet = self.reply(c.recv(n), True)
                    if packet:
                        c.sendall(struct.pack(">H", len(packet)) + packet)

    def stop(self):
        for s in (self.udp, self.tcp):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()


# --- resolverd alone

def message(verb, fields, fds=()):
    def value(v):
        return "".join(chr(b) if 32 <= b < 127 and b != 37 else f"%{b:02X}" for b in str(v).encode())
    names = f"fds={','.join(fds)}\n" if fds else ""
    return (f"mansio 1 {verb}\n{names}" + "".join(f"{k}={value(v)}\n" for k, v in fields)).encode()


def fields_of(packet):
    head, *lines = packet.decode().splitlines()
    out = {"verb": head.split()[2]}
    for line in lines:
        k, v = line.split("=", 1)
        v = re.sub(rb"%(..)", lambda m: bytes([int(m[1], 16)]), v.encode()).decode(errors="surrogateescape")
        if k in ("record", "ip", "local", "mx"):
            out.setdefault(k, []).append(v)
        else:
            out[k] = v
    return out


class Resolver:
    """resolverd with a link to it. settings: lines of [dns]."""

    def __init__(self, *settings):
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(["bash", "-c", f"exec 3<&{theirs.fileno()}; exec {BUILD}/libexec/resolverd"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.errors,
                                        pass_fds=[theirs.fileno()])
        theirs.close()
        self.control.sendall(message("start", [("name", "resolverd"), ("instance", 0),
                                               ("settings", "[dns]\n" + "".join(f"{s}\n" for s in settings))]))
        self.link, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.link.settimeout(30)
        for s in (self.link, other):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 262144)
        socket.send_fds(self.control, [message("client", [("name", "test"), ("instance", 0)], ["fd"])], [other.fileno()])
        other.close()
        self.control.settimeout(20)
        try:
            said = self.control.recv(65536)
        except ConnectionResetError:
            said = b""
        if not said.startswith(b"mansio 1 ready"):
            self.process.wait(20)
            self.errors.seek(0)
            raise RuntimeError(self.errors.read().decode())
        self.id = 0

    def send(self, name, type, wait=5000, verb="ask"):
        self.id += 1
        self.link.sendall(message(verb, [("id", self.id), ("name", name), ("type", type), ("wait", wait)]))
        return self.id

    def take(self):
        return fields_of(self.link.recv(1 << 18))

    def ask(self, name, type="A", wait=5000):
        id = self.send(name, type, wait)
        answer = self.take()
        assert answer["id"] == str(id)
        return answer

    def address(self, name, wait=5000):
        self.send(name, "A", wait, "address")
        return self.take()

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.control.close()
        self.link.close()
        self.errors.close()
