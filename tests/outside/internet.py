# SPDX-License-Identifier: ISC
"""A small internet for tests/system/test_outside.py: hosts that are network namespaces on one bridge, each with an address
and a port 25 of its own; a signed DNS from the root on (knot) with a validating resolver (unbound); an authority that every
host trusts; and a web server for the MTA-STS policies.

    net = Internet(["one", "postfix"])        # one.example with mail.one.example, and so on
    net.host["one"].address, .certificate, .key
    net.publish(); ...; net.stop()
"""
import http.server
import itertools
import os
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import threading

import dns.dnssec
import dns.rdata

from conftest import wait_for
from nameservers import Knot, Namespace

NET = "198.18.0"  # RFC 2544: nobody's
ROOT_SERVER, RESOLVER, WEB, FIRST = f"{NET}.1", f"{NET}.2", f"{NET}.3", 11


def run(*argv, **kw):
    return subprocess.run([str(a) for a in argv], check=True, capture_output=True, text=True, **kw)


class Authority:
    """A certificate authority, and a folder that takes the place of /etc/ssl/certs for who trusts it."""

    def __init__(self, folder):
        self.folder = folder
        self.cert, self.key = folder / "ca.pem", folder / "ca.key"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
            "-subj", "/CN=Authority of the tests", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", self.key, "-out", self.cert)
        self.store = folder / "certs"
        self.store.mkdir()
        shutil.copy(self.cert, self.store / "ca-certificates.crt")
        shutil.copy(self.cert, self.store / (run("openssl", "x509", "-hash", "-noout", "-in", self.cert).stdout.strip() + ".0"))

    def issue(self, *names):
        """(certificate, key) for these names."""
        cert, key, csr, ext = (self.folder / f"{names[0]}.{x}" for x in ("pem", "key", "csr", "ext"))
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", f"/CN={names[0]}", "-keyout", key, "-out", csr)
        ext.write_text("subjectAltName=" + ",".join(f"DNS:{n}" for n in names) + "\nkeyUsage=digitalSignature\n"
                       "extendedKeyUsage=serverAuth\n")
        run("openssl", "x509", "-req", "-in", csr, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-days", "30",
            "-extfile", ext, "-out", cert)
        return cert, key


def tlsa(cert):
    """RFC 6698: 3 1 1, the hash of the certificate's key."""
    return "3 1 1 " + subprocess.run(f"openssl x509 -in {cert} -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum",
                                     shell=True, check=True, capture_output=True, text=True).stdout.split()[0]


class Host(Namespace):
    """A network namespace with one address on the bridge of another."""

    number = itertools.count(1)

    def __init__(self, hub, address):
        super().__init__()
        self.address = address
        n = next(self.number)
        run("ip", "-n", self.name, "link", "add", "eth0", "type", "veth", "peer", "name", f"p{n}", "netns", hub.name)
        run("ip", "-n", hub.name, "link", "set", f"p{n}", "master", "bridge", "up")
        run("ip", "-n", self.name, "addr", "add", f"{address}/24", "dev", "eth0")
        run("ip", "-n", self.name, "link", "set", "eth0", "up")


class Policies:
    """The web server of every mta-sts.DOMAIN (RFC 8461 3.3): policy[host name] is what it says; asked: who was asked for."""

    def __init__(self, hub, cert, key):
        self.policy, self.asked = {}, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                host = self.headers.get("Host", "").split(":")[0]
                outer.asked.append(host)
                text = outer.policy.get(host) if self.path == "/.well-known/mta-sts.txt" else None
                self.send_response(200 if text else 404)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(text or "")))
                self.end_headers()
                self.wfile.write((text or "").encode())

            def log_message(self, *_):
                pass

        with hub:
            self.server = http.server.ThreadingHTTPServer((WEB, 443), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Names(Knot):
    negative = 1


class Internet:
    """domains: those that are not NAME.example. aliases: further names of a host, which its certificate has too; those of other
    domains lead there. A host whose
    domain is in `bare` publishes nothing but its name servers."""

    def __init__(self, names, domains=None, aliases=None, bare=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mansio-outside."))
        self.folder.chmod(0o755)
        self.names, self.started = list(names), []
        self.dane_domains, self.sts_domains = [], []
        self.hub = Namespace()
        self.started.append(self.hub)
        run("ip", "-n", self.hub.name, "link", "add", "bridge", "type", "bridge", "forward_delay", "0")
        for a in (ROOT_SERVER, RESOLVER, WEB):
            run("ip", "-n", self.hub.name, "addr", "add", f"{a}/24", "dev", "bridge")
        run("ip", "-n", self.hub.name, "link", "set", "bridge", "up")
        self.authority = Authority(self.folder)
        self.host = {}
        for n, name in enumerate(self.names):
            host = self.host[name] = Host(self.hub, f"{NET}.{FIRST + n}")
            self.started.append(host)
            host.domain = (domains or {}).get(name, f"{name}.example")
            host.mail_name, host.aliases = f"mail.{host.domain}", (aliases or {}).get(name, ())
            host.certificate, host.key = self.authority.issue(host.mail_name, *host.aliases)
            host.records = [] if name in bare else ["@ 60 MX 10 mail", f"mail 60 A {host.address}"]
        self.policies = Policies(self.hub, *self.authority.issue(*(f"mta-sts.{w}{n}.example" for n in self.names for w in ("", "wrong."))))
        self.started.append(self.policies)
        self.resolv = self.folder / "resolv.conf"
        self.resolv.write_text(f"nameserver {RESOLVER}\noptions edns0 trust-ad\n")

    # --- what a domain says of itself, before publish()
    def dane(self, name):
        host = self.host[name]
        self.dane_domains.append(host.domain)
        host.records.append(f"_25._tcp.mail 60 TLSA {tlsa(host.certificate)}")

    def mta_sts(self, name, mode="enforce", mx=None):
        host = self.host[name]
        self.sts_domains.append(host.domain)
        host.records += ['_mta-sts 60 TXT "v=STSv1; id=1;"', f"mta-sts 60 A {WEB}"]
        self.policies.policy[f"mta-sts.{host.domain}"] = \
            f"version: STSv1\r\nmode: {mode}\r\nmx: {mx or host.mail_name}\r\nmax_age: 86400\r\n"

    def impostor(self, name):
        """wrong.DOMAIN: a domain whose server is the same, but what it says of its certificate, or its server, is not true."""
        host = self.host[name]
        wrong = f"wrong.{host.domain}"
        host.records += ["wrong 60 MX 10 mx.wrong", f"mx.wrong 60 A {host.address}"]
        if host.domain in self.dane_domains:
            host.records.append("_25._tcp.mx.wrong 60 TLSA 3 1 1 " + "00" * 32)
        else:
            host.records += ['_mta-sts.wrong 60 TXT "v=STSv1; id=1;"', f"mta-sts.wrong 60 A {WEB}"]
            self.policies.policy[f"mta-sts.{wrong}"] = f"version: STSv1\r\nmode: enforce\r\nmx: {host.mail_name}\r\nmax_age: 86400\r\n"
        return wrong

    @staticmethod
    def zone(records):
        return "\n".join(records) + f"\n@ 60 NS ns\nns 60 A {ROOT_SERVER}"

    def change(self, name, text):
        """The records of a domain are these now, for everybody at once."""
        self.knot.change(self.host[name].domain, self.zone([text]))
        run(*self.hub.prefix, "unbound-control", "-c", self.folder / "unbound.conf", "flush_zone", self.host[name].domain)

    def publish(self):
        """The DNS: a root that is signed and vouches for every domain, which are signed; the resolver validates."""
        zones = {h.domain: self.zone(h.records) for h in self.host.values()}
        zones["."] = "@ 60 NS ns\nns 60 A " + ROOT_SERVER
        self.knot = Names(zones, signed=tuple(zones), address=ROOT_SERVER, port=53, net=self.hub)
        self.started.append(self.knot)
        root = []
        for h in self.host.values():
            key = dns.rdata.from_text("IN", "DNSKEY", self.knot.dig(h.domain, "DNSKEY"))
            root += [f"{h.domain}. 60 NS ns.{h.domain}.", f"ns.{h.domain}. 60 A {ROOT_SERVER}",
                     f"{h.domain}. 60 DS {dns.dnssec.make_ds(h.domain + '.', key, 'SHA256')}",
                     ".".join(reversed(h.address.split("."))) + f".in-addr.arpa. 60 PTR {h.mail_name}.",
                     *(f"{a}. 60 A {h.address}" for a in h.aliases if not a.endswith(h.domain))]
        self.knot.change(".", zones["."] + "\n" + "\n".join(root))
        self.anchor = self.folder / "anchor"
        self.anchor.write_text("".join(x for x in self.knot.anchors().splitlines(True) if x.startswith(". ")))
        conf = self.folder / "unbound.conf"
        conf.write_text(f"""server:
  interface: {RESOLVER}
  access-control: {NET}.0/24 allow
  chroot: ""
  username: ""
  directory: "{self.folder}"
  pidfile: ""
  use-syslog: no
  num-threads: 1
  trust-anchor-file: {self.anchor}
  qname-minimisation: no
  aggressive-nsec: no
stub-zone:
  name: "."
  stub-addr: {ROOT_SERVER}
remote-control:
  control-enable: yes
  control-interface: {self.folder}/control
  control-use-cert: no
""")
        self.unbound = subprocess.Popen([*self.hub.prefix, "unbound", "-d", "-c", conf], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=open(self.folder / "unbound.log", "wb"))
        wait_for(lambda: all(self.proven(h.domain, "SOA") for h in self.host.values()), 20, 0.1)

    def ask(self, name, type):
        """The records, as everybody sees them."""
        return subprocess.run([*self.hub.prefix, "kdig", f"@{RESOLVER}", "+short", "+time=2", name, type], capture_output=True, text=True).stdout

    def proven(self, name, type="MX"):
        """The resolver gives an answer and vouches for it."""
        said = subprocess.run([*self.hub.prefix, "kdig", f"@{RESOLVER}", "+adflag", "+time=1", "+retry=0", name, type],
                              capture_output=True, text=True).stdout
        return "ANSWER SECTION" in said and " ad " in said.replace(";", " ; ")

    def inside(self, name):
        """Words that start a program of this machine on that host: its network, its resolver, its trusted authorities."""
        script = 'mount --bind "$1" /etc/ssl/certs && mount --bind "$2" /etc/resolv.conf && shift 2 && exec "$@"'
        return [*self.host[name].prefix, "bash", "-c", script, "inside", str(self.authority.store), str(self.resolv)]

    def stop(self):
        if getattr(self, "unbound", None):
            self.unbound.kill()
            self.unbound.wait()
        for x in reversed(self.started):
            x.stop()
        shutil.rmtree(self.folder)
