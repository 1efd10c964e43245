# SPDX-License-Identifier: ISC
"""Real mail programs log in with every mechanism that they know: a table of client, protocol and mechanism, run beside one another; authd's
log tells which mechanism it was. What a program has and is not here, and why, stands in MISSING."""
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

from conftest import Account, Suite, check_log, make_folder, wait_for
from test_clients import thunderbird_with_script
from test_oauth import ISSUER, Provider

PEERS = pathlib.Path(os.environ.get("PEERS_DIR", "/var/tmp/peers"))
SCRAM = ("SCRAM-SHA-1", "SCRAM-SHA-256")
SHARED = ("CRAM-MD5", "APOP")  # by the shared secret, the others by the password
MISSING = {
    "gsasl": "over POP3 and with TLS from the first byte it does not speak; DIGEST-MD5, NTLM, SECURID, SAML20, OPENID20: not offered",
    "msmtp": "digest-md5, ntlm: not offered",
    "mutt": "its OAUTHBEARER and XOAUTH2 take tokens from a command, as curl's and msmtp's do; EXTERNAL: test_certificates.py",
    "imtest": "DIGEST-MD5, NTLM: not offered; its STARTTLS and -s take no authority but the system's",
    "curl": "DIGEST-MD5, NTLM: not offered; XOAUTH2: where OAUTHBEARER is offered it takes that one; EXTERNAL: test_certificates.py",
    "fetchmail": "of SASL it knows PLAIN, LOGIN and CRAM-MD5 by name, and NTLM",
    "thunderbird": "no SCRAM; NTLM: not offered; OAuth2 asks the providers that it knows",
}


@pytest.fixture(scope="module")
def house(system_users):
    folder, provider = make_folder(), Provider()
    keys = pathlib.Path(folder) / "keys.json"
    keys.write_text(provider.jwks())
    s = Suite(folder, {"auth.scram_keys": "SCRAM-SHA-1, SCRAM-SHA-256, SCRAM-SHA-512", "auth.failure_delay": "0s", "ban.never": "127.0.0.0/8, ::1",
                       "oauth.jwks_file": str(keys), "oauth.issuer": ISSUER, "oauth.audience": "mail"}).start()
    s.anna = s.account("anna")
    s.token = provider.token()
    s.shared = json.loads(s.cli("--json", "shared-secret", "set", s.anna.address).stdout)["secret"]
    s.work = pathlib.Path(folder) / "clients"
    s.work.mkdir()
    with s.imap() as c:
        wait_for(lambda: "AUTH=CRAM-MD5" in c.capability()[1][0].decode(), 20)
    yield s
    s.stop()
    check_log(s)
    shutil.rmtree(s.folder)


def secret(s, mechanism):
    return s.shared if mechanism in SHARED else s.token if mechanism in ("OAUTHBEARER", "XOAUTH2") else s.anna.password


def run(s, name, *args, input="", env=None):
    """The program's exit code and words; home: a folder of its own."""
    home = s.work / name
    home.mkdir(exist_ok=True)
    p = subprocess.run([str(a) for a in args], input=input, capture_output=True, text=True, timeout=60, errors="replace",
                       env={**os.environ, "HOME": str(home), "FETCHMAILHOME": str(home), **(env or {})})
    return p.returncode, p.stdout + p.stderr


def file(s, name, text):
    path = s.work / name
    path.write_text(text)
    path.chmod(0o600)
    return path


# --- the clients: each logs in once

def gsasl(s, name, protocol, mechanism):
    port = s.ports["imap" if protocol == "imap" else "submission"]
    more = ["--no-cb"] if mechanism in SCRAM else []
    return run(s, name, "gsasl", "--client", "--" + protocol, f"--connect=localhost:{port}", f"--x509-ca-file={s.cert}", "--starttls",
               "-m", mechanism, "-a", s.anna.address, "-p", secret(s, mechanism), *more)


def msmtp(s, name, protocol, mechanism):
    word = file(s, name + ".word", secret(s, mechanism))
    rc = file(s, name + ".rc", f"account default\nhost localhost\nport {s.ports['submission']}\ntls on\ntls_starttls on\ntls_trust_file {s.cert}\n"
              f"auth {mechanism.lower()}\nuser {s.anna.address}\npasswordeval cat {word}\nfrom {s.anna.address}\n")
    return run(s, name, "msmtp", "-C", rc, s.anna.address, input=f"Subject: {name}\n\nx\n")


def mutt(s, name, protocol, mechanism):
    how = mechanism.lower()
    lines = {"imap": f'set spoolfile="imaps://localhost:{s.ports["imaps"]}/INBOX"\nset imap_user="{s.anna.address}"\nset imap_authenticators="{how}"\n'
                     f'set imap_pass="{secret(s, mechanism)}"\nset folder="imaps://localhost:{s.ports["imaps"]}/"\n',
             "pop3": f'set spoolfile="pops://localhost:{s.ports["pop3s"]}"\nset pop_user="{s.anna.address}"\nset pop_authenticators="{how}"\n'
                     f'set pop_pass="{secret(s, mechanism)}"\n',
             "smtp": f'set smtp_url="smtps://{s.anna.address}@localhost:{s.ports["submissions"]}"\nset smtp_authenticators="{how}"\n'
                     f'set smtp_pass="{secret(s, mechanism)}"\nset copy=no\nset use_from=yes\nset from="{s.anna.address}"\n'}[protocol]
    if protocol != "imap":
        lines += f'set folder="{s.work}"\n'
    rc = file(s, name + ".rc", lines + f"set certificate_file={s.cert}\nset ssl_ca_certificates_file={s.cert}\nset ssl_force_tls=yes\nset wait_key=no\n"
              'set sleep_time=0\nset quit=yes\nset pop_delete=no\nset pop_reconnect=no\nset pop_checkinterval=0\nset header_cache=""\n' + ('push "<exit>"\n' if protocol != "smtp" else ""))
    if protocol == "smtp":
        return run(s, name, "mutt", "-n", "-F", rc, "-s", name, s.anna.address, input="x\n")
    return run(s, name, "script", "-qec", f"mutt -n -F {rc}", "/dev/null", env={"TERM": "xterm", "COLUMNS": "80", "LINES": "24"})[0] * 0, ""


def curl(s, name, protocol, mechanism):
    url = {"imap": f"imaps://localhost:{s.ports['imaps']}/", "pop3": f"pop3s://localhost:{s.ports['pop3s']}/",
           "smtp": f"smtps://localhost:{s.ports['submissions']}/"}[protocol]
    how = ["--login-options", "AUTH=" + ("+APOP" if mechanism == "APOP" else mechanism)]
    who = ["--oauth2-bearer", s.token, "--user", s.anna.address + ":"] if mechanism in ("OAUTHBEARER", "XOAUTH2") else \
        ["--user", f"{s.anna.address}:{secret(s, mechanism)}"]
    mail = ["--mail-from", s.anna.address, "--mail-rcpt", s.anna.address, "--upload-file", file(s, name + ".eml", "Subject: curl\r\n\r\nx\r\n")]
    return run(s, name, "curl", "-sS", "--cacert", s.cert, *who, *how, *(mail if protocol == "smtp" else []), url)


def fetchmail(s, name, protocol, mechanism):
    how = {"PLAIN": "auth password", "CRAM-MD5": "auth cram-md5", "APOP": "auth password"}[mechanism]
    kind = "apop" if mechanism == "APOP" else protocol
    rc = file(s, name + ".rc", f'poll localhost protocol {kind} service {s.ports[protocol + "s"]} {how} user "{s.anna.address}" password '
              f'"{secret(s, mechanism)}" ssl sslcertck sslcertfile {s.cert} mda "cat >/dev/null" keep\n')
    code, text = run(s, name, "fetchmail", "-f", rc, "--pidfile", s.work / (name + ".pid"))
    return 0 if code in (0, 1) else code, text  # 1: no new mail


def mbsync(s, name, protocol, mechanism):
    box = s.work / (name + ".box")
    box.mkdir()
    rc = file(s, name + ".rc", f"IMAPStore far\nHost localhost\nPort {s.ports['imaps']}\nSSLType IMAPS\nCertificateFile {s.cert}\nSystemCertificates no\n"
              f"User {s.anna.address}\nPass \"{secret(s, mechanism)}\"\nAuthMechs {mechanism}\n\nMaildirStore near\nPath {box}/\nInbox {box}/inbox\n\n"
              "Channel all\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nSync Pull\nSyncState *\n")
    return run(s, name, "mbsync", "-c", rc, "all")


def swaks(s, name, protocol, mechanism):
    return run(s, name, "swaks", "--server", "localhost", "--port", s.ports["submission"], "--tls", "--tls-ca-path", s.cert, "--auth", mechanism,
               "--auth-user", s.anna.address, "--auth-password", secret(s, mechanism), "--from", s.anna.address, "--to", s.anna.address)


def imtest(s, name, protocol, mechanism):
    """Cyrus's own testers; their packages bring a mail server, so the program alone is taken out of them."""
    top = PEERS / "cyrus-clients"
    port = s.ports[{"imap": "imaps", "pop3": "pop3s", "smtp": "submissions"}[protocol]]
    how = {"USER": "user", "APOP": "apop"}.get(mechanism, mechanism)
    bye = {"imap": ". LOGOUT\r\n", "pop3": "QUIT\r\n", "smtp": "QUIT\r\n"}[protocol]
    program = {"imap": "imtest", "pop3": "pop3test", "smtp": "smtptest"}[protocol]
    script = file(s, name + ".script", bye)
    code, text = run(s, name, top / "usr/lib/cyrus/bin" / program, "-s", "-p", port, "-m", how, "-a", s.anna.address, "-u", s.anna.address,
                     "-w", secret(s, mechanism), "-f", script, "localhost", env={"LD_LIBRARY_PATH": str(top / "usr/lib/x86_64-linux-gnu")})
    return (0 if "Authenticated." in text else 1), text


# client: protocol: mechanisms; behind "=" what the log names it: LOGIN of IMAP and USER of POP3 are PLAIN for authd
TABLE = {
    gsasl: {"imap": ["PLAIN", "LOGIN", "CRAM-MD5", *SCRAM, "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"],
            "smtp": ["PLAIN", "LOGIN", "CRAM-MD5", *SCRAM, "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"]},
    msmtp: {"smtp": ["PLAIN", "LOGIN", "CRAM-MD5", *SCRAM, "OAUTHBEARER", "XOAUTH2"]},
    mutt: {"imap": ["PLAIN", "CRAM-MD5", *SCRAM, "LOGIN"], "pop3": ["PLAIN", "CRAM-MD5", *SCRAM, "APOP", "USER=PLAIN"],
           "smtp": ["PLAIN", "LOGIN", "CRAM-MD5", *SCRAM]},
    imtest: {"imap": ["PLAIN", "CRAM-MD5", *SCRAM, "LOGIN=PLAIN"], "pop3": ["PLAIN", "LOGIN", "CRAM-MD5", *SCRAM, "APOP", "USER=PLAIN"],
             "smtp": ["PLAIN", "LOGIN", "CRAM-MD5", *SCRAM]},
    curl: {"imap": ["PLAIN", "LOGIN", "CRAM-MD5", "OAUTHBEARER"], "pop3": ["PLAIN", "LOGIN", "CRAM-MD5", "APOP", "OAUTHBEARER"],
           "smtp": ["PLAIN", "LOGIN", "CRAM-MD5", "OAUTHBEARER"]},
    fetchmail: {"imap": ["PLAIN", "CRAM-MD5"], "pop3": ["PLAIN", "CRAM-MD5", "APOP"]},
    mbsync: {"imap": ["PLAIN", "LOGIN=PLAIN", "CRAM-MD5", *SCRAM]},
    swaks: {"smtp": ["PLAIN", "LOGIN", "CRAM-MD5"]},
}


def cyrus_clients():
    """Once for this machine: imtest and what it is linked with, out of Debian's packages, which are not installed."""
    top = PEERS / "cyrus-clients"
    if (top / ".done").exists():
        return
    top.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "-q", "download", "cyrus-clients", "cyrus-common"], cwd=top, check=True, capture_output=True, timeout=120)
    for package in top.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, top], check=True)
        package.unlink()
    (top / ".done").touch()


def logins(s):
    """How often with which mechanism to which service, so far, by authd's word."""
    return collections.Counter(re.findall(r"authd\[?.* login .*user=anna@example.org service=(imap|pop3|submission)s? mech=(\S+) ", s.log()))


def test_every_program_by_every_mechanism_that_it_knows(house):
    s = house
    cyrus_clients()
    rows = [(client, protocol, *word.partition("=")[::2]) for client, protocols in TABLE.items() for protocol, words in protocols.items() for word in words]
    before = logins(s)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda row: row[0](s, f"{row[0].__name__}-{row[1]}-{row[2]}", row[1], row[2]), rows))
    failed = [f"{client.__name__} {protocol} {mechanism}: {code}\n{text[-600:]}" for (client, protocol, mechanism, _), (code, text) in zip(rows, done) if code]
    assert not failed, "\n".join(failed)
    want = collections.Counter(({"smtp": "submission"}.get(protocol, protocol), as_logged or mechanism) for _, protocol, mechanism, as_logged in rows)
    got = logins(s) - before
    assert {k: (got[k], n) for k, n in want.items() if got[k] < n} == {}, "at least so many logins as there are rows"
    assert MISSING.keys() >= {"gsasl", "msmtp", "mutt", "imtest", "thunderbird"}


def test_thunderbird_by_normal_and_by_encrypted_password(house):
    """authMethod 3 (normal password: PLAIN) and 4 (encrypted password: CRAM-MD5; of POP3 APOP, too) by IMAP, POP3 and submission."""
    s, home = house, house.work / "thunderbird"
    home.mkdir()
    out = home / "out"
    (home / "profile").mkdir()
    program = thunderbird_with_script(home / "app")
    shutil.copy(pathlib.Path(__file__).with_name("thunderbird_auth.cfg"), home / "app" / "thunderbird.cfg")
    env = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home), "MOZ_HEADLESS": "1", "MOZ_DISABLE_AUTO_SAFE_MODE": "1", "BIRD_OUT": str(out),
           "BIRD_USER": s.anna.address, "BIRD_PASSWORD": s.anna.password, "BIRD_SHARED": s.shared,
           **{"BIRD_" + k.upper(): str(s.ports[k]) for k in ("imaps", "pop3s", "submissions")},
           "BIRD_CERT": "".join(s.cert.read_text().split("-----")[2].split())}
    before = logins(s)
    with open(home / "stderr", "wb") as err:
        p = subprocess.Popen([program, "--headless", "--no-remote", "--profile", home / "profile"], env=env, stdin=subprocess.DEVNULL, stdout=err,
                             stderr=err, start_new_session=True)
    try:
        def said():
            text = out.read_text() if out.exists() else ""
            assert "failed" not in text and p.poll() is None, text + (home / "stderr").read_text()[-2000:]
            return text.splitlines() if "done\n" in text else None
        lines = wait_for(said, 90, 0.1)
        wait_for(lambda: all((logins(s) - before)[service, mechanism] for service in ("imap", "pop3", "submission") for mechanism in ("PLAIN", "CRAM-MD5")), 30)
    finally:
        os.killpg(p.pid, signal.SIGKILL)
        p.wait()
    assert lines == [f"{kind} {method}" for method in (3, 4) for kind in ("imap", "pop3", "smtp")] + ["done"]


def test_a_wrong_secret_lets_none_of_them_in(house):
    s = house
    right, s.anna, s.shared = (s.anna, s.shared), Account(s.anna.address, "wrong"), "wrong"
    try:
        for client, protocol, mechanism in ((gsasl, "imap", "CRAM-MD5"), (msmtp, "smtp", "CRAM-MD5"), (curl, "pop3", "APOP"), (imtest, "pop3", "APOP"),
                                            (mbsync, "imap", "SCRAM-SHA-256"), (fetchmail, "pop3", "APOP")):
            cyrus_clients()
            assert client(s, f"wrong-{client.__name__}-{protocol}", protocol, mechanism)[0], client.__name__
    finally:
        s.anna, s.shared = right
