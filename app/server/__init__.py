"""The server: ``python -m app.server``. Pages, API and live streams on one listening socket.

Worker processes share the socket. In each an event loop reads requests whole, before any of them takes a thread
(``gateway``, ``bodies``); a bounded pool of threads runs the Flask application (``threads``, ``wsgi``); live streams
stay in the loop (``app.live``). It owns no table and no route. docs/decisions/0016 has the measurements.
"""
