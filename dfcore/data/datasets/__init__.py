"""Dataset adapters: each lists the labelled files of one dataset, in its official layout, as downloaded."""
