# SPDX-License-Identifier: ISC
"""Other mail servers on the internet of internet.py, each in its chroot (chroots.sh) and its network: Postfix, Exim,
OpenSMTPD, Courier. Each has its domain with the one mailbox anna, relays for its own address alone, has a certificate of
the tests' authority, and verifies others as far as it can. Each runs in a process tree that ends with it.
"""
import contextlib
import email
import os
import pathlib
import re
import shutil
import signal
import smtplib
import subprocess

from conftest import wait_for

CHROOTS = pathlib.Path(__file__).with_name("chroots.sh")
UID = 5000


def make_chroots(*names):
    """{name: folder}; the first time on a machine this takes minutes."""
    p = subprocess.run(["bash", CHROOTS, *names], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=1500)
    assert p.returncode == 0, p.stderr[-3000:]
    return dict(zip(names, map(pathlib.Path, p.stdout.split())))


class Peer:
    """kind: the name of its chroot; configure() writes its files, `command` runs it in the foreground."""

    kind, command, log_path, spools = "", (), "", ()

    def __init__(self, net, root):
        self.net, self.root, self.host = net, root, net.host[self.kind]
        self.domain, self.name, self.address = self.host.domain, self.host.mail_name, self.host.address
        self.process = None
        self.prepare()
        self.configure()

    def write(self, path, text, mode=0o644):
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def prepare(self):
        """Empty mailboxes, queue and log; names, trust and certificate of this run."""
        for path in ("var/vmail", *self.spools):
            for f in sorted((self.root / path).rglob("*"), reverse=True):
                if not f.is_dir() or path == "var/vmail":
                    f.rmdir() if f.is_dir() and not f.is_symlink() else f.unlink()
        if self.log_path:
            (self.root / self.log_path).unlink(missing_ok=True)
        home = self.root / "var/vmail/anna"
        home.mkdir(parents=True, mode=0o700)
        for f in (home.parent, home):
            shutil.chown(f, UID, UID)
        self.write("/etc/resolv.conf", self.net.resolv.read_text())
        self.write("/etc/hosts", f"127.0.0.1 localhost\n{self.address} {self.name}\n")
        self.write("/etc/services", "smtp 25/tcp\nsubmission 587/tcp\n")
        self.write("/etc/mailname", self.domain + "\n")
        self.write("/etc/ssl/certs/ca-certificates.crt", self.net.authority.cert.read_text())
        cert, key = self.host.certificate.read_text(), self.host.key.read_text()
        self.write("/etc/ssl/peer/cert.pem", cert)
        self.write("/etc/ssl/peer/key.pem", key, 0o600)
        self.write("/etc/ssl/peer/both.pem", key + cert, 0o600)

    def start(self):
        out = open(self.net.folder / f"{self.kind}.out", "wb")
        self.process = subprocess.Popen([*self.host.prefix, "bash", CHROOTS, "--run", self.kind, *self.command],
                                        stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            wait_for(self.answers, 30, 0.1)
        except AssertionError:
            raise AssertionError(f"{self.kind} does not answer:\n" + self.output()[-3000:] + self.log()[-3000:])
        return self

    def answers(self):
        assert self.process.poll() is None, f"{self.kind}: {self.output()}"
        with contextlib.suppress(OSError, smtplib.SMTPException):
            with self.host, smtplib.SMTP(self.address, 25, timeout=5):
                return True
        return False

    def output(self):
        return (self.net.folder / f"{self.kind}.out").read_text(errors="replace")

    def log(self):
        file = self.root / self.log_path
        return file.read_text(errors="replace") if self.log_path and file.exists() else self.output()

    def wait_log(self, *words, timeout=20):
        """The first line with all the words."""
        def look():
            return next((x for x in self.log().splitlines() if all(w in x for w in words)), None)
        try:
            return wait_for(look, timeout, 0.05)
        except AssertionError:
            raise AssertionError(f"{self.kind} did not log {words}:\n" + self.log()[-4000:])

    def send(self, to, subject, sender=None, **kw):
        """One of its own people writes to somebody."""
        sender = sender or f"anna@{self.domain}"
        with self.host, smtplib.SMTP(self.address, 25, timeout=20) as c:
            c.sendmail(sender, [to], f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nHello.\r\n", **kw)

    def verified(self, domain):
        """Waits until its log says that the server of the domain was authenticated."""
        raise NotImplementedError

    def refused_to_talk(self, domain):
        """Waits until its log says that mail to the domain waits, because its server could not be authenticated."""
        raise NotImplementedError

    def inbox(self):
        """The mails in anna's mailbox; `raw` is each as it lies there."""
        out = []
        for f in (self.root / "var/vmail/anna").glob("Maildir/new/*"):
            raw = f.read_bytes()
            out.append(email.message_from_bytes(raw))
            out[-1].raw = raw
        return out

    def arrived(self, subject, timeout=20):
        """The mail with this subject."""
        try:
            return wait_for(lambda: next((m for m in self.inbox() if subject in str(m["Subject"])), None), timeout, 0.05)
        except AssertionError:
            raise AssertionError(f"no mail {subject!r} at {self.kind}; its log:\n" + self.log()[-4000:])

    def told(self, address, timeout=20):
        """The report to anna that her mail to this address failed."""
        def report(m):
            return "anna@" not in str(m["From"]) and address in m.as_string()
        try:
            return wait_for(lambda: next(filter(report, self.inbox()), None), timeout, 0.05)
        except AssertionError:
            raise AssertionError(f"{self.kind} told nothing of {address}; its log:\n" + self.log()[-4000:])

    def stop(self):
        """The first process of its tree is killed, and with it all others; who waits for that one then ends by itself."""
        if self.process:
            children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
            for pid in children.read_text().split() if self.process.poll() is None else ():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            self.process.wait(10)
            self.process = None


class Postfix(Peer):
    kind, log_path = "postfix", "var/log/postfix.log"
    command = ("sh", "-c", "postconf -F '*/*/chroot=n' && exec postfix start-fg")
    spools = tuple(f"var/spool/postfix/{q}" for q in ("incoming", "active", "deferred", "bounce", "defer", "maildrop", "pid"))

    def configure(self):
        # a measurement in the same chroot (bench/send) has it listen elsewhere
        master = (self.root / "etc/postfix/master.cf").read_text()
        self.write("/etc/postfix/master.cf", re.sub(r"^\S+( +inet .* smtpd)$", r"smtp\1", master, flags=re.M))
        # Postfix has no MTA-STS of its own: an entry stands for what a resolver of policies would tell it.
        secure = "".join(f"{{ {d} = secure match=mail.{d} }} " for d in self.net.sts_domains if d != self.domain)
        self.write("/etc/postfix/main.cf", f"""compatibility_level = 3.6
maillog_file = /var/log/postfix.log
myhostname = {self.name}
mydestination =
mynetworks = {self.address}/32
inet_protocols = ipv4
alias_maps =
virtual_mailbox_domains = {self.domain}
virtual_mailbox_base = /var/vmail
virtual_mailbox_maps = inline:{{ anna@{self.domain}=anna/Maildir/ }}
virtual_uid_maps = static:{UID}
virtual_gid_maps = static:{UID}
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_tls_chain_files = /etc/ssl/peer/both.pem
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtpd_tls_loglevel = 1
smtp_dns_support_level = dnssec
smtp_tls_security_level = dane
smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt
smtp_tls_loglevel = 1
{"smtp_tls_policy_maps = inline:{ " + secure + "}" if secure else ""}
minimal_backoff_time = 1s
queue_run_delay = 1s
""")

    def verified(self, domain):
        self.wait_log("Verified TLS connection established to", f"mail.{domain}[")

    def refused_to_talk(self, domain):
        self.wait_log(f"to=<anna@{domain}>", "status=deferred", "Server certificate not verified")


class Exim(Peer):
    """It also stands for a provider that takes mail from its customer on port 587, after login."""

    customer = ("example.org", "the password there")
    kind, log_path = "exim", "var/log/exim4/mainlog"
    command = ("sh", "-c", "mkdir -p /run/exim4 && chown Debian-exim: /run/exim4 && exec exim4 -bdf -q2s")
    spools = ("var/spool/exim4/input", "var/spool/exim4/msglog", "var/spool/exim4/db")

    def configure(self):
        self.write("/etc/exim4/exim4.conf", f"""primary_hostname = {self.name}
qualify_domain = {self.domain}
domainlist local_domains = {self.domain}
hostlist relay_from_hosts = {self.address}
local_interfaces = {self.address}
daemon_smtp_ports = 25 : 587
disable_ipv6 = true
keep_environment =
exim_user = Debian-exim
exim_group = Debian-exim
host_lookup =
rfc1413_query_timeout = 0s
dns_dnssec_ok = 1
tls_advertise_hosts = *
tls_certificate = /etc/ssl/peer/cert.pem
tls_privatekey = /etc/ssl/peer/key.pem
log_selector = +tls_certificate_verified +smtp_confirmation
acl_smtp_rcpt = check
dsn_advertise_hosts = *

begin acl
check:
  accept hosts = +relay_from_hosts
  accept authenticated = *
  deny !domains = +local_domains
       message = relay not permitted
  deny !verify = recipient
       message = no such user
  accept

begin routers
local:
  driver = accept
  domains = +local_domains
  local_parts = anna
  transport = maildir
outside:
  driver = dnslookup
  domains = ! +local_domains
  dnssec_request_domains = *
  transport = remote
  no_more

begin transports
maildir:
  driver = appendfile
  directory = /var/vmail/anna/Maildir
  maildir_format
  create_directory
  return_path_add
  user = {UID}
  group = {UID}
remote:
  driver = smtp
  dnssec_request_domains = *
  hosts_try_dane = *
  tls_verify_certificates = /etc/ssl/certs/ca-certificates.crt
  tls_try_verify_hosts = *
  tls_verify_cert_hostnames = *

begin retry
* * F,2h,1s

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_advertise_condition = ${{if def:tls_in_cipher}}
  server_condition = ${{if and{{{{eq{{$auth2}}{{{self.customer[0]}}}}}{{eq{{$auth3}}{{{self.customer[1]}}}}}}}}}
  server_set_id = $auth2
""")
        key = self.root / "etc/ssl/peer/key.pem"
        key.chmod(0o644)  # read by Debian-exim; the chroot's folder is root's alone

    def verified(self, domain):
        self.wait_log(f"@{domain} ", f"H=mail.{domain} ", "CV=dane" if domain in self.net.dane_domains else "CV=yes")

    def refused_to_talk(self, domain):
        self.wait_log(f"DANE attempt failed; TLS connection to mx.{domain}")


class OpenSMTPD(Peer):
    kind, command = "opensmtpd", ("smtpd", "-d")
    spools = ("var/spool/smtpd",)

    def configure(self):
        self.write("/etc/smtpd.conf", f"""pki {self.name} cert "/etc/ssl/peer/cert.pem"
pki {self.name} key "/etc/ssl/peer/key.pem"
table users {{ "anna" = "{UID}:{UID}:/var/vmail/anna" }}
table people {{ "anna@{self.domain}" = "anna" }}
listen on eth0 port 25 hostname {self.name} tls pki {self.name}
action "in" maildir "/var/vmail/anna/Maildir" userbase <users> virtual <people>
action "out" relay tls helo {self.name}
match from any for domain "{self.domain}" action "in"
match from src {self.address} for any action "out"
""")

    def verified(self, domain):
        session = self.wait_log("mta connecting", f"host=mail.{domain}").split()[0]
        self.wait_log(session, 'cert-check result="valid"')

    def refused_to_talk(self, domain):
        self.wait_log(f"name `mx.{domain}' not present in server certificate")


class Courier(Peer):
    kind, log_path = "courier", "var/log/mail.log"
    command = ("bash", "-c", "rm -f /run/rsyslogd.pid /dev/log; rsyslogd; mkdir -p /run/courier/authdaemon && "
               "chown courier: /run/courier /run/courier/authdaemon && rm -f /run/courier/*.pid* /run/courier/authdaemon/pid* && "
               "authdaemond start && courier start && esmtpd start && exec sleep infinity")
    spools = ("var/lib/courier/msgs", "var/lib/courier/msgq", "var/lib/courier/tmp", "var/lib/courier/track", "var/lib/courier/sts")
    rows = {"esmtpd": """PORT=25
ADDRESS={address}
BOFHCHECKDNS=0
BLACKLISTS=""
TCPDOPTS="-stderrlogger=/usr/sbin/courierlogger -noidentlookup"
TLS_CERTFILE=/etc/courier/peer.pem
TARPIT=0
""", "courierd": """ESMTP_USE_STARTTLS=1
ESMTP_TLS_VERIFY_DOMAIN=1
TLS_TRUSTCERTS=/etc/ssl/certs/ca-certificates.crt
TLS_VERIFYPEER=PEER
"""}

    def configure(self):
        for name, text in self.rows.items():  # shell fragments: ours stand at their end
            dist = self.root / "etc/courier" / f"{name}.dist"
            if not dist.exists():
                shutil.copy(self.root / "etc/courier" / name, dist)
            self.write(f"/etc/courier/{name}", dist.read_text() + text.format(address=self.address))
        self.write("/etc/courier/me", self.name + "\n")
        self.write("/etc/courier/defaultdomain", self.domain + "\n")
        self.write("/etc/courier/locals", f"localhost\n{self.name}\n")
        self.write("/etc/courier/hosteddomains/all", self.domain + "\n")
        self.write("/etc/courier/esmtpacceptmailfor.dir/all", self.domain + "\n")
        self.write("/etc/courier/smtpaccess/default", f"{self.address}\tallow,RELAYCLIENT\n")
        self.write("/etc/courier/userdb", f"anna@{self.domain}\tuid={UID}|gid={UID}|home=/var/vmail/anna|mail=/var/vmail/anna/Maildir\n", 0o600)
        self.write("/etc/courier/aliases/system", "postmaster: anna@{self.domain}\n")
        self.write("/etc/courier/peer.pem", (self.root / "etc/ssl/peer/both.pem").read_text(), 0o600)
        for f in ("new", "cur", "tmp"):
            (self.root / "var/vmail/anna/Maildir" / f).mkdir(parents=True, mode=0o700)
        script = """set -e
chown courier: /etc/courier/peer.pem
chown -R vmail: /var/vmail 2>/dev/null || chown -R 5000:5000 /var/vmail
grep -q authuserdb\\\" /etc/courier/authdaemonrc || sed -e 's/^authmodulelist=.*/authmodulelist="authuserdb"/' -i /etc/courier/authdaemonrc
mkdir -p /run/courier /var/lib/courier/sts
chown courier: /var/lib/courier/sts
makehosteddomains; makeacceptmailfor; makesmtpaccess; makealiases; makeuserdb
"""
        p = subprocess.run(["bash", CHROOTS, "--run", self.kind, "bash", "-c", script], stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, timeout=60)
        assert p.returncode == 0, p.stdout + p.stderr

    def verified(self, domain):
        """It logs no certificates: it takes none but those that name the domain's server (ESMTP_TLS_VERIFY_DOMAIN)."""
        self.wait_log(f"@{domain}>", "success: delivered", f"mail.{domain}")
        if domain in self.net.sts_domains:  # it keeps the policies that it fetched
            assert f"mx: mail.{domain}" in (self.root / "var/lib/courier/sts" / domain).read_text()

    def refused_to_talk(self, domain):
        self.wait_log(f"addr=<anna@{domain}>", "Certificate owner mismatch")


PEERS = {p.kind: p for p in (Postfix, Exim, OpenSMTPD, Courier)}
