"""Run jobs on a Ray cluster: several machines, where each worker holds one model on its share of a GPU.

Jobs go to whichever worker is free; their results are files in the run folder, which every machine sees at the same
path. A job whose worker or machine is lost is given to another one by Ray.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import platform
import socket
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from bench.contract import Options
from bench.errors import UserError, missing_extra
from bench.io.files import key_of, sha256_of
from bench.runner.engines import STEP_IMAGES, THREAD_VARIABLES, divide_lost
from bench.runner.loaders import forget
from bench.runs.provenance import library_versions

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")
Ray: TypeAlias = Any
"""The module and its objects, which mypy does not know."""

RETRIES = 3
"""So often Ray gives a job to another worker when its own was lost."""
_PACKAGES = ("bench", "derainers", "synth", "tasks")


@dataclass(frozen=True)
class WorkerPlace:
    """The working folder, token file and versions that a worker has to find on its machine.

    Attributes:
        folder: Working folder of the head, from which relative paths are meant.
        token: A file that the head wrote into the run folder.
        installed: Versions of Python, libraries and this code.
    """

    folder: Path
    token: Path
    installed: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RayCluster:
    """Workers of a Ray cluster; see :class:`bench.runner.engines.Engine`.

    Attributes:
        shared: The run folder, which every machine sees at this path.
        address: ``auto`` for the cluster that this machine belongs to, or its ``HOST:PORT``; empty starts one here.
        threads: CPU cores of a worker.
        gpu_share: GPUs of a worker: 0.5 puts two on each, 0 none.
    """

    shared: Path
    address: str = ""
    threads: int = 1
    gpu_share: float = 0.0

    def run(self, work: Callable[[Job], Iterator[Outcome]], jobs: deque[Job]) -> Iterator[Outcome]:
        """Run the jobs; outcomes arrive as steps end.

        Raises:
            UserError: Ray is absent, the cluster cannot be reached or has no room, or a machine has other versions
                or does not see the folder.
        """
        if not jobs:
            return
        ray = self._connected()
        self._slots(ray)
        self.shared.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.shared, prefix=".cluster.", suffix=".part") as token:
            place = WorkerPlace(Path.cwd(), Path(token.name).absolute(), installed())
            yield from self._run(ray, partial(self._remote(ray).remote, work, place), jobs)

    def images_a_job(self, on_card: bool) -> int:
        """Return the size of every job."""
        return STEP_IMAGES

    def close(self) -> None:
        """End nothing: the cluster is not ours."""

    def _run(self, ray: Ray, submit: Callable[[Any], Ray], waiting: deque[Any]) -> Iterator[Any]:
        running: dict[Ray, Any] = {}
        try:
            while waiting or running:
                while waiting and len(running) < 2 * self._slots(ray):
                    job = waiting.popleft()
                    running[submit(job)] = job
                done, _ = ray.wait(list(running), num_returns=1)
                yield from self._outcomes(ray, done[0], running.pop(done[0]), waiting)
        finally:
            for reference in running:
                ray.cancel(reference, force=True)

    @staticmethod
    def _outcomes(ray: Ray, reference: Ray, job: object, waiting: deque[Any]) -> Iterator[Any]:
        try:
            yield from ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            raise cause if isinstance(cause, Exception) else RuntimeError(str(error)) from None
        except ray.exceptions.RayError as error:  # lost again and again: one image may be to blame
            yield from divide_lost(
                job, (), f"its worker was lost {RETRIES + 1} times ({type(error).__name__})", waiting
            )

    def _remote(self, ray: Ray) -> Ray:
        variables = {name: str(self.threads) for name in THREAD_VARIABLES}
        variables |= {name: value for name, value in os.environ.items() if name.startswith("DERAINBENCH_")}
        share = {"num_gpus": self.gpu_share} if self.gpu_share else {}
        return ray.remote(num_cpus=self.threads, max_retries=RETRIES, **share)(_work_there).options(
            runtime_env={"env_vars": variables}, name="derainbench"
        )

    def _connected(self) -> Ray:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError as error:
            raise missing_extra(error, "Ray", "ray", "--engine ray") from error
        if not ray.is_initialized():
            try:
                ray.init(self.address or "local", log_to_driver=False, logging_level=logging.ERROR)
            except (ConnectionError, RuntimeError, ValueError) as error:
                reason = " ".join(str(error).split())[:300]
                raise UserError(
                    f"no Ray cluster at {self.address or 'this machine'} ({reason}). Start one with 'ray start "
                    "--head', join it from other machines with 'ray start --address HOST:6379', and give --address auto"
                ) from error
        return ray

    def _slots(self, ray: Ray) -> int:
        """Count the workers that the cluster has room for."""
        there: Mapping[str, float] = ray.cluster_resources()
        wanted = {"CPU": float(self.threads), "GPU": self.gpu_share}
        slots = [there.get(kind, 0.0) / share for kind, share in wanted.items() if share]
        if min(slots) < 1:
            found = ", ".join(f"{there.get(kind, 0.0):g} {kind}" for kind in wanted)
            raise UserError(
                f"the Ray cluster has {found}, but a worker takes {self.threads} CPU and {self.gpu_share:g} GPU; "
                "add machines, or give --gpu-share"
            )
        return int(min(slots))


def ray_cluster(
    shared: Path, address: str, gpu_share: float | None, options: Options, workers: int, time_limit_seconds: float
) -> RayCluster:
    """Make the engine that the command line asks for.

    Args:
        shared: The run folder.
        address: As in :class:`RayCluster`.
        gpu_share: Likewise; None is a whole GPU where models run on one.
        options: Device and threads of the models.
        workers: Must be 1: the cluster's size says how many there are.
        time_limit_seconds: Must be 0: Ray does not tell how long an image takes.

    Raises:
        UserError: Something that only local processes can do.
    """
    if workers > 1 or time_limit_seconds:
        name = "--workers" if workers > 1 else "--time-limit"
        raise UserError(f"{name} is for local processes; on a Ray cluster the machines' cores and --gpu-share decide")
    if gpu_share is None:
        gpu_share = 1.0 if options.device.startswith("cuda") else 0.0
    return RayCluster(shared, address, options.threads or 1, gpu_share)


def _work_there(work: Callable[[Job], Iterator[Outcome]], place: WorkerPlace, job: Job) -> list[Outcome]:
    """Do a job in a worker, which first checks its machine once."""
    _settle(place)
    return list(work(job))


@cache
def _settle(place: WorkerPlace) -> None:
    host = socket.gethostname()
    if not place.folder.is_dir() or not place.token.is_file():
        raise UserError(
            f"machine {host} does not see {place.token.parent} as the head does; put the run folder, and the folder "
            f"{place.folder} that the command was given in, on storage that all machines have at the same path"
        )
    ours = dict(installed())
    for name, version in place.installed:
        if ours.get(name) != version:
            raise UserError(
                f"machine {host} has {name} {ours.get(name) or 'absent'}, the head {version or 'absent'}; "
                "install the same on every machine of the cluster"
            )
    os.chdir(place.folder)
    forget()  # what an earlier stage opened may have changed on disk


def installed() -> tuple[tuple[str, str], ...]:
    """List what could make another machine's results differ: Python, libraries, and the digest of our own code."""
    folders = [Path(str(spec.origin)).parent for name in _PACKAGES if (spec := importlib.util.find_spec(name))]
    files = sorted(path for folder in folders for path in folder.rglob("*.py"))
    code = key_of(*[(path.name, sha256_of(path)) for path in files])
    return (("Python", platform.python_version()), *library_versions().items(), ("code", code))
