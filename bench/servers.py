"""The servers that are measured: each is started on loopback ports of its own, and ended by its pid."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

# A server that is forgotten ends by itself.
LIFETIME_SECONDS = 900
START_SECONDS = 20


class StartFailed(Exception):
    pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


class Server:
    """Bound to one core; a context manager. `arguments` and `environment` are what the generator needs."""

    protocol = ""
    process_children = 0  # how many worker processes it has
    poll_seconds = 0.05  # between two looks at whether it is ready
    ready_seconds = None  # from its start until it was

    def __init__(self, binary, directory, core):
        self.binary = binary
        self.directory = tempfile.mkdtemp(prefix=f"{self.protocol}-", dir=directory)
        self.core = core
        self.process = None
        self.port = free_port()

    def command(self):
        raise NotImplementedError

    def ready(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True

    def arguments(self):
        return ["--url", f"http://127.0.0.1:{self.port}"]

    def environment(self):
        return {}

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        return self.path(name)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def start(self):
        command = self.command()
        bounds = ["timeout", "--kill-after=10", str(LIFETIME_SECONDS)]
        pin = [] if self.core is None else ["taskset", "-c", str(self.core)]
        started = time.monotonic()
        with open(self.path("log"), "w") as log:
            self.process = subprocess.Popen(bounds + pin + command, cwd=self.directory, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        while time.monotonic() < started + START_SECONDS:
            if self.process.poll() is not None:
                break
            try:
                if len(self.pids()) == 1 + self.process_children and self.ready():
                    self.ready_seconds = time.monotonic() - started
                    return
            except OSError:
                pass
            time.sleep(self.poll_seconds)
        with open(self.path("log"), errors="replace") as log:
            raise StartFailed(f"{self.protocol} does not start: {log.read()[-500:].strip()}")

    def pids(self):
        """The server's own processes, `timeout` apart."""
        found = children(self.process.pid)
        return found + [worker for pid in found for worker in children(pid)]

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                for pid in self.pids():
                    os.kill(pid, signal.SIGKILL)
                self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class Carillon(Server):
    """Durable, with history; one gateway thread, as it has one core."""

    protocol = "carillon"

    def command(self):
        self.config = self.write("carillon.toml", f"""[gateway]
listen = "127.0.0.1:{self.port}"
threads = 1
max_connections_per_user = 1000000
max_connections_per_address = 1000000
drain_seconds = 1

[auth]
issuer = "https://bench.invalid"
audience = "carillon"
hs256_secret = "{secrets.token_hex(32)}"

[limits]
publish_per_second = 0
connects_per_second = 0

[log]
level = "warn"
""")
        return [self.binary, "serve", "--config", self.config, "--data", self.data()]

    def data(self):
        return self.path("data")

    def ready(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=1) as answer:
            return answer.status == 200

    def environment(self):
        return {"CARILLON_TOKEN": self.token("bench", "--scope", "carillon/admin")}

    def token(self, user, *scopes):
        command = [self.binary, "token", "--user", user, *scopes, "--config", self.config]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()


class Nchan(Server):
    """nginx with one worker; message buffer as it is by default."""

    protocol = "nchan"
    process_children = 1

    def command(self):
        user = "user root;" if os.geteuid() == 0 else ""
        config = self.write("nginx.conf", f"""load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
{user}
worker_processes 1;
daemon off;
pid nginx.pid;
error_log log warn;
events {{ worker_connections 16000; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  scgi_temp_path scgi;
  uwsgi_temp_path uwsgi;
  server {{
    listen 127.0.0.1:{self.port} backlog=4096;
    location ~ ^/sub/(.+)$ {{ nchan_channel_id $1; nchan_subscriber websocket; }}
    location ~ ^/pub/(.+)$ {{ nchan_channel_id $1; nchan_publisher http; }}
  }}
}}
""")
        return [shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "nginx", "-p",
                self.directory, "-c", config]


class Nats(Server):
    """WebSocket subscribers; publishers over plain TCP, as NATS itself would have it."""

    protocol = "nats"

    def command(self):
        self.tcp_port = free_port()
        config = self.write("nats.conf", f"""listen: "127.0.0.1:{self.tcp_port}"
websocket {{ listen: "127.0.0.1:{self.port}", no_tls: true }}
""")
        return [shutil.which("nats-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "nats-server", "-c",
                config]

    def arguments(self):
        return super().arguments() + ["--publish-url", f"nats://127.0.0.1:{self.tcp_port}"]


class Bare:
    """The generator forks it itself."""

    protocol = "bare"

    def __init__(self, binary, directory, core):
        self.core = core

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def arguments(self):
        return [] if self.core is None else ["--server-core", str(self.core)]

    def environment(self):
        return {}

    def pids(self):
        return []


def generate(binary, server, arguments, core, timeout_seconds):
    """Runs `carillon bench` against a started server; its JSON, and what it said on stderr."""
    pin = [] if core is None else ["taskset", "-c", str(core)]
    pids = [part for pid in server.pids() for part in ("--server-pid", str(pid))]
    command = pin + [binary, "bench", *arguments, "--protocol", server.protocol, *server.arguments(), *pids,
                     "--timeout", f"{timeout_seconds}", "--json"]
    result = subprocess.run(command, env={**os.environ, **server.environment()}, capture_output=True, text=True,
                            timeout=timeout_seconds + 60)
    if not result.stdout.strip():
        raise StartFailed(f"carillon bench said nothing: {result.stderr[-500:].strip()}")
    return json.loads(result.stdout)
