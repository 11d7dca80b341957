from __future__ import annotations

import pytest

from dev.packages import Need, missing, needs, server_packages


def need(*packages: str, present: bool) -> Need:
    return Need(lambda: packages, lambda: present)


def test_exactly_what_is_missing_is_named_once_and_in_order() -> None:
    needs = [
        need("python3-venv", present=True),
        need("postgresql-15", "postgresql-15-postgis-3", present=False),
        need("chromium", present=False),
        need("postgresql-15", present=False),
    ]

    assert missing(needs) == ["postgresql-15", "postgresql-15-postgis-3", "chromium"]


def test_nothing_is_missing_where_all_is_present() -> None:
    assert missing([need("chromium", present=True)]) == []


def test_packages_are_looked_up_only_when_they_are_missing() -> None:
    def fail() -> list[str]:
        raise AssertionError

    assert missing([Need(fail, lambda: True)]) == []


def offer(*versions: int, postgis: int = 3) -> list[str]:
    scripts = [f"postgresql-{version}-postgis-{postgis}-scripts" for version in versions]
    return [*scripts, *(f"postgresql-{version}-postgis-{postgis}" for version in versions)]


def test_a_server_that_is_there_gets_its_postgis() -> None:
    assert server_packages([16, 15], offer(15, 16, 17)) == ["postgresql-16", "postgresql-16-postgis-3"]


def test_a_server_without_postgis_on_offer_is_left_alone() -> None:
    assert server_packages([18], offer(15)) == ["postgresql-15", "postgresql-15-postgis-3"]


@pytest.mark.parametrize(
    ("offered", "chosen"), [([15], 15), ([17], 17), ([19], 19), ([13, 15, 17], 15), ([17, 16], 16)]
)
def test_a_bare_system_gets_what_its_debian_is_made_for(offered: list[int], chosen: int) -> None:
    assert server_packages([], offer(*offered)) == [f"postgresql-{chosen}", f"postgresql-{chosen}-postgis-3"]


def test_the_next_postgis_is_taken_by_the_name_that_it_has() -> None:
    assert server_packages([], offer(17, postgis=4)) == ["postgresql-17", "postgresql-17-postgis-4"]


@pytest.mark.parametrize("offered", [[], offer(13, 14)])
def test_where_no_version_fits_debian_is_asked_for_its_own(offered: list[str]) -> None:
    assert server_packages([], offered) == ["postgresql-postgis"]


def test_the_load_test_alone_wants_nginx() -> None:
    named = [
        {name for need in needs(server=False, browser=False, load=load) for name in need.packages()}
        for load in (False, True)
    ]

    assert named[1] - named[0] == {"nginx-light", "wrk"}
