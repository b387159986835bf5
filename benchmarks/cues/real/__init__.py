"""The bench on real fakes: do cue heads that learnt from pseudo-fakes alone see forgeries that nobody here made?

=============  =============================================================================
``listing``    which videos, of whom, and which fake was made of which original
``clips``      what specialists and a frozen encoder see in a video, computed once and kept
``training``   pseudo-fakes of genuine clips, for the heads to learn from
``figures``    AUC over unpaired videos, shift, pairs ranked right, and how sure they are
``run``        folds over people, arms and seeds; the order of things
``report``     the tables
=============  =============================================================================
"""
