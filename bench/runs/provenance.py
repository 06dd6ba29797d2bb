"""Collect versions, machine and state of the code, for the card of a run."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARIES = (
    "derainbench", "numpy", "scipy", "pillow", "scikit-image", "pandas", "pycocotools", "torch", "torchvision",
    "segmentation-models-pytorch", "timm", "ultralytics", "opencv-python", "opencv-python-headless", "detectron2",
    "onnxruntime", "ai-edge-litert", "imgaug", "ray",
)  # fmt: skip
"""Distributions whose versions can change a number."""


def library_versions() -> dict[str, str]:
    """Collect the installed version of each library; empty where a library is absent."""
    return {name: _version(name) for name in LIBRARIES}


def machine() -> dict[str, object]:
    """Describe the machine: operating system, processor, cores, memory in bytes, Python."""
    return {
        "memory_bytes": _memory_bytes(),
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 0,
        "python": platform.python_version(),
    }


def device_name(device: str) -> str:
    """Return the accelerator's own name, or ``cpu``."""
    if not device.startswith("cuda"):
        return device
    import torch

    return str(torch.cuda.get_device_name(device))


def hardware(device: str) -> str:
    """Return the name of the GPU, or of the processor as far as the system tells it."""
    if device.startswith("cuda"):
        return device_name(device)
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def accelerator(device: str) -> dict[str, str]:
    """Collect the versions of CUDA and cuDNN that PyTorch computes with; empty on a processor."""
    if not device.startswith("cuda"):
        return {}
    import torch

    cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    return {"cuda": str(torch.version.cuda), "cudnn": str(cudnn)}


def git_state() -> str:
    """Return the commit of this code's checkout, with ``+changes`` if edited; empty if the package is installed."""
    root = Path(__file__).resolve().parents[2]
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return ""
    commit = _output(git, root, "rev-parse", "HEAD")
    return commit + ("+changes" if _output(git, root, "status", "--porcelain", "--untracked-files=no") else "")


def _output(git: str, root: Path, *arguments: str) -> str:
    done = subprocess.run([git, "-C", str(root), *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip()


def _memory_bytes() -> int:
    """Read the size of main memory in bytes; 0 where the system does not tell it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
