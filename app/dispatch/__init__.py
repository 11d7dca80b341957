"""Who is responsible and why: resolve, assign, explain.

Owns ``assignments``. Imports workorders and what lies below.
"""
