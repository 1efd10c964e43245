# SPDX-License-Identifier: ISC
"""A real slapd on loopback, in a folder of its own, with a small organisation in it."""
import pathlib
import subprocess
import time

from conftest import free_ports, make_certificate

BASE = "dc=example,dc=org"
ADMIN, ADMIN_PASSWORD = f"cn=admin,{BASE}", "of the directory's own admin"
READER, READER_PASSWORD = f"cn=mansio,ou=services,{BASE}", "may only search"

SCHEMA = """
attributetype ( 1.3.6.1.4.1.4203.666.1.901 NAME 'mailAlternateAddress' EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
attributetype ( 1.3.6.1.4.1.4203.666.1.902 NAME 'mailQuota' EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.4203.666.1.903 NAME 'accountActive' EQUALITY booleanMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.4203.666.1.905 NAME 'mailSendAs' EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
attributetype ( 1.3.6.1.4.1.4203.666.1.906 NAME 'accountExpires' EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.4203.666.1.907 NAME 'mailHidden' EQUALITY booleanMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.4203.666.1.908 NAME 'mailEnds' EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
objectclass ( 1.3.6.1.4.1.4203.666.1.904 NAME 'mailPerson' SUP top AUXILIARY MAY ( mail $ mailAlternateAddress $ mailQuota $ accountActive $ mailSendAs $ accountExpires $ mailHidden $ mailEnds ) )
attributetype ( 1.3.6.1.4.1.4203.666.1.911 NAME 'proxyAddresses' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.4203.666.1.912 NAME 'userAccountControl' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.4203.666.1.913 NAME 'objectGUID' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.4203.666.1.914 NAME 'user' SUP inetOrgPerson STRUCTURAL MAY ( proxyAddresses $ userAccountControl $ objectGUID ) )
"""

CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include {folder}/mail.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload back_monitor
pidfile {folder}/slapd.pid
TLSCertificateFile {cert}
TLSCertificateKeyFile {key}
TLSVerifyClient never
{extra}
database mdb
maxsize 104857600
suffix "{base}"
rootdn "{admin}"
rootpw "{password}"
directory {folder}/db
index objectClass,mail,mailAlternateAddress,member eq
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by * none
database monitor
access to * by dn.exact="{admin}" read by * none
"""


def entry(dn, **attributes):
    lines = [f"dn: {dn}"]
    for name, values in attributes.items():
        for v in values if isinstance(values, (list, tuple)) else [values]:
            lines.append(f"{name}: {v}")
    return "\n".join(lines) + "\n\n"


def person(uid, password, mail=None, **more):
    return entry(f"uid={uid},ou=people,{BASE}", objectClass=["inetOrgPerson", "mailPerson"], cn=uid.title(), sn=uid.title(),
                 mail=mail or f"{uid}@example.org", userPassword=password, **more)


def group(cn, *members, **more):
    return entry(f"cn={cn},ou=groups,{BASE}", objectClass=["groupOfNames", "mailPerson"], cn=cn, member=list(members), **more)


def dn(uid):
    return f"uid={uid},ou=people,{BASE}"


class Slapd:
    def __init__(self, folder, names=("localhost",), extra=""):
        self.folder = pathlib.Path(folder)
        (self.folder / "db").mkdir(parents=True)
        self.port, self.tls_port = free_ports(2)
        self.cert, key = make_certificate(self.folder, *names, name="ldap")
        (self.folder / "mail.schema").write_text(SCHEMA)
        (self.folder / "slapd.conf").write_text(CONFIG.format(
            folder=self.folder, cert=self.cert, key=key, base=BASE, admin=ADMIN, password=ADMIN_PASSWORD, reader=READER, extra=extra))
        self.reader_password = self.folder / "reader"
        self.reader_password.write_text(READER_PASSWORD + "\n")
        self.process = None
        self.start()
        self.add(entry(BASE, objectClass=["dcObject", "organization"], o="Example", dc="example")
                 + "".join(entry(f"ou={ou},{BASE}", objectClass="organizationalUnit", ou=ou) for ou in ("people", "groups", "services"))
                 + entry(READER, objectClass=["organizationalRole", "simpleSecurityObject"], cn="mansio", userPassword=READER_PASSWORD))

    def start(self):
        self.process = subprocess.Popen(
            ["/usr/sbin/slapd", "-d", "0", "-f", self.folder / "slapd.conf", "-h", f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}"],
            stdin=subprocess.DEVNULL, stdout=open(self.folder / "out", "ab"), stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 30
        while self.tool("ldapwhoami").returncode != 0:
            assert self.process.poll() is None and time.monotonic() < deadline, (self.folder / "out").read_text()[-2000:]
            time.sleep(0.02)

    def tool(self, name, *args, input=None):
        return subprocess.run([name, "-x", "-H", f"ldap://127.0.0.1:{self.port}", "-D", ADMIN, "-w", ADMIN_PASSWORD, *args],
                              input=input, text=True, capture_output=True, timeout=30)

    def add(self, ldif):
        p = self.tool("ldapadd", input=ldif)
        assert p.returncode == 0, p.stderr

    def modify(self, ldif):
        p = self.tool("ldapmodify", input=ldif)
        assert p.returncode == 0, p.stderr

    def settings(self, **more):
        s = {"auth.directory": "ldap, sqlite", "ldap.servers": f"ldaps://127.0.0.1:{self.tls_port}", "ldap.ca_file": str(self.cert),
             "ldap.base": BASE, "ldap.bind_dn": READER, "ldap.bind_password_file": str(self.reader_password),
             "ldap.attr_quota": "mailQuota", "ldap.attr_active": "accountActive", "ldap.attr_send_as": "mailSendAs", "ldap.attr_expires": "accountExpires", "ldap.attr_hidden": "mailHidden", "auth.cache_time": "0"}
        s.update({f"ldap.{k}": v for k, v in more.items()})
        return s

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
