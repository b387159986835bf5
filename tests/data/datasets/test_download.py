"""Downloads from Kaggle, with a kagglehub that records what it is asked. Nothing here speaks to Kaggle."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from dfcore.cli.datasets import command
from dfcore.data.datasets.download import download, source_of
from dfcore.errors import DatasetError, UsageError
from dfcore.plugins import registry


class Hub(ModuleType):
    """kagglehub's two functions, with its signature; files appear in its cache as it would put them."""

    def __init__(self) -> None:
        super().__init__("kagglehub")
        self.calls: list[tuple[str, str, str | None]] = []
        self.error: Exception | None = None

    def dataset_download(
        self, handle: str, path: str | None = None, *, force_download: bool = False, output_dir: str | None = None
    ) -> str:
        return self._get(f"datasets/{handle}/versions/1", handle, path)

    def competition_download(
        self, handle: str, path: str | None = None, *, force_download: bool = False, output_dir: str | None = None
    ) -> str:
        return self._get(f"competitions/{handle}", handle, path)

    def _get(self, below: str, handle: str, path: str | None) -> str:
        self.calls.append((below.partition("/")[0], handle, path))
        if self.error:
            raise self.error
        top = Path(os.environ["KAGGLEHUB_CACHE"]) / below
        part = top / (path or "train_sample_videos")
        part.mkdir(parents=True)
        (part / "metadata.json").write_text('{"a.mp4": {"label": "REAL", "split": "train"}}')
        (part / "a.mp4").touch()
        return str(part if path else top)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    made = Hub()
    monkeypatch.setitem(sys.modules, "kagglehub", made)
    monkeypatch.delenv("KAGGLEHUB_CACHE", raising=False)
    return made


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, ["download", *map(str, arguments)])


def test_the_owners_own(hub: Hub, tmp_path: Path) -> None:
    result = run("dfdc", "--to", tmp_path)
    assert result.exit_code == 0, result.output
    assert hub.calls == [("competitions", "deepfake-detection-challenge", None)]
    root = tmp_path / "competitions/deepfake-detection-challenge"
    assert f"--data {root} " in result.output
    assert "KAGGLEHUB_CACHE" not in os.environ


def test_parts_of_a_copy_are_one_dataset(hub: Hub, tmp_path: Path) -> None:
    result = run("dfdc", "--from-kaggle", "me/dfdc", "--part", 3, "--part", 7, "--to", tmp_path)
    assert result.exit_code == 0, result.output
    assert hub.calls == [("datasets", "me/dfdc", "dfdc_train_part_3"), ("datasets", "me/dfdc", "dfdc_train_part_7")]
    assert f"--data {tmp_path / 'datasets/me/dfdc/versions/1'} " in result.output


def test_parts_need_a_copy_that_has_them(hub: Hub) -> None:
    error = run("dfdc", "--part", 3).exception
    assert isinstance(error, UsageError)
    assert "--from-kaggle OWNER/NAME" in str(error)
    assert not hub.calls


def test_what_is_given_out_by_a_form_is_not_downloaded_by_itself(hub: Hub) -> None:
    for name in ("faceforensics", "celebdf", "folder"):
        error = run(name).exception
        assert isinstance(error, UsageError)
        assert "handle=OWNER/NAME" in str(error)
        url = registry().dataset(name).url
        assert url in str(error)
    assert not hub.calls


@pytest.mark.parametrize("handle", ["name", "a/b/c", ""])
def test_what_is_no_handle(handle: str) -> None:
    with pytest.raises(UsageError, match="OWNER/NAME"):
        source_of(registry().dataset("celebdf"), handle)


def refusal(code: int) -> Exception:
    error = RuntimeError(f"{code} Client Error.\n\nYou don't have permission")
    error.response = SimpleNamespace(status_code=code)  # type: ignore[attr-defined]
    return error


class UnauthenticatedError(Exception):
    """As kagglehub raises it."""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (UnauthenticatedError("User is not authenticated"), "KAGGLE_API_TOKEN.*kaggle.json.*KAGGLE_USERNAME.*/rules"),
        (refusal(403), r"403 Client Error\. You don't have permission.*KAGGLE_API_TOKEN"),
        (refusal(404), "Kaggle has no"),
        (ConnectionError("reset by peer"), "ConnectionError: reset by peer.*the same command goes on"),
    ],
)
def test_what_goes_wrong_is_explained(hub: Hub, tmp_path: Path, error: Exception, words: str) -> None:
    hub.error = error
    with pytest.raises(DatasetError, match=words):
        download("competitions/x", folder=tmp_path)
    with pytest.raises(DatasetError, match="me/x"):
        download("me/x", folder=tmp_path)


def test_without_kagglehub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(UsageError, match=r"pip install 'dfcore\[kaggle\]'"):
        download("me/x")
