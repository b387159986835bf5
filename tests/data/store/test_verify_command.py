from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from dfcore.cli import cli
from dfcore.data.clips import Clip
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import StoreError


@pytest.fixture
def store(tmp_path: Path, make_clip: Callable[..., Clip]) -> Path:
    store = ClipStore(tmp_path / "store")
    for name in "ab":
        store.write(name, [make_clip()])
    store.settle()
    return store.root


def verify(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["store", "verify", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_a_whole_store_is_said_to_be_so(store: Path) -> None:
    code, said = verify(store)
    assert (code, said.splitlines()[-1]) == (0, "0 files damaged.")
    assert said.startswith("2 videos, ")


def test_a_damaged_file_is_named_with_the_remedy(store: Path) -> None:
    path = store / "b.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    code, said = verify(store)
    assert code == 4
    assert f"damaged  {path}: the checksum of '" in said
    assert "1 file damaged; `dfcore prepare` with the same options makes it again." in said
    code, text = verify(store, "--json")
    assert code == 4
    assert [one["file"] for one in json.loads(text)["damaged"]] == ["b.safetensors"]


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_what_is_no_store_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match=r"(does not exist|holds no prepared video)\. Give a clip store"):
        verify(tmp_path / name)
