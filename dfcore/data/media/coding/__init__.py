"""What a codec did: quantisers, motion vectors, what other frames are predicted from, a file's coding history."""
