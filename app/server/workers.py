"""The worker processes: forked from one that has imported everything, and started again when they die."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
AGAIN_SECONDS = 1.0
KILL_SECONDS = 3.0
UNUSABLE = 78  # EX_CONFIG of sysexits.h: a worker that ends with it would end so again

_FORK = multiprocessing.get_context("fork")


class Workers:
    """So many processes that run ``work``, which is told its parent's id, until a signal ends them."""

    def __init__(self, count: int, work: Callable[[int], None], *, grace_s: float) -> None:
        self._count = count
        self._work = work
        self._grace_s = grace_s
        self._running: dict[ForkProcess, float] = {}
        self._ending = False
        self._exit_code = 0

    def run(self, listener: socket.socket) -> int:
        """Keep them running until SIGTERM or SIGINT, then give them time to finish; return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        while not self._ending:
            while len(self._running) < self._count and not self._ending:
                self._start()
            wait([each.sentinel for each in self._running], LOOK_SECONDS)
            if not self._ending:  # who ends us may have told all of our group
                self._bury()
        listener.close()  # nobody is to be kept waiting in its queue
        self._stop()
        return self._exit_code

    def _start(self) -> None:
        process = _FORK.Process(target=self._work, args=(os.getpid(),))
        process.start()
        self._running[process] = time.monotonic()

    def _bury(self) -> None:
        """Forget the dead. One that died young is not followed at once, so that a fault does not use up the machine."""
        for process in [each for each in self._running if not each.is_alive()]:
            lived = time.monotonic() - self._running.pop(process)
            log.error("worker process died", extra={"pid": process.pid, "exit_code": process.exitcode})
            if process.exitcode == UNUSABLE:
                self._ending, self._exit_code = True, UNUSABLE
            elif lived < AGAIN_SECONDS:
                time.sleep(AGAIN_SECONDS)

    def _stop(self) -> None:
        for process in self._running:
            process.terminate()
        ends = time.monotonic() + self._grace_s + KILL_SECONDS
        for process in self._running:
            process.join(max(0.0, ends - time.monotonic()))
            process.kill()

    def _end(self, *_: object) -> None:
        self._ending = True
