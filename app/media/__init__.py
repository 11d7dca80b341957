"""Photos: accept, store, strip, resize, show.

Owns ``photos``. Originals are private, renditions carry no metadata. Every decode happens in a child process with
limits (``child``, ``picture``, ``exif``, ``render``: standard library and Pillow only). Knows nothing about reports;
imports the floor, the edge of ``app.api`` and the points of ``app.geo.types``.
"""
