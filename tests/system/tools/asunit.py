#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Starts a program as the unit file would have systemd start it, as far as that can be had without systemd:

    asunit.py UNIT WRITABLE-FOLDER PROGRAM ARGUMENTS...

the capabilities of CapabilityBoundingSet, the system calls of SystemCallFilter (the others: EPERM), NoNewPrivileges,
MemoryDenyWriteExecute, RestrictAddressFamilies, and a file system that is read-only but for the folder (ProtectSystem=strict).
"""
import ctypes
import os
import re
import subprocess
import sys

CAPS = ["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
        "LINUX_IMMUTABLE", "NET_BIND_SERVICE"]
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 23, 24, 38
SCMP_ALLOW, SCMP_EPERM, SCMP_NOFAMILY = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 97
SCMP_CMP_NE, SCMP_CMP_MASKED_EQ = 1, 7
CLONE_NEWNS, MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 1, 32, 4096, 16384, 1 << 18


class Compare(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def values(unit, key):
    return " ".join(re.findall(rf"^{key}=(.*)$", unit, re.M)).split()


def calls_of(words):
    names, todo = set(), list(words)
    while todo:
        w = todo.pop()
        if not w.startswith("@"):
            names.add(w)
            continue
        out = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", w], check=True, capture_output=True, text=True).stdout
        todo += [line.split("#")[0].strip() for line in out.splitlines()[1:] if line.split("#")[0].strip()]
    return names


def bad(what):
    if what:
        raise OSError(ctypes.get_errno(), "asunit")


def enter(unit, writable):
    c = ctypes.CDLL(None, use_errno=True)
    s = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    s.seccomp_init.restype = ctypes.c_void_p
    names = calls_of(values(unit, "SystemCallFilter") + ["@default"])
    bad(c.unshare(CLONE_NEWNS))
    bad(c.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    here = writable.encode()
    bad(c.mount(here, here, None, MS_BIND | MS_REC, None))
    bad(c.mount(b"none", b"/", None, MS_REMOUNT | MS_BIND | MS_RDONLY, None))
    keep = {CAPS.index(n[4:]) for n in values(unit, "CapabilityBoundingSet")}
    for n in range(64):
        if n not in keep and c.prctl(PR_CAPBSET_READ, n, 0, 0, 0) == 1:
            bad(c.prctl(PR_CAPBSET_DROP, n, 0, 0, 0))
    bad(c.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    ctx = ctypes.c_void_p(s.seccomp_init(ctypes.c_uint32(SCMP_EPERM)))
    known = 0
    if values(unit, "RestrictSUIDSGID") == ["yes"]:
        names.discard("openat2")  # systemd cannot look into its arguments
    families = [FAMILIES[f] for f in values(unit, "RestrictAddressFamilies")]
    for name in names:
        number = s.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            continue
        known += 1
        if name == "mmap" or name == "mprotect" or name == "pkey_mprotect":
            # MemoryDenyWriteExecute: no mapping both writable and executable, none made executable later
            mask, value = (6, 6) if name == "mmap" else (4, 4)
            for bits in range(0, mask + 1):
                if bits & ~mask == 0 and bits & mask != value:
                    bad(s.seccomp_rule_add_array(ctx, ctypes.c_uint32(SCMP_ALLOW), number, 1,
                                                 ctypes.byref(Compare(2, SCMP_CMP_MASKED_EQ, mask, bits))))
        elif name == "socket":
            for f in families:
                bad(s.seccomp_rule_add_array(ctx, ctypes.c_uint32(SCMP_ALLOW), number, 1, ctypes.byref(Compare(0, 4, f, 0))))
        else:
            bad(s.seccomp_rule_add_array(ctx, ctypes.c_uint32(SCMP_ALLOW), number, 0, None))
    assert known > 200, known
    bad(s.seccomp_load(ctx))


enter(open(sys.argv[1]).read(), sys.argv[2])
os.execv(sys.argv[3], sys.argv[3:])
