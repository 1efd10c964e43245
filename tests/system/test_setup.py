# SPDX-License-Identifier: ISC
"""mansio setup: from nothing to the first mail, again, interrupted, on a host that has something already."""
import hashlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import time

import pytest

from conftest import BUILD, MANSIO, ROOT, TOP, free_ports, make_folder, wait_for
from nameservers import Scripted, wire_name, wire_record

pytestmark = pytest.mark.skipif(not ROOT, reason="setup is root's")
PORTS = [name for name in re.findall(r"^KEY\(listen, (\w+),", (TOP / "conf" / "keys.def").read_text(), re.M) if name != "lmtp"]


def own_address():
    """The address of this host that faces the network; 127.0.0.1 where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return s.getsockname()[0]


def answer(name, type, tcp):
    """A small DNS: mail.here.example leads to this host, mail for moved.example elsewhere."""
    if name == "mail.here.example" and type == 1:
        return 0, [wire_record(name, "A", socket.inet_aton(own_address()))], 0
    if name == "moved.example" and type == 15:
        return 0, [wire_record(name, "MX", b"\0\x0a" + wire_name("other.example"))], 0
    return (0, [], 0) if name.endswith(("here.example", "moved.example")) else (3, [], 0)


@pytest.fixture(scope="module")
def dns():
    server = Scripted(answer)
    yield server
    server.stop()


class Host:
    """A host with nothing on it: a settings file and a state folder that are not there yet."""

    def __init__(self, dns):
        self.folder = make_folder()
        self.conf, self.state = self.folder / "etc" / "mansio" / "mansio.conf", self.folder / "state"
        self.ports = dict(zip(PORTS, free_ports(len(PORTS))))
        self.answers = {"address": "anna@example.org", "hostname": "mail.example.org", "elsewhere": "no", "auth.yescrypt_cost": "1",
                        "smtp.processes": "2", "server.processes": "1", "log.to": "stderr",
                        "dns.servers": f"127.0.0.1:{dns.port}", "dns.trust_anchor": "none", "check.timeout": "5s",
                        "check.port25_hosts": "", "check.blocklists": "",
                        **{f"listen.{n}": f"127.0.0.1:{p}" for n, p in self.ports.items()}}

    def argv(self, *args, answers=None):
        file = self.folder / "answers"
        file.write_text("# answers\n" + "".join(f"{k} = {v}\n" for k, v in (self.answers if answers is None else answers).items()))
        return [MANSIO, "setup", "--config", self.conf, "--state", self.state, "--answers", file, "--run", *args]

    def setup(self, *args, answers=None, input=""):
        return subprocess.run(self.argv(*args, answers=answers), input=input, capture_output=True, text=True, timeout=90)

    def cli(self, *args):
        return subprocess.run([MANSIO, "--state", self.state, *args], capture_output=True, text=True, timeout=30)

    def stop(self):
        self.cli("stop")
        shutil.rmtree(self.folder)


@pytest.fixture
def host(dns):
    h = Host(dns)
    yield h
    h.stop()


def without(answers, *keys):
    return {k: v for k, v in answers.items() if k not in keys}


def test_from_nothing_to_the_first_mail_and_again(host):
    p = host.setup()
    assert p.returncode == 0, p.stdout + p.stderr
    assert re.search(r"https://mail\.example\.org[:\d]*/#/invite/\S+", p.stdout) and "ssh -L 8443:localhost:" in p.stdout
    assert "order of a move" not in p.stdout
    assert "\nexample.org. " in p.stdout and "IN MX    10 mail.example.org." in p.stdout and "v=spf1" in p.stdout
    # the keys that sign its mail are there, and so in the records
    selectors = re.findall(r'^(\S+)\._domainkey\.example\.org\. +\d+ IN TXT +"v=DKIM1; h=sha256; k=(rsa|ed25519); p=', p.stdout, re.M)
    assert {kind for _, kind in selectors} == {"rsa", "ed25519"} and '"v=DMARC1; p=none' in p.stdout
    assert re.search(r"^FAIL +name .*\n +-> ", p.stdout, re.M), "each finding has its fix"
    assert host.conf.stat().st_mode & 0o7777 == 0o644 and (host.state / "setup").stat().st_mode & 0o7777 == 0o600
    assert re.search(r"^roles:\s+admin$", host.cli("user", "show", "anna@example.org").stdout, re.M)
    shown, = re.findall(r"^  Certificate    SHA-256 ([0-9A-F:]+)$", p.stdout, re.M)
    served = ssl.get_server_certificate(("127.0.0.1", host.ports["imaps"]))
    assert shown.replace(":", "").lower() == hashlib.sha256(ssl.PEM_cert_to_DER_cert(served)).hexdigest()
    # this host's own mail reaches the administrator
    m = subprocess.run([BUILD / "sbin" / "sendmail", "-C", host.conf, "root"], input=b"Subject: first\n\n", capture_output=True)
    assert m.returncode == 0, m.stderr
    assert " 1 " in host.cli("mailbox", "list", "anna@example.org").stdout
    # nobody can log in yet: there is no password but the one that the link will set
    assert re.search(r"^password:\s+no$", host.cli("user", "show", "anna@example.org").stdout, re.M)
    # and those of a domain that is added later
    host.cli("domain", "add", "second.example")
    wait_for(lambda: host.cli("dkim", "list", "second.example").stdout.count(" active ") == 2, 20)
    host.cli("dkim", "remove", "example.org", "--all")
    before = host.conf.read_bytes(), host.cli("alias", "list").stdout, host.cli("user", "list").stdout
    again = host.setup("--yes", answers=without(host.answers, "address", "hostname", "elsewhere"))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "_domainkey.example.org" in again.stdout and "active" not in host.cli("dkim", "list", "example.org").stdout, "what was removed stays so"
    assert " keeps server" not in again.stdout and " keeps smtp" not in again.stdout
    assert before == (host.conf.read_bytes(), host.cli("alias", "list").stdout, host.cli("user", "list").stdout)


def test_a_half_finished_setup_resumes(host):
    """Killed at each of its steps, and left in the middle of a question: the next run goes on to the same end."""
    rest = without(host.answers, "address", "hostname", "elsewhere")
    p = host.setup(answers=rest, input="anna@example.org\n")
    assert p.returncode == 75 and "goes on from here" in p.stderr and not host.conf.exists()
    steps = [lambda: (host.state / "setup").exists(), lambda: host.cli("status").returncode == 0,
             lambda: host.cli("domain", "show", "example.org").returncode == 0,
             lambda: host.cli("user", "show", "anna@example.org").returncode == 0]
    for reached in steps:
        child = subprocess.Popen(host.argv(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while child.poll() is None and not reached():
            time.sleep(0.001)
        child.kill()
        child.wait()
    # answers are remembered: Enter is enough
    p = host.setup(answers=rest, input="\n\n\n")
    assert p.returncode == 0 and "[anna@example.org]" in p.stdout and "[mail.example.org]" in p.stdout, p.stdout + p.stderr
    assert host.cli("alias", "list").stdout.count("anna@example.org") == 3 and "/#/invite/" in p.stdout


def test_what_others_wrote_stays(host):
    host.conf.parent.mkdir(parents=True)
    mine = "# by hand\n[server]\nhostname = mx.example.org   \n[smtp]\nprocesses=2\n[log]\nto = stderr\n"
    host.conf.write_text(mine)
    host.answers["smtp.hops"] = "40"
    p = host.setup()
    assert p.returncode == 0, p.stdout + p.stderr
    assert "keeps server.hostname = mx.example.org (wanted: mail.example.org)" in p.stdout
    text = host.conf.read_text()
    assert "# by hand\n" in text and "hostname = mx.example.org" in text and "mail.example.org" not in text
    # our own value may be changed by another answer, somebody else's not
    host.answers["smtp.hops"] = "41"
    assert host.setup().returncode == 0 and "hops = 41" in host.conf.read_text()
    host.conf.write_text(host.conf.read_text().replace("hops = 41", "hops = 44"))
    p = host.setup()
    assert p.returncode == 0 and "keeps smtp.hops = 44" in p.stdout and "hops = 44" in host.conf.read_text()
    # an account that is there is not given rights
    host.cli("user", "change", "anna@example.org", "roles=")
    p = host.setup()
    assert p.returncode == 0 and "keeps its rights" in p.stdout and "admin" not in host.cli("user", "list").stdout


def test_the_order_of_a_move(host):
    """The MX tells that mail runs elsewhere: the guess is yes, and Enter takes it."""
    p = host.setup(answers={**without(host.answers, "elsewhere"), "address": "anna@moved.example"}, input="\n")
    assert "today? [yes]" in p.stdout and "WARN    mx" in p.stdout, p.stdout + p.stderr
    assert p.returncode == 0 and "mansio import maildir /home/anna/Maildir anna@moved.example" in p.stdout
    assert p.stdout.index("mansio import maildir") < p.stdout.index("Change the MX record")


@pytest.mark.parametrize("change, code, words", [
    ({"address": "anna"}, 65, "not a mail address"), ({"address": "anna@localhost"}, 65, "needs a dot"),
    ({"hostname": "mail"}, 65, "not a full host name"), ({"hostname": "127.0.0.1"}, 65, "not a full host name"),
    ({"elsewhere": "perhaps"}, 65, "yes or no"), ({"adress": "a@example.org"}, 65, "known key"),
    ({"listen.smtp": "nowhere"}, 78, "Mend these"), ({"smtp.processes": "0"}, 78, "Mend these")])
def test_every_mistake_has_its_sentence(host, change, code, words):
    p = host.setup(answers={**host.answers, **change})
    assert p.returncode == code and words in p.stderr, p.stdout + p.stderr
    assert host.cli("status").returncode == 69


def test_questions_are_asked_again(host):
    p = host.setup(answers=without(host.answers, "address", "hostname", "elsewhere"),
                   input="nonsense\nanna@example.org\nmail\nmail.example.org\nwhat?\nNO\n")
    assert p.returncode == 0 and p.stdout.count("Your mail address:") == 2 and "Please say yes or no" in p.stdout, p.stdout + p.stderr


def test_a_taken_port_names_who_has_it(host):
    with socket.create_server(("127.0.0.1", host.ports["imap"])):
        p = host.setup()
        assert p.returncode == 69, p.stdout + p.stderr
        assert f"FAIL  ports: 127.0.0.1:{host.ports['imap']} (imap) is taken by process {os.getpid()}" in p.stderr
    assert host.setup().returncode == 0


def test_only_root(host):
    p = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", MANSIO, "setup"], capture_output=True, text=True)
    assert p.returncode == 77 and "sudo mansio setup" in p.stderr


def test_without_systemd_it_says_how_to_start(host):
    argv = [a for a in host.argv() if a != "--run"]
    # where systemd runs, its folder is hidden
    hide = ["unshare", "--mount", "sh", "-c", 'test ! -d /run/systemd || mount -t tmpfs none /run/systemd; exec "$@"', "sh"]
    p = subprocess.run([*hide, *argv], capture_output=True, text=True)
    assert p.returncode == 75 and "mansio run" in p.stderr and host.conf.exists()


def test_a_name_that_leads_here_gets_a_certificate_of_an_authority(host):
    host.answers.update({"address": "anna@here.example", "hostname": "mail.here.example"})
    p = host.setup()
    assert p.returncode == 0 and re.search("^OK +name ", p.stdout, re.M), p.stdout + p.stderr
    assert "[acme]\nenabled = yes" in host.conf.read_text() and "terms of" in p.stdout
