"""What is said at the terminal: plain lines, progress of long commands, and refusals."""

import contextlib
import re
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

LAST_LINES = 15


class Refusal(Exception):
    """A foreseeable fault, told in one line, without a traceback."""


def say(text: str) -> None:
    """Print a line at once, also into a pipe. When nobody reads any more we must still end in order."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def warn(text: str) -> None:
    """Print a line to standard error."""
    with contextlib.suppress(OSError):
        print(f"dev: {text}", file=sys.stderr, flush=True)


class Progress:
    """Counts steps and says the share that is done, at most once every tenth.

    `total` 0 means unknown: then every tenth step is told by its number.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self._told = 0

    def step(self, text: str) -> str | None:
        """Count one step; return the line to print, or None when nothing new is worth a line."""
        self.done += 1
        tenth = self.done * 10 // self.total if self.total else self.done // 10
        if tenth <= self._told:
            return None
        self._told = tenth
        share = f"{min(100, self.done * 100 // self.total):3} %" if self.total else f"{self.done:5}"
        return f"  {share}  {text}"


def follow(
    command: Sequence[str],
    *,
    step: re.Pattern[str],
    total: int = 0,
    total_line: re.Pattern[str] | None = None,
    steps_each: int = 1,
    landmark: str = "",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a talkative command and show its progress instead of its output.

    A line that `step` matches is a step, its first group the text told. `total_line`, when given, finds the number
    of things in the output itself, each of which takes `steps_each` steps. A line that begins with `landmark` is
    told without its rest. Raises Refusal with the command's last
    lines when it fails.
    """
    progress = Progress(total)
    last: deque[str] = deque(maxlen=LAST_LINES)
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=subprocess.STDOUT, text=True,
        errors="replace", env=env, cwd=cwd,
    ) as process:  # fmt: skip
        for line in process.stdout or ():
            last.append(line.rstrip())
            if total_line and (found := total_line.search(line)):
                progress.total = int(found[1]) * steps_each
            if landmark and line.startswith(landmark):
                say(f"         {landmark}")
            if (found := step.match(line)) and (told := progress.step(found[1])):
                say(told)
    if process.returncode:
        print("\n".join(last), file=sys.stderr, flush=True)
        raise Refusal(f"{Path(command[0]).name} failed; its last lines are above.")


def relay(command: Sequence[str], *, answer: re.Pattern[str], env: Mapping[str, str], cwd: Path) -> str:
    """Run a command and print its lines at once, but for the one that `answer` matches whole: return that, or "".

    The command is killed when we are told to end. Raises Refusal when it fails.
    """
    found = ""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace", env=env, cwd=cwd
    ) as process:
        try:
            for line in map(str.rstrip, process.stdout or ()):
                if answer.fullmatch(line):
                    found = line
                else:
                    say(line)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise Refusal(f"{' '.join([Path(command[0]).name, *command[1:2]])} failed; what it said is above.")
    return found
