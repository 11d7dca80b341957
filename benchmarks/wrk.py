"""wrk: many connections that ask for addresses of a list, one after the other; what it found."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.web import HOST
from dev.console import Refusal

PROGRAM = "wrk"
CONNECTIONS = 16
GRACE_SECONDS = 30
# One thread, so that its counters are all there is; the requests are written before the time begins.
_SCRIPT = """
ok, same, other = 0, 0, 0
local asked, number, thread = {}, 0, nil
local list = {
%s
}

function setup(one)
  thread = one
end

function init(args)
  for place, each in ipairs(list) do
    local headers = { ["Accept-Encoding"] = "gzip" }
    if each[2] ~= "" then
      headers["If-None-Match"] = each[2]
    end
    asked[place] = wrk.format("GET", each[1], headers)
  end
end

function request()
  number = number %% #asked + 1
  return asked[number]
end

function response(status)
  if status == 200 then
    ok = ok + 1
  elseif status == 304 then
    same = same + 1
  else
    other = other + 1
  end
end

function done(summary, latency, requests)
  local failed = summary.errors
  io.write(string.format(
    '\\nFOUND {"ok": %%d, "same": %%d, "other": %%d, "errors": %%d, "seconds": %%f, "p50": %%f, "p99": %%f}\\n',
    thread:get("ok"), thread:get("same"), thread:get("other"),
    failed.connect + failed.read + failed.write + failed.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run found: answers by status, errors of connections, seconds; percentiles in milliseconds."""

    ok: int
    same: int
    other: int
    errors: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Give the answers a second."""
        return (self.ok + self.same + self.other) / self.seconds


def write_script(asked: Sequence[tuple[str, str]]) -> str:
    """Write the script for a list of addresses, each with the tag that the client has of it, or an empty text."""
    return _SCRIPT % "\n".join(f"  {{ {_quoted(path)}, {_quoted(tag)} }}," for path, tag in asked)


def _quoted(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        message = f"{value!r} cannot be written into the script"
        raise ValueError(message)
    return json.dumps(value)


def read_output(said: str) -> Load:
    """Read what the script printed at its end. Raises Refusal where it printed nothing."""
    lines = [line.removeprefix("FOUND ") for line in said.splitlines() if line.startswith("FOUND ")]
    if not lines:
        raise Refusal(f"wrk said nothing that can be read: {said[-500:]}")
    return Load(**json.loads(lines[-1]))


def load(port: int, script: Path, *, seconds: int, connections: int = CONNECTIONS) -> Load:
    """Ask a port of this machine for so many seconds."""
    command = [PROGRAM, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", str(script)]
    done = subprocess.run(
        [*command, f"http://{HOST}:{port}"],
        capture_output=True, text=True, check=False, timeout=seconds + GRACE_SECONDS,
    )  # fmt: skip
    if done.returncode:
        raise Refusal(f"wrk failed: {done.stderr[-500:]}")
    return read_output(done.stdout)
