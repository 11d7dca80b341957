"""The public map: what everybody may see of the work orders of a city, as tiles and as lists.

It owns the public face of each work order (``map_points``), what of them lies in each cell of a grid (``map_cells``),
and what staff decided of residents' words. Both tables are derived: ``flask map rebuild`` makes them from nothing.
It may import reports and what is below; nothing below knows of it.
"""
