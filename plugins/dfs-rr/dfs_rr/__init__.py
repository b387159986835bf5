"""Resolution inconsistency: a face made small and enlarged, in an image sampled finer.

``dfs_rr.CueModule`` is the cue module, an ordinary ``nn.Module`` for use in any network. It is imported when it
is first asked for, so that announcing the plugin costs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dfs_rr.module import CueModule

__all__ = ["CueModule"]


def __getattr__(name: str) -> Any:
    if name == "CueModule":
        from dfs_rr.module import CueModule

        return CueModule
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
