# SPDX-License-Identifier: ISC
"""Names that attackers log in with, and logins of any bytes: each back end is tried with all of them (SQLite in test_names.py,
PostgreSQL in test_directory.py, LDAP in test_ldap.py, users of the system in test_pam.py). There is an account anna@example.org
everywhere, and none of these is a name of hers."""
import base64
import imaplib

from conftest import wait_for

SQL = ["'", "''", '"', "\\", "\\'", "' OR '1'='1", "' OR 1=1 --", "'; DROP TABLE account; --", "\"; DROP TABLE account; --",
       "anna'--", "anna'/*", "anna' UNION SELECT 1,2,3 --", "anna'--@example.org", "' OR '1'='1@example.org", "$1", "$2", "?1", ":1", "@id"]
LDAP = ["*", "*)(uid=*", "anna)(|(uid=*", "anna*", "*@example.org", "anna@example.org)(objectClass=*", "a\\2a@example.org",
        "anna@example.org\\00", "anna,ou=people", "uid=anna", "cn=admin,dc=example,dc=org", "(|(uid=*))", "anna,dc=x", "+", "#", "\\2a@example.org"]
TEMPLATES = ["%u", "%n%n%n", "%s%s%s%s", "anna@%d", "%00", "\\x00", "{0}", "${HOME}", "${jndi:ldap://x}", "$(id)", "$(id)@example.net", "`id`", "|id", "; id",
             "anna;id@example.org", "anna|x@example.org", "-anna@example.org", "../../etc/passwd", "../anna@example.org", "U22"]
LONG = ["a" * 5000, "a" * 250 + "@example.org", "anna@" + "e" * 300, "anna" + "." * 200, "x" * 5000 + "@example.org"]
PARTS = ["anna@@example.org", "anna@@", "anna@[127.0.0.1]", "@example.org", "<anna@example.org>", "anna@example.org\"", "anna@example.org\r\nX: y",
         "anna\u0000@example.org", "anna@exa\u0000mple.org", "\x7f@example.org", "\x01\x02"]
# what looks like her, or like nothing: invisible, turned, of another script, of another case of another language, broken
LETTERS = ["\u202eanna@example.org", "\ufeffanna@example.org", "an\u00adna@example.org", "anna\u200b@example.org", "anna\u2028@example.org",
           "\u0430nna@example.org", "ann\u03b1@example.org", "\U0001d41anna@example.org", "\u00aanna@example.org", "anna\u0301@example.org",
           "anna\u00a0@example.org", "\ud800anna@example.org", "anna\udcff@example.org", "e\u0301@example.org", "\U0001f600@example.org"]
NAMES = [*SQL, *LDAP, *TEMPLATES, *LONG, *PARTS, *LETTERS]


def as_bytes(name):
    return name.encode("utf-8", "surrogatepass")


def plain(s, name, password, service="imaps"):
    """AUTHENTICATE PLAIN by IMAP, AUTH PLAIN by POP3 or submission, with any bytes: the last line of the answer."""
    words = {"imaps": b"a AUTHENTICATE PLAIN ", "pop3s": b"AUTH PLAIN ", "submissions": b"AUTH PLAIN "}[service]
    password = password if isinstance(password, bytes) else password.encode()
    with s.context().wrap_socket(s.connect(service, timeout=60), server_hostname="localhost") as c:
        f = c.makefile("rb")
        f.readline()
        if service == "submissions":
            c.sendall(b"EHLO x\r\n")
            while f.readline()[3:4] == b"-":
                pass
        c.sendall(words + base64.b64encode(b"\0" + as_bytes(name) + b"\0" + password) + b"\r\n")
        while True:
            line = f.readline()
            if line == b"" or service != "imaps" or line.startswith(b"a "):
                return line


def is_good(line):
    return line.startswith((b"a OK", b"+OK", b"235"))


def tries(s, name, password):
    """True, False, or None: try later."""
    try:
        with s.imap() as c:
            c.login(name, password)
            return True
    except imaplib.IMAP4.error as e:
        assert "AUTHENTICATIONFAILED" in str(e) or "UNAVAILABLE" in str(e), e
        return None if "UNAVAILABLE" in str(e) else False


def logs_in(s, name, password):
    """The answer; a machine that stands still may be told to try later, and does."""
    return wait_for(lambda: {True: "yes", False: "no"}.get(tries(s, name, password)), 60) == "yes"


def none_gets_in(s, password):
    """Each of them is refused, as wrong and not as a failure of ours."""
    for name in NAMES:
        line = wait_for(lambda: (lambda said: b"UNAVAILABLE" not in said and said)(plain(s, name, password)), 60)
        assert not is_good(line), (name, line)
