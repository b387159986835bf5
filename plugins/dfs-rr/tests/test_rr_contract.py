"""What every specialist must do."""

from __future__ import annotations

from dfcore.testing.contract import SpecialistContract


class TestContract(SpecialistContract):
    name = "rr"
