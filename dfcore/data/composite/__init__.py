"""A composite swap, for pseudo-fakes of every specialist: what most generators leave, whatever else they do.

A part of the face goes through a generator-like degradation, is recoloured, and is pasted over itself, a little
differently in each frame, into frames that a codec had before. Nothing outside of the mask changes.

============  =============================================================================
``regions``   the inner face, its lower half, the mouth, as masks made of five landmarks
``generator`` what a generator does to an image: reduced and enlarged, denoised, recoloured
``swap``      all of it together
============  =============================================================================
"""
