# SPDX-License-Identifier: ISC
"""What `make install` and the Debian package put on a host: files, users, the unit, the scripts of the shells."""
import os
import pathlib
import re
import shutil
import socket
import subprocess

import pytest

from conftest import BUILD, TOP

pytestmark = pytest.mark.timeout(900)  # a whole build is in it
LISTS = (TOP / "tools" / "packages.build").read_text().split("\n")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """(the .changes file, the package's files unpacked)"""
    # less optimised, without debug symbols, with a compiler cache where there is one: what is looked at here stays the same
    env = {**os.environ, "PATH": "/usr/lib/ccache:" + os.environ["PATH"], "DEB_CFLAGS_APPEND": "-O1 -g0", "DEB_BUILD_OPTIONS": "noautodbgsym"}
    p = subprocess.run(["make", "-s", "-C", BUILD, "deb"], capture_output=True, text=True, timeout=850, env=env)
    assert p.returncode == 0, p.stdout[-4000:] + p.stderr[-4000:]
    changes, = (BUILD / "deb").glob("*.changes")
    deb, = (BUILD / "deb").glob("mansio_*.deb")
    root = tmp_path_factory.mktemp("package")
    subprocess.run(["dpkg", "-x", deb, root], check=True)
    return changes, root


def test_lintian_has_nothing_to_say(package):
    p = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", package[0]],
                       capture_output=True, text=True)
    assert p.returncode == 0 and not re.search("^[EW]:", p.stdout, re.M), p.stdout + p.stderr
    # an override has its reason in the line before
    lines = (TOP / "debian" / "mansio.lintian-overrides").read_text().splitlines()
    assert all(lines[i - 1].startswith("#") for i, line in enumerate(lines) if not line.startswith("#"))


def test_what_is_needed_to_build_is_declared():
    control = (TOP / "debian" / "control").read_text()
    declared = set(re.findall(r"^ ([a-z0-9.+-]+)", control.split("Build-Depends:")[1].split("Standards-Version")[0], re.M))
    wanted = {p for p in LISTS if p.endswith("-dev") and p != "libc6-dev"}
    assert wanted <= declared, wanted - declared


def test_files_of_the_package(package):
    root = package[1]
    for path in ("usr/bin/mansio", "usr/share/mansio/mansio.conf", "usr/share/mansio/mansio.conf.sample",
                 "usr/share/man/man1/mansio.1.gz", "usr/share/man/man5/mansio.conf.5.gz", "lib/systemd/system/mansio.service",
                 "usr/lib/sysusers.d/mansio.conf", "usr/lib/tmpfiles.d/mansio.conf"):
        assert (root / path).is_file(), path
    # 0711: unreadable programs stay undumpable across exec
    assert {p.stat().st_mode & 0o7777 for p in (root / "usr/libexec/mansio").iterdir()} == {0o711}
    named = set(re.findall(r"^PROGRAM\((\w+)", (TOP / "master" / "programs.def").read_text(), re.M))
    assert named <= {p.name for p in (root / "usr/libexec/mansio").iterdir()}
    # dpkg asks about nothing: the settings are no conffile, and nothing else is in /etc
    assert not (root / "etc").exists()
    assert subprocess.run([root / "usr/bin/mansio", "config", "check", "--config", root / "usr/share/mansio/mansio.conf"],
                          capture_output=True).returncode == 0


def test_users_are_one_list(package, tmp_path):
    table = (TOP / "master" / "programs.def").read_text()
    users = set(re.findall(r'^PROGRAM\(\w+, "(_\w+)"', table, re.M))
    (tmp_path / "etc").mkdir()
    shutil.copytree(package[1] / "usr" / "lib" / "sysusers.d", tmp_path / "usr" / "lib" / "sysusers.d")
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}", "mansio.conf"], check=True, capture_output=True)
    made = {line.split(":")[0] for line in (tmp_path / "etc" / "passwd").read_text().splitlines()}
    assert users <= made and "root" not in users
    assert re.search(r"^_mail:[^:]*:\d+:_auth$", (tmp_path / "etc" / "group").read_text(), re.M)
    # the other way of making them, quickstart's, reads the same table
    p = subprocess.run(["bash", "-c", f". {TOP}/tools/users.sh; users_list"], check=True, capture_output=True, text=True)
    assert {line.split()[0] for line in p.stdout.splitlines()} == users


def test_the_unit_is_hardened(package):
    unit = package[1] / "lib/systemd/system/mansio.service"
    p = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", unit], capture_output=True, text=True)
    level = float(re.search(r"Overall exposure level for mansio.service: ([\d.]+)", p.stdout)[1])
    assert level <= 3.0, p.stdout
    p = subprocess.run(["systemd-analyze", "verify", f"--root={package[1]}", "mansio.service"], capture_output=True, text=True)
    assert "Unknown" not in p.stderr and "ignoring" not in p.stderr, p.stderr


def test_the_suite_runs_as_hardened_as_its_unit(package, own_suite, tmp_path):
    """The system calls, capabilities and file system of the unit are enough for a message's whole way, and for a reload."""
    unit = package[1] / "lib/systemd/system/mansio.service"
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(tmp_path / "notify"))
    notify.settimeout(20)
    s = own_suite(start=False)
    s.prefix = ["env", f"NOTIFY_SOCKET={tmp_path}/notify", "WATCHDOG_USEC=100000",
                "/usr/bin/python3", TOP / "tests/system/tools/asunit.py", unit, str(s.folder)]
    s.start()

    def hear(word):
        while word not in notify.recv(200):
            pass
    hear(b"READY=1")
    hear(b"WATCHDOG=1")
    a = s.account()
    s.deliver(a.address, "in a narrow house")
    with s.imap(a) as c:
        assert c.select()[1] == [b"1"]
    s.cli("reload")
    s.cli("mailbox", "check", a.address)
    status = pathlib.Path(f"/proc/{s.process.pid}/status").read_text()
    assert re.search(r"^CapEff:\s*(\w+)$", status, re.M)[1] == "00000000000004eb", "other capabilities than the unit's"
    s.stop()
    hear(b"STOPPING=1")


def test_make_install_keeps_the_settings(tmp_path):
    for _ in range(2):
        subprocess.run(["make", "-s", "-C", BUILD, "install", f"DESTDIR={tmp_path}"], check=True, capture_output=True)
        conf, = tmp_path.glob("**/etc/mansio/mansio.conf")
        text = conf.read_text()
        conf.write_text(text + "# mine\n")
    assert text.endswith("# mine\n")


COMPLETE = """
source {script}
COMP_WORDS=({words}) COMP_CWORD={n}
_mansio
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(root, *words):
    script = root / "usr/share/bash-completion/completions/mansio"
    quoted = " ".join(f"'{w}'" for w in words)
    p = subprocess.run(["bash", "-c", COMPLETE.format(script=script, words=quoted, n=len(words) - 1)],
                       capture_output=True, text=True, check=True)
    return set(p.stdout.split())


def test_completion(package):
    root = package[1]
    assert {"status", "user", "domain"} <= completed(root, "mansio", "")
    assert completed(root, "mansio", "us") == {"user"}
    assert {"add", "list", "remove"} <= completed(root, "mansio", "--json", "user", "")
    assert {"name=", "quota=", "--json"} <= completed(root, "mansio", "--state", "/x", "user", "add", "")
    assert not {"password", "password=", "--password", "--password="} & completed(root, "mansio", "user", "add", "")
    assert completed(root, "mansio", "queue", "retry", "--a") == {"--all"}
    subprocess.run(["zsh", "-n", root / "usr/share/zsh/vendor-completions/_mansio"], check=True)
    fish = root / "usr/share/fish/vendor_completions.d/mansio.fish"
    p = subprocess.run(["fish", "--no-config", "-c", f"source {fish}; complete -C 'mansio us'; complete -C 'mansio user ad'; complete -C 'mansio user add na'"],
                       capture_output=True, text=True, check=True, env={**os.environ, "HOME": "/nonexistent"})
    assert re.findall(r"^\S+", p.stdout, re.M) == ["user", "add", "name="], p.stdout + p.stderr
