"""Loading: all or nothing, idempotent, versioned."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app import db
from app.assets.models import Asset
from app.catalogue.errors import PackRefused
from app.catalogue.models import Item, Origin, PackVersion, Responsibility, Unit
from app.catalogue.packs import Loaded, load_pack, read_pack
from app.config import Settings
from app.geo.models import Area, Level
from app.geo.service import locate
from app.geo.types import Point
from tests.catalogue.town import PARTS, write_town
from tests.make import NOW


def load(session: Session, folder: Path, **changed: tuple[str, str]) -> Loaded:
    return load_pack(session, read_pack(write_town(folder, **changed)), PARTS, now=NOW)


def rule(unit: str, **columns: str) -> Responsibility:
    values: dict[str, Any] = {"item": "", "role": "", "asset_owner": "", "area": "", **columns}
    return Responsibility(
        **values, unit=unit, valid_from=NOW.date(), note="", origin=Origin.RULING, since=1, digest="made up"
    )


def test_a_load_brings_everything(session: Session, tmp_path: Path) -> None:
    loaded = load(session, tmp_path)

    assert (loaded.version, loaded.changed) == (1, True)
    assert loaded.counts == {"areas": 3, "units": 4, "items": 3, "rules": 1, "assets": 1}
    for model, count in ((Area, 3), (Unit, 4), (Item, 3), (Responsibility, 1), (Asset, 1)):
        assert session.scalar(select(func.count()).select_from(model)) == count


def test_items_keep_the_order_of_the_catalogue(town: Session) -> None:
    codes = town.scalars(select(Item.code).order_by(Item.position)).all()

    assert codes == ["lamp", "bench", "other"]


def test_the_city_is_the_union_of_its_areas(town: Session) -> None:
    city = town.scalars(select(Area).where(Area.level == Level.CITY)).one()
    streets = town.scalars(select(Area).where(Area.level == Level.STREET)).all()

    assert (city.code, city.parent, city.approximate) == ("town", "", True)
    assert city.area_m2 == pytest.approx(sum(street.area_m2 for street in streets), rel=1e-6)


def test_an_area_without_a_parent_lies_in_the_city(session: Session, tmp_path: Path) -> None:
    load(session, tmp_path, areas=('"parent":"town"', '"parent":""'))

    assert set(session.scalars(select(Area.parent).where(Area.level == Level.STREET))) == {"town"}


def test_an_asset_keeps_its_other_properties(town: Session) -> None:
    asset = town.scalars(select(Asset)).one()

    assert (asset.code, asset.asset_class, asset.name, asset.owner) == ("green", "park", "The Green", "west-office")
    assert asset.properties == {"benches": 4}


def test_keys_that_nobody_knows_are_left_out(session: Session, tmp_path: Path) -> None:
    load(session, tmp_path, city=('code = "town"', 'code = "town"\nfounded = 1649-01-30'))

    assert "founded" not in session.scalars(select(PackVersion.settings)).one()


def test_a_text_that_looks_like_an_escape_is_kept(session: Session, tmp_path: Path) -> None:
    load(session, tmp_path, assets=("The Green", "\\\\u0000 Green"))

    assert session.scalar(select(Asset.name)) == "\\u0000 Green"


def test_the_same_files_again_change_nothing(session: Session, tmp_path: Path) -> None:
    load(session, tmp_path)

    again = load(session, tmp_path)

    assert (again.version, again.changed) == (1, False)
    assert session.scalar(select(func.count()).select_from(PackVersion)) == 1


def test_a_changed_pack_is_the_next_version_and_the_old_one_stays(session: Session, tmp_path: Path) -> None:
    load(session, tmp_path)

    second = load(session, tmp_path, units=("Public Works", "Works Department"))

    assert (second.version, second.changed) == (2, True)
    works = select(Unit.name_en, Unit.since, Unit.until).where(Unit.code == "works").order_by(Unit.since)
    assert session.execute(works).all() == [("Public Works", 1, 2), ("Works Department", 2, None)]
    others = select(Unit.since, Unit.until).where(Unit.code != "works")
    assert set(session.execute(others).all()) == {(1, None)}


def test_a_moved_border_counts_at_once_and_the_old_one_is_kept(session: Session, tmp_path: Path) -> None:
    load(session, tmp_path)
    point = Point(-6.249, 53.32)
    before = locate(session, point, nearest_limit_m=0).street.code

    content = (tmp_path / "areas.street.geojson").read_text().replace("-6.25,", "-6.24,")
    (tmp_path / "areas.street.geojson").write_text(content)
    load_pack(session, read_pack(tmp_path), PARTS, now=NOW)

    assert (before, locate(session, point, nearest_limit_m=0).street.code) == ("east", "west")
    assert (
        session.scalar(select(func.count()).select_from(Area).where(Area.until == 2, Area.level == Level.STREET)) == 2
    )


def test_rules_of_rulings_stay_and_conflicts_are_told(session: Session, tmp_path: Path) -> None:
    load(session, tmp_path)
    session.add_all([rule("works", item="lamp", area="east"), rule("works", item="bench")])
    session.flush()

    loaded = load(session, tmp_path, responsibilities=("its own lamps", "its lamps"))

    rulings = select(Responsibility.item, Responsibility.until).where(Responsibility.origin == Origin.RULING)
    assert sorted(session.execute(rulings).all()) == [("bench", None), ("lamp", None)]
    assert loaded.notes == ["a ruling gives item lamp, area east to works, the pack to east-office; both are kept"]


def test_a_pack_of_another_city_is_refused(session: Session, tmp_path: Path) -> None:
    load(session, tmp_path)
    content = (tmp_path / "city.toml").read_text().replace('code = "town"', 'code = "village"')
    (tmp_path / "city.toml").write_text(content)

    with pytest.raises(PackRefused, match="holds the city town, the pack is of village"):
        load_pack(session, read_pack(tmp_path), PARTS, now=NOW)


def test_two_loads_at_once_give_one_version(committed: Settings, shared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    folder.mkdir()
    for path in (shared / "cities" / "shenzhen").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    with (folder / "units.csv").open("a", encoding="utf-8") as file:
        file.write("sz-extra,,Extra Unit,extra,city,440300\n")
    done: list[Loaded] = []

    def work() -> None:
        with db.Session.begin() as session:
            done.append(load_pack(session, read_pack(folder), PARTS, now=NOW))

    threads = [Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted((one.version, one.changed) for one in done) == [(2, False), (2, False), (2, True)]


def test_a_load_that_fails_leaves_nothing(committed: Settings, tmp_path: Path) -> None:
    folder = write_town(tmp_path)
    content = (folder / "city.toml").read_text().replace('"town"', '"440300"')
    (folder / "city.toml").write_text(content)
    pack = read_pack(folder)
    pack.rules.rows[0].values["unit"] = None

    with pytest.raises(Exception, match="null value"), db.Session.begin() as session:
        load_pack(session, pack, PARTS, now=NOW)

    with db.Session() as session:
        assert session.scalar(select(func.max(PackVersion.number))) == 1
        assert session.scalar(text("SELECT count(*) FROM areas WHERE until IS NOT NULL")) == 0
        assert session.scalar(select(func.count()).select_from(Area)) == 85
