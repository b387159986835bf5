"""Several specialists with one verdict."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from dfcore.config import override
from dfcore.errors import UsageError
from dfcore.evaluation.verdicts.ensemble import NAME, StoredEnsemble
from dfcore.filesystem.paths import real_path

if TYPE_CHECKING:
    from dfcore.assessment.targets import Target
    from dfcore.config import TrainConfig

__all__ = ["Ensemble", "default_place"]


class Ensemble(StoredEnsemble):
    """Specialists whose calibrated likelihood ratios become one, and one verdict.

    ::

        ensemble = dfcore.Ensemble.fit(["runs"])            # learnt on the validation videos that they share
        ensemble.save("runs/ensemble.json")
        ensemble = dfcore.Ensemble.load("runs/ensemble.json")
        ensemble.fuse({"cm_stage1": 2.3, "av_stage1": None}).verdict    # av abstains
    """

    __slots__ = ()

    @classmethod
    def fit(
        cls,
        models: Path | str | Sequence[Path | str],
        *,
        data: str | os.PathLike[str] | None = None,
        dataset: str | None = None,
        store: str | os.PathLike[str] | None = None,
        out: str | os.PathLike[str] | None = None,
        alpha: float = 0.01,
        set: Mapping[str, Any] | None = None,  # noqa: A002 (the word of the command line and of dfcore.toml)
    ) -> Self:
        """Learn how to fuse specialists from their scores of the same validation videos; the test split is not read.

        Members may come from different stages, and be anybody's. One that judged nothing, here or in its own
        validation, is left out, and ``left_out`` says so. Under ``torchrun`` every process calls this.

        Args:
            models: files of weights, or folders of runs (each specialist's highest stage); two or more in all.
            data: the folder of the dataset whose validation split is used; None means that of their training, where
                it is the same for all.
            dataset: the adapter that reads it.
            store: the clip store's folder.
            out: the folder of runs, stores and made data.
            alpha: the false-alarm rate that verdicts promise.
            set: any other key, dotted.

        Raises:
            UsageError: fewer than two members; they were trained on different datasets and none is named; or they held
                out different videos of it.
            DataError: there are no validation videos, or a member was trained on people in them.
            ModelError: weights cannot be read.
        """
        from dfcore.api.validation import validation_config
        from dfcore.assessment.fitting.ensemble import fit_targets
        from dfcore.assessment.fitting.validation import on_machine
        from dfcore.assessment.targets import find_targets
        from dfcore.evaluation.verdicts.rules import check_alpha

        check_alpha(alpha)  # before hours of scoring
        targets = find_targets([models] if isinstance(models, (str, os.PathLike)) else models)
        if len(targets) < 2:
            found = ", ".join(target.label for target in targets)
            raise UsageError(f"an ensemble needs two members or more; found {found}. Name more weights or runs.")
        if data is None and dataset is None:
            _require_one_dataset(targets)
        members = [
            (target, validation_config(target, data=data, dataset=dataset, store=store, out=out, set=set))
            for target in targets
        ]
        members = _with_one_split(members)
        made = on_machine(members[0][1], lambda machine: fit_targets(members, machine, alpha=alpha, make=cls))
        assert isinstance(made, cls)
        return made


def _require_one_dataset(targets: Sequence[Target]) -> None:
    places = {(target.dataset, str(real_path(target.root))) for target in targets}
    if len(places) > 1:
        listed = ", ".join(f"{target.label} on {target.dataset or 'nothing that it names'}" for target in targets)
        raise UsageError(
            f"the members were trained on different datasets ({listed}). Fusion is learnt from videos that all of them "
            "are shown: name the dataset whose validation split is to be used with data=FOLDER (and dataset=NAME)."
        )


def _with_one_split(members: Sequence[tuple[Target, TrainConfig]]) -> list[tuple[Target, TrainConfig]]:
    """The members, all with the validation split that those trained on the dataset held out.

    Raises:
        UsageError: these held out different videos: what one was validated on, another was trained on.
    """
    own = [(target.label, _split_keys(config)) for target, config in members if target.dataset == config.stage.dataset]
    for label, keys in own[1:]:
        first, theirs = own[0]
        changed = next((key for key in _HELD_OUT if keys[key] != theirs[key]), None)
        if changed:
            raise UsageError(
                f"{first} and {label} held out different videos ({changed} was {theirs[changed]} and {keys[changed]}): "
                "what one was validated on, the other was trained on. Train one of them again with the other's value, "
                "or name another dataset with data=FOLDER."
            )
    return [(target, override(config, own[0][1] if own else {})) for target, config in members]


_HELD_OUT = ("data.val_share", "run.seed")


def _split_keys(config: TrainConfig) -> dict[str, Any]:
    """The keys by which a dataset's videos are chosen and split."""
    data = config.data
    return {
        "data.val_share": data.val_share,
        "run.seed": config.run.seed,
        "data.compressions": data.compressions,
        "data.manipulations": data.manipulations,
    }


def default_place(targets: Sequence[Target]) -> Path:
    """``ensemble.json`` beside the members' runs: in the folder that holds them all."""
    folders = [
        folder.parent if folder.name == f"{target.specialist}_stage{target.meta.get('stage')}" else folder
        for target in targets
        for folder in (target.path.absolute().parent,)
    ]
    return Path(os.path.commonpath(folders)) / NAME
