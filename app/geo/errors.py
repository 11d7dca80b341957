"""What geo refuses."""

from __future__ import annotations

from app.errors import Unprocessable

KILOMETRE_M = 1000


class OutsideCity(Unprocessable):
    """The position lies outside the city; the nearest area is named."""

    title = "The position lies outside the city"

    def __init__(self, *, area: str, name: str, distance_m: float, hole: bool) -> None:
        where = "in a place that does not belong to the city" if hole else "outside the city"
        away = f"{distance_m / KILOMETRE_M:.1f} km" if distance_m >= KILOMETRE_M else f"{distance_m:.0f} m"
        detail = f"The position lies {where}. The nearest area is {name}, {away} away."
        super().__init__(
            detail,
            errors=[{"pointer": "/lon", "detail": detail}],
            nearest_area=area,
            nearest_name=name,
            distance_m=round(distance_m),
        )
