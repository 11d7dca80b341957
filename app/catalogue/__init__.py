"""Units and the lists: items (事项), responsibilities (职责清单), and the city pack that brings them.

Owns ``pack_versions``, ``units``, ``items`` and ``responsibilities``. A city is data, never code: ``packs`` reads and
checks a folder, ``service`` answers from the current version. Imports geo and the floor.
"""
