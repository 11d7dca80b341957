"""The shell blocks of the documentation use programs that a bare Debian has after the set-up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]

BUILT_IN = {
    "export",
    "cd",
    "set",
    "eval",
    "exec",
    "if",
    "then",
    "else",
    "fi",
    "for",
    "do",
    "done",
    "while",
    "test",
    "[",
    "echo",
}
# Essential packages of Debian: coreutils, findutils, grep, gzip, sed, tar, util-linux.
ESSENTIAL = {
    "cat",
    "comm",
    "cp",
    "find",
    "grep",
    "gzip",
    "install",
    "ln",
    "ls",
    "mkdir",
    "mv",
    "rm",
    "sed",
    "sort",
    "stat",
    "tar",
}
# What README asks for before anything else, and what the set-up installs.
ASKED_FOR = {"git", "make", "python3", "curl"}
SET_UP = {"createdb", "pg_dump", "pg_restore", "psql"}
# What `make install` puts into /usr/local/bin.
INSTALLED = {"suishoupai"} & {path.name for path in (ROOT / "deploy").iterdir()}
ADMINISTRATOR = {"apt-get", "chown", "chmod", "su", "sudo", "systemctl", "useradd", "runuser"}
KNOWN = BUILT_IN | ESSENTIAL | ASKED_FOR | SET_UP | INSTALLED | ADMINISTRATOR

_BLOCK = re.compile(r"^```(?:sh|bash|console|shell)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ASSIGNMENT = re.compile(r"^\w+=(?:\"[^\"]*\"|'[^']*'|\S*)\s*")


def commands_in(script: str) -> list[str]:
    """Give the first word of each command of a script, those of substitutions and pipes too."""
    script = re.sub(r"(^|\s)#[^\n]*", "", script)
    script = re.sub(r"\\\n", " ", script)
    inner = re.findall(r"\$\(([^()]*(?:\([^()]*\)[^()]*)*)\)", script)
    plain = re.sub(r"\$\(([^()]*(?:\([^()]*\)[^()]*)*)\)", "\0", script)
    plain = re.sub(r"'[^']*'|\"[^\"]*\"", "\0", plain)
    found = [word for each in inner for word in commands_in(each)]
    for part in re.split(r"\n|&&|\|\||[|;{}]", plain):
        rest = part.strip()
        while _ASSIGNMENT.match(rest):
            rest = _ASSIGNMENT.sub("", rest, count=1)
        if rest and not rest.startswith(("\0", "-", "<", ">")):
            found.append(rest.split()[0])
    return found


def strangers_of(page: str) -> set[str]:
    """Give the programs of a page that neither Debian, nor the set-up, nor the page itself brings."""
    script = "\n".join(_BLOCK.findall(page))
    defined = set(re.findall(r"^(\w+)\(\)", script, re.MULTILINE))
    installed = {word for line in re.findall(r"apt-get install ([^\n`]+)", page) for word in line.split()}
    used = {word for word in commands_in(script) if not word.endswith("()")}
    ours = {word for word in used if word.startswith((".venv/bin/", "bin/")) or word == "flask"}
    return used - ours - KNOWN - defined - installed


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_calls_only_programs_that_are_there_after_the_set_up(path: Path) -> None:
    assert strangers_of(path.read_text(encoding="utf-8")) == set()


def test_the_walk_finds_programs_in_pipes_and_substitutions() -> None:
    page = '```sh\nID=$(jq -r .id a.json)\ncurl -s "$URL" -H "Key: $(uuidgen)" \\\n  -d x | xmllint - # htop\n```\n'

    assert strangers_of(page) == {"jq", "uuidgen", "xmllint"}


def test_a_program_that_the_page_installs_is_there() -> None:
    assert strangers_of("First `apt-get install rsync`.\n```sh\nrsync -a here/ there:\n```\n") == set()


def test_the_pages_have_shell_blocks_to_walk() -> None:
    assert sum(len(_BLOCK.findall(path.read_text(encoding="utf-8"))) for path in PAGES) > 20
