from __future__ import annotations

from dev.packages import Need, missing, needs, postgres_version


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


def test_a_server_that_is_there_gets_its_postgis() -> None:
    assert postgres_version([16, 15], [15, 16, 17]) == 16


def test_a_server_without_postgis_on_offer_is_left_alone() -> None:
    assert postgres_version([18], [15]) == 15


def test_a_bare_system_gets_what_its_debian_is_made_for() -> None:
    assert postgres_version([], [17]) == 17
    assert postgres_version([], [13, 15, 17]) == 15


def test_without_package_lists_the_name_of_debian_12_is_tried() -> None:
    assert postgres_version([], []) == 15


def test_the_load_test_alone_wants_nginx() -> None:
    named = [
        {name for need in needs(server=False, browser=False, load=load) for name in need.packages()}
        for load in (False, True)
    ]

    assert named[1] - named[0] == {"nginx-light", "wrk"}
