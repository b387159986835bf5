"""What a user's type checker sees."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "tests" / "helpers" / "typed_user.py"


def check(script: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """mypy as a user runs it: strict, with nothing of this project's settings, dfcore as installed."""
    pytest.importorskip("mypy")
    paths = [ROOT, *ROOT.glob("plugins/dfs-*")]
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--config-file=", str(script)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "MYPYPATH": os.pathsep.join(map(str, paths))},
    )


@pytest.mark.slow
def test_a_users_script_has_no_type_error_of_ours_and_mistakes_are_found(tmp_path: Path) -> None:
    assert len(SCRIPT.read_text(encoding="utf-8").splitlines()) >= 40
    wrong = tmp_path / "wrong.py"
    wrong.write_text(SCRIPT.read_text(encoding="utf-8").replace("dfcore.train(config", "dfcore.trian(config"))
    found = check(wrong, tmp_path)
    assert 'has no attribute "trian"' in found.stdout
    done = check(SCRIPT, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
