"""Read city.toml: a table of plain values, and every fault with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.catalogue.city import KEYS, LIMITS, OPEN_DATA
from app.catalogue.packs.faults import Fault, warning
from app.catalogue.packs.text import NotText, decode
from app.catalogue.values import Key

NAME = "city.toml"
TABLES: Mapping[str, Mapping[str, Key]] = {"limits": LIMITS, "open_data": OPEN_DATA}


def read_settings(folder: Path) -> tuple[dict[str, Any], list[Fault]]:
    """Read city.toml of a folder; a file that cannot be read gives an empty table and the fault."""
    try:
        text = decode(NAME, (folder / NAME).read_bytes())
        content = tomllib.loads(text)
    except FileNotFoundError:
        return {}, [Fault(NAME, "", "the file is missing", broken=True)]
    except NotText as fault:
        return {}, [fault.fault]
    except tomllib.TOMLDecodeError as fault:
        line = re.search(r"at line (\d+)", str(fault))
        reason = f"it is not TOML: {fault}; texts stand in quotes, lists in brackets"
        return {}, [Fault(NAME, line[1] if line else "", reason, broken=True)]
    except OSError as fault:
        return {}, [Fault(NAME, "", f"it cannot be read: {fault.strerror}", broken=True)]
    faults = _faults(text, {name: value for name, value in content.items() if name not in TABLES}, KEYS)
    for name, keys in TABLES.items():
        table = content.get(name, {})
        if not isinstance(table, dict):
            return content, [*faults, Fault(NAME, "", f"{name} must be a table: [{name}]")]
        faults += _faults(text, table, keys)
    if not str(content.get("name_zh") or "") + str(content.get("name_en") or ""):
        faults.append(Fault(NAME, "", "name_zh and name_en are both empty"))
    return content, faults


def _faults(text: str, table: Mapping[str, Any], keys: Mapping[str, Key]) -> list[Fault]:
    faults = [
        warning(NAME, _line(text, name), f"the key {name} is not known and is ignored")
        for name in table.keys() - keys.keys()
    ]
    for name, key in keys.items():
        if name not in table and key.default is None:
            faults.append(Fault(NAME, "", f"the key {name} is missing"))
        elif name in table:
            try:
                key.read(table[name])
            except ValueError as fault:
                faults.append(Fault(NAME, _line(text, name), f"{name}: {fault}"))
    return faults


def _line(text: str, name: str) -> str:
    lines = (str(number) for number, line in enumerate(text.splitlines(), 1) if re.match(rf"\s*{name}\s*=", line))
    return next(lines, "")
