"""The processes of a run: databases, the simulator, servers. All listen on
loopback and have a folder of their own that goes with them."""

import base64
import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import secrets
import ssl
import subprocess
import time

import grpc
from wxident.v1 import identity_service_pb2 as pb
from wxident.v1 import identity_service_pb2_grpc as rpc

from runner.build import ROOT, TOOLS

APP = "wx4f4bc4dec97d474b"
CALLER = "spiffe://bench/caller"
START_SECONDS = 60
STOP_SECONDS = 15
YEAR_SECONDS = 366 * 86400


class Failure(Exception):
    """Something did not start, or answered what it must not."""


def postgres(*arguments):
    subprocess.run([ROOT / "script/lib/postgres.sh", *map(str, arguments)],
                   check=True, stdout=subprocess.DEVNULL, timeout=120,
                   env={**os.environ, "WXIDENT_TOOLS_DIR": str(TOOLS)})


class Process:
    """A program with its output in a file. It ends with `stack`, and with this
    process however that ends."""

    def __init__(self, stack, folder, name, command, cpus):
        self.log = folder / f"{name}.log"
        pinned = ["taskset", "-c", cpus] if cpus else []
        # What a shell exports for clients would steer the server.
        clean = {key: value for key, value in os.environ.items()
                 if not key.startswith("WXIDENT_")}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *pinned, *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean)
        self.pid = self.process.pid
        stack.callback(self._stop)

    def wait_for(self, pattern):
        """The first group of `pattern` in what it has written."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            if found := re.search(pattern, self.log.read_text(), re.M):
                return found[1]
            time.sleep(0.05)
        raise Failure(f"{self.log.stem} did not start:\n"
                      f"{self.log.read_text()[-2000:]}")

    def _stop(self):
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Database:
    """A durable cluster of its own, as PostgreSQL is configured by default. It
    ends with `stack`."""

    def __init__(self, stack, folder, cpus, migrated):
        self.folder = folder
        stack.callback(postgres, "stop", folder)
        pinned = ["taskset", "-c", cpus] if cpus else []
        subprocess.run([*pinned, ROOT / "script/lib/postgres.sh", "start",
                        folder, "--owner", str(os.getpid())], check=True,
                       stdout=subprocess.DEVNULL, timeout=120)
        home = pathlib.Path((folder / "home").read_text().strip())
        self.pid = int(
            (home / "data/postmaster.pid").read_text().splitlines()[0])
        if migrated:
            postgres("migrate", folder)
        self.url = (folder / ("server_url" if migrated else "url")
                    ).read_text().strip()
        if not migrated:
            self._psql(self.url, "--file", ROOT / "bench/peers/schema.sql")

    def _psql(self, url, *arguments):
        subprocess.run(
            ["bash", "-c", 'source "$1"; shift; "$(wx_pg_bin)/psql" --quiet '
             '--no-psqlrc --set=ON_ERROR_STOP=1 "$@"', "bash",
             ROOT / "script/lib/postgres.sh", url, *map(str, arguments)],
            check=True, timeout=120)

    def administer(self, command):
        """Runs a command as the superuser."""
        subprocess.run(
            ["bash", "-c", 'source "$1"; wx_pg_superuser "$2" wxident '
             '--command="$3"', "bash", ROOT / "script/lib/postgres.sh",
             self.folder, command], check=True, timeout=120)


class Simulator:
    """WeChat. It ends with `stack`."""

    def __init__(self, stack, folder, program, cpus, secret):
        config = folder / "simulator.json"
        # It has a server.key, too.
        own = folder / "wechat"
        config.write_text(json.dumps({
            "apps": [{"app_id": APP, "secret": secret,
                      "open_platform_account": "main"}],
            "settings": {"login_code_ttl_s": YEAR_SECONDS,
                         "session_key_lifetime_s": YEAR_SECONDS,
                         # The keys that data is encrypted under stay.
                         "session_key_min_rotation_s": YEAR_SECONDS,
                         "journal_limit": 1000}}))
        process = Process(
            stack, folder, "simulator",
            [*program, "--dir", str(own), "--listen", "127.0.0.1:0",
             "--log-level", "error", "--config", str(config)], cpus)
        self.url = process.wait_for(r'"url":"([^"]+)"')
        self.ca = own / "ca.pem"
        self.connection = http.client.HTTPSConnection(
            self.url.removeprefix("https://"), timeout=30,
            context=ssl.create_default_context(cafile=self.ca))
        stack.callback(self.connection.close)

    def control(self, call, body=None, method="POST"):
        self.connection.request(method, f"/_sim/{call}", json.dumps(body or {}))
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise Failure(f"the simulator's {call}: {text.decode()}")
        return json.loads(text)

    def codes(self, people, count):
        """At least so many login codes, of the people in turn."""
        each = -(-count // len(people))
        lists = [self.control("login_code",
                              {"app_id": APP, "user": one, "count": each})
                 ["codes"] for one in people]
        return [code for turn in zip(*lists) for code in turn]

    def set_latency(self, milliseconds):
        """Of exchanges of login codes."""
        self.control("faults", method="DELETE")
        if milliseconds:
            self.control("faults", {"path": "/sns/jscode2session",
                                    "latency_ms": milliseconds})


class Server:
    """A server that runs, its database, and who has logged in."""

    def __init__(self, name, pid, addr, database, channel):
        self.name, self.pid, self.addr = name, pid, addr
        self.database = database
        self.stub = rpc.IdentityServiceStub(channel)
        # A LoginResponse each.
        self.logins = []

    def log_in(self, codes):
        requests = [pb.LoginRequest(app_id=APP, mini_program_code=code)
                    for code in codes]
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            self.logins = list(pool.map(
                lambda request: self.stub.Login(request, timeout=10), requests))


class World:
    """All of them, in plain text or with mutual TLS. They end with `stack`."""

    def __init__(self, stack, folder, programs, tls, server_cpus, load_cpus):
        self.stack, self.folder, self.programs = stack, folder, programs
        self.server_cpus, self.load_cpus = server_cpus, load_cpus
        self.tls = tls
        self.servers = {}
        self.secret = secrets.token_hex(16)
        for name, text in {
                "app.secret": self.secret,
                "seal.key": _key(),
                "ring.keys": f"1 {_key()}", "index.keys": f"1 {_key()}",
                "audit.keys": f"1 {_key()}"}.items():
            path = folder / name
            path.touch(0o600)
            path.write_text(text + "\n")
        if tls:
            _make_certificates(folder)
        self.simulator = Simulator(stack, folder, programs["simulator"],
                                   load_cpus, self.secret)

    def start(self, name):
        database = None
        if not name.startswith("echo"):
            database = Database(self.stack, self.folder / f"postgres-{name}",
                                self.server_cpus, name == "wxident")
        process = Process(self.stack, self.folder, name,
                          self._command(name, database), self.server_cpus)
        addr = process.wait_for(r'"grpc":"([0-9.:]+)"' if name == "wxident"
                                else r"^(127\.0\.0\.1:\d+)$")
        channel = self._channel(addr)
        self.stack.callback(channel.close)
        server = Server(name, process.pid, addr, database, channel)
        self.servers[name] = server
        return server

    def _channel(self, addr):
        if not self.tls:
            return grpc.insecure_channel(addr)
        ca, cert, key = ((self.folder / name).read_bytes()
                         for name in ("ca.crt", "caller.crt", "caller.key"))
        return grpc.secure_channel(
            addr, grpc.ssl_channel_credentials(ca, key, cert))

    def load_tls(self):
        """Of the generator's command line."""
        if not self.tls:
            return []
        return ["--tls-ca", str(self.folder / "ca.crt"),
                "--tls-cert", str(self.folder / "caller.crt"),
                "--tls-key", str(self.folder / "caller.key")]

    def _command(self, name, database):
        files = [str(self.folder / file)
                 for file in ("ca.crt", "server.crt", "server.key")]
        tls = (["-tls-ca", files[0], "-tls-cert", files[1],
                "-tls-key", files[2]] if self.tls else [])
        if name in ("echo", "echo-checked"):
            return [*self.programs["echo"],
                    "off" if name == "echo" else "on",
                    *(files if self.tls else [])]
        if name == "echo-go":
            return [*self.programs["go"], "-echo", *tls]
        if name == "wxident":
            return [*self.programs["wxident"], "serve", "--config",
                    str(self._config(database))]
        peer = ["-database", database.url, "-wechat", self.simulator.url,
                "-app-id", APP, "-secret-file", str(self.folder / "app.secret"),
                "-key-file", str(self.folder / "seal.key"), *tls]
        if name == "java":
            return [*self.programs["java"], *peer]
        return [*self.programs["go"], *peer, "-wechat-ca",
                str(self.simulator.ca), "-login",
                "one" if name == "go-one" else "five"]

    def _config(self, database):
        """Audited where a real deployment is: with TLS."""
        listener = "  insecure_loopback: true\n"
        if self.tls:
            (self.folder / "policy.yaml").write_text(
                f"allow:\n  - caller: {CALLER}\n"
                "    methods: ['*']\n    apps: ['*']\n"
                # One caller makes all calls, more than the default limit.
                f"limits:\n  - {{caller: {CALLER}, rate: 1000000}}\n")
            listener = ("  tls_cert_file: server.crt\n"
                        "  tls_key_file: server.key\n"
                        "  tls_client_ca_file: ca.crt\n"
                        "access:\n  policy_file: policy.yaml\n"
                        "audit:\n  file: audit.log\n"
                        "  key_file: audit.keys\n")
        path = self.folder / "wxidentd.yaml"
        path.write_text(
            "grpc:\n  addr: 127.0.0.1:0\n" + listener +
            f"database:\n  url: {database.url}\n"
            f"wechat:\n  base_urls: [{self.simulator.url}]\n"
            f"  ca_file: {self.simulator.ca}\n"
            "keys:\n  ring_file: ring.keys\n  phone_index_file: index.keys\n"
            "shutdown:\n  drain_delay: 0s\n"
            f"apps:\n  - app_id: {APP}\n    kind: mini_program\n"
            "    open_platform_account: main\n    secret_file: app.secret\n")
        return path


def _key():
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _make_certificates(folder):
    def make(name, *arguments):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
             f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt",
             *arguments], cwd=folder, check=True, timeout=60,
            stderr=subprocess.DEVNULL)

    def leaf(name, alternative, usage):
        make(name, "-CA", "ca.crt", "-CAkey", "ca.key", "-addext",
             f"subjectAltName={alternative}", "-addext",
             "basicConstraints=critical,CA:FALSE", "-addext",
             f"extendedKeyUsage={usage}")

    make("ca")
    leaf("server", "IP:127.0.0.1", "serverAuth")
    leaf("caller", f"URI:{CALLER}", "clientAuth")
