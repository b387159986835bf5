from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from dfcore.assessment.output.cross import cross_table
from dfcore.assessment.output.tables import cross_dataset_table
from dfcore.errors import DataError
from dfcore.evaluation.metrics.intervals import Interval


def write(folder: Path, title: str, **auc: float) -> Path:
    detectors = [
        {
            "name": name,
            "weights": {"trained_on": f"{name}set"},
            "video": {"auc": Interval(value, value - 0.1, value + 0.05).to_dict()},
        }
        for name, value in auc.items()
    ]
    path = folder / title / "evaluation.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"format": 1, "title": title, "split": "test", "detectors": detectors}))
    return path


def test_detectors_are_rows_and_datasets_columns(tmp_path: Path) -> None:
    write(tmp_path, "A", cm=0.9, rr=0.8)
    write(tmp_path, "B", cm=0.6)
    found = cross_table([tmp_path])
    assert found.rows == ("cm, cmset", "rr, rrset")
    assert found.columns == ("A, test", "B, test")
    assert found.cells["cm, cmset", "B, test"].value == 0.6
    assert ("rr, rrset", "B, test") not in found.cells
    assert json.loads(json.dumps(found.to_dict()))["cells"][0]["high"] == pytest.approx(0.95)
    console = Console(width=120, record=True, file=StringIO())
    console.print(cross_dataset_table(found))
    lines = console.export_text().splitlines()
    assert any("cm, cmset" in line and "0.900 (0.800 to 0.950)" in line and "0.600" in line for line in lines)
    assert any("rr, rrset" in line and line.rstrip(" │").endswith("-") for line in lines)


def test_what_is_no_report_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no evaluation\.json"):
        cross_table([tmp_path])
    other = tmp_path / "evaluation.json"
    other.write_text("[1]")
    with pytest.raises(DataError, match="not the report of an evaluation"):
        cross_table([other])
    path = write(tmp_path, "A", cm=0.9)
    with pytest.raises(DataError, match="no report has a metric 'best'; choose from auc"):
        cross_table([path], "best")
