"""PairExampleGen: from faces on disk to images and pairs.

What a pipeline's definition needs (``digest``, ``sources``) costs no heavy import.
"""
