"""Several processes that train one model, started by torchrun: who am I, and what do all agree on?

Data parallel: each process takes its rows of every batch, DistributedDataParallel averages the gradients,
and rank 0 alone writes. Numbers on which a decision rests (the loss, the clock, a wish to stop) are first
added up over all processes, so that all decide alike. With one process nothing here costs anything.
"""

import datetime
import gc
import importlib
import os
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

PATIENCE = datetime.timedelta(
    days=7
)  # for images that are downloaded or decoded; torchrun ends it if one dies


def join_processes() -> tuple[int, int]:
    """(rank, world size); joins the process group when started by torchrun."""
    if not os.environ.get("RANK") or _number("WORLD_SIZE", 1) == 1:
        return 0, 1
    if not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(local_rank())
        # DistributedDataParallel would import it later. Where a process group exists already, it keeps hold
        # of it, and gloo's threads outlive the group (see `leave_processes`).
        importlib.import_module("torch._dynamo")
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, **_fresh_store())
    return dist.get_rank(), dist.get_world_size()


def _fresh_store():
    """Where processes that torchrun has restarted find each other; {} to leave that to PyTorch.

    torchrun keeps its store of addresses over restarts, so a process may call one that is dead and wait for
    ever (PyTorch 2.14). Each restart gets a shelf of its own there. On several machines restarts are counted
    differently, so there torchrun must be told to make new stores (README).
    """
    env = os.environ
    alone = env.get("LOCAL_WORLD_SIZE") == env["WORLD_SIZE"]
    if not (restarted() and alone and env.get("TORCHELASTIC_USE_AGENT_STORE") == "True"):
        return {}
    world = int(env["WORLD_SIZE"])
    store = dist.TCPStore(env["MASTER_ADDR"], int(env["MASTER_PORT"]), world, is_master=False)
    shelf = dist.PrefixStore(f"restart {env['TORCHELASTIC_RESTART_COUNT']}", store)
    return {"store": shelf, "rank": int(env["RANK"]), "world_size": world}


def averaging(model: torch.nn.Module) -> DistributedDataParallel:
    """The model, whose gradients become the mean over all processes. Its buffers are constants and stay as
    they are: said afterwards, for the newest PyTorch warns of the argument by which older ones are told."""
    shared = DistributedDataParallel(model)
    shared.broadcast_buffers = False
    return shared


def _number(name, default):
    """A whole number that torchrun has put into the environment. ValueError for anything else."""
    value = os.environ.get(name) or default  # an empty one is one that was unset
    try:
        return int(value)
    except ValueError:
        raise ValueError(
            f"the environment's {name} must be a whole number, not {value!r}; unset it"
        ) from None


def leave_processes() -> None:
    """Leave the process group, if this process is in one, so that it can end without a complaint."""
    if dist.is_initialized():
        # DistributedDataParallel holds the group in a circle of references; gloo's threads would outlive it,
        # and abort the process while Python ends (pytorch/pytorch #179291).
        gc.collect()
        dist.destroy_process_group()


def local_rank() -> int:
    """Which of this machine's processes this is: the number of its GPU."""
    return _number("LOCAL_RANK", 0)


def local_world() -> int:
    """How many processes torchrun has started on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE") or 1)


def launch() -> str | None:
    """torchrun's name for this start of it, restarts of its processes included; None without torchrun."""
    return os.environ.get("TORCHELASTIC_RUN_ID")


def restarted() -> bool:
    """Whether torchrun has started this process again because one of its processes died."""
    return _number("TORCHELASTIC_RESTART_COUNT", 0) > 0


def total(numbers: Sequence[float], device: torch.device | str = "cpu") -> list[float]:
    """Each of a list of numbers, added up over all processes."""
    if not dist.is_initialized():
        return list(numbers)
    sums = torch.tensor(numbers, dtype=torch.float64, device=device)
    dist.all_reduce(sums)
    return sums.tolist()


def gathered(value: Any) -> list:
    """Every process's `value`, as a list in the order of ranks, on every process."""
    if not dist.is_initialized():
        return [value]
    values = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def in_turn(make: Callable[[], Any]) -> Any:
    """make() on every process: on rank 0 first, then on the others, which find fetched, unpacked and cached
    what it needed. What stops rank 0 (ValueError, OSError) is raised on all of them. The processes wait for
    each other as long as that takes, while in a step they give a silent one up after some minutes."""
    if not dist.is_initialized():
        return make()
    patient = dist.new_group(backend="gloo", timeout=PATIENCE)
    made, error = None, [None]
    if dist.get_rank() == 0:
        try:
            made = make()
        except (OSError, ValueError) as problem:
            error = [problem]
    dist.broadcast_object_list(error, 0, group=patient)
    if error[0] is not None:
        raise error[0]
    made = made if dist.get_rank() == 0 else make()
    dist.barrier(group=patient)  # the others may have had to read all images again
    dist.destroy_process_group(patient)
    return made
