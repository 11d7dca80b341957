from __future__ import annotations

from pathlib import Path

import pytest

from dev import frontend
from dev.console import Refusal

# Stands for npm: writes down what it was asked, and builds; where there is a file "broken" it fails.
NPM = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/asked"
if [ "$1" = run ] && [ -e broken ]; then echo "main.ts(3,5): error TS2322"; exit 2; fi
mkdir -p ../built
"""
BUILD = ["ci --no-audit --no-fund", "run build"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a checkout with a source and an npm."""
    for name in ("sources/src", "programs"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "sources/src/main.ts").write_text("start();")
    npm = tmp_path / "programs/npm"
    npm.write_text(NPM)
    npm.chmod(0o755)
    return tmp_path


def build(checkout: Path) -> None:
    frontend.ensure(checkout / "sources", checkout / "built", checkout / "programs/npm")


def asked(checkout: Path) -> list[str]:
    path = checkout / "programs/asked"
    return path.read_text().splitlines() if path.exists() else []


def test_what_did_not_change_is_built_once(checkout: Path) -> None:
    build(checkout)
    build(checkout)

    assert asked(checkout) == BUILD


@pytest.mark.parametrize("name", ["src/main.ts", "src/new.ts", "package-lock.json"])
def test_a_changed_source_is_built_again(checkout: Path, name: str) -> None:
    build(checkout)

    (checkout / "sources" / name).write_text("changed();")
    build(checkout)

    assert asked(checkout) == BUILD * 2


def test_what_npm_installed_is_no_source(checkout: Path) -> None:
    build(checkout)

    (checkout / "sources/node_modules").mkdir()
    (checkout / "sources/node_modules/a.js").write_text("")
    build(checkout)

    assert asked(checkout) == BUILD


def test_without_node_it_says_what_installs_it(checkout: Path) -> None:
    (checkout / "programs/npm").unlink()

    with pytest.raises(Refusal, match="`python3 -m dev setup` installs Node"):
        build(checkout)


def test_a_build_that_failed_says_why_and_is_tried_again(checkout: Path) -> None:
    (checkout / "sources/broken").touch()
    with pytest.raises(Refusal, match=r"npm run build failed.\nmain.ts\(3,5\): error TS2322"):
        build(checkout)

    (checkout / "sources/broken").unlink()
    build(checkout)

    assert asked(checkout) == BUILD * 2
