"""``python benchmarks/cues``: the bench's command; see ``docs/cue-bench.md``."""

import sys
from pathlib import Path

if __name__ == "__main__":
    folder = Path(__file__).resolve().parent
    # Run as a folder, Python looks for modules in it first; here they are a package.
    sys.path[:] = [str(folder.parent), *(entry for entry in sys.path if Path(entry or ".").resolve() != folder)]
    from cues.command import main

    sys.exit(main())
