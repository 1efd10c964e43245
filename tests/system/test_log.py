# SPDX-License-Identifier: ISC
"""Where the log goes: a file, syslog, journald (the latter two played by sockets in a mount namespace)."""
import os
import signal
import socket
import subprocess
import threading

import pytest

from conftest import MANSIO, ROOT, Suite, make_folder, wait_for


def test_log_to_a_file(own_suite):
    s = own_suite({"log.to": "file", "log.file": "mansio-events.log", "log.level": "info"})
    anna = s.account()
    s.deliver(anna.address, "logged")
    f = s.state / "mansio-events.log"
    wait_for(lambda: "delivered" in f.read_text())
    assert "] connect " not in f.read_text(), "an event of level debug"
    # a reload reaches those who send, too
    s.settings["log.level"] = "debug"
    s.write_config()
    s.cli("reload")

    def told(event):
        c = s.imap(anna)
        c.select("INBOX")
        c.logout()
        return event in f.read_text()
    wait_for(lambda: told("] connect "))  # front
    wait_for(lambda: told("] select "))  # imapd


# A /dev and a /run of their own, in which the sockets of $1 stand where the daemons would make them.
NAMESPACE = r"""
set -e
t=$1; shift
mkdir -p "$t/dev"
mount -t tmpfs none "$t/dev"
for f in null zero full random urandom; do touch "$t/dev/$f"; mount --bind "/dev/$f" "$t/dev/$f"; done
touch "$t/dev/log"; mount --bind "$t/sock" "$t/dev/log"
mount --rbind "$t/dev" /dev
mount -t tmpfs none /run
mkdir -p /run/systemd/journal
touch /run/systemd/journal/socket; mount --bind "$t/sock" /run/systemd/journal/socket
exec "$@"
"""


@pytest.mark.skipif(not ROOT, reason="a mount namespace needs root")
@pytest.mark.parametrize("to", ["syslog", "journald"])
def test_log_to_syslog_and_journald(to):
    folder = make_folder()
    got = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sink:
        sink.bind(str(folder / "sock"))
        os.chmod(folder / "sock", 0o666)
        sink.settimeout(0.2)
        stop = threading.Event()

        def read():
            while not stop.is_set():
                try:
                    got.append(sink.recv(65536).decode(errors="replace"))
                except socket.timeout:
                    pass

        thread = threading.Thread(target=read)
        thread.start()
        s = Suite(folder, {"log.to": to})
        r, w = os.pipe()
        s.process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "bash", "-c", NAMESPACE, "ns", str(folder),
             str(MANSIO), "run", "--config", str(s.config), "--ready-fd", str(w)],
            pass_fds=[w], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(s.log_file, "ab"))
        os.close(w)
        try:
            os.set_blocking(r, False)
            said = []
            wait_for(lambda: said.append(read_some(r)) or b"ready" in b"".join(said), 20)
            anna = s.account()
            s.deliver(anna.address, "logged elsewhere")
            line = wait_for(lambda: next((x for x in got if "delivered" in x), None))
            assert anna.address in line
            if to == "syslog":
                # facility mail, severity info (RFC 3164): <22>
                assert line.startswith("<22>") and "lmtpd[" in line
            else:
                assert "PRIORITY=6" in line and "SYSLOG_IDENTIFIER=" in line and "MESSAGE=" in line
        finally:
            os.close(r)
            s.process.send_signal(signal.SIGTERM)
            s.process.wait(20)
            stop.set()
            thread.join()
    subprocess.run(["rm", "-rf", "--one-file-system", str(folder)], check=True)


def read_some(fd):
    try:
        return os.read(fd, 100)
    except BlockingIOError:
        return b""
