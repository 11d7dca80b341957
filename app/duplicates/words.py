"""Why a score is what it is, in words: short for a resident, a list of contributions for staff."""

from __future__ import annotations

from collections.abc import Sequence

from app.duplicates.features import Sighting

Words = dict[str, str]
_SMALL = 0.05
_HOURS_A_DAY = 24
# What is said of which features together: in Chinese, in English.
_GROUPS: dict[tuple[str, str], tuple[str, ...]] = {
    ("距离", "the distance"): ("here", "distance", "distance_other"),
    ("时间间隔", "the time between"): ("gap", "gap_hour", "gap_week", "gap_other"),
    ("事项是否相同", "whether the item is the same"): ("same_item", "same_class", "same_unit"),
    ("地址", "the address"): ("address", "street"),
    ("是否同一设施", "whether it is the same asset"): ("asset",),
    ("工单是否已修复", "whether it is fixed already"): ("fixed", "fixed_other"),
    ("附近更近的工单", "how many are nearer"): ("nearer", "around"),
    ("同一地点的其他工单", "what else stands at that spot"): ("open_here", "not_alone"),
    ("该事项重复的多少", "how often this item repeats"): ("item_prior", "pair_prior"),
    ("由谁、经何渠道提交", "who filed it, and how"): ("by_staff", "of_staff", "channel"),
    ("是否同一上报人", "whether the same person reported it"): ("own",),
    ("文字", "the words"): ("words",),
    ("照片", "the photo"): ("photo",),
}
GROUP_OF = {name: group for group, names in _GROUPS.items() for name in names}


def brief(one: Sighting) -> Words:
    """Say of a candidate in a line where it lies, what it is, and since when it is there."""
    metres = round(one.distance_m)
    zh, en = [f"相距 {metres} 米"], [f"{metres} m away"]
    facts = (
        (one.same_item, "同一事项", "same item"),
        (one.same_asset, "同一设施", "same asset"),
    )
    for holds, said_zh, said_en in facts:
        if holds:
            zh.append(said_zh)
            en.append(said_en)
    since_zh, since_en = _since(one.hours)
    return {"zh": "，".join((*zh, since_zh)), "en": ", ".join((*en, since_en))}


def _since(hours: float) -> tuple[str, str]:
    days = int(hours // _HOURS_A_DAY)
    if days == 1:
        return "一天前", "a day ago"
    if days:
        return f"{days} 天前", f"{days} days ago"
    if hours < 1:
        return "一小时内", "within the hour"
    return f"{int(hours)} 小时前", "an hour ago" if int(hours) == 1 else f"{int(hours)} hours ago"


def reasons(contributions: Sequence[tuple[str, float]]) -> list[dict[str, str | float]]:
    """Say what speaks for and against, the weightiest first; what hardly counts is left out.

    ``weight`` is what it adds to the log odds beside an average candidate.
    """
    sums: dict[tuple[str, str], float] = {}
    for name, value in contributions:
        sums[GROUP_OF[name]] = sums.get(GROUP_OF[name], 0.0) + value
    ordered = sorted(sums.items(), key=lambda part: (-abs(part[1]), part[0]))
    return [{"zh": zh, "en": en, "weight": round(value, 2)} for (zh, en), value in ordered if abs(value) >= _SMALL]
