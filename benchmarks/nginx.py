"""nginx of a measurement: docs/nginx.conf with the ports of this machine, and the same answers as files beside it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.web import HOST, START_SECONDS, free_port
from dev.console import Refusal
from dev.places import ROOT
from dev.processes import wait_until

PROGRAM = "/usr/sbin/nginx"
ADVISED = ROOT / "docs" / "nginx.conf"
_WEB, _KEPT, _LISTENS = "127.0.0.1:8000", "/var/cache/nginx/suishoupai", re.compile(r"listen 443 ssl http2;")
_AROUND = """
{user}
worker_processes auto;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000;
    sendfile on;
    {advised}
    server {{
        listen {host}:{files};
        root {folder}/files;
        gzip off;
    }}
}}
"""


def configure(advised: str, *, web: int, cache: int, files: int, folder: Path) -> str:
    """Write a configuration: the one that is advised, without TLS and on these ports; on ``files`` a folder of files.

    Raises Refusal where the one that is advised does not say what is to be replaced.
    """
    for wanted in (_WEB, _KEPT):
        if wanted not in advised:
            raise Refusal(f"{ADVISED.name} does not name {wanted}.")
    here, changed = _LISTENS.subn(f"listen {HOST}:{cache};", advised)
    if changed != 1:
        raise Refusal(f"{ADVISED.name} does not listen as the measurement expects.")
    here = re.sub(r"^\s*ssl_.*\n", "", here, flags=re.MULTILINE)
    here = here.replace(_WEB, f"{HOST}:{web}").replace(_KEPT, str(folder / "kept"))
    user = "user root;" if os.geteuid() == 0 else ""  # a folder of root's own is read
    return _AROUND.format(user=user, folder=folder, advised=here, host=HOST, files=files)


@contextmanager
def running(web: int, folder: Path) -> Iterator[tuple[int, int]]:
    """Run nginx; give the ports of the cache before ``web`` and of the files in ``folder``/files."""
    (folder / "files").mkdir()
    cache, files = free_port(), free_port()
    text = configure(ADVISED.read_text(encoding="utf-8"), web=web, cache=cache, files=files, folder=folder)
    file = folder / "nginx.conf"
    file.write_text(text, encoding="utf-8")
    command = ["setpriv", "--pdeathsig", "TERM", PROGRAM, "-p", str(folder), "-e", f"{folder}/error.log", "-c"]
    with subprocess.Popen([*command, str(file)], stdin=subprocess.DEVNULL) as process:
        try:
            ready = wait_until(lambda: process.poll() is not None or _listens(cache), START_SECONDS)
            if not ready or process.poll() is not None:
                raise Refusal(f"nginx does not start: {(folder / 'error.log').read_text(encoding='utf-8')[-500:]}")
            yield cache, files
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False
