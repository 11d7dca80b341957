"""What the columns of the open data mean, in every language that the product speaks; a test compares the names."""

from __future__ import annotations

from collections.abc import Mapping

_NOT_PUBLIC = ("不公开，始终为空", "not public: always empty")
_TEXTS: Mapping[str, tuple[str, str]] = {
    "service_request_id": ("工单编号", "the work order's id"),
    "status": ("open 办理中；closed 已修好或已结案", "open, or closed: fixed or ended"),
    "status_notes": _NOT_PUBLIC,
    "service_name": ("事项名称，用本市第一语言", "the item, in the city's first language"),
    "service_code": ("事项编码", "the item's code"),
    "description": (
        "首份诉求的文字；未通过审核的为空",
        "words of the first report, where they were let pass",
    ),
    "agency_responsible": ("责任单位名称", "the responsible unit"),
    "service_notice": _NOT_PUBLIC,
    "requested_datetime": (
        "上报时间；一小时内的只写到整点",
        "when it was reported; in the first hour, the hour",
    ),
    "updated_datetime": ("上报、修好、结案中最晚的时间", "when it was reported, fixed or closed, whichever came last"),
    "expected_datetime": _NOT_PUBLIC,
    "address": ("所在街道名称", "the street office's area"),
    "address_id": ("所在街道编码", "its code"),
    "zipcode": ("没有，始终为空", "there is none: always empty"),
    "lat": ("纬度，WGS 84", "latitude, WGS 84"),
    "long": ("经度，WGS 84", "longitude, WGS 84"),
    "media_url": ("首张打码照片的链接", "leads to the first picture, masked"),
    "state": ("open 办理中，fixed 已修好，closed 已结案", "open, fixed or closed"),
    "step": ("办理环节", "how far it is"),
    "class": ("事项大类", "the item's class"),
    "service_name_zh": ("事项中文名", "the item in Chinese"),
    "service_name_en": ("事项英文名", "the item in English"),
    "area": ("所在街道编码", "the code of the street office's area"),
    "area_name_zh": ("街道中文名", "its name in Chinese"),
    "area_name_en": ("街道英文名", "its name in English"),
    "unit": ("责任单位编码", "the unit's code"),
    "position": (
        "exact 原位置；block 移到街区中心（敏感事项）",
        "exact, or block: the middle of it (sensitive)",
    ),
    "fixed_datetime": ("修好时间", "when it was fixed"),
    "closed_datetime": ("结案时间", "when it was closed"),
    "closed_reason": (
        "结案结果：fixed 已修好，not_fixed 未修好，unknown 不详",
        "how it ended: fixed, not_fixed, unknown",
    ),
    "days_to_fix": ("办理天数", "days from report to fix"),
    "reports": ("合并的诉求数", "how many reports joined"),
    "followers": ("关注人数", "how many follow it"),
    "url": ("网页", "its page"),
}
COLUMN_TEXTS: Mapping[str, Mapping[str, str]] = {
    "zh": {name: texts[0] for name, texts in _TEXTS.items()},
    "en": {name: texts[1] for name, texts in _TEXTS.items()},
}
