"""What ``import dfcore`` shows."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from dataclasses import FrozenInstanceError, dataclass, fields
from importlib.util import find_spec
from pathlib import Path

import pytest

import dfcore
from dfcore import errors
from dfcore.data.prepare.videos import PrepareReport
from dfcore.data.records import VideoRecord
from dfcore.data.store.index import Failure
from dfcore.results import Result
from dfcore.training.inputs.prepare import Prepared
from dfcore.training.result import RunResult

ROOT = Path(__file__).resolve().parent.parent
TREE = ast.parse(Path(dfcore.__file__).read_text(encoding="utf-8"))


def shown_to_type_checkers() -> dict[str, str]:
    """Names and modules of the imports under ``if TYPE_CHECKING``."""
    block = next(node for node in TREE.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_every_name_is_shown_to_people_programs_and_type_checkers_alike() -> None:
    assert shown_to_type_checkers() == dfcore._WHERE
    named = {name for name in errors.__all__ if name != "nearest"}
    assert set(dfcore.__all__) == {*dfcore._WHERE, *named, "__version__"}
    assert dir(dfcore) == sorted(dfcore.__all__)


@pytest.mark.parametrize("name", sorted(dfcore._WHERE))
def test_each_name_is_there_and_documented(name: str) -> None:
    found = getattr(dfcore, name)
    assert found.__module__.startswith(dfcore._WHERE[name])
    assert inspect.getdoc(found)


def test_a_name_is_no_modules_name_too() -> None:
    """``import dfcore.train`` would put the module in the function's place."""
    for name in dfcore._WHERE:
        assert find_spec(f"dfcore.{name}") is None


def test_a_misspelt_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = dfcore.trian


def test_what_needs_no_torch_imports_none() -> None:
    """Nor does it print."""
    code = (
        "import dfcore, sys; dfcore.specialists(); dfcore.describe('cm').to_dict(); "
        "dfcore.configure('cm', data='demo', set={'run.seed': 3}); "
        "assert not {'torch', 'numpy', 'av', 'rich', 'click'} & set(sys.modules), sorted(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_describe_says_what_the_command_says() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "dfcore", "describe", "cm", "--json"], capture_output=True, text=True, check=True
    )
    assert json.loads(said.stdout) == json.loads(json.dumps(dfcore.describe("cm").to_dict()))


def test_results_are_frozen_and_become_plain_values() -> None:
    failure = Failure("b", "b.mp4", "no face")
    report = PrepareReport(1, 2, (failure,), 0.25)
    prepared = Prepared((VideoRecord("a", Path("a.mp4"), 1, group=("x",)),), Path("store"), report, ("said",))
    run = RunResult(Path("runs"), Path("final.pt"), {"auc": 0.5, "list": (1, 2)}, Path("curves.png"), 3)
    found = json.loads(json.dumps([prepared.to_dict(), run.to_dict()]))
    assert found[0]["report"]["failed"][0]["reason"] == "no face"
    assert found[0]["records"][0]["path"] == "a.mp4"
    assert (found[0]["store"], found[0]["notes"]) == ("store", ["said"])
    assert found[1] == {
        "folder": "runs", "final": "final.pt", "metrics": {"auc": 0.5, "list": [1, 2]}, "plot": "curves.png",
        "best_epoch": 3,
    }  # fmt: skip
    for result in (prepared, report, run, dfcore.describe("cm")):
        assert isinstance(result, Result)
        with pytest.raises(FrozenInstanceError):
            setattr(result, fields(result)[0].name, None)


OPTION = "--"
NOT_OURS = ("pip install", "torchrun", "tensorboard", "`dfcore plugins --check`")
"""Other programs' options, and one command that has no function."""
OTHERS = {"cli", "testing"}


def test_messages_below_the_command_line_name_no_options() -> None:
    """A library user has none; :mod:`dfcore.cli.output.words` says them to others."""
    found = []
    for path in sorted((ROOT / "dfcore").rglob("*.py")):
        if path.relative_to(ROOT / "dfcore").parts[0] in OTHERS or path.name == "reference.py":  # that is a page
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            words = [word for word in text.split() if word.strip("`(").startswith(OPTION) and word.strip("`(-.,")]
            if words and not any(known in text for known in NOT_OURS) and not is_docstring(path, text):
                found.append((str(path.relative_to(ROOT)), node.lineno, words))
    assert not found


def is_docstring(path: Path, text: str) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value == text
        for node in ast.walk(tree)
    )


class TestRegisteredDatasets:
    @dataclass
    class Mine:
        made: int = 0

        def scan(self, root: Path) -> dfcore.Scan:
            return dfcore.Scan("mine", root, (VideoRecord("a", root / "a.mp4", 0),))

    @pytest.fixture(autouse=True)
    def _forget(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from dfcore.plugins import registry

        monkeypatch.setattr(registry(), "_own_datasets", {})

    def test_it_is_configured_by_name_with_its_defaults(self, tmp_path: Path) -> None:
        dfcore.register_dataset("mine", self.Mine(), title="My videos", defaults={"data.people": 2})
        made = dfcore.configure("cm", data=tmp_path, dataset="mine")
        assert (made.stage.dataset, made.data.people) == ("mine", 2)
        assert dfcore.configure("cm", data=tmp_path, dataset="mine", set={"data.people": 3}).data.people == 3

    @pytest.mark.parametrize("adapter", [Mine(), Mine, lambda: TestRegisteredDatasets.Mine()])
    def test_an_object_a_class_and_a_function_are_scanned_alike(self, adapter: object, tmp_path: Path) -> None:
        from dfcore.training.inputs.choose import choose_videos

        dfcore.register_dataset("mine", adapter, title="My videos")  # type: ignore[arg-type]
        chosen = choose_videos(dfcore.configure("cm", data=tmp_path, dataset="mine"))
        assert (chosen.dataset, [record.id for record in chosen.records]) == ("My videos", ["a"])

    def test_it_may_be_registered_again_but_not_under_an_installed_name(self) -> None:
        dfcore.register_dataset("mine", self.Mine())
        dfcore.register_dataset("mine", self.Mine(), title="Other")
        with pytest.raises(dfcore.UsageError, match="named 'folder' is installed already"):
            dfcore.register_dataset("folder", self.Mine())

    def test_what_cannot_scan_or_be_named_is_refused(self) -> None:
        with pytest.raises(dfcore.UsageError, match=r"method scan\(root\)"):
            dfcore.register_dataset("mine", object())  # type: ignore[arg-type]
        with pytest.raises(dfcore.UsageError, match="letters, digits"):
            dfcore.register_dataset("my videos", self.Mine())
        with pytest.raises(dfcore.UnknownNameError, match=r"Did you mean 'data\.people'"):
            dfcore.register_dataset("mine", self.Mine(), defaults={"data.peple": 2})
