"""Small made videos with the layout and the compression history of FaceForensics++, for trying and testing.

Rendered people (each identity a person, a room, a camera) talk, blink and move; a fake is a target's decoded video
with another person's face, rendered afresh in the target's pose and light, pasted in and compressed again. From the
top down:

============= ================================================================
``dataset``   :class:`Demo`, the adapter: makes the tree, then scans it
``maker``     :func:`make_demo`, the tree of files, atomic and resumable
``lock``      so that only one process makes it
``video``     the four videos of a pair of people, and their generations
``swap``      the paste
``codec``     H.264 through PyAV
``scene``     a take: motion, background, body, head, camera
``setting``   background, neck, shoulders
``camera``    vignetting, optics, sensor noise, tone
``head``      shading, projection, the open mouth
``eyes``      blinking eyes
``skin``      skin, brows, lips, beard, hair
``anatomy``   the height field of a face
``person``    one person's shape and colours
``texture``   noise with natural spectra, blurs, sampling
============= ================================================================
"""

from dfcore.testing.demo.dataset import Demo
from dfcore.testing.demo.maker import make_demo
from dfcore.testing.demo.scene import render_person

__all__ = ["Demo", "make_demo", "render_person"]
