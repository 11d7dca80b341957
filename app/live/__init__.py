"""The live stream: what happens to a report, or to the work orders of a desk, as Server-Sent Events.

An ASGI application that ``python -m app.server`` serves beside the pages, or ``python -m app.live`` alone: one LISTEN,
one reader, and for each open stream one task and a bounded queue. It owns no table and writes nothing; what it shows is
shown by ``app.reports.views``. WSGI workers would hold as many streams as they have threads. docs/live.md says what is
guaranteed.
"""
