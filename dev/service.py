"""The service's processes: started by honcho from the Procfile, watched, and ended without a rest."""

import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping

from dev import processes
from dev.console import Refusal, say
from dev.places import PROGRAMS, ROOT, VAR

MARK = f"SUISHOUPAI_RUN={VAR}"  # in the environment of every process of a run, so that none is ever lost
GRACE = 12.0  # seconds; honcho itself kills what does not end within five
READY_SECONDS = 300.0  # a busy machine takes minutes
TELL_SECONDS = 10.0
PAUSE = 0.25


class Service:
    """Web and worker, under honcho; web serves on a socket that listens already."""

    def __init__(self, env: Mapping[str, str], listener: socket.socket) -> None:
        # honcho closes all descriptors of its children but the first three: the socket is their standard input.
        self._env = {**env, **dict([MARK.split("=", 1)]), "LISTEN_FD": "0"}
        self._listener = listener
        self._honcho: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start what the Procfile says."""
        # A session of its own: Ctrl-C reaches us alone, and we end it in order. Should we be killed, the kernel asks
        # it to end.
        command = ["setpriv", "--pdeathsig", "TERM", str(PROGRAMS / "honcho"), "start"]
        self._honcho = subprocess.Popen(
            command, cwd=ROOT, env=self._env, stdin=self._listener.fileno(), start_new_session=True
        )

    @property
    def ended(self) -> bool:
        """Whether honcho ended: it does when any of its processes does."""
        return self._honcho is None or self._honcho.poll() is not None

    def watch(self, meanwhile: Callable[[], None]) -> None:
        """Call `meanwhile` now and then until the service ends, which is a Refusal, for it should not."""
        while not self.ended:
            meanwhile()
            time.sleep(PAUSE)
        raise Refusal("web or worker ended by itself; its last words are above.")

    def stop(self) -> None:
        """End all of it."""
        if self._honcho is None:
            return
        if not self.ended:
            say("Ending web and worker")
            self._honcho.send_signal(signal.SIGTERM)
        try:
            self._honcho.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._honcho.kill()
            self._honcho.wait()
        end_leftovers()


def end_leftovers() -> None:
    """End the processes of a run of this checkout whose honcho is gone."""
    processes.end(lambda: processes.marked(MARK), grace=GRACE)


def wait_until_ready(address: str, service: Service) -> None:
    """Wait until /readyz answers 200; say every ten seconds what it answers instead."""
    started = told = time.monotonic()
    while True:
        said = ask(f"{address}/readyz")
        if said == "":
            return
        if service.ended:
            raise Refusal("web or worker ended at the start; its last words are above.")
        now = time.monotonic()
        if now - started > READY_SECONDS:
            raise Refusal(f"The service is not ready after {READY_SECONDS:.0f} seconds: {said}")
        if now - told > TELL_SECONDS:
            say(f"  not ready yet: {said}")
            told = now
        time.sleep(PAUSE)


def ask(url: str) -> str:
    """Return "" when a URL of this machine answers 200, else why it does not."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=5):
            return ""
    except urllib.error.HTTPError as answer:
        return f"{answer.code} {answer.read(500).decode(errors='replace').strip()}"
    except OSError as fault:
        reason = getattr(fault, "reason", fault)
        return f"no answer ({getattr(reason, 'strerror', None) or reason})"
