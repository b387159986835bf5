"""``python -m dfcore``, the same as ``dfcore``; also what ``torchrun -m dfcore`` starts."""

from dfcore.cli import main

if __name__ == "__main__":
    main()
