"""What a clip store takes, a video and by array.

python benchmarks/stores/size.py STORE [...]
dfcore prepare cm --dataset folder --data VIDEOS --store STORE --set data.store_codec=raw    # makes one
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from dfcore.data.store.array_file import ArrayFile
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.format import evidence_name


def by_array(store: ClipStore, video: str) -> Counter[str]:
    """Bytes of each array of a video, all clips together."""
    entry, found = store.entry(video), Counter[str]()
    names = {"": entry.file} | {n: evidence_name(entry.stem, n, v) for n, v in entry.evidence.items()}
    for evidence, name in names.items():
        path = store.root / name
        sizes = ArrayFile(path).sizes()
        for key, size in sizes.items():
            found[evidence or key.partition("/")[2]] += size
        found["headers"] += path.stat().st_size - sum(sizes.values())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stores", nargs="+", type=Path)
    for root in parser.parse_args().stores:
        store = ClipStore(root)
        each = {video: by_array(store, video) for video in store}
        if not each:
            parser.error(f"{root} is no clip store, or has no videos. `dfcore prepare` makes one.")
        total = sum(each.values(), Counter[str]())
        sizes = [sum(one.values()) / 1e6 for one in each.values()]
        print(
            f"{root}: {len(each)} videos, {sum(sizes) / len(sizes):.2f} MB each ({min(sizes):.2f} to {max(sizes):.2f})"
        )
        for name, size in total.most_common():
            print(f"  {name:<14} {size / len(each) / 1e6:7.3f} MB")


if __name__ == "__main__":
    main()
