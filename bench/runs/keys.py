"""Build the cache keys of restored images and of evidence from everything that can change them."""

from __future__ import annotations

from bench.io.files import key_of


def restored_key(derainer_fingerprint: str, image_digest: str) -> str:
    """Build the key of a restored image from the derainer (code, weights, device) and the image (pixels, labels)."""
    return key_of("restored", derainer_fingerprint, image_digest)


def judged_key(restored: str, task_fingerprint: str, code_version: str) -> str:
    """Build the key of evidence from the restored image's key and the task (model, weights, settings, code)."""
    return key_of("judged", restored, task_fingerprint, code_version)
