# SPDX-License-Identifier: ISC
"""./quickstart as a newcomer meets it."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from conftest import TOP, free_ports, make_folder

OFFSETS = (25, 110, 143, 465, 587, 993, 995)


def base_port():
    """A base such that all seven ports are free."""
    for base in range(21000 + os.getpid() % 5000, 30000, 1000):
        try:
            for off in OFFSETS:
                with socket.socket() as s:
                    s.bind(("127.0.0.1", base + off))
            return base
        except OSError:
            continue
    raise RuntimeError("no free base port")


@pytest.fixture
def state():
    folder = make_folder()
    yield folder / "demo"
    shutil.rmtree(folder)


class Quickstart:
    def __init__(self, state, *options, base=None):
        self.base = base or base_port()
        self.began = time.monotonic()
        self.out = ""
        self.p = subprocess.Popen(
            [TOP / "quickstart", "--no-install", "--state", state, "--base-port", str(self.base), *options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)

    def until_ready(self):
        for line in self.p.stdout:
            self.out += line
            if line.strip() == "ready":
                self.seconds = time.monotonic() - self.began
                return self
        raise AssertionError("no ready:\n" + self.out)

    def stop(self, sig=signal.SIGTERM):
        began = time.monotonic()
        self.p.send_signal(sig)
        self.p.communicate(timeout=10)
        return time.monotonic() - began


def env(state):
    text = (state / "quickstart.env").read_text()
    return dict(line.split("=", 1) for line in text.splitlines())


def test_check_makes_the_whole_trip(state):
    p = subprocess.run([TOP / "quickstart", "--no-install", "--check", "--state", state, "--base-port", str(base_port())],
                       capture_output=True, text=True, timeout=120)
    assert p.returncode == 0, p.stdout + p.stderr
    assert p.stdout.count("ok ") == 7 and "FAIL" not in p.stdout
    assert re.search(r"ok +found by IMAP SEARCH.* \d+ ms", p.stdout)


def test_card_env_and_second_run(state):
    q = Quickstart(state, "--account", "carla@example.org:try out 1", "--account", "dora").until_ready()
    try:
        e = env(state)
        assert (state / "quickstart.env").stat().st_mode & 0o777 == 0o600
        assert e["ACCOUNT_1"] == "carla@example.org" and e["PASSWORD_1"] == "try out 1"
        assert e["ACCOUNT_2"] == "dora@example.org" and len(e["PASSWORD_2"]) >= 12
        assert e["IMAPS_PORT"] == str(q.base + 993) and pathlib.Path(e["CERTIFICATE"]).exists()
        for text in ("carla@example.org", e["PASSWORD_2"], str(q.base + 993), "Thunderbird", "Ctrl-C"):
            assert text in q.out
        fp = (state / "cert.pem").read_bytes()
    finally:
        assert q.stop() < 5
    q = Quickstart(state, "--account", "carla@example.org").until_ready()
    try:
        again = env(state)
        assert again["PASSWORD_1"] == "try out 1" and (state / "cert.pem").read_bytes() == fp
        # the welcome of the first run is still there, and only once
        import imaplib
        import ssl
        c = imaplib.IMAP4_SSL("localhost", int(again["IMAPS_PORT"]),
                              ssl_context=ssl.create_default_context(cafile=again["CERTIFICATE"]))
        c.login(again["ACCOUNT_1"], again["PASSWORD_1"])
        assert c.select("INBOX")[1] == [b"1"]
        c.logout()
    finally:
        assert q.stop(signal.SIGINT) < 5


def test_taken_port_is_named_with_its_process(state):
    base = base_port()
    with socket.socket() as s:
        s.bind(("127.0.0.1", base + 143))
        s.listen()
        q = Quickstart(state, base=base)
        out = q.p.communicate(timeout=60)[0]
    assert q.p.returncode != 0
    assert f"127.0.0.1:{base + 143}" in out and str(os.getpid()) in out


def test_ready_within_two_seconds_of_a_built_tree(state):
    """The best of three first runs, as other tests may keep the machine busy."""
    seconds = []
    for n in range(3):
        q = Quickstart(state.parent / f"demo{n}").until_ready()
        q.stop()
        seconds.append(q.seconds)
    assert min(seconds) < 2, seconds


def test_unknown_option_and_help():
    p = subprocess.run([TOP / "quickstart", "--colour"], capture_output=True, text=True)
    assert p.returncode == 64 and "--colour" in p.stderr
    p = subprocess.run([TOP / "quickstart", "--help"], capture_output=True, text=True)
    assert p.returncode == 0 and "--base-port" in p.stdout
