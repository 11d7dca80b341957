from __future__ import annotations

import csv
import fcntl
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from app.media import child, wire
from app.media.errors import DecoderUnavailable
from app.media.probe import Child, Probe, Prober, TooSlow, Undecodable
from tests.media.pictures import decode, encode, noise, quarters, with_exif
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "HEIF": "image/heif",
}
SMALL = encode(quarters())


@pytest.fixture
def lone() -> Iterator[Prober]:
    """Give a pool of one, which a test may do harm to."""
    lone = Prober(1)
    lone.probe(SMALL)
    yield lone
    lone.close()


@pytest.fixture
def spinning() -> Iterator[Child]:
    """Give a child that does what its job says."""
    spinning = Child("tests.media.spinning")
    yield spinning
    spinning.close()


def only(prober: Prober) -> Child:
    """Give the idle child of a pool of one."""
    found = prober._free.get_nowait()
    prober._free.put(found)
    assert found is not None
    return found


def stop(child: subprocess.Popen[bytes]) -> None:
    """Stop a child, and return once it does not run any more."""
    child.send_signal(signal.SIGSTOP)
    wait_until(lambda: state_of(child.pid) == "T")


def state_of(pid: int) -> str:
    """Return the state of a process as proc(5) has it, "" where there is none."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return ""


def unread_bytes(child: subprocess.Popen[bytes]) -> int:
    """Return how many bytes of a job lie in the pipe to a child."""
    assert child.stdin is not None
    counted = fcntl.ioctl(child.stdin, termios.FIONREAD, bytes(4))
    return int.from_bytes(counted, sys.byteorder)


def outcome(prober: Prober, data: bytes) -> tuple[str, int, int, int, bool] | str:
    try:
        found = prober.probe(data)
    except Undecodable:
        return "refused"
    return found.media_type, found.width, found.height, found.orientation, found.position is not None


def foretold(row: dict[str, str]) -> tuple[str, int, int, int, bool] | str:
    """Give what MANIFEST.csv says of a file; its size is before turning, and garbage GPS is no position."""
    if row["pillow_error"]:
        return "refused"
    width, height = (int(side) for side in row["size"].split("x"))
    orientation = int(row["orientation"] or 1)
    if orientation >= 5:
        width, height = height, width
    position = row["has_gps"] == "yes" and row["file"] != "gps_garbage_values.jpg"
    return MEDIA_TYPES[row["format"]], width, height, orientation, position


def test_every_photo_of_the_manifest_has_the_outcome_that_fits(prober: Prober, photos: Path) -> None:
    with (photos / "MANIFEST.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))

    found = {row["file"]: outcome(prober, (photos / row["file"]).read_bytes()) for row in rows}

    assert len(found) == 25
    assert found == {row["file"]: foretold(row) for row in rows}
    assert [name for name, what in found.items() if what == "refused"] == [
        "bad_truncated.jpg",
        "bad_truncated.png",
        "bad_header.png",
        "bad_empty.heic",
        "bomb_dimensions.gif",
    ]


@pytest.mark.parametrize(
    ("name", "position"),
    [
        ("sz_yuehai_SYNTHETIC_GPS.jpg", (113.923054, 22.516157)),
        ("gps_NE_iphone8_guangzhou.heic", (113.394317, 23.177917)),
        ("gps_NW_canon600d.jpg", (-119.529883, 37.746765)),
    ],
)
def test_the_position_of_a_photo_is_read(
    prober: Prober, photos: Path, name: str, position: tuple[float, float]
) -> None:
    found = prober.probe((photos / name).read_bytes())

    assert found.position == pytest.approx(position, abs=1e-6)


def test_a_time_without_a_zone_is_marked(prober: Prober) -> None:
    naive = prober.probe(with_exif(quarters(), DateTimeOriginal="2026:05:01 08:30:00"))
    zoned = prober.probe(with_exif(quarters(), DateTimeOriginal="2026:05:01 08:30:00", OffsetTimeOriginal="+08:00"))
    none = prober.probe(SMALL)

    assert naive.taken_at is not None
    assert (naive.taken_at.isoformat(), naive.taken_zone_known) == ("2026-05-01T08:30:00+00:00", False)
    assert zoned.taken_at is not None
    assert (zoned.taken_at.isoformat(), zoned.taken_zone_known) == ("2026-05-01T08:30:00+08:00", True)
    assert (none.taken_at, none.taken_zone_known) == (None, False)


def test_eight_threads_share_two_decoders(prober: Prober) -> None:
    sizes = [(100 + number, 60) for number in range(40)]
    files = [encode(Image.new("RGB", size)) for size in sizes]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(prober.probe, files))

    assert [(one.width, one.height) for one in found] == sizes


def test_renditions_come_back_in_the_order_asked(prober: Prober) -> None:
    made = prober.render(encode(quarters(800, 400)), [320, 1600, 100])

    assert [decode(one).size for one in made] == [(320, 160), (800, 400), (100, 50)]


def test_a_decoder_killed_while_idle_is_replaced_in_silence(lone: Prober) -> None:
    victim = only(lone).process
    victim.kill()
    victim.wait()

    found = lone.probe(SMALL)

    assert found.media_type == "image/jpeg"
    assert only(lone).process.pid != victim.pid


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_decoder_killed_at_work_gives_a_clear_error_and_the_next_photo_works(
    lone: Prober, ending: signal.Signals
) -> None:
    victim = only(lone).process
    stop(victim)

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(lone.probe, SMALL)
        wait_until(lambda: unread_bytes(victim))
        victim.send_signal(ending)
        victim.send_signal(signal.SIGCONT)
        with pytest.raises(DecoderUnavailable, match="send the same request again"):
            waiting.result()

    assert lone.probe(SMALL).width == 80


def test_a_photo_that_makes_the_decoder_crash_is_the_one_to_blame(lone: Prober) -> None:
    victim = only(lone).process
    stop(victim)

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(lone.probe, SMALL)
        wait_until(lambda: unread_bytes(victim))
        victim.send_signal(signal.SIGSEGV)
        victim.send_signal(signal.SIGCONT)
        with pytest.raises(Undecodable, match="makes the decoder stop"):
            waiting.result()

    assert lone.probe(SMALL).width == 80


def test_a_photo_that_takes_too_much_processor_time_is_refused_and_the_next_one_works(spinning: Child) -> None:
    with pytest.raises(TooSlow, match="took longer than 1 seconds"):
        spinning.ask({}, b"spin", seconds=1)

    assert not spinning.alive()


def test_wall_time_alone_makes_no_photo_too_slow(spinning: Child) -> None:
    assert spinning.ask({}, b"wait", seconds=0.1) == ({"boxes": []}, b"")


def test_each_job_has_the_whole_processor_time(lone: Prober) -> None:
    process = Path("/proc", str(only(lone).process.pid), "limits")
    before = cpu_limit(process)
    lone._seconds = 20.0

    lone.probe(SMALL)

    assert cpu_limit(process) == before + 10


def cpu_limit(limits: Path) -> int:
    (line,) = [line for line in limits.read_text().splitlines() if line.startswith("Max cpu time")]
    return int(line.split()[3])


def test_a_stalled_decoder_is_killed_the_photo_is_not_blamed_and_the_next_one_works(lone: Prober) -> None:
    stopped = only(lone)
    stop(stopped.process)

    with pytest.raises(DecoderUnavailable, match="send the same request again"):
        stopped.ask({"sizes": []}, SMALL, seconds=10, stalled_s=0.1)

    assert stopped.process.poll() == -signal.SIGKILL
    assert lone.probe(SMALL).width == 80


def test_when_all_decoders_are_busy_the_caller_is_told() -> None:
    busy = Prober(1, queue_seconds=0.1)
    taken = busy._free.get_nowait()

    with pytest.raises(DecoderUnavailable, match="All decoders are busy") as caught:
        busy.probe(SMALL)

    assert caught.value.headers["Retry-After"] == "5"
    busy._free.put(taken)
    busy.close()


def test_a_decoder_that_answers_nonsense_is_not_believed() -> None:
    liar = Child()
    liar.close()
    program = "import sys; sys.stdin.buffer.read(1); sys.stdout.buffer.write(b'\\xff' * 100)"
    liar.process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    with pytest.raises(Undecodable, match="makes the decoder fail"):
        liar.ask({"sizes": []}, SMALL, seconds=10)

    liar.close()


def test_49_megapixels_pass_and_51_do_not(prober: Prober) -> None:
    found = prober.probe(encode(Image.new("RGB", (7000, 7000)), "PNG", compress_level=1))

    assert (found.width, found.height) == (7000, 7000)
    with pytest.raises(Undecodable, match="more than 50 megapixels"):
        prober.probe(encode(Image.new("RGB", (7150, 7150)), "PNG", compress_level=1))


def test_the_worst_picture_is_rendered_within_the_memory(prober: Prober) -> None:
    data = encode(Image.new("RGBA", (7000, 7000), (1, 2, 3, 128)), "PNG", compress_level=1)

    made = prober.render(data, [1600, 320])

    assert [decode(one).size for one in made] == [(1600, 1600), (320, 320)]


def test_a_decoder_has_limits_and_none_of_our_secrets(lone: Prober) -> None:
    process = Path("/proc", str(only(lone).process.pid))

    limits = {line[:26].strip(): line[26:].split()[:2] for line in (process / "limits").read_text().splitlines()[1:]}
    environment = (process / "environ").read_bytes()

    assert limits["Max address space"] == [str(child.MEMORY_BYTES)] * 2
    assert limits["Max open files"] == [str(child.FILES)] * 2
    assert limits["Max core file size"] == ["0", "0"]
    assert limits["Max file size"] == ["0", "0"]
    assert int(limits["Max cpu time"][0]) <= child.CPU_SECONDS + 1
    assert environment.split(b"\0")[:-1] == [b"MALLOC_ARENA_MAX=2", b"LC_ALL=C.UTF-8"]


def test_a_decoder_imports_neither_the_framework_nor_the_database() -> None:
    program = (
        "import sys; sys.path.append(sys.argv[1]); import app.media.child; "
        "print(sorted({name.split('.')[0] for name in sys.modules} & set(sys.argv[2:])))"
    )
    heavy = ["flask", "sqlalchemy", "psycopg", "procrastinate", "marshmallow", "geoalchemy2", "shapely"]

    printed = subprocess.run(
        [sys.executable, "-I", "-c", program, str(ROOT), *heavy], capture_output=True, text=True, check=True
    )

    assert printed.stdout.strip() == "[]"


def test_decoders_end_with_their_parent_even_when_that_is_killed() -> None:
    program = (
        "import sys, time; sys.path.append(sys.argv[1]); from app.media.probe import Prober; prober = Prober(1); "
        "prober.probe(bytes.fromhex(sys.argv[2])); print(prober._free.queue[0].process.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(ROOT), SMALL.hex()]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        decoder = int(parent.stdout.readline())
        parent.kill()

    # Where nobody reaps orphans, a process that has ended stays as a zombie.
    wait_until(lambda: state_of(decoder) in {"", "Z"})


def test_closing_ends_the_decoders(lone: Prober) -> None:
    process = only(lone).process

    lone.close()

    assert process.poll() is not None


def test_a_job_that_sets_off_a_fault_of_ours_is_answered_all_the_same() -> None:
    header, made = child.answer({"sizes": ["wide"], "formats": ["jpg"]}, SMALL)

    assert header["refusal"].startswith("cannot be worked with")
    assert made == b""


def test_the_child_answers_one_message_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "limit_processor_time", lambda _: None)  # this process does more than that
    asked, answered = tmp_path / "asked", tmp_path / "answered"
    with asked.open("wb") as stream:
        wire.write(stream, {"sizes": []}, SMALL)
        wire.write(stream, {"sizes": [40], "formats": ["jpg"]}, SMALL)
        wire.write(stream, {"sizes": []}, b"")

    with asked.open("rb") as source, answered.open("wb") as target:
        child.answer_all(source, target)

    with answered.open("rb") as stream:
        facts, rendered, refused, end = (wire.read(stream) for _ in range(4))
    assert facts is not None
    assert facts[0]["media_type"] == "image/jpeg"
    assert rendered is not None
    assert rendered[0]["lengths"] == [len(rendered[1])]
    assert refused is not None
    assert refused[0]["refusal"].startswith("is empty")
    assert end is None


def test_noise_of_many_photos_at_once_never_mixes_answers(prober: Prober) -> None:
    files = [encode(noise(30 + number, 20)) if number % 3 else b"no picture" for number in range(30)]

    def look(data: bytes) -> Probe | None:
        try:
            return prober.probe(data)
        except Undecodable:
            return None

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(look, files))

    assert [one and one.width for one in found] == [30 + n if n % 3 else None for n in range(30)]
