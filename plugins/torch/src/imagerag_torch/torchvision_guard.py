"""Make a torchvision whose compiled part cannot load importable beside a CPU torch."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import threading
from pathlib import Path
from typing import Any

OPERATORS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
"""The operators that torchvision decorates while it is imported, with their schemas."""

_lock = threading.Lock()
_libraries: list[Any] = []  # a torch.library.Library undefines its operators when it is collected


def guard_torchvision() -> bool:
    """Define the operators that torchvision expects, where its own library cannot define them.

    The torchvision wheel that pip finds is linked against CUDA. Beside a CPU torch its compiled
    part fails to load, which torchvision passes over; registering fake kernels for
    `torchvision::nms` and `::qnms` then ends the import with "operator torchvision::nms does not
    exist", and takes transformers, diffusers, timm and open_clip with it. Declaring the two
    operators is enough: nothing here calls them, and calling them says what is wrong.

    Call this before any of those libraries is imported; calling it again does nothing.

    Returns:
        True where this process needs, and now has, the stand-in declarations.
    """
    torch = _torch()
    if torch.version.cuda or importlib.util.find_spec("torchvision") is None:
        return False
    with _lock:
        if _libraries:
            return True
        if all(_defined(name) for name in OPERATORS) or _compiled_part_loads():
            return False
        for name, schema in OPERATORS.items():
            if not _defined(name):
                library = torch.library.Library("torchvision", "FRAGMENT")
                library.define(schema)
                _libraries.append(library)
    return True


def _defined(name: str) -> bool:
    operator, *_ = _torch()._C._jit_get_operation(f"torchvision::{name}")
    return operator is not None


def _compiled_part_loads() -> bool:
    """Load torchvision's own library as torchvision would; True where it works."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return False
    folder = Path(spec.origin).parent
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        path = folder / f"_C{suffix}"
        if path.exists():
            try:
                _torch().ops.load_library(str(path))
            except (ImportError, OSError):
                return False
            return True
    return False


def _torch() -> Any:
    return importlib.import_module("torch")  # these parts of it carry no types
