"""Backbones: any timm model, where its weights come from, what of it is trained, how a device runs it fastest."""
