# SPDX-License-Identifier: ISC
"""The servers that people come from: Debian's Dovecot (a private instance on loopback) and Courier
(unpacked beside it, for the two cannot be installed together), and clients that were used with them."""
import contextlib
import getpass
import imaplib
import os
import pathlib
import poplib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from conftest import free_ports, make_certificate, wait_for

USER, PASSWORD = "anna", "old pass"


class Dovecot:
    """One user's Maildir behind imap and pop3 on two ports."""

    def __init__(self, folder, layout="maildir++", location="", extra=""):
        self.folder = pathlib.Path(folder)
        self.mail = self.folder / "Maildir"
        self.ports = dict(zip(("imap", "pop3", "imaps"), free_ports(3)))
        self.run = pathlib.Path(tempfile.mkdtemp(prefix="dv."))  # a socket's path is short
        self.run.chmod(0o755)
        self.cert, key = make_certificate(self.run, "localhost")
        root, me = os.getuid() == 0, getpass.getuser()
        uid = "nobody" if root else me
        self.mail.mkdir(parents=True, mode=0o700, exist_ok=True)
        if root:
            shutil.chown(self.mail, "nobody", "nogroup")
            for p in [self.folder, *self.folder.parents]:
                if p.stat().st_mode & 0o777 == 0o700:
                    p.chmod(0o755)
        gid = "nogroup" if root else str(os.getgid())
        self.config = self.run / "dovecot.conf"
        self.config.write_text(f"""
base_dir = {self.run}/base
state_dir = {self.run}/base
log_path = {self.run}/log
protocols = imap pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <{self.cert}
ssl_key = <{key}
disable_plaintext_auth = no
default_internal_user = {'dovecot' if root else me}
default_login_user = {'dovenull' if root else me}
default_internal_group = {'dovecot' if root else gid}
first_valid_uid = 1
mail_location = maildir:{self.mail}{'' if layout == 'maildir++' else ':LAYOUT=' + layout}{location}
mail_uid = {uid}
mail_gid = {gid}
pop3_uidl_format = %08Xu%08Xv
passdb {{
  driver = static
  args = password={PASSWORD.replace(' ', '_')}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={self.mail}
}}
namespace inbox {{
  inbox = yes
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {self.ports['imap']}
  }}
  inet_listener imaps {{
    port = {self.ports['imaps']}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {self.ports['pop3']}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
{extra}
""")
        self.password = PASSWORD.replace(" ", "_")
        self.process = None

    def start(self):
        self.process = subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", self.config], stdin=subprocess.DEVNULL,
                                        stderr=open(self.run / "err", "ab"), start_new_session=True)

        def answers():
            with contextlib.suppress(OSError, imaplib.IMAP4.error, poplib.error_proto):
                self.imap().logout()
                self.pop3().quit()
                return True
            assert self.process.poll() is None, self.log()
            return False
        wait_for(answers, 20, 0.05)
        return self

    def log(self):
        return "".join((self.run / f).read_text() for f in ("log", "err") if (self.run / f).exists())

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
            self.process = None

    def close(self):
        self.stop()
        shutil.rmtree(self.run, ignore_errors=True)

    def imap(self):
        c = imaplib.IMAP4("127.0.0.1", self.ports["imap"], timeout=20)
        c.login(USER, self.password)
        return c

    def pop3(self):
        c = poplib.POP3("127.0.0.1", self.ports["pop3"], timeout=20)
        c.user(USER)
        c.pass_(self.password)
        return c


COURIER = ("courier-imap", "courier-pop", "courier-base", "courier-authlib", "libcourier-unicode4", "libgamin0")


def courier_root():
    """The packages, unpacked once; made again where they are missing."""
    root = pathlib.Path(os.environ.get("MANSIO_COURIER", "/var/tmp/mansio-courier"))
    if not (root / "done").exists():
        made = pathlib.Path(tempfile.mkdtemp(prefix="mansio-courier.", dir=root.parent))
        made.chmod(0o755)
        subprocess.run(["apt-get", "download", "-q", *COURIER], cwd=made, check=True, capture_output=True, timeout=300)
        for deb in made.glob("*.deb"):
            subprocess.run(["dpkg", "-x", deb, made], check=True)
        (made / "done").write_text("")
        with contextlib.suppress(OSError):
            made.rename(root)
    return root


class Courier:
    """imapd and pop3d as couriertcpd and imaplogin start them behind a login: on a descriptor, with the
    account in the environment. The login before it is a few lines of Python."""

    def __init__(self, folder):
        self.root = courier_root()
        self.home = pathlib.Path(folder)
        self.mail = self.home / "Maildir"
        for d in ("cur", "new", "tmp"):
            (self.mail / d).mkdir(parents=True, exist_ok=True)
        self.ports = dict(zip(("imap", "pop3"), free_ports(2)))
        self.listeners = []
        self.password = PASSWORD

    def start(self):
        for kind in ("imap", "pop3"):
            s = socket.create_server(("127.0.0.1", self.ports[kind]))
            self.listeners.append(s)
            threading.Thread(target=self.accept, args=(s, kind), daemon=True).start()
        return self

    def accept(self, listener, kind):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.login, args=(listener.accept()[0], kind), daemon=True).start()

    def login(self, sock, kind):
        with contextlib.suppress(OSError), sock:
            f = sock.makefile("rwb", 0)
            f.write(b"* OK old server\r\n" if kind == "imap" else b"+OK old server\r\n")
            while line := f.readline():
                words = line.decode().split(None, 2)
                verb = (words[1] if kind == "imap" else words[0]).upper()
                if kind == "imap" and verb == "CAPABILITY":
                    f.write(b"* CAPABILITY IMAP4rev1 UIDPLUS CHILDREN NAMESPACE IDLE\r\n" + words[0].encode() + b" OK done\r\n")
                elif kind == "imap" and verb == "LOGIN":
                    return self.serve(sock, kind, words[0])
                elif kind == "imap":
                    f.write(words[0].encode() + b" OK done\r\n")
                elif verb == "PASS":
                    return self.serve(sock, kind, "")
                elif verb in ("CAPA", "AUTH"):
                    f.write(b"-ERR no\r\n")
                else:
                    f.write(b"+OK\r\n")

    def serve(self, sock, kind, tag):
        lib = self.root / "usr/lib"
        env = {"AUTHENTICATED": USER, "AUTHADDR": USER, "MAILDIR": str(self.mail), "HOME": str(self.home),
               "TCPREMOTEIP": "127.0.0.1", "TCPREMOTEPORT": "1", "IMAPLOGINTAG": tag, "PROTOCOL": kind.upper(),
               "IMAP_CAPABILITY": "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE IDLE", "IMAP_KEYWORDS": "1", "IMAP_ACL": "0",
               "IMAP_EMPTYTRASH": "", "IMAP_OBSOLETE_CLIENT": "0", "IMAP_UMASK": "022", "IMAP_TRASHFOLDERNAME": "",
               "IMAP_MOVE_EXPUNGE_TO_TRASH": "0", "IMAP_CHECK_ALL_FOLDERS": "0", "IMAP_USELOCKS": "0",
               "IMAP_ENHANCEDIDLE": "0", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8",
               "LD_LIBRARY_PATH": f"{lib}:{lib}/x86_64-linux-gnu:{lib}/courier-authlib"}
        for d in sorted(lib.glob("*-linux-gnu*")):
            env["LD_LIBRARY_PATH"] += f":{d}:{d}/courier-authlib"
        program = self.root / ("usr/bin/imapd" if kind == "imap" else "usr/lib/courier/courier/courierpop3d")
        subprocess.run([program, "Maildir"], stdin=sock, stdout=sock, cwd=self.home, env=env, timeout=120,
                       stderr=open(self.home / "courier.err", "ab"))

    def stop(self):
        for s in self.listeners:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()
        self.listeners = []

    close = stop
    imap = Dovecot.imap
    pop3 = Dovecot.pop3


class Mbsync:
    """A folder of mail kept by mbsync, whose server can be another one the next time."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "mail").mkdir(parents=True)

    def config(self, port, user, password, tls=None, prefix=""):
        self.rc = self.folder / "mbsyncrc"
        self.rc.write_text(f"""
IMAPAccount test
Host localhost
Port {port}
User {user}
Pass "{password}"
SSLType {'IMAPS' if tls else 'None'}
{f'CertificateFile {tls}' if tls else 'AuthMechs LOGIN'}

IMAPStore remote
Account test
{f'Path "{prefix}"' if prefix else ''}

MaildirStore local
Path {self.folder}/mail/
Inbox {self.folder}/mail/INBOX
SubFolders Verbatim

Channel all
Far :remote:
Near :local:
Patterns *
Create Both
Expunge Both
SyncState *
""")

    def sync(self):
        p = subprocess.run(["mbsync", "-V", "-c", self.rc, "all"], capture_output=True, text=True, timeout=120,
                           stdin=subprocess.DEVNULL, env={**os.environ, "HOME": str(self.folder)})
        self.said = p.stdout + p.stderr
        assert p.returncode == 0, self.said
        return re.findall(r"[FN]:? *\+(\d+) \*(\d+) #(\d+)", self.said)

    def messages(self):
        """{folder: {base name: (flags, inode)}} of all that is here: what was transferred anew is another file."""
        out = {}
        for d in sorted((self.folder / "mail").rglob("cur")):
            files = [p for s in ("cur", "new") for p in (d.parent / s).iterdir()]
            out[str(d.parent.relative_to(self.folder / "mail"))] = {
                p.name.split(":")[0]: (p.name.partition(":2,")[2], p.stat().st_ino) for p in files}
        return out


class Fetchmail:
    """POP3 with UIDLs remembered; what it fetches it appends to a file."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        (self.folder / "got").write_text("")

    def fetch(self, port, user, password, tls=None):
        rc = self.folder / "fetchmailrc"
        rc.write_text(f"""poll localhost protocol pop3 service {port} uidl
  user "{user}" password "{password}" {f'ssl sslcertck sslcertfile {tls}' if tls else 'sslproto ""'}
  keep mda "cat >> {self.folder}/got; echo >> {self.folder}/got"
""")
        rc.chmod(0o600)
        before = self.count()
        p = subprocess.run(["fetchmail", "-f", rc, "-i", self.folder / "ids", "--nobounce", "--pidfile",
                            self.folder / "pid"], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                           env={**os.environ, "HOME": str(self.folder), "FETCHMAILHOME": str(self.folder)})
        assert p.returncode in (0, 1), p.stdout + p.stderr
        self.said = p.stdout + p.stderr
        return self.count() - before

    def count(self):
        return (self.folder / "got").read_text().count("\nSubject: ")
