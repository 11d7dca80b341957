"""Requests of the past: loaded from a pack's ``history.csv.gz`` as work orders that are over, or stand open."""
