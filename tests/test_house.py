"""The rules of the house that no linter knows."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from pathlib import Path

from flask import Flask

import app as package
from app.accounts.roles import STAFF_ROLES
from app.config import _KINDS
from app.errors import Problem
from app.workorders.diagram import lifecycle_page
from app.workorders.lifecycle import MOVES, Action

ROOT = Path(__file__).parents[1]
EDGES = {
    *("routes.py", "photo_routes.py", "responsibility_routes.py", "system_routes.py", "telling_routes.py"),
    *("tasks.py", "upkeep.py", "worker.py", "cli.py", "commands.py"),
}
# Transactions begin at the edge; these are the edge's own.
TRANSACTIONS = {"ratelimit.py", "health.py"}


def sources() -> list[Path]:
    return sorted(ROOT.glob("app/**/*.py"))


def problems() -> list[type[Problem]]:
    for module in pkgutil.walk_packages(package.__path__, "app."):
        if not module.name.endswith("child"):
            importlib.import_module(module.name)
    found, waiting = [], [Problem]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return found


def test_every_route_has_a_guard_or_is_listed_public(app: Flask) -> None:
    without = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if getattr(app.view_functions[rule.endpoint], "guard", None) not in {"public", "staff"}
        and not rule.endpoint.endswith("static")
    ]

    assert without == []


def test_only_edges_begin_transactions_and_nothing_commits_by_hand() -> None:
    begin = [path.name for path in sources() if "Session.begin()" in path.read_text() and path.name != "db.py"]
    commit = [str(path) for path in sources() if re.search(r"\.commit\(", path.read_text())]

    assert set(begin) <= EDGES | TRANSACTIONS
    assert commit == []


def test_every_problem_is_documented() -> None:
    page = (ROOT / "docs/problems.md").read_text()

    missing = [kind.slug() for kind in problems() if f"## {kind.slug()}\n" not in page]
    slugs = re.findall(r"^## (\S+)$", page, re.MULTILINE)

    assert missing == []
    assert len(slugs) == len(set(slugs)), "a problem stands twice"


def test_every_slug_stands_for_one_problem() -> None:
    slugs = [kind.slug() for kind in problems()]

    assert sorted(slugs) == sorted(set(slugs))


def test_every_setting_is_documented_and_no_other() -> None:
    page = (ROOT / "docs/settings.md").read_text()

    documented = set(re.findall(r"^## ([A-Z0-9_]+)$", page, re.MULTILINE))

    assert documented == {name.upper() for name in _KINDS}


def test_the_open_api_document_is_the_committed_one(app: Flask) -> None:
    committed = json.loads((ROOT / "docs/openapi.json").read_text())

    assert app.extensions["openapi"] == committed, "run `flask docs` and look at the difference"


def test_the_lifecycle_page_is_generated_from_the_table() -> None:
    assert (ROOT / "docs/lifecycle.md").read_text() == lifecycle_page(), "run `flask docs`"


def test_the_readme_names_every_command_of_make() -> None:
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    page = (ROOT / "README.md").read_text()

    assert [target for target in targets if f"make {target}" not in page] == []


def test_settings_are_read_in_one_place() -> None:
    readers = [path.name for path in sources() if "os.environ" in path.read_text()]

    assert readers == ["config.py"]


def test_the_words_of_geography_stay_in_geo() -> None:
    outside = [
        str(path.relative_to(ROOT))
        for path in sources()
        if "geo" not in path.parts and re.search(r"\bST_|4326|WKB|SRID", path.read_text())
    ]

    allowed = re.compile(r"app/catalogue/packs|app/assets/packs|app/publicmap/\w*queries\.py$|app/opendata/geoparquet")
    assert [path for path in outside if not allowed.match(path)] == []


def test_the_staff_guide_names_calls_that_there_are(app: Flask) -> None:
    page = (ROOT / "docs/staff-guide.md").read_text()
    called = set(re.findall(r'(?:\$API|/api/v1)(/[^\s"?`]+)', page))
    paths = [rule.rule for rule in app.url_map.iter_rules()]
    patterns = [re.compile(re.sub(r"<[^>]+>", "[^/]+", path.removeprefix("/api/v1"))) for path in paths]

    assert len(called) > 10
    assert [path for path in called if not any(pattern.fullmatch(path) for pattern in patterns)] == []


def test_the_staff_guide_names_every_step_of_staff() -> None:
    page = (ROOT / "docs/staff-guide.md").read_text()
    steps = {move.action for move in MOVES if set(move.who) & set(STAFF_ROLES)} - {
        Action.CHECK,
        Action.MERGE,
        Action.REJECT,
    }

    assert [step for step in steps if not re.search(rf"\b{step}\b", page)] == []


def test_no_test_has_a_group_or_a_time_limit_of_its_own() -> None:
    # tests/rules.py makes the only group, pyproject.toml has the only limit.
    own = re.compile(r"mark\.(xdist_group|timeout)\(")
    tests = [path for path in ROOT.glob("tests/**/*.py") if path.name != "rules.py"]

    assert [path.name for path in tests if own.search(path.read_text())] == []
