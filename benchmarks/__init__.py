"""What the main calls cost, measured: ``make bench``.

A cluster of its own, one database a size, filled by multiplying reports that the service itself filed; every call
beside the same SQL by pgbench, in interleaved rounds. Writes docs/performance.md. Nothing here is asserted.
"""
