"""The cue bench: does each specialist see what it is named for, and nothing but that? See ``docs/cue-bench.md``.

============ =============================================================================
``command``  the command line, and the order of things
``people``   the real footage: one video is one person
``pairs``    control and fake of each person, written and kept
``features`` what specialists and the backbone see in a file, and how it is kept
``samples``  features gathered into tensors, pair by pair
``heads``    what is trained: cue head alone, backbone alone, both
``trials``   folds over people, seeds, and the scores of people that a model has not seen
``measures`` AUC, and its confidence by drawing people
``guard``    what the files' plain properties give away
``report``   tables, results.json, Markdown, the image
============ =============================================================================
"""
