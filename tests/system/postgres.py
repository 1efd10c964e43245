# SPDX-License-Identifier: ISC
"""A real PostgreSQL on loopback for a test: a cluster of its own in a temporary folder, as an ordinary user."""
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

from conftest import free_ports

PASSWORD = "Datenbank 1"


def program(name):
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1] if found else shutil.which(name))


class Postgres:
    """start() and kill() as often as wanted; each start may take another port."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mansio-pg."))
        self.user = "nobody" if os.getuid() == 0 else None
        self.process = None
        self.ports = []
        secret = self.folder / "secret"
        secret.write_text(PASSWORD + "\n")
        if self.user:
            os.chown(self.folder, pwd.getpwnam(self.user).pw_uid, -1)
        secret.chmod(0o644)
        self.run(program("initdb"), "-D", str(self.folder / "data"), "-U", "mansio", "-A", "scram-sha-256", "--no-sync",
                 "--pwfile", str(secret), "-E", "UTF8", "--locale=C")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", self.folder / "key.pem", "-out", self.folder / "cert.pem"], check=True, capture_output=True)
        if self.user:
            os.chown(self.folder / "key.pem", pwd.getpwnam(self.user).pw_uid, -1)
        (self.folder / "key.pem").chmod(0o600)

    def run(self, *args, **more):
        return subprocess.run(args, check=True, capture_output=True, text=True, user=self.user, cwd="/", timeout=60, **more)

    def start(self, port=None):
        self.port = port or free_ports(1)[0]
        self.process = subprocess.Popen(
            [program("postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), "-c", "listen_addresses=localhost",
             "-c", f"unix_socket_directories={self.folder}", "-c", "fsync=off", "-c", "ssl=on",
             "-c", f"ssl_cert_file={self.folder}/cert.pem", "-c", f"ssl_key_file={self.folder}/key.pem"],
            user=self.user, cwd="/", stdin=subprocess.DEVNULL, stdout=open(self.folder / "log", "ab"), stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while self.sql("SELECT 1", check=False).returncode:
            assert self.process.poll() is None and time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)
        return self

    def psql(self, text):
        return {"args": [program("psql"), "-X", "-q", "-A", "-t", "-h", str(self.folder), "-p", str(self.port), "-U", "mansio",
                         "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-c", text], "text": True,
                "env": {**os.environ, "PGPASSWORD": PASSWORD}}

    def shell(self, text):
        """The same, and does not wait for its end."""
        return subprocess.Popen(**self.psql(text), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def sql(self, text, check=True):
        p = subprocess.run(**self.psql(text), capture_output=True, timeout=60)
        assert not check or p.returncode == 0, p.stderr
        return p if not check else p.stdout.strip()

    def kill(self, how=signal.SIGQUIT):
        """SIGQUIT: at once, without a word to anybody. Its children go with it."""
        if self.process:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None

    def freeze(self, on):
        """All its processes stand still: it takes connections and says nothing."""
        pids = [self.process.pid, *map(int, pathlib.Path(
            f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split())]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP if on else signal.SIGCONT)

    def settings(self, directory="pgsql", host="localhost", **more):
        secret = self.folder / "password"
        secret.write_text(PASSWORD + "\n")
        return {"auth.directory": directory, "pgsql.hosts": f"{host}:{self.port}", "pgsql.database": "postgres",
                "pgsql.password_file": str(secret), "pgsql.ca_file": str(self.folder / "cert.pem"), **more}

    def done(self):
        self.kill()
        shutil.rmtree(self.folder)
