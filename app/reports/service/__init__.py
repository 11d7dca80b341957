"""Verbs of reports, one matter a file."""

from app.reports.service.after_fix import Said, check, confirm, object_to, rate
from app.reports.service.file import Filed, NewReport, file_report
from app.reports.service.merge import merge, unmerge
from app.reports.service.split import split
from app.reports.service.track import Track, add_contact, ask_again, drop_contact, find_report, show, track

__all__ = [
    "Filed",
    "NewReport",
    "Said",
    "Track",
    "add_contact",
    "ask_again",
    "check",
    "confirm",
    "drop_contact",
    "file_report",
    "find_report",
    "merge",
    "object_to",
    "rate",
    "show",
    "split",
    "track",
    "unmerge",
]
