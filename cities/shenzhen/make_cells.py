"""Make the areas of the demonstration pack: cells around the centres of the street offices.

The boundaries are computed, not surveyed. Each street office gets the Voronoi cell of its centre: a place belongs to
the nearest centre. (Weighing the centres by their areas was tried and comes no closer to the real offices.) Cells end
where the discs end that have the true areas of the street offices, widened by ``WIDENED``, so that most of the sea
stays outside. Districts are the unions of their streets. The figures in centres.csv (name, code, centre, area) are
free to use.

    python cities/shenzhen/make_cells.py

writes areas.street.geojson and areas.district.geojson beside this file.
"""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import MultiPoint, Point, Polygon, mapping

FOLDER = Path(__file__).parent
CITY = "440300-demo"
WIDENED = 1.3
LEAST_M = 900.0
QUARTER = 4
DECIMALS = 4
MIDDLE = (114.05, 22.65)
METRES = (111_320 * math.cos(math.radians(MIDDLE[1])), 110_800)

# 大鹏新区 has no code of its own in the statistics: centres.csv numbers its streets within 龙岗区.
DISTRICTS = {
    "罗湖区": ("440303", "Luohu"),
    "福田区": ("440304", "Futian"),
    "南山区": ("440305", "Nanshan"),
    "宝安区": ("440306", "Bao'an"),
    "龙岗区": ("440307", "Longgang"),
    "大鹏新区": ("440307-DP", "Dapeng"),
    "盐田区": ("440308", "Yantian"),
    "龙华区": ("440309", "Longhua"),
    "坪山区": ("440310", "Pingshan"),
    "光明区": ("440311", "Guangming"),
}


def main() -> None:
    """Read the centres, make the cells, write both files."""
    with (FOLDER / "centres.csv").open(encoding="utf-8-sig", newline="") as file:
        centres = list(csv.DictReader(file))
    cells = make_cells(centres)
    streets = [feature(row, DISTRICTS[row["district_zh"]][0], cell) for row, cell in zip(centres, cells, strict=True)]
    write("street", streets)
    write("district", list(districts(centres, cells)))
    print(f"{len(streets)} streets")


def make_cells(centres: list[dict[str, str]]) -> list[Any]:
    """Give the cell of every centre, in degrees rounded to ``DECIMALS``; neighbours share their border exactly."""
    spots = [Point(to_metres(float(row["lon"]), float(row["lat"]))) for row in centres]
    discs = [
        spot.buffer(max(LEAST_M, WIDENED * math.sqrt(float(row["area_km2"]) * 1e6 / math.pi)), quad_segs=QUARTER)
        for spot, row in zip(spots, centres, strict=True)
    ]
    land = without_holes(shapely.union_all(discs))
    found = shapely.voronoi_polygons(MultiPoint(spots), extend_to=land, ordered=True)
    return [rounded(cell.intersection(land)) for cell in found.geoms]


def without_holes(shape: Any) -> Any:
    """Fill the holes between discs: what lies in the middle of the city is no place outside of it."""
    return shapely.union_all([Polygon(part.exterior) for part in getattr(shape, "geoms", [shape])])


def districts(centres: list[dict[str, str]], cells: list[Any]) -> Any:
    """Unite the cells of each district."""
    for name, (code, name_en) in DISTRICTS.items():
        own = [cell for row, cell in zip(centres, cells, strict=True) if row["district_zh"] == name]
        row = {"code": code, "name_zh": name, "name_en": name_en}
        yield feature(row, CITY, shapely.coverage_union_all(own))


def to_metres(lon: float, lat: float) -> tuple[float, float]:
    """Flatten a position around the middle of the city."""
    return (lon - MIDDLE[0]) * METRES[0], (lat - MIDDLE[1]) * METRES[1]


def rounded(cell: Any) -> Any:
    """Give a cell in degrees, rounded so that neighbours get the same numbers for the same corner."""
    degrees = shapely.transform(cell, lambda flat: (flat / METRES + MIDDLE).round(DECIMALS))
    return shapely.remove_repeated_points(degrees)


def feature(row: dict[str, str], parent: str, cell: Any) -> str:
    """Write one feature as one line."""
    properties = {"code": row["code"], "name_zh": row["name_zh"], "name_en": row["name_en"], "parent": parent}
    content = {"type": "Feature", "properties": properties, "geometry": mapping(cell)}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def write(level: str, features: list[str]) -> None:
    """Write a file of areas, one feature a line."""
    lines = ",\n".join(features)
    path = FOLDER / f"areas.{level}.geojson"
    path.write_text(f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
