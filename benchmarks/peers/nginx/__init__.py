"""nginx with one worker and `proxy_pass`: what it costs to forward a call and nothing else."""

import os
import shutil
from pathlib import Path

from benchmarks.peers.contract import Place
from benchmarks.started import Started, wait_until_it_answers
from deploy.local.ports import LOOPBACK, free_port

ALSO_LOOKED_IN = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")
CONFIGURATION = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream behind {{
        server {upstream};
        keepalive 64;
        keepalive_requests 100000000;
    }}
    server {{
        listen {host}:{port};
        location / {{
            proxy_pass http://behind;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


class Nginx:
    """A master and a worker, as who starts it."""

    name = "nginx"
    gateway = "nginx"

    def __init__(self) -> None:
        self._nginx: Started | None = None
        self.url = ""

    @property
    def headers(self) -> dict[str, str]:
        return {}

    def absent(self) -> str | None:
        return None if _program() else "there is no nginx on the PATH"

    def start(self, place: Place) -> None:
        program = _program()
        assert program is not None
        folder = place.folder / self.name
        folder.mkdir()
        port = free_port()
        configuration = folder / "nginx.conf"
        upstream = place.upstream.removeprefix("http://")
        configuration.write_text(CONFIGURATION.format(folder=folder, upstream=upstream, host=LOOPBACK, port=port))
        command = [program, "-p", str(folder), "-c", str(configuration)]
        if os.geteuid() == 0:
            command += ["-g", "user root;"]
        self._nginx = Started.program(command, log=folder / "nginx.log")
        self.url = f"http://{LOOPBACK}:{port}/bench/chat"
        wait_until_it_answers(self._nginx, port)

    def pids(self) -> dict[str, list[int]]:
        return {self.name: self._nginx.pids if self._nginx else []}

    def shared(self) -> tuple[str, ...]:
        return ()

    def stop(self) -> None:
        if self._nginx is not None:
            self._nginx.stop()


def _program() -> str | None:
    places = os.pathsep.join((os.environ.get("PATH", os.defpath), *ALSO_LOOKED_IN))
    found = shutil.which("nginx", path=places)
    return str(Path(found)) if found else None
