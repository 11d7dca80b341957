"""What a reload of the city's pack leaves behind: count it, name it, and move it to the current lists.

Owns no table. Imports accounts, catalogue, dispatch, geo, notify and workorders; nothing imports it but the composition
root, which gives it to ``flask city load``.
"""
