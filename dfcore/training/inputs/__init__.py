"""Which videos a stage is trained on, preparing them, and what each epoch reads of them."""
