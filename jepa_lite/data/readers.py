"""Where a training run gets its images: from memory, or file by file while it trains.

Both kinds answer alike: `read(step, idx)` gives the images numbered `idx` for one step, `batches(orders)`
the images of many (step, idx) in turn, `sample(n)` a few that are always the same. `Files` reads ahead with
worker processes; its crops are drawn per step and image, so the number of workers changes no bit. For a GPU,
copies are made from pinned memory and asynchronous; channels-last would gain nothing, as no layer convolves.
"""

import multiprocessing
import os
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from ..randomness import generator_for
from ..system.file_names import shown
from ..system.signals import unheard, uninterrupted
from .image_files import read
from .image_forms import many_images
from .images import AnyImages

ON_GPU = 0.25  # share of a GPU's free memory that a data set may take
PATIENCE = 3600  # seconds without a batch after which the workers are given up


def spread(n: int, count: int) -> Tensor:
    """At most `count` of the numbers below n, at equal distances."""
    return torch.arange(min(n, count)) * n // min(n, count)


def sample(images: AnyImages, count: int) -> Tensor:
    """At most `count` of the images (n, C, H, W), evenly spread: sets are often sorted by class."""
    images = many_images(images)
    return images[spread(len(images), count)]


class InMemory:
    """Images in memory, uint8 (n, C, H, W) in any form of image_forms.py; on a GPU if they take little of
    it."""

    cropped, skipped = False, ()

    def __init__(self, images: AnyImages, device: str | torch.device = "cpu") -> None:
        device, images = torch.device(device), many_images(images)
        self.images, self.shape = images, tuple(images.shape[1:])
        self._pin = device.type == "cuda" and images.device.type == "cpu"
        if self._pin and images.nbytes < ON_GPU * torch.cuda.mem_get_info(device)[0]:
            self.images, self._pin = images.to(device), False  # no copy a step is left to be quick about

    def __len__(self) -> int:
        return len(self.images)

    def read(self, step: int, idx: Tensor) -> Tensor:
        """Images `idx` (b,), as they are: uint8 (b, C, H, W)."""
        images = self.images[idx.to(self.images.device)]
        return images.pin_memory() if self._pin else images  # only from pinned memory is a copy asynchronous

    def batches(self, orders: Iterable[tuple[int, Tensor]]) -> Iterator[Tensor]:
        for step, idx in orders:
            yield self.read(step, idx)

    def sample(self, count: int) -> Tensor:
        return sample(self.images, count)


class Files(Dataset):
    """Image files that are read while training; RGB, uint8 (3, H, W).

    root, paths: where they lie. size: (H, W). crop_scale: cut a random box of such a share from each file
    (None: the middle of it, whole). seed: of those boxes. workers: processes that read ahead, 0 for none.
    A file that cannot be read is replaced by the next one that can; `skipped` names it, as {path: reason}.
    """

    TRIES = 100  # broken files in a row, after which the fault is not the files'

    def __init__(
        self, root: Path, paths: list[str], size: tuple[int, int],
        crop_scale: tuple[float, float] | None = None, seed: int = 0, workers: int = 2,
    ) -> None:  # fmt: skip
        only_in_main()
        self.root, self.size, self.seed, self.workers = root, tuple(size), seed, workers
        self.crop_scale, self.cropped = crop_scale, crop_scale is not None
        # One block of bytes: a list of a million strings would be copied string by string to each worker.
        self.paths = np.array([os.fsencode(path) for path in paths])
        self.shape, self.skipped = (3, *self.size), {}

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor | None, list[tuple[str, str]]]:
        """key (step, i): (image of file i, or of the next that can be read, [(path, reason)] of the others).

        Where none can be read the image is None: an error raised in a worker would arrive as a traceback.
        """
        step, i = key
        failures = []
        for j in range(i, i + min(self.TRIES, len(self))):
            path = os.fsdecode(self.paths[j % len(self)])
            try:
                generator = None if self.crop_scale is None else generator_for(self.seed, "file", step, i)
                pixels = read(self.root / path, self.size, self.crop_scale, generator)
                return torch.tensor(pixels), failures
            except Exception as error:  # a decoder may raise anything on a broken file
                failures.append((shown(path), shown(error)))
        return None, failures

    def read(self, step: int, idx: Tensor) -> Tensor:
        """Images `idx` (b,) as step `step` sees them, read in this process: uint8 (b, 3, H, W)."""
        return self._taken(_collate([self[step, i] for i in idx.tolist()]))

    def batches(self, orders: Iterable[tuple[int, Tensor]]) -> Iterator[Tensor]:
        """The images of each (step, idx) of `orders`, in that order, read ahead by the workers."""
        loader = DataLoader(
            self,
            batch_sampler=([(step, i) for i in idx.tolist()] for step, idx in orders),
            num_workers=self.workers,
            collate_fn=_collate,
            multiprocessing_context="spawn" if self.workers else None,  # the same on every system
            timeout=PATIENCE if self.workers else 0,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),  # else it would draw from the caller's global one
            worker_init_fn=_end_with_parent,
        )
        iterator = None
        try:
            with unheard():
                iterator = iter(loader)
            while (batch := self._next(iterator)) is not None:
                yield self._taken(batch)
        finally:
            if iterator is not None and self.workers:
                _end_workers(iterator)

    def _next(self, iterator):
        try:
            return next(iterator, None)
        except (RuntimeError, OSError, EOFError) as error:  # a dead worker shows in many ways
            if not self.workers:
                raise
            raise worker_died(error) from error

    def sample(self, count: int) -> Tensor:
        """At most `count` images, uncropped and evenly spread: folders are sorted by class."""
        whole = Files(self.root, [], self.size)
        whole.paths = self.paths
        images = whole.read(0, spread(len(self), count))
        self.skipped |= whole.skipped
        return images

    def _taken(self, batch):
        """The images of a collated batch; remembers, and says once, which files could not be read."""
        images, failures = batch
        for path, reason in failures:
            if path not in self.skipped:
                self.skipped[path] = reason
                warnings.warn(f"skipped {path}: {reason}", stacklevel=2)
        if images is None:
            raise OSError(
                f"{len(failures)} files in a row could not be read, the last one {failures[-1][0]}: "
                f"{failures[-1][1]}; is {shown(self.root)} still there?"
            )
        return images


def worker_died(error: Exception) -> ChildProcessError:
    """What to raise when `error`, of PyTorch, says that a process that reads images has failed."""
    said = " ".join(str(error).split())
    if any(word in said for word in ("shared memory", "/torch_", "Bus error")):
        why = (
            "the processes that read images have too little shared memory (/dev/shm); give a container more "
            "(docker run --shm-size=2g), lower train.workers or train.batch_size, or use train.workers=0"
        )
    elif "exited unexpectedly" in said:
        why = f"a process that reads images died ({said[:500]}); if it was not killed, {UNGUARDED}"
    elif "timed out" in said:
        why = f"no image came for {PATIENCE} seconds from the processes that read them; use train.workers=0"
    else:
        why = f"a process that reads images died ({said[:500]}); if memory ran out, lower train.workers"
    return ChildProcessError(f"{why}; what was learned is saved, and --resume goes on from there")


UNGUARDED = (
    "each such process imports your script again, so what the script starts must stand below "
    'if __name__ == "__main__": (or use train.workers=0)'
)


def only_in_main() -> None:
    """End a process that is only to read images, and trains instead: its script has no main guard."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # it is importing the script
        sys.exit(UNGUARDED)


def _end_workers(iterator):
    """End the processes of a DataLoader's iterator at once: by itself it waits until all have started."""
    with uninterrupted():  # PyTorch's handler of SIGCHLD would take them for workers that died
        if threading.current_thread() is threading.main_thread():  # elsewhere that handler cannot be kept out
            for worker in iterator._workers:
                worker.terminate()
        iterator._shutdown_workers()


def _end_with_parent(_):
    """Have this worker end when its parent does, though it be killed: PyTorch's own watch misses one that
    died before the worker was ready, and waits for ever where the pipe between them is full."""
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def _collate(items):
    """(images (b, 3, H, W), or None where one is missing, all failures) of what `Files` gave."""
    images = [image for image, _ in items]
    failures = [failure for _, failed in items for failure in failed]
    # PyTorch's own collate writes to shared memory at once; what fails in a worker later would never be told.
    return (None if any(image is None for image in images) else default_collate(images)), failures
