"""What a plugin's code raises is told as its own fault, with function, file and line."""

from __future__ import annotations

import errno

import fake_parts
import pytest

from dfcore.errors import MediaError, PluginError
from dfcore.plugins.calls import construct, plugin_code, wrong_call


def test_the_plugins_own_line_is_named_not_that_of_a_library_that_it_calls() -> None:
    with pytest.raises(PluginError) as found, plugin_code("evidence x", "fake_parts:stacks_nothing"):
        fake_parts.stacks_nothing(None)  # type: ignore[arg-type]
    line = fake_parts.stacks_nothing.__code__.co_firstlineno + 1
    place = f"in stacks_nothing, {fake_parts.__file__}:{line}: ValueError"
    assert f"evidence x (fake_parts:stacks_nothing) failed {place}" in str(found.value)
    assert "fault of the plugin package fake_parts" in str(found.value)


def test_where_no_line_is_the_plugins_the_last_one_is_named() -> None:
    with pytest.raises(PluginError, match=r"failed in .*test_calls.py:\d+: ZeroDivisionError"):
        _divides()


def test_a_line_within_the_context_itself_is_named() -> None:
    with (
        pytest.raises(PluginError, match=r"failed in test_a_line_within_.*test_calls.py:\d+: ValueError: odd"),
        plugin_code("evidence x", "elsewhere.module:thing"),
    ):
        raise ValueError("odd")


def _divides() -> None:
    with plugin_code("evidence x", "elsewhere.module:thing"):
        _zero()


def _zero() -> float:
    return 1 / 0


@pytest.mark.parametrize(
    "error", [MediaError("the file's"), MemoryError(), OSError(errno.ENOSPC, "full"), KeyboardInterrupt()]
)
def test_what_is_not_the_plugins_fault_passes_through(error: BaseException) -> None:
    with pytest.raises(type(error)) as found, plugin_code("evidence x", "fake_parts:block_means"):
        raise error
    assert found.value is error


class Takes:
    def __init__(self, size: int, *, name: str = "") -> None:
        self.size = size


class Raises:
    def __init__(self) -> None:
        raise ValueError("no")


def test_what_is_constructed_is_given_its_arguments() -> None:
    assert construct("part", Takes, 3, name="x").size == 3


def test_a_constructor_that_takes_other_arguments_is_named_with_its_line() -> None:
    line = Takes.__init__.__code__.co_firstlineno
    with pytest.raises(PluginError, match=rf"Takes\) is called without arguments: .*test_calls.py:{line}"):
        construct("part", Takes)
    with pytest.raises(PluginError, match=r"with \(\.\.\., width=\.\.\.\).*'width'.*def __init__\(self, name, width"):
        construct("part", Takes, 3, width=4)


def test_a_constructor_that_raises_is_its_plugins_fault() -> None:
    with pytest.raises(PluginError, match=r"part .*failed in __init__, .*test_calls.py:\d+: ValueError: no"):
        construct("part", Raises)


def test_what_hides_its_arguments_is_tried() -> None:
    assert wrong_call(dict, 1, 2, 3) == ""
    assert "missing a required argument: 'size'" in wrong_call(Takes)


def test_exhausted_memory_of_an_accelerator_is_not_the_plugins_fault() -> None:
    class OutOfMemoryError(RuntimeError):
        pass

    with pytest.raises(OutOfMemoryError), plugin_code("evidence x", "fake_parts:block_means"):
        raise OutOfMemoryError
