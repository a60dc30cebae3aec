"""The world that clients are tried against: PostgreSQL, the WeChat simulator,
and servers, all on loopback and in a folder that is thrown away."""

import base64
import json
import os
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

import certificates
import gate

KINDS = {
    "mini": "mini_program",
    "ordinary": "mini_program",
    "official": "official_account",
    "website": "website",
}
REDIRECT_HOST = "site.example.com"
_APP_SECRET = "conformance0app0secret0000000000"


def clean_environment():
    """The environment without what would steer a server or a client."""
    return {
        name: value for name, value in os.environ.items()
        if name == "WXIDENT_TOOLS_DIR" or not (
            name.startswith("WXIDENT") or name.lower().endswith("_proxy"))
    }


def reserved_port():
    """A socket that keeps a port for a server, which may come and go: bound,
    as the server's will be, and not listening. The port is none of those that
    the kernel gives to connections."""
    while True:
        keeper = socket.socket()
        try:
            keeper.bind(("127.0.0.1", 10000 + secrets.randbelow(10000)))
        except OSError:
            keeper.close()
            continue
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return keeper


class Stack:
    """Everything of one run. `apps` are what App names, `languages` those of
    the clients."""

    def __init__(self, root, wxidentd, simulator, apps, languages):
        self.root = root
        self._wxidentd = wxidentd
        self._simulator = simulator
        self._apps = apps
        self._languages = languages
        self.dir = tempfile.mkdtemp(prefix="wxident-conformance.")
        os.chmod(self.dir, 0o755)
        self.certs = f"{self.dir}/certs"
        self.servers = {}
        self.ends = gate.DeadEnds()
        self.sim = None
        self._sim_process = None
        self._postgres_up = False

    def start(self):
        self._shell("script/lib/postgres.sh", "start", f"{self.dir}/postgres",
                    "--fast", "--owner", str(os.getpid()))
        self._postgres_up = True
        self._shell("script/lib/postgres.sh", "migrate", f"{self.dir}/postgres")
        with open(f"{self.dir}/postgres/url", encoding="utf-8") as url:
            self.owner_url = url.read().strip()
        with open(f"{self.dir}/postgres/server_url", encoding="utf-8") as url:
            self.database_url = url.read().strip()
        certificates.make(self.certs, self._languages)
        self._write_secrets()
        self._start_simulator()
        self._write_config()
        self._write_policy()
        self._add_servers()
        starting = [threading.Thread(target=server.start)
                    for server in self.servers.values()]
        for each in starting:
            each.start()
        for each in starting:
            each.join()
        self.restore()

    def _add_servers(self):
        config = f"{self.dir}/wxidentd.yaml"
        audit_key = {"audit-key-file": f"{self.dir}/audit-key"}
        tls = {"grpc-insecure-loopback": "false",
               "grpc-tls-cert-file": f"{self.certs}/server.pem",
               "grpc-tls-key-file": f"{self.certs}/server.key",
               "grpc-tls-client-ca-file": f"{self.certs}/ca.pem",
               "grpc-tls-revocation-file": f"{self.certs}/revoked.crl",
               "access-policy-file": f"{self.dir}/policy.yaml",
               "audit-file": f"{self.dir}/audit.log", **audit_key}
        for name, flags in {
                # Two replicas that stay.
                "A": {}, "B": {},
                # Two that come and go.
                "R1": {}, "R2": {},
                "tls": tls,
                # Every line of its audit log finds the disk full.
                "unaudited": {"audit-file": "/dev/full", **audit_key},
                # Takes one request to WeChat at a time, and one may wait.
                "narrow": {"wechat-max-connections": 1,
                           "wechat-queue-limit": 1},
                # Cannot connect to WeChat.
                "lonely": {"wechat-base-urls": f"https://{self.ends.closed}"},
        }.items():
            self.servers[name] = Server(name, self._wxidentd, config, flags,
                                        f"{self.dir}/{name}.log")

    def restore(self):
        """Brings back what a scenario took away."""
        if not self._postgres_up:
            self.postgres("start")
        for server in self.servers.values():
            server.thaw()
            if not server.running():
                server.start()

    def stop(self, keep_logs):
        for server in self.servers.values():
            server.thaw()
            server.kill()
        if self._sim_process is not None:
            self._sim_process.kill()
            self._sim_process.wait()
        self.ends.close()
        self._shell("script/lib/postgres.sh", "stop", f"{self.dir}/postgres")
        if not keep_logs:
            shutil.rmtree(self.dir, ignore_errors=True)

    # The database.

    def postgres(self, what):
        """"start" or "stop"; unlike stop() this keeps the data."""
        command = {
            "stop": "stop --mode=fast",
            "start": "start --options=\"-p $(cat \"$dir/port\")\" "
                     "--log=\"$home/log\"",
        }[what]
        self._shell("bash", "-c", f"""set -e
            dir=$1
            source script/lib/postgres.sh
            home=$(cat "$dir/home")
            wx_pg_as_user "$(wx_pg_bin)/pg_ctl" {command} --wait --silent \
                --pgdata="$home/data" > /dev/null
            """, "conformance", f"{self.dir}/postgres")
        self._postgres_up = what == "start"

    def sql(self, statement):
        self._shell("psql", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1",
                    self.owner_url, "--command", statement)

    # The simulator.

    def _start_simulator(self):
        with open(f"{self.dir}/simulator.json", "w", encoding="utf-8") as out:
            json.dump({
                "apps": [{"app_id": app.app_id, "secret": _APP_SECRET,
                          "kind": app.kind,
                          "open_platform_account": app.account}
                         for app in self._apps],
                # Names and places, and a key for each login.
                "settings": {"profile_details": True,
                             "session_key_min_rotation_s": 0},
            }, out)
        self._sim_process, line = _spawn(
            [self._simulator, "--dir", self.dir, "--listen", "127.0.0.1:0",
             "--config", f"{self.dir}/simulator.json", "--log-level", "error"],
            f"{self.dir}/simulator.log", '"url"')
        self.sim = Simulator(json.loads(line)["url"], f"{self.dir}/ca.pem")

    # The servers' files.

    def _write_secrets(self):
        for name, text in {
                "app-secret": _APP_SECRET,
                "keyring": "1 " + base64.b64encode(os.urandom(32)).decode(),
                "phone-index": "1 " + base64.b64encode(os.urandom(32)).decode(),
                "audit-key": "1 " + base64.b64encode(os.urandom(32)).decode(),
        }.items():
            path = f"{self.dir}/{name}"
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w",
                      encoding="utf-8") as out:
                out.write(text + "\n")

    def _write_config(self):
        lines = [
            "grpc:", "  insecure_loopback: true",
            "database:", f"  url: {self.database_url}", "  workers: 3",
            "wechat:", f"  base_urls: [{self.sim.url}]", "  ca_file: ca.pem",
            "keys:", "  ring_file: keyring", "  phone_index_file: phone-index",
            "open_data:", "  max_age: 0",
            "shutdown:", "  drain_delay: 0s", "  timeout: 5s",
            "apps:",
        ]
        for app in self._apps:
            lines += [f"  - app_id: {app.app_id}", f"    kind: {app.kind}",
                      f"    token_mode: {app.token_mode}",
                      f"    open_platform_account: {app.account}",
                      "    secret_file: app-secret"]
            if app.kind != "mini_program":
                lines.append(f"    redirect_hosts: [{REDIRECT_HOST}]")
        with open(f"{self.dir}/wxidentd.yaml", "w", encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")

    def _write_policy(self):
        """client may call everything. guest may only ask who a session is, and
        log people in to the apps that scenarios call mini. Of slow/LANGUAGE two
        calls are welcome, then one in ten seconds."""
        caller = certificates.CALLERS
        minis = [app.app_id for app in self._apps if app.name == "mini"]
        rows = [("client", '"*"', '"*"'), ("slow/*", '"*"', '"*"'),
                ("guest", "ValidateSession", '"*"')]
        if minis:
            rows.append(("guest", "Login", ", ".join(minis)))
        lines = ["allow:"]
        for name, methods, apps in rows:
            lines += [f"  - caller: {caller}/{name}",
                      f"    methods: [{methods}]", f"    apps: [{apps}]"]
        lines += ["limits:", f"  - caller: {caller}/slow/*", "    rate: 0.1",
                  "    burst: 2"]
        with open(f"{self.dir}/policy.yaml", "w", encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")

    def _shell(self, *command):
        done = subprocess.run(command, cwd=self.root, env=clean_environment(),
                              stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()}")


class App:
    """A WeChat app of one client's turn at one scenario."""

    def __init__(self, app_id, name, account):
        self.app_id = app_id
        self.name = name
        self.kind = KINDS[name]
        self.token_mode = "ordinary" if name == "ordinary" else "stable"
        self.account = account


class Simulator:
    """The simulator's control API; simulator/README.md describes it."""

    def __init__(self, url, ca_file):
        self.url = url
        self._open = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(
                context=ssl.create_default_context(cafile=ca_file))).open

    def call(self, path, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_sim/{path}", data=data,
                                         method=method)
        try:
            with self._open(request, timeout=20) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise RuntimeError(
                f"the simulator refuses {path} {body}: {error.read()!r}")
        return json.loads(text) if text else {}

    def calls(self, path, app_id):
        """How often an app's endpoint was called."""
        return self.call(f"journal?limit=0&path={path}&app_id={app_id}")["count"]


class Server:
    """A wxidentd at a fixed address."""

    def __init__(self, name, program, config, flags, log_path):
        self.name = name
        self._port = reserved_port()
        self.address = "127.0.0.1:%d" % self._port.getsockname()[1]
        self._metrics_port = None
        self._command = [program, "serve", "--config", config,
                         "--grpc-addr", self.address,
                         "--metrics-addr", "127.0.0.1:0"]
        for flag, value in flags.items():
            self._command += [f"--{flag}", str(value)]
        self._log_path = log_path
        self._process = None
        self._frozen = False

    @property
    def target(self):
        host, port = self.address.split(":")
        return host, int(port)

    def running(self):
        return self._process is not None and self._process.poll() is None

    def start(self):
        self._process, line = _spawn(self._command, self._log_path,
                                     '"event":"listening"')
        self._metrics_port = json.loads(line)["metrics_port"]

    def stop(self):
        self._process.terminate()
        self._process.wait(timeout=20)

    def kill(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self):
        self.stop()
        self.start()

    def freeze(self):
        self._process.send_signal(signal.SIGSTOP)
        self._frozen = True
        # Until all its threads stand still.
        os.waitpid(self._process.pid, os.WUNTRACED)

    def thaw(self):
        if self._frozen:
            self._process.send_signal(signal.SIGCONT)
            self._frozen = False

    def calls(self, rpc):
        """How many calls of a method have ended."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{self._metrics_port}/metrics",
                         timeout=10) as answer:
            text = answer.read().decode()
        return sum(int(float(count)) for labels, count in re.findall(
            r"^wxident_rpc_seconds_count\{(.*)\} (\S+)$", text, re.M)
            if f'rpc="{rpc}"' in labels)


def _spawn(command, log_path, token):
    """Starts a program; returns it and the first line that has `token`."""
    with open(log_path, "ab") as log:
        began = log.tell()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log,
                                   env=clean_environment(),
                                   start_new_session=True)
    end = time.monotonic() + 60
    while True:
        with open(log_path, encoding="utf-8", errors="replace") as log:
            log.seek(began)
            text = log.read()
        for line in text.splitlines(keepends=True):
            if token in line and line.endswith("\n"):
                return process, line
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            raise RuntimeError(f"{command[0]} did not start:\n{text[-4000:]}")
        time.sleep(0.02)
