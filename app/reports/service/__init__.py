"""Verbs of reports, one matter a file."""

from app.reports.service.after_fix import Said, check, confirm, object_to, rate
from app.reports.service.file import Filed, NewReport, file_report
from app.reports.service.merge import merge
from app.reports.service.track import Track, find_report, show, track

__all__ = [
    "Filed",
    "NewReport",
    "Said",
    "Track",
    "check",
    "confirm",
    "file_report",
    "find_report",
    "merge",
    "object_to",
    "rate",
    "show",
    "track",
]
