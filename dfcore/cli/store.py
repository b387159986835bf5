"""``dfcore store verify``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from dfcore.cli.options import PATH
from dfcore.cli.output.streams import print_json
from dfcore.cli.output.text import printable
from dfcore.errors import StoreError
from dfcore.filesystem.paths import is_folder, what_it_is
from dfcore.filesystem.writing import size_text
from dfcore.text import count_of

DAMAGED = 4
_GIVE = "Give a clip store; `dfcore runs` lists those beside the runs."


@click.group("store")
def command() -> None:
    """Look after a clip store."""


@command.command("verify")
@click.argument("store", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify_command(store: Path, as_json: bool) -> None:
    """Read a clip STORE whole and compare every checksum.

    What is damaged is noted in its damaged.jsonl: the next `dfcore prepare`, or training, makes it again from the
    videos. Nothing is removed. The exit code is 4 where something is damaged.

    \b
    dfcore runs                  (lists the stores beside the runs)
    dfcore store verify runs/store/demo-202efaf0
    """
    from dfcore.console.progress import SILENT, TERMINAL
    from dfcore.data.store.clip_store import ClipStore

    if not is_folder(store):
        kind = what_it_is(store)
        raise StoreError(f"{store} {f'is {kind}, not a folder' if kind else 'does not exist'}. {_GIVE}")
    opened = ClipStore(store)
    if not len(opened) and not opened.index.damaged:
        raise StoreError(f"{store} holds no prepared video. {_GIVE}")
    found = opened.verify(SILENT if as_json else TERMINAL)
    if as_json:
        print_json(found.to_dict())
    else:
        for one in found.damaged:
            click.echo(f"damaged  {printable(store / one.file)}: {printable(one.why)}")
        read = f"{count_of(found.videos, 'video')}, {count_of(found.arrays, 'array')}, {size_text(found.bytes)}"
        click.echo(f"{read} read.")
        if found.unchecked:
            files = count_of(found.unchecked, "file")
            click.echo(f"{files} without checksums, of an earlier dfcore: nothing can be said of what is in them.")
        verdict = "damaged; `dfcore prepare` with the same options makes it again." if found.damaged else "damaged."
        click.echo(f"{count_of(len(found.damaged), 'file')} {verdict}")
    sys.exit(DAMAGED if found.damaged else 0)
