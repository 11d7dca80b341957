"""What is printed when the service is ready: address, tokens, and one command that files a report."""

import json
import shlex
import uuid
from collections.abc import Sequence
from pathlib import Path

from dev.environment import Plan
from dev.places import ROOT, VAR

TOKENS = VAR / "demo-tokens.json"
SAMPLE_LENGTH = 3


def welcome(plan: Plan, sample: Sequence[str], *, seconds: float) -> str:
    """Return the text; `sample` is longitude, latitude and item of a report, or empty, `seconds` what it took."""
    lines = ["", f"Ready in {seconds:.1f} s: {plan.address}"]
    tokens = {} if plan.external else read_tokens(TOKENS, plan.code)
    if tokens:
        width = max(len(role) for role in tokens)
        lines += ["", f"Staff tokens, made for this checkout ({TOKENS.relative_to(ROOT)}):"]
        lines += [f"  {role:{width}}  {token}" for role, token in tokens.items()]
    if len(sample) == SAMPLE_LENGTH:
        lines += ["", "File a report:", f"  {report_command(plan.address, sample)}"]
    lines += ["", "Warnings and errors are shown here; make run LOG_LEVEL=INFO shows every request."]
    return "\n".join([*lines, "Ctrl-C ends it and keeps the data.", ""])


def report_command(address: str, sample: Sequence[str]) -> str:
    """Return the command that files a report at a place and of an item."""
    lon, lat, item = sample
    fields = (f"lon={lon}", f"lat={lat}", f"item={item}", "description=Filed by the command that make run printed")
    words = ["curl", "-i", "-X", "POST", f"{address}/api/v1/reports", "-H", f"Idempotency-Key: {uuid.uuid4()}"]
    return shlex.join([*words, *(word for field in fields for word in ("-F", field))])


def read_tokens(file: Path, city: str) -> dict[str, str]:
    """Return the tokens of a city's demonstration staff by role, or none; `flask staff demo` wrote them."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    tokens = kept.get(city) if isinstance(kept, dict) else None
    return {str(role): str(token) for role, token in tokens.items()} if isinstance(tokens, dict) else {}
