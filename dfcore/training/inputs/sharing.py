"""Preparing, shared among the processes of a run.

The first process finds out what is to be done. The videos are dealt out in a fixed order that has nothing to do with
their content. Each process works at its own pace, on its share of its machine's cores, and appends to index and failure
files of its own (:mod:`dfcore.data.store.index`). When all are done, the first one merges these files, and the others
read the result. If one process stops (an error, a signal, the time limit), all stop after the video they are at. The
videos that were prepared stay.
"""

from __future__ import annotations

import hashlib
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from dfcore.config import TrainConfig
from dfcore.data.prepare.videos import PrepareReport, prepare_videos, survey
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.format import write_bytes
from dfcore.data.store.index import Origin
from dfcore.errors import RunError, RunInterrupted, StoreError
from dfcore.specs import SpecialistSpec
from dfcore.text import count_of, name_bytes
from dfcore.training.inputs.choose import Chosen
from dfcore.training.inputs.prepare import (
    Prepared,
    clip_plan,
    needed_evidence,
    prepare_data,
    require_both_classes,
    store_path,
    usable,
)
from dfcore.training.inputs.samples import audio_share, data_table
from dfcore.training.inputs.store_watch import StoreWatch
from dfcore.training.runtime.machine import Machine
from dfcore.training.runtime.signals import StopSignals

__all__ = ["prepare_inputs", "prepare_together"]

LATE = 60.0
"""Seconds that a network file system may take to show one machine what another has written."""


def prepare_inputs(
    config: TrainConfig, spec: SpecialistSpec, machine: Machine, chosen: Chosen, *, later: int = 0
) -> Prepared:
    """Prepare what is chosen for training and validation, and say what the store has of it.

    ``later`` videos are going to be prepared beside these. Every process calls this and has the same result.

    Raises:
        DatasetError: one class has no training video that can be used.
        DfcoreError: whatever :func:`prepare_together` raises.
    """
    log, splits = machine.log, ("train", "val")
    records = [record for record in chosen.records if record.split in splits]
    counted = None
    if machine.world.is_main:
        chunked = bool(chosen.chunks)
        watch = StoreWatch(
            store_path(config),
            records,
            log.warn,
            later=later,
            chunked=chunked,
            say=lambda text: log.say(f"store      {text}"),
        )
        counted = watch.count
    prepared = prepare_together(config, [spec], chosen, splits, machine, counted=counted)
    machine.world.on_main(lambda: require_both_classes(prepared))
    report = prepared.report
    log.say(
        f"clips      {count_of(report.done, 'video')} prepared now, {report.reused} there already, "
        f"{len(report.failed)} not usable; in {prepared.store}"
    )
    if report.failed:
        left_out = count_of(len(report.failed), "video")
        log.warn(f"{left_out} left out; the reasons are in {prepared.store / 'failed.jsonl'}")
    for line in (*prepared.notes, *data_table(chosen, prepared)):
        log.say(f"           {line}")
    if spec.speech:
        log.say(f"audio      {audio_share(prepared)}")
    if not any(record.split == "val" for record in prepared.records):
        log.warn("there are no validation videos: the last epoch's weights will be the final ones, unmeasured")
    return prepared


def prepare_together(
    config: TrainConfig,
    specs: Sequence[SpecialistSpec],
    chosen: Chosen,
    splits: Sequence[str],
    machine: Machine,
    *,
    counted: Callable[[], None] | None = None,
) -> Prepared:
    """Bring the clip store to where it has all that the specialists read. Every process calls this and has the same
    result. ``counted`` is called after each video of this process.

    Raises:
        RunError: a process does not see the others' store or videos.
        RunInterrupted: a signal came to one of them, or the time limit.
        DfcoreError: whatever :func:`dfcore.data.prepare.videos.prepare_videos` raises, on any of them.
    """
    world = machine.world

    def behind_each(check: Callable[[], None]) -> Callable[[], None]:
        def behind() -> None:
            if counted is not None:
                counted()
            check()

        return behind

    if world.size == 1:
        return prepare_data(config, specs, chosen=chosen, splits=splits, check=behind_each(machine.limit.check))
    root, plan, evidence = store_path(config), clip_plan(config, specs), needed_evidence(config, specs)
    records = [record for record in chosen.records if record.split in splits]

    def look() -> tuple[list[tuple[str, int]], PrepareReport]:
        store = ClipStore(root)
        found, report = survey(records, store, plan, evidence)
        store.failures.forget(record.id for record in found)  # those that failed before are tried again
        found.sort(key=lambda record: hashlib.sha256(name_bytes(record.id)).digest())  # lest one has all the long ones
        return [(record.id, Origin.of(record.path).size) for record in found], report

    todo, report = world.on_main(look)
    if todo:
        _require_one_store(root, machine)
        machine.log.say(f"preparing  {count_of(len(todo), 'video')}, shared among {world.size} processes")
        by_id = {record.id: record for record in records}
        share, progress = todo[world.rank :: world.size], machine.log.progress

        def part(check: Callable[[], None]) -> PrepareReport:
            own = [by_id[video] for video, _ in share]
            _require_same_files(zip(own, (size for _, size in share), strict=True), config, machine)
            store = ClipStore(root, part=world.rank + 1, codec=config.data.store_codec)
            return prepare_videos(
                own, store, plan, evidence, sharing=world.local_size, progress=progress, check=behind_each(check)
            )

        report = _sum(report, _in_parts(machine, part))
    prepared = world.on_main(lambda: _settled(root, records, todo, report, specs, config.data.bystanders))
    world.together(lambda: _require_seen(prepared, machine))
    return prepared


def _in_parts(machine: Machine, part: Callable[[Callable[[], None]], PrepareReport]) -> list[PrepareReport]:
    """Everyone's part, stopped as a whole by a signal to one of them or by the time limit."""
    doing = "finishing the videos under way"
    with StopSignals(machine.log.say, machine.limit, echoes=True, doing=doing) as signals:

        def check() -> None:
            machine.limit.check()
            if signals.asked:
                raise RunInterrupted(
                    f"stopped by {signals.asked} while videos were being prepared. What is prepared stays in the "
                    "store: start again with resume=True to go on."
                )

        return machine.world.side_by_side(part, check)


def _sum(before: PrepareReport, parts: Sequence[PrepareReport]) -> PrepareReport:
    return PrepareReport(
        sum(part.done for part in parts),
        before.reused,
        (*before.failed, *(failure for part in parts for failure in part.failed)),
        max(part.seconds for part in parts),
    )


def _settled(
    root: Path,
    records: Sequence[VideoRecord],
    todo: Sequence[tuple[str, int]],
    report: PrepareReport,
    specs: Sequence[SpecialistSpec],
    bystanders: str,
) -> Prepared:
    """What came of it, from the store itself; the parts of its index become one."""
    failed = {failure.id for failure in report.failed}
    store, absent = _open_with(root, [video for video, _ in todo if video not in failed])
    if absent:
        raise StoreError(
            f"{len(absent)} videos that another process prepared are not in the clip store {root}: {absent[0]}, ... "
            "Its disk must be one that all machines share; see to that, and run the command again."
        )
    if todo:
        store.settle()
    return usable(records, store, report, specs, bystanders)


def _open_with(root: Path, videos: Sequence[str]) -> tuple[ClipStore, list[str]]:
    """The store as soon as it shows all of the videos; those that it does not show in time."""
    end = time.monotonic() + LATE
    while True:
        store = ClipStore(root)
        absent = [video for video in videos if video not in store]
        if not absent or time.monotonic() > end:
            return store, absent
        time.sleep(1)


def _require_one_store(root: Path, machine: Machine) -> None:
    """Refuse to prepare together in folders that only look alike.

    Raises:
        RunError: a process does not see what the first one writes into the store.
    """
    world = machine.world

    def leave() -> str:
        name = f".shared-{secrets.token_hex(8)}"
        write_bytes(root / name, b"")
        return name

    mark = root / world.on_main(leave)
    try:
        world.together(lambda: _require_mark(mark, machine))
    finally:
        if world.is_main:
            mark.unlink(missing_ok=True)


def _require_mark(mark: Path, machine: Machine) -> None:
    end = time.monotonic() + LATE
    while not mark.exists():
        if time.monotonic() > end:
            raise RunError(_not_shared(mark.parent, machine))
        time.sleep(0.2)


def _require_seen(prepared: Prepared, machine: Machine) -> None:
    """Refuse to train on a store that this process sees otherwise than the first one does."""
    if machine.world.is_main:
        return
    _, absent = _open_with(prepared.store, [record.store_id for record in prepared.records])
    if absent:
        raise RunError(_not_shared(prepared.store, machine))


def _not_shared(root: Path, machine: Machine) -> str:
    return (
        f"process {machine.world.rank} on {socket.gethostname()} does not see what the first process has in the clip "
        f"store {root}. The processes of a run need one store, on a disk that all machines share: name its folder with "
        "data.store. Or, before training, fill one on each machine with the same `dfcore prepare`."
    )


def _require_same_files(files: Iterable[tuple[VideoRecord, int]], config: TrainConfig, machine: Machine) -> None:
    """Refuse to take videos for broken that are not on this machine.

    Raises:
        RunError: a source file is not there, or another, where the first process sees one.
    """
    for record, size in files:
        if size >= 0 and Origin.of(record.path).size != size:
            raise RunError(
                f"process {machine.world.rank} on {socket.gethostname()} does not see {record.path} as the first "
                f"process does. The dataset ({config.data.root}) must lie at the same path on all machines. Or prepare "
                "it on one: `dfcore prepare` with the same options and a data.store that all machines share."
            )
