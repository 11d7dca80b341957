"""What residents send (诉求): intake, joining, tracking.

Owns ``reports``, their photos and their links to work orders. Imports notify and what lies below.
"""
