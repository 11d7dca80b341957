"""The service as a whole: workers, queue, clocks, deliveries and disks, for monitoring; no personal data.

Readiness (``app.api.health``) is about one process of web; this is about all that the others do. ``queries`` reads,
``service`` decides what is an alarm, ``routes`` and ``cli`` show it, ``tasks`` writes alarms into the log.
"""
