"""What of a person is in the files: nothing, in whichever field it was written."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as trials
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.accounts.roles import Role
from app.dispatch.case import Asked
from app.fieldwork.service import Brought, take_step
from app.media import service as media
from app.opendata.shelf import Format, Shelf
from app.publicmap.models import TextVerdict
from app.publicmap.moderation import decide_words
from app.reports.models import Report
from app.reports.queries import photos_of_report
from app.reports.service import show
from app.workorders.lifecycle import Action
from tests.make import NOW, YUEHAI, fix, make_person, make_photo, make_report
from tests.opendata.conftest import Export, read, read_table

SENSITIVE = "S0101"
# Phones, plates, papers, addresses: each is written into every field that takes words.
SECRETS = st.one_of(
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    st.from_regex(r"粤B[A-Z][0-9]{5}", fullmatch=True),
    st.from_regex(r"[1-9][0-9]{16}X", fullmatch=True),
    st.from_regex(r"[a-z]{6}[0-9]{4}@example\.org", fullmatch=True),
)


def everything_written(shelf: Shelf) -> str:
    """Give all that stands in the files, decoded: a packed file hides what it holds from a search."""
    rows = str(read_table(shelf).to_pylist())
    return rows + read(shelf, Format.CSV).decode() + shelf.store.get("open-data/index.json").decode()


def note_inside(session: Session, report: Report, words: str) -> None:
    by, _ = make_person(session, Role.DISPATCHER)
    asked = Asked(action=Action.NOTE, note=words)
    public_id = show(session, report).work_order.public_id
    take_step(session, public_id, asked, brought=Brought(ids=()), by=by, now=NOW)


# A secret is one whatever its length: there is nothing to shrink.
@trials(
    max_examples=12,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(secret=SECRETS, around=st.sampled_from(["{}", "路灯不亮 {}", "=call({})", "{}，谢谢"]))
def test_no_secret_that_was_written_anywhere_is_in_a_file(
    shenzhen: Session, shelf: Shelf, export: Export, secret: str, around: str
) -> None:
    nested = shenzhen.begin_nested()
    words = around.format(secret)
    accepted = media.accept(media.current(), [media.Upload(f"{secret}.jpg", make_photo("red"))])
    report = make_report(shenzhen, description=words, contact="resident@example.org", photos=accepted)
    make_report(shenzhen, description="路灯又坏了", same_as=show(shenzhen, report).work_order.public_id)
    note_inside(shenzhen, report, words)
    fix(shenzhen, report, note=words)
    hidden = make_report(shenzhen, description="藏起来的话", lon=YUEHAI[0] + 0.01)
    by, _ = make_person(shenzhen, Role.DISPATCHER)
    decide_words(shenzhen, show(shenzhen, hidden).work_order.public_id, TextVerdict.HIDDEN, by=by, now=NOW)
    photo = photos_of_report(shenzhen, report.id)[0]

    export(shenzhen)

    told = everything_written(shelf)
    work_order = show(shenzhen, report).work_order
    inside = [secret, "resident@", "藏起来的话", report.number, str(report.id), str(work_order.id), str(photo.id)]
    inside += [photo.digest, by.name, str(by.id)]
    assert work_order.public_id in told
    assert [each for each in inside if each in told] == []
    nested.rollback()


def test_a_sensitive_one_has_its_block_and_no_words_and_no_picture(
    shenzhen: Session, shelf: Shelf, export: Export
) -> None:
    for shift in (0.0, 0.00002):
        accepted = media.accept(media.current(), [media.Upload("a.jpg", make_photo("red"))])
        make_report(shenzhen, item=SENSITIVE, lon=YUEHAI[0] + shift, photos=accepted, description="在此处")

    export(shenzhen)

    rows = read_table(shelf).to_pylist()
    assert len({(row["long"], row["lat"], row["geometry"]) for row in rows}) == 1
    assert abs(rows[0]["long"] - YUEHAI[0]) > 0.00005
    assert {(row["description"], row["media_url"], row["position"]) for row in rows} == {(None, None, "block")}


def test_what_was_not_taken_on_or_merged_is_in_no_file(shenzhen: Session, shelf: Shelf, export: Export) -> None:
    kept, gone = make_report(shenzhen), make_report(shenzhen, lon=YUEHAI[0] + 0.01)
    work_order = show(shenzhen, gone).work_order
    shenzhen.execute(text("UPDATE work_orders SET state = 'declined' WHERE id = :id"), {"id": work_order.id})

    export(shenzhen)

    assert [row["service_request_id"] for row in read_table(shelf).to_pylist()] == [
        show(shenzhen, kept).work_order.public_id
    ]
