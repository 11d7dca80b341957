"""The name of a request's route for logs."""

from __future__ import annotations

from flask import request


def matched_rule() -> str:
    """Give the rule that the request matched. Never its path: a path may hold a secret link."""
    return request.url_rule.rule if request.url_rule else "(none)"
