# SPDX-License-Identifier: ISC
"""A real suite in a temporary folder for the tests: fresh ports, own certificate, own accounts.

`suite` is one running suite for the whole run (tests use accounts of their own in it);
`own_suite(settings)` makes one for a test that changes or breaks something.

Waits are for conditions, and long: a machine may stand still for seconds. A wait's length proves nothing; what must be
quick or in order is shown by counts, ratios, CPU time or the records' own times.
"""
import contextlib
import email.message
import imaplib
import itertools
import os
import pathlib
import poplib
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MANSIO_BUILD", TOP / "build"))
MANSIO = BUILD / "bin" / "mansio"
SERVICES = ("smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "https")
DOMAIN = "example.org"
ROOT = os.getuid() == 0


# Processes that test beside each other take theirs from different parts: one picks a port before somebody listens there.
BESIDE = os.environ.get("PYTEST_XDIST_WORKER", "")
PORTS = itertools.cycle(range(20000, 32000))
for _ in range((os.getppid() * 37 + int(BESIDE[2:]) * 4000 if BESIDE else os.getpid() * 37) % 12000):
    next(PORTS)


def free_ports(n):
    """n ports that nobody listens on, on IPv4 and IPv6; far from the ephemeral range; never the same twice."""
    found = []
    with contextlib.ExitStack() as held:
        for port in itertools.islice(PORTS, 12000):
            socks = []
            try:
                for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                    s = socket.socket(family)
                    socks.append(s)
                    s.bind((host, port))
            except OSError:
                for s in socks:
                    s.close()
                continue
            for s in socks:
                held.enter_context(s)
            found.append(port)
            if len(found) == n:
                return found
    raise RuntimeError("no free ports")


def built(program):
    """A program of `make check`; made here, for it need not be there yet."""
    subprocess.run(["make", "-s", "-C", BUILD, program], check=True, capture_output=True, timeout=170)
    return BUILD / program


def make_certificate(folder, *names, name="cert"):
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    san = ",".join(["IP:127.0.0.1", "IP:::1"] + [f"DNS:{n}" for n in names])
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "30", "-subj", f"/CN={names[0]}", "-addext", f"subjectAltName={san}",
         "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


class Account:
    def __init__(self, address, password):
        self.address, self.password = address, password


class Suite:
    """One running suite. settings: {"smtp.processes": "4"} over the defaults of tests."""

    def __init__(self, folder, settings=None):
        self.folder = pathlib.Path(folder)
        self.state = self.folder / "state"
        self.state.mkdir(exist_ok=True)
        self.ports = dict(zip(SERVICES, free_ports(len(SERVICES))))
        self.cert, key = make_certificate(self.folder, "localhost", "mail.example.org")
        self.settings = {
            "server.hostname": "mail.example.org",
            "server.state": str(self.state),
            "tls.certificates": str(self.cert),
            "tls.keys": str(key),
            "auth.yescrypt_cost": "1",
            "auth.failure_delay": "100ms",
            "auth.failure_delay_max": "1s",
            "smtp.processes": "12",
            "limit.connections_per_address": "1000",
            "log.level": "debug",
            "listen.http": "",
        }
        for s, port in self.ports.items():
            self.settings["listen." + s] = f"127.0.0.1:{port}, [::1]:{port}"
        self.settings.update(settings or {})
        self.config = self.folder / "mansio.conf"
        self.log_file = self.folder / "mansio.log"
        self.process = None
        self.prefix = []  # a program that starts mansio
        self.serial = itertools.count(1)
        self.write_config()

    def write_config(self):
        sections = {}
        for key, value in self.settings.items():
            section, name = key.split(".", 1)
            sections.setdefault(section, []).append(f"{name} = {value}")
        self.config.write_text("".join(
            f"[{s}]\n" + "\n".join(rows) + "\n\n" for s, rows in sections.items()))

    def start(self, timeout=60):
        r, w = os.pipe()
        log = open(self.log_file, "ab")
        self.process = subprocess.Popen(
            [*self.prefix, MANSIO, "run", "--config", self.config, "--ready-fd", str(w)],
            pass_fds=[w], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        os.close(w)
        log.close()
        deadline = time.monotonic() + timeout
        os.set_blocking(r, False)
        said = b""
        while b"ready" not in said:
            try:
                said += os.read(r, 100)
            except BlockingIOError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                os.close(r)
                self.stop()
                raise RuntimeError("suite not ready:\n" + self.log()[-4000:])
            time.sleep(0.01)
        os.close(r)
        return self

    def stop(self, timeout=30):
        if not self.process:
            return 0
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        self.process = None
        return time.monotonic() - began

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def wait_log(self, text, since=0, timeout=20):
        """Waits until the log, from byte `since` on, has the text; returns the line."""
        deadline = time.monotonic() + timeout
        while True:
            for line in self.log()[since:].splitlines():
                if text in line:
                    return line
            if time.monotonic() > deadline:
                raise AssertionError(f"not in the log within {timeout} s: {text}")
            time.sleep(0.02)

    def cli(self, *args, input=None, check=True):
        p = subprocess.run([MANSIO, "--state", self.state, *args], input=input, text=True, capture_output=True,
                           stdin=subprocess.DEVNULL if input is None else None, timeout=120)
        if check and p.returncode:
            raise AssertionError(f"mansio {' '.join(map(str, args))}: {p.returncode}: {p.stdout}{p.stderr}")
        return p

    def account(self, name=None, password="secret pass 1", *options):
        """A new account; its name is fresh unless given."""
        address = f"{name or 'u%d' % next(self.serial)}"
        address = address if "@" in address else f"{address}@{DOMAIN}"
        domain = address.split("@")[1]
        if self.cli("domain", "show", domain, check=False).returncode:
            self.cli("domain", "add", domain)
        self.cli("user", "add", address, *options, input=password + "\n")
        return Account(address, password)

    # --- processes
    def tree(self):
        """{pid: name} of the suite's processes; name as in ps, e.g. 'imapd'."""
        children = {}
        for p in pathlib.Path("/proc").iterdir():
            if p.name.isdigit():
                with contextlib.suppress(OSError):
                    stat = (p / "stat").read_text()
                    parent = int(stat[stat.rindex(")") + 2:].split()[1])
                    children.setdefault(parent, []).append(int(p.name))
        out, todo = {}, [self.process.pid]
        while todo:
            pid = todo.pop()
            with contextlib.suppress(OSError):
                out[pid] = pathlib.Path(f"/proc/{pid}/stat").read_text().split("(")[1].split(")")[0]
            todo += children.get(pid, [])
        return out

    def cpu(self):
        """{pid: seconds of CPU time that it has used}"""
        out = {}
        for pid in self.tree():
            with contextlib.suppress(OSError):
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
                out[pid] = sum(map(int, stat[stat.rindex(")") + 2:].split()[11:13])) / os.sysconf("SC_CLK_TCK")
        return out

    def status(self):
        import json
        return json.loads(self.cli("--json", "status").stdout)

    # --- clients
    def context(self):
        return ssl.create_default_context(cafile=str(self.cert))

    def connect(self, service, host="127.0.0.1", timeout=30):
        return socket.create_connection((host, self.ports[service]), timeout)

    def imap(self, account=None, tls=True):
        if tls:
            c = imaplib.IMAP4_SSL("localhost", self.ports["imaps"], ssl_context=self.context(), timeout=60)
        else:
            c = imaplib.IMAP4("localhost", self.ports["imap"], timeout=60)
            c.starttls(self.context())
        if account:
            c.login(account.address, account.password)
        return c

    def pop3(self, account=None):
        c = poplib.POP3_SSL("localhost", self.ports["pop3s"], context=self.context(), timeout=60)
        if account:
            c.user(account.address)
            c.pass_(account.password)
        return c

    def smtp(self, account=None):
        """Port 25, or with an account submission with STARTTLS and AUTH."""
        c = smtplib.SMTP("localhost", self.ports["submission" if account else "smtp"], timeout=60)
        if account:
            c.starttls(context=self.context())
            c.login(account.address, account.password)
        return c

    def smtp_submissions(self):
        """Submission with TLS from the first byte, before AUTH."""
        c = smtplib.SMTP_SSL("localhost", self.ports["submissions"], timeout=60, context=self.context())
        c.ehlo()
        return c

    def deliver(self, to, subject="test", body="Hello.\r\n", sender="someone@elsewhere.example", headers=()):
        """Mail from outside over port 25; returns its Message-ID."""
        m = email.message.EmailMessage()
        m["From"], m["To"], m["Subject"] = sender, to, subject
        m["Message-ID"] = f"<{time.time_ns()}.{next(self.serial)}@elsewhere.example>"
        for k, v in headers:
            m[k] = v
        m.set_content(body)
        with self.smtp() as c:
            c.send_message(m, sender, [to])
        return m["Message-ID"]

    def settle(self, timeout=60):
        """Has the queue deliver everything that waits, and waits until it has."""
        def empty():
            p = self.cli("queue", "list", check=False)
            if p.returncode == 0 and not p.stdout.strip():
                return True
            self.cli("queue", "retry", "--all", check=False)
            return False
        wait_for(empty, timeout, 0.2)

    def mail_folder(self, account):
        user, domain = account.address.split("@")
        return self.state / "mail" / domain / user


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: measures time or memory, in a file whose other tests ./runtests lets run beside others")


@pytest.fixture(scope="session", autouse=True)
def system_users():
    if ROOT:
        subprocess.run(["bash", "-c", f". {TOP}/tools/users.sh && make_users"], check=True)


def make_folder():
    """A temporary folder that the suite's users may pass through."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mansio-test."))
    folder.chmod(0o755)
    return folder


def check_log(s):
    """No process of a test's suite may have died by itself."""
    bad = [line for line in s.log().splitlines()
           if any(w in line for w in ("AddressSanitizer", "runtime error:", "SIGSYS", "signal 31", "signal 11", "bug:"))]
    assert not bad, "\n".join(bad[:5])


@pytest.fixture(scope="session")
def suite(system_users):
    folder = make_folder()
    s = Suite(folder).start()
    yield s
    s.stop()
    check_log(s)
    shutil.rmtree(folder)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """So that a fixture can see whether its test failed."""
    report = (yield).get_result()
    setattr(item, "report_" + report.when, report)


@pytest.fixture
def own_suite(system_users, request):
    """Factory: own_suite({"imap.sessions": "3"}) is a running suite, stopped after the test."""
    made = []

    def make(settings=None, start=True):
        s = Suite(make_folder(), settings)
        made.append(s)
        return s.start() if start else s

    yield make
    failed = getattr(getattr(request.node, "report_call", None), "failed", False)
    for s in made:
        s.stop()
        if failed:
            print("the end of the suite's log:\n" + s.log()[-6000:])
        shutil.rmtree(s.folder)


@pytest.fixture
def anna(suite):
    return suite.account()


@pytest.fixture
def ben(suite):
    return suite.account()


def in_time(seconds, action, tries=3):
    """action() takes less than so long, as the best of some tries shows: a machine that stands still for a moment is no defect."""
    took = []
    for _ in range(tries):
        began = time.monotonic()
        action()
        took.append(time.monotonic() - began)
        if took[-1] < seconds:
            return
    raise AssertionError(f"longer than {seconds} s: {took}")


def wait_for(what, timeout=20.0, step=0.02):
    """Waits until what() is true and returns its value."""
    deadline = time.monotonic() + timeout
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("did not happen in time")
        time.sleep(step)
