"""The names of a module that is imported when one of them is used."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "code",
    [
        "assert set(clips.__all__) <= set(dir(clips)) and 'numpy' not in sys.modules",
        "exec('from dfcore.data.clips import *'); assert Clip is clips.Clip",
        "import pickle; assert pickle.loads(pickle.dumps(clips.ClipHeader)) is clips.ClipHeader",
        "assert not hasattr(clips, 'clip_spans')",
    ],
)
def test_names_are_there_before_they_are_imported(code: str) -> None:
    subprocess.run([sys.executable, "-c", f"import sys; import dfcore.data.clips as clips; {code}"], check=True)
