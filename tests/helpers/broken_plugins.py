"""Ways to break a plugin, each with the message that ``plugins --check`` gives and where a user meets it.

    python tests/helpers/broken_plugins.py

prints the table of them: a specialist that works is installed beside them all.
"""

from __future__ import annotations

from dataclasses import dataclass

from made_plugins import Made


@dataclass(frozen=True)
class Way:
    """A way to break a plugin.

    Attributes:
        title: what is wrong.
        made: the plugin.
        line: file of the package, and words in it, whose line the message names; or None.
        says: parts of the message of ``plugins --check``.
        door: where a user meets it (a key of ``DOORS``); "" where nobody does.
        meets: parts of the message there; () for those of ``says``.
    """

    title: str
    made: Made
    says: tuple[str, ...]
    line: tuple[str, str] | None = None
    door: str = "create"
    meets: tuple[str, ...] = ()


def _way(
    name: str,
    title: str,
    file: str,
    old: str,
    new: str,
    *says: str,
    line: str | tuple[str, str] | None = None,
    door: str = "create",
    meets: tuple[str, ...] = (),
) -> Way:
    place = (file, line) if isinstance(line, str) else line
    return Way(title, Made(name, {file: (old, new)}), says, place, door, meets)


_CUES = '(CueSpec("level", 3), CueSpec("spread", 1))'
_CHANNELS = "    channels = 4\n"
_RETURN = "return self.mix(cells)"

# fmt: off
SPECIALISTS = (
    _way("no_channels", "no `channels`", "module.py", _CHANNELS, "", "no attribute channels",
         "level 3, spread 1", "Write `channels = 4`", "plugin.py:15", line="class CueModule"),
    _way("unannounced", "view not announced", "plugin.py", '("tiles", "tile_face", "ghost")', '("tiles",)',
         "reads the view 'tile_face'", "does not announce", "write views=('tiles', 'tile_face')", "plugin.py:16",
         "'unannounced'", line=("module.py", 'views["tile_face"]'), door="forward"),
    _way("unknown_view", "unknown view", "plugin.py", '"tile_face"', '"tile_fase"', "there is no such view",
         "Did you mean 'tile_face'?", line="tile_fase"),
    _way("views_text", 'views="tiles"', "plugin.py", '("tiles", "tile_face", "ghost")', '"tiles"',
         "views must be a tuple", "Write views=('tiles',)", line='views="tiles"'),
    _way("cues_tuples", "cues as tuples", "plugin.py", _CUES, '(("level", 3), ("spread", 1))',
         "cues must hold CueSpec", "Write CueSpec('level', 3)", line='"level"'),
    _way("other_name", "entry point of another name", "plugin.py", 'name="other_name"', 'name="another"',
         "announces the specialist 'another'", "entry point is named 'other_name'", "Write name='other_name'",
         line='"another"'),
    _way("augmented", "unknown augmentation", "plugin.py", '"hflip"', '"h_flip"', "there is no such augmentation",
         "Did you mean 'hflip'?", line='"h_flip"'),
    _way("keyword", "unknown keyword", "plugin.py", "clip_frames=2", "clip_frame=2", "unexpected keyword",
         "Did you mean 'clip_frames'?", line="SpecialistSpec("),
    _way("misspelt", "misspelt hook", "plugin.py", "dfcore_losses", "dfcore_loses", "no hook 'dfcore_loses'",
         "Did you mean 'dfcore_losses'?", "Write `def dfcore_losses():`", line="def dfcore_loses"),
    _way("unmarked", "hook without @hookimpl", "plugin.py", "@hookimpl\ndef dfcore_losses", "def dfcore_losses",
         "dfcore_losses is never called", "Write `@hookimpl`", line="def dfcore_losses"),
    _way("hook_none", "hook returns None", "plugin.py", "    return SpecialistSpec(", "    SpecialistSpec(",
         "dfcore_specialist returned nothing (None)", "Return a SpecialistSpec(...)",
         line="def dfcore_specialist"),
    _way("hook_raises", "hook raises", "plugin.py", "    return SpecialistSpec(", "    return 1 / 0 or SpecialistSpec(",
         "dfcore_specialist raised ZeroDivisionError", line="1 / 0"),
    _way("at_import", "exception at import", "plugin.py", "DFCORE_API = 1", "DFCORE_API = int('one')",
         "ValueError: invalid literal", "The line runs when the module is imported", line="int('one')"),
    _way("missing_package", "missing package", "plugin.py", "DFCORE_API = 1", "import not_there\nDFCORE_API = 1",
         "needs the package 'not_there'", "`pip install not_there`", "dependencies of made-missing_package",
         line="import not_there"),
    _way("exits", "import that exits", "plugin.py", "DFCORE_API = 1", "raise SystemExit('bye')", "SystemExit: bye",
         line="raise SystemExit"),
    _way("heavy", "announcement imports torch", "plugin.py", "DFCORE_API = 1", "import torch\n\nDFCORE_API = 1",
         "loads torch", "inside a function", line="import torch", door=""),
    _way("no_module", "implementation that is not there", "plugin.py", "no_module.module:", "no_module.modul:",
         "no module 'made_no_module.modul'", "Did you mean 'made_no_module.module'?", line="modul:CueModule"),
    _way("no_class", "implementation of another name", "plugin.py", "module:CueModule", "module:CueModul",
         "has no 'CueModul'", "Did you mean 'CueModule'?", line="module:CueModul"),
    _way("bad_import", "implementation that does not import", "module.py", "import torch\n", "import torch\n1 / 0\n",
         "ZeroDivisionError", "plugin.py:15", line="1 / 0"),
    _way("bad_path", "path without a colon", "plugin.py", "module:CueModule", "module.CueModule",
         "dotted path 'package.module:attribute'", "Write module='made_bad_path.module:CueModule'",
         line="module.CueModule"),
    _way("lost_fake", "pseudo-fake that is not there", "plugin.py", "evidence:Darker", "evidence:Drker",
         "has no 'Drker'", "Did you mean 'Darker'?", line="Drker", door="pseudo_fake"),
    _way("not_callable", "not callable", "plugin.py", "module:CueModule", "module:CueModule.channels",
         "it is 4, not a class or function", "defines CueModule", line="CueModule.channels"),
    _way("arguments", "constructor with arguments", "module.py", "def __init__(self)", "def __init__(self, width)",
         "called without arguments", "missing a required argument: 'width'", "default value", line="def __init__"),
    _way("forward_raises", "exception in forward", "module.py", _RETURN, "return self.mixed(cells)",
         "'forward_raises'", "has no attribute 'mixed'", "made-forward_raises 1.5", line="self.mixed", door="forward"),
    _way("nan_map", "NaN map", "module.py", _RETURN, _RETURN + ".sub(9).log()",
         "not finite numbers", "in the cues level", "'nan_map'", "logarithm", line="def forward",
         door="predict", meets=("for this file, in the cues level", "fault of the plugin made-nan_map 1.5")),
    _way("float64", "float64 map", "module.py", _RETURN, _RETURN + ".double()", "gave float64, expected float32",
         "Write `.float()`", "'float64'", line="def forward", door="forward"),
    _way("wrong_shape", "map of a wrong shape", "module.py", _RETURN, _RETURN + ".flatten(2)", "gave [2, 4, 49]",
         "expected [2, 4, 7, 7]", line="def forward", door="forward"),
    _way("unbounded", "flags reach the score without bound", "module.py", "return self.mix(cells)",
         "return self.mix(cells) + 1e3 * face.mean(1)[:, None, None, None]", "can be moved without bound",
         "'tile_face'", "CueProjection", door=""),
    _way("unread", "view announced and not read", "module.py", 'views["tile_face"].flatten(2).mean(2)',
         "tiles.amax(2)", "never reads: tile_face", "write views=('tiles', 'ghost')",
         line=("plugin.py", "views="), door=""),
    _way("evidence32", "evidence in float32", "evidence.py", "np.float16", "np.float32", "returned float32",
         "Write `.astype(np.float16)`", line="def extract", door="prepare"),
    _way("evidence_raises", "evidence that raises", "evidence.py", "return values.astype", "return values.as_type",
         "has no attribute 'as_type'", "nothing is noted against the file", line="values.as_type", door="prepare"),
    _way("abstains", "reason to abstain that is no sentence", "evidence.py", "return None", "return False",
         "returned False", "None where it does not", line="def abstain_reason", door=""),
)
"""What concerns a specialist."""

PARTS = (
    _way("losses_none", "list hook returns None", "plugin.py", "return [ComponentSpec(\"losses_none_loss\"",
         "[ComponentSpec(\"losses_none_loss\"", "dfcore_losses returned nothing (None)", "Return a list",
         line="def dfcore_losses", door="loss"),
    _way("taken", "component name taken", "plugin.py", '"taken_loss"', '"focal"', "'focal'",
         "which dfcore itself announces already", "Choose another name", line='"focal"', door=""),
    _way("mean_loss", "loss that takes a mean", "parts.py", ', reduction="none"', "", "gave []",
         "reduction='none'", line="def forward", door="loss"),
    _way("loss_arguments", "loss without class weights", "parts.py", "class_weights=None", "weight=None",
         "called with (class_weights=...)", "class_weights", "Write `def __init__(self, class_weights):`",
         line="def __init__(self, weight", door="loss"),
    _way("signature", "callback method with a wrong signature", "parts.py", "def on_epoch(self, run)",
         "def on_epoch(self, run, epoch)", "missing a required argument: 'epoch'",
         "Write `def on_epoch(self, run):`", line="def on_epoch", door="train"),
    _way("no_base", "callback without a method", "parts.py", "class Notify(BaseCallback)", "class Notify",
         "has no method on_start", "Write `def on_start(self, run):`", "BaseCallback", line="class Notify",
         door="train"),
    _way("list_scan", "`scan` returning a list", "parts.py", 'return Scan("made", root, tuple(records))',
         "return records", "returned a list, not a dfcore.Scan", "Write `return Scan('list_scan_videos'",
         line="def scan", door="scan"),
    _way("label_text", 'label "fake"', "parts.py", '001.mp4", 1)', '001.mp4", "fake")', "record 'fake/001'",
         "its label is 'fake'", "Write label=REAL or label=FAKE", line='"fake")', door="scan"),
    _way("no_scan", "adapter without scan", "parts.py", "def scan(", "def scan_root(", "no method scan",
         "Is 'scan_root' meant?", line="class Videos", door="scan"),
    Way("requirement that is not met", Made("requires", {"METADATA": ("", "Requires-Dist: numpy>=99\n")}),
        ("requires numpy>=99, but numpy", "pip install 'numpy>=99'"), door=""),
)
"""What concerns other parts, or the installation."""

_ONLY_DATA = Made("only_data", {"plugin.py": ("@hookimpl\ndef dfcore_specialist", "def _unused")})
_RENAMED = Made("renamed", distribution="quite-another")
HARMLESS = (
    Way("dataset plugin, no specialist", _ONLY_DATA, (), door="create",
        meets=("announces no specialist", "the dataset only_data_videos", "Installed specialists: ", "good")),
    Way("distribution of another name than its module", _RENAMED, (), door="version", meets=("quite-another 1.5",)),
)
"""What was taken for broken, and is not."""

# fmt: on
GOOD = Made("good")
WAYS = (*SPECIALISTS, *PARTS, *HARMLESS)
