# SPDX-License-Identifier: ISC
"""configure without the optional back ends, make distcheck, hardening of the binaries (S12)."""
import os
import re
import subprocess
import tarfile

import pytest

from conftest import BUILD, TOP

NOT_IN_THE_ARCHIVE = (".ci/", ".gitignore")
PROGRAMS = ("front", "authd", "smtpd", "lmtpd", "imapd", "pop3d", "traced", "mailboxd")


# not optimised, without debug symbols: that those build, too, is seen by the builds that everything else here is tested with
QUICK = "-O0 -g0 -U_FORTIFY_SOURCE"


@pytest.mark.parametrize("name", PROGRAMS)
def test_binaries_are_hardened(name):
    binary = BUILD / "libexec" / name
    out = subprocess.run(["readelf", "-Wlnd", binary], capture_output=True, text=True, check=True).stdout
    assert "BIND_NOW" in out and "GNU_RELRO" in out and "PIE" in out
    assert re.search(r"GNU_STACK.*RW ", out) and "RPATH" not in out and "RUNPATH" not in out
    assert "SHSTK" in out
    symbols = subprocess.run(["readelf", "-Ws", "--dyn-syms", binary], capture_output=True, text=True).stdout
    assert "__stack_chk_fail" in symbols and "_chk@" in symbols


@pytest.mark.parametrize("name", ["imapd", "pop3d", "lmtpd", "smtpd", "mailboxd"])
def test_rooms_link_neither_tls_nor_sql(name):
    out = subprocess.run(["readelf", "-d", BUILD / "libexec" / name], capture_output=True, text=True, check=True).stdout
    for library in ("libssl", "libsqlite3", "libsasl2", "libpq", "libldap"):
        assert library not in out


def test_configure_without_optional_back_ends(tmp_path):
    subprocess.run([TOP / "configure", "-q", "--without-ldap", "--without-pgsql", "--without-pam", "--without-gssapi", f"CFLAGS={QUICK}"],
                   cwd=tmp_path, check=True, capture_output=True, timeout=120)
    subprocess.run(["make", "-s", "-j2", "libexec/authd"], cwd=tmp_path, check=True, capture_output=True, timeout=300)


def failed_tests():
    """What the unit tests that failed have said: in the tree that a distcheck which failed leaves behind."""
    logs = [p for p in BUILD.glob("mansio-*/**/test-suite.log") if "FAIL" in p.read_text(errors="replace")]
    return "".join(f"\n{p}:\n" + p.read_text(errors="replace")[-6000:] for p in logs)


@pytest.mark.timeout(900)
def test_distcheck():
    """The release archive builds and installs by itself; what it holds are the same files that both builds here were tested with."""
    tests = ["TESTS=tests/unit/floors_test.sh", "check_PROGRAMS="]
    p = subprocess.run(["make", "-s", "-C", BUILD, "-j2", "distcheck", *tests], capture_output=True, text=True, timeout=850,
                       env={**os.environ, "DISTCHECK_CONFIGURE_FLAGS": f"CFLAGS='{QUICK}'"})
    assert p.returncode == 0, p.stdout[-3000:] + p.stderr[-3000:] + failed_tests()
    archive, = BUILD.glob("mansio-*.tar.xz")
    with tarfile.open(archive) as f:
        there = {name.split("/", 1)[1] for name in f.getnames() if "/" in name}
    tracked = subprocess.run(["git", "-C", TOP, "ls-files"], capture_output=True, text=True, check=True).stdout.split("\n")
    assert [n for n in tracked if n and n not in there and not n.startswith(NOT_IN_THE_ARCHIVE)] == []
