"""What crews do: the steps of a work order with their evidence.

Owns no table: history and evidence are the work order's. Imports dispatch and what lies below.
"""
