"""Things with a place and an owner (部件): what stands near a point.

Owns ``assets``. Imports catalogue, geo and the floor.
"""
