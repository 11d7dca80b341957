"""Wire shapes of reports, one matter a file."""

from app.reports.schemas.intake import DeskReportIn, ItemIn, ItemOut, Key, NewReportIn, SimilarIn, SimilarOut
from app.reports.schemas.staff import (
    DuplicateOut,
    MergeIn,
    MergeOut,
    RatingsOut,
    SplitIn,
    SplitOut,
    SpotCheckIn,
    SpotCheckOut,
    SpotChecksOut,
    StaffEventOut,
    UnmergeIn,
    WorkOrderOut,
)
from app.reports.schemas.track import ObjectionIn, RatingIn, ReportOut, TrackEventOut, TrackOut

__all__ = [
    "DeskReportIn",
    "DuplicateOut",
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
    "SplitIn",
    "SplitOut",
    "SpotCheckIn",
    "SpotCheckOut",
    "SpotChecksOut",
    "StaffEventOut",
    "TrackEventOut",
    "TrackOut",
    "UnmergeIn",
    "WorkOrderOut",
]
