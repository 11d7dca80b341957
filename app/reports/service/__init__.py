"""Verbs of reports, one a file."""

from app.reports.service.file import Filed, NewReport, file_report
from app.reports.service.track import Track, show, track

__all__ = ["Filed", "NewReport", "Track", "file_report", "show", "track"]
