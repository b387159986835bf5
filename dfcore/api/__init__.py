"""The functions that ``import dfcore`` shows, where they are not a layer's own: the command line calls the same ones.

Nothing here imports torch when it is imported itself, and nothing prints.
"""
