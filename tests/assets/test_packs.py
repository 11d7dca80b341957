from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.assets.models import Asset
from app.catalogue.packs import load_pack, read_pack
from tests.catalogue.town import PARTS, faults_of, write_town
from tests.make import NOW


def test_an_id_is_unique_within_its_class_only(tmp_path: Path) -> None:
    folder = write_town(tmp_path)
    park = (folder / "assets.park.geojson").read_text().splitlines()[1]
    (folder / "assets.bench.geojson").write_text(f'{{"type":"FeatureCollection","features":[\n{park}\n]}}')
    (folder / "assets.park.geojson").write_text(f'{{"type":"FeatureCollection","features":[\n{park},\n{park}\n]}}')

    assert [fault for fault in faults_of(folder) if "error" in fault] == [
        "assets.park.geojson:3: error: the id green is there already: assets.park.geojson:2"
    ]


def test_points_lines_and_polygons_are_taken(session: Session, tmp_path: Path) -> None:
    folder = write_town(tmp_path)
    shapes = [
        {"type": "Point", "coordinates": [-6.21, 53.31]},
        {"type": "LineString", "coordinates": [[-6.21, 53.31, 7.5], [-6.22, 53.31, 8]]},
        {"type": "MultiPoint", "coordinates": [[-6.21, 53.31], [-6.22, 53.31]]},
    ]
    features = [
        {"type": "Feature", "properties": {"id": number, "name": None, "owner": None}, "geometry": one}
        for number, one in enumerate(shapes)
    ]
    (folder / "assets.odd.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))

    assert [fault for fault in faults_of(folder) if "error" in fault] == []
    load_pack(session, read_pack(folder), PARTS, now=NOW)

    odd = select(Asset.code, Asset.owner, func.ST_GeometryType(func.geometry(Asset.geom)))
    rows = session.execute(odd.where(Asset.asset_class == "odd").order_by(Asset.code)).all()
    assert [tuple(row) for row in rows] == [
        ("0", "", "ST_Point"),
        ("1", "", "ST_LineString"),
        ("2", "", "ST_MultiPoint"),
    ]


def test_the_real_assets_are_all_loaded(shenzhen: Session, boston: Session) -> None:
    counted = select(func.count()).select_from(Asset)

    assert (shenzhen.scalar(counted), boston.scalar(counted)) == (1587, 534)
