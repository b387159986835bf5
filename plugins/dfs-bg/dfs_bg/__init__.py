"""Background inconsistency: the face's edge, light, shadow and noise against their surround."""
