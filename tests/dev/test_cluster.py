"""The private cluster itself, started, crashed and deleted in a folder of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.cluster import Cluster
from dev.console import Refusal
from dev.places import ROOT

START = """
import sys
from pathlib import Path
from dev.cluster import Cluster
cluster = Cluster(Path(sys.argv[1]), durable=False)
cluster.start()
cluster.ensure_database("ssp_shared")
print(cluster.pid)
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster") / "pg", durable=False)
    cluster.start()
    yield cluster
    cluster.destroy()
    assert not cluster.home.exists()
    assert not cluster.socket.exists()


@pytest.mark.alone
def test_a_database_belongs_to_the_owner_and_has_postgis(cluster: Cluster) -> None:
    cluster.ensure_database("ssp_one")
    cluster.ensure_database("ssp_one")

    owner = cluster.psql("SELECT datdba::regrole FROM pg_database WHERE datname = 'ssp_one'")
    distance = cluster.psql("SELECT ST_Distance('POINT(0 0)'::geometry, 'POINT(3 4)'::geometry)", "ssp_one")

    assert (owner, distance) == ("ssp_owner", "5")


@pytest.mark.alone
def test_what_was_committed_outlives_a_crash_and_a_stop(cluster: Cluster) -> None:
    cluster.ensure_database("ssp_two")
    cluster.psql("CREATE TABLE kept AS SELECT 7 AS value; CHECKPOINT", "ssp_two")

    cluster.kill()
    crashed = cluster.running
    cluster.start()
    cluster.stop()
    cluster.start()

    assert not crashed
    assert cluster.psql("SELECT value FROM kept", "ssp_two") == "7"


@pytest.mark.alone
def test_the_process_id_of_a_killed_server_may_be_anothers_now(cluster: Cluster) -> None:
    cluster.kill()
    remains = cluster.data / "postmaster.pid"
    lines = remains.read_text().split("\n")
    with subprocess.Popen(["sleep", "60"]) as innocent:
        remains.write_text("\n".join([str(innocent.pid), *lines[1:]]))

        cluster.start()

        assert cluster.pid not in {None, innocent.pid}
        innocent.kill()


@pytest.mark.alone
def test_several_processes_may_start_it_at_once(cluster: Cluster) -> None:
    cluster.stop()
    command = [sys.executable, "-c", START, str(cluster.folder)]
    starting = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)]

    answers = {process.communicate()[0] for process in starting}

    assert answers == {f"{cluster.pid}\n"}


@pytest.mark.alone
def test_a_copy_has_what_its_template_had(cluster: Cluster) -> None:
    cluster.ensure_database("ssp_template")
    cluster.psql("CREATE TABLE copied AS SELECT 1 AS value", "ssp_template")

    cluster.ensure_database("ssp_copy", template="ssp_template")
    cluster.drop_database("ssp_template")

    assert cluster.psql("SELECT value FROM copied", "ssp_copy") == "1"


@pytest.mark.alone
def test_an_error_of_sql_is_a_refusal(cluster: Cluster) -> None:
    with pytest.raises(Refusal, match="no_such_table"):
        cluster.psql("SELECT * FROM no_such_table")


@pytest.mark.parametrize("name", ["", "a b", 'x"; DROP', "Big", "x" * 64])
def test_what_is_no_name_never_reaches_the_server(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refusal, match="no name"):
        Cluster(tmp_path).ensure_database(name)
