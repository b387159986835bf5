"""The models: backbone, attention head, classifier, the assembled specialist."""
