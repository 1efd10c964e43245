# SPDX-License-Identifier: ISC
"""S11: what each process may not do, tried in the running process itself (tools/inject.c), and what /proc says of it."""
import ctypes
import imaplib
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest

from conftest import MANSIO, ROOT, TOP, in_time, wait_for

USERS = {"front": "_front", "authd": "_auth", "smtpd": "_smtp", "lmtpd": "_mail", "imapd": "_mail", "pop3d": "_mail",
         "mailboxd": "_mail", "importd": "_mail", "backupd": "_mail", "traced": "_trace", "queued": "_queue", "sender": "_send", "resolverd": "_dns", "webadmind": "_web",
         "checkd": "_check", "acmed": "_acme", "policyd": "_policy", "hookd": "_hook", "signd": "_sign", "oauthd": "_oauth"}
# name: number on x86_64 and arguments; the answer must be "killed" or a refusal
FORBIDDEN = {
    "open": ("257", "-100", "=/etc/passwd", "0"),
    "socket": ("41", "2", "1", "0"),
    "exec": ("59", "=/bin/true", "0", "0"),
    "ptrace": ("101", "16", "1", "0", "0"),
    "kill": ("62", "{victim}", "9"),
    "pidfd_getfd": ("438", "0", "0", "0"),
    "mount": ("165", "=/", "=/", "0", "0", "0"),
    "unshare": ("272", "0x10000000"),
    "io_uring": ("425", "1", "0"),
}


@pytest.fixture(scope="module")
def inject(tmp_path_factory):
    out = tmp_path_factory.mktemp("tools") / "inject"
    subprocess.run(["gcc", "-O1", "-o", out, TOP / "tests/system/tools/inject.c"], check=True)

    def run(pid, *args):
        p = subprocess.run([out, str(pid), *args], capture_output=True, text=True, timeout=20)
        if "No such process" in p.stderr or "not permitted" in p.stderr:
            return None  # it was on its way out
        assert p.returncode == 0, p.stderr
        return p.stdout.strip()

    return run


def status_of(pid):
    return dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


@pytest.fixture(scope="module")
def houses():
    """Own suites of this module: processes die in it."""
    import shutil
    from conftest import Suite, make_folder
    s = Suite(make_folder()).start()
    s.anna = s.account()
    yield s
    s.stop()
    shutil.rmtree(s.folder)


def processes(s, name):
    return sorted(pid for pid, n in s.tree().items() if n == name)


def sealed(s, name):
    """Those that have entered their sandbox: a restarted one needs a moment."""
    found = []
    for pid in processes(s, name):
        try:
            st = status_of(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue  # gone between two looks
        if st["Seccomp"] == "2" and not st["State"].startswith("Z"):
            found.append(pid)
    return found


@pytest.mark.skipif(not ROOT, reason="separation needs root")
def test_every_process_has_its_user_and_no_capabilities(houses):
    import grp
    import pwd
    seen = set()
    for pid, name in houses.tree().items():
        if name == "mansio":
            continue
        st = status_of(pid)
        uids = st["Uid"].split()
        assert set(uids) == {str(pwd.getpwnam(USERS[name]).pw_uid)}, (name, uids)
        assert st["CapEff"].strip("0") == "" and st["CapPrm"].strip("0") == "" and st["CapBnd"] is not None
        assert st["NoNewPrivs"] == "1"
        groups = set(st["Groups"].split())
        want = {"authd": "_mail", "backupd": "_backup"}.get(name)
        want = {str(grp.getgrnam(want).gr_gid)} if want else set()
        assert groups - {str(pwd.getpwnam(USERS[name]).pw_gid)} <= want, (name, groups)
        seen.add(name)
    assert seen >= set(USERS)


def test_every_process_is_filtered_and_undumpable(houses):
    for pid, name in houses.tree().items():
        if name == "mansio":
            continue
        assert status_of(pid)["Seccomp"] == "2", name
        owner = os.stat(f"/proc/{pid}/mem").st_uid
        assert owner == 0, f"{name} is dumpable"


def test_descriptors_are_an_allow_list(houses):
    """C28: nothing but sockets, epoll and the like, /dev/null, and what the process was given."""
    allowed = {
        "authd": r".*/state/(directory|mail)(/.*)?", "traced": r".*(mansio\.log|/state.*)|pipe:.*", "queued": r".*/state/(spool|queue)(/.*)?", "front": "-", "smtpd": "-", "sender": "-", "resolverd": "-", "oauthd": "-", "webadmind": "-", "checkd": r".*/state", "acmed": r".*/state/acme", "policyd": r".*/state/policy(/.*)?", "signd": r".*/state/dkim", "hookd": r".*/state/hooks(/.*)?",
        "lmtpd": "-", "imapd": "-", "pop3d": "-", "mailboxd": "-", "importd": "-", "backupd": "-"}
    for name in ("lmtpd", "imapd", "pop3d", "mailboxd", "importd", "backupd"):  # O_PATH, for the read-only rules of the children
        allowed[name] = r"/usr/lib.*/gconv|/usr/share/zoneinfo(/.*)?|/dev/urandom"
    common = r"socket:.*|anon_inode:.*|/dev/null|pipe:.*|/memfd:.*"
    for pid, name in houses.tree().items():
        if name == "mansio":
            continue
        for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            target = os.readlink(fd)
            if int(fd.name) <= 2:
                continue
            assert re.fullmatch(f"{common}|{allowed[name]}", target), f"{name} {pid} holds {fd.name}: {target}"


@pytest.mark.skipif(not ROOT, reason="injection needs CAP_SYS_PTRACE")
@pytest.mark.parametrize("name", sorted(USERS))
def test_forbidden_calls_are_denied(houses, inject, name):
    victim = subprocess.Popen(["sleep", "600"])
    try:
        for what, (number, *args) in FORBIDDEN.items():
            if name == "authd" and what == "open":  # those who look up names read /etc
                args = [args[0], "=/etc/shadow", args[2]]
            if name in ("sender", "resolverd", "checkd", "acmed", "policyd", "hookd", "oauthd") and what == "socket":  # to the network it may: not to the kernel's packets
                args = ["17", "3", "0"]

            def attempt():
                said = inject(wait_for(lambda: sealed(houses, name))[0], number, *[a.format(victim=victim.pid) for a in args])
                # one that was about to end has done nothing; /bin/true would end so, too
                return None if said and said.startswith("exited") and what != "exec" else said

            said = wait_for(attempt)
            assert said.startswith("killed") or (said.startswith("ret -") and int(said[4:]) < 0), f"{name} {what}: {said}"
            assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()


@pytest.mark.skipif(not ROOT, reason="injection needs CAP_SYS_PTRACE")
def test_a_session_reaches_its_own_mailbox_and_no_other(houses, inject):
    ben = houses.account()
    houses.deliver(ben.address)
    houses.deliver(houses.anna.address)
    c = houses.imap(houses.anna)
    c.select("INBOX")
    zygote = min(processes(houses, "imapd"))
    session = [p for p in processes(houses, "imapd") if p != zygote][-1]
    own = inject(session, "257", "-100", "=Maildir", "0x10000")
    assert own.startswith("ret ") and int(own[4:]) >= 0, f"negative control: {own}"
    other = ben.address.split("@")[0]
    me = houses.anna.address.split("@")[0]
    for path in ("..", f"../{other}", f"../{other}/Maildir", f"../{me}", str(houses.mail_folder(ben)),
                 str(houses.mail_folder(houses.anna)), "/etc/passwd", "/proc/self/environ"):
        said = inject(session, "257", "-100", "=" + path, "0")
        assert said.startswith("killed") or int(said[4:]) < 0, f"{path}: {said}"
    for what in ("socket", "exec", "ptrace", "kill"):
        c2 = houses.imap(houses.anna)
        session = max(p for p in processes(houses, "imapd"))
        number, *args = FORBIDDEN[what]
        said = inject(session, number, *[a.format(victim=os.getpid()) for a in args])
        assert said.startswith("killed") or int(said[4:]) < 0, f"{what}: {said}"
        c2.shutdown()
    houses.imap(houses.anna).logout()


@pytest.mark.skipif(not ROOT, reason="reaching into a process needs CAP_SYS_PTRACE")
def test_a_front_that_loses_its_link_to_authd_gets_another_one(houses):
    """Else nobody logs in through it until a restart."""
    authd = next(r["pid"] for r in houses.status() if r["process"] == "authd")
    fronts = [r["pid"] for r in houses.status() if r["process"] == "front"]
    ends = {}
    for line in subprocess.run(["ss", "-xpH"], capture_output=True, text=True, check=True).stdout.splitlines():
        m = re.search(r"\s(\d+)\s+\*\s+(\d+)\s+users:(.*)", line)
        for pid, fd in re.findall(r"pid=(\d+),fd=(\d+)", m[3]) if m else []:
            ends[int(pid), int(fd)] = int(m[1]), int(m[2])
    theirs = {own for (pid, _), (own, _) in ends.items() if pid == authd}
    cut = [(pid, fd) for (pid, fd), (_, peer) in ends.items() if pid in fronts and peer in theirs]
    assert {pid for pid, _ in cut} == set(fronts)
    libc = ctypes.CDLL(None, use_errno=True)
    for pid, fd in cut:
        there = os.pidfd_open(pid)
        link = socket.socket(fileno=libc.syscall(438, there, fd, 0))  # pidfd_getfd
        link.shutdown(socket.SHUT_RDWR)
        link.close()
        os.close(there)

    def all_let_in():
        try:
            for _ in range(8):
                houses.imap(houses.anna).logout()
        except imaplib.IMAP4.error:
            return False
        return True
    wait_for(all_let_in, 20)


@pytest.mark.skipif(not ROOT, reason="injection needs CAP_SYS_PTRACE")
def test_a_delivery_process_holds_no_mailbox_between_two_messages(houses, inject):
    """It may serve the next message of the connection: with that one's keys, and without the last one's."""
    from test_lmtp import Client
    before = set(processes(houses, "lmtpd"))
    c = Client(houses.state / "run/lmtp")
    c.ehlo("client.example.net")
    text = "Subject: kept process\r\n\r\nx\r\n"
    assert c.sendmail("a@example.net", [houses.anna.address], text) == {}
    (child,) = set(processes(houses, "lmtpd")) - before
    folder = houses.mail_folder(houses.anna)
    held = [os.readlink(f) for f in pathlib.Path(f"/proc/{child}/fd").iterdir()] + [os.readlink(f"/proc/{child}/cwd")]
    assert not [h for h in held if h.startswith(str(houses.state))], held
    assert c.sendmail("a@example.net", [houses.anna.address], text) == {}, "the same process, a second message"
    assert child in processes(houses, "lmtpd")
    for path in (str(folder), str(folder / "Maildir"), str(folder.parent), "Maildir", "/etc/passwd"):
        said = inject(child, "257", "-100", "=" + path, "0")
        assert said.startswith("killed") or int(said[4:]) < 0, f"{path}: {said}"
    c.close()


@pytest.mark.skipif(not ROOT, reason="separation needs root")
def test_mail_root_is_locked_to_authd_and_users_to_mail(houses):
    import pwd
    root = houses.state / "mail"
    st = root.stat()
    assert st.st_mode & 0o777 == 0o700 and st.st_uid == pwd.getpwnam("_auth").pw_uid
    st = houses.mail_folder(houses.anna).stat()
    assert st.st_mode & 0o777 == 0o070 and st.st_gid == pwd.getpwnam("_mail").pw_gid
    assert st.st_uid == pwd.getpwnam("_auth").pw_uid


@pytest.mark.alone
def test_a_killed_process_is_back_within_a_second(houses):
    """Each kind in turn; the service goes on."""
    for name in sorted(USERS):
        def killed():
            pid = min(wait_for(lambda: processes(houses, name)))
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: [p for p in processes(houses, name) if p != pid])
            wait_for(lambda: try_login(houses))

        in_time(3, killed)


def try_login(s):
    try:
        s.imap(s.anna).logout()
        return True
    except Exception:
        return False
