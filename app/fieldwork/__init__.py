"""What crews do: the steps of a work order with their evidence, and the checks of that evidence.

History and evidence are the work order's; the checks are its own table. Imports dispatch and what lies below.
"""
