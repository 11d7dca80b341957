"""Where something is: points, datums, areas, and which area a point lies in.

Owns ``areas``. Knows nothing about reports, units or work orders; imports the floor only. No other feature writes
WKB, an SRID or an ``ST_`` function: they use the types and expressions of ``app.geo.types``.
"""
