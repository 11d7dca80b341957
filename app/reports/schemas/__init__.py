"""Wire shapes of reports, one matter a file."""

from app.reports.schemas.intake import DeskReportIn, ItemIn, ItemOut, Key, NewReportIn, SimilarIn, SimilarOut
from app.reports.schemas.staff import (
    MergeIn,
    MergeOut,
    RatingsOut,
    SpotCheckIn,
    SpotCheckOut,
    SpotChecksOut,
    WorkOrderOut,
)
from app.reports.schemas.track import ObjectionIn, RatingIn, ReportOut, TrackOut

__all__ = [
    "DeskReportIn",
    "ItemIn",
    "ItemOut",
    "Key",
    "MergeIn",
    "MergeOut",
    "NewReportIn",
    "ObjectionIn",
    "RatingIn",
    "RatingsOut",
    "ReportOut",
    "SimilarIn",
    "SimilarOut",
    "SpotCheckIn",
    "SpotCheckOut",
    "SpotChecksOut",
    "TrackOut",
    "WorkOrderOut",
]
