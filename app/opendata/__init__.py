"""Open data: every night all public work orders as files, GeoParquet and CSV, for whoever wants to count them.

It owns no table: the files lie in the store of photos under ``open-data/``, with ``index.json`` that names them. It may
import the public map and what is below; what everybody may see is decided there.
"""
