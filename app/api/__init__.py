"""The HTTP edge shared by all: problems, guard, parsing, rate limits, health.

Knows no feature. The guard gets its authenticator injected by ``create_app``.
"""
