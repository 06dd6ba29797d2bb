"""Build the cache keys of restored images and of evidence from everything that can change them."""

from __future__ import annotations

from bench.io.files import key_of


def restored_key(derainer_fingerprint: str, image_digest: str) -> str:
    """Build the key of a restored image: the derainer with its code, weights and device; the image with its labels."""
    return key_of("restored", derainer_fingerprint, image_digest)


def judged_key(restored: str, task_fingerprint: str, code_version: str) -> str:
    """Build the key of evidence: the restored image's key; the task's model, weights and settings; the task's code."""
    return key_of("judged", restored, task_fingerprint, code_version)
