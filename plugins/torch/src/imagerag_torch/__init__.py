"""What the torch plugins of imagerag share: devices, seeds, safe loading, memory figures.

Importing this package imports no torch; each function imports what it needs when it is called. It
does set how torch's threads will wait, which has to be settled before torch is imported.
"""

from imagerag_torch.device import choose_device, choose_dtype
from imagerag_torch.digest import digest_file, digest_folder
from imagerag_torch.memory import Memory, memory
from imagerag_torch.seeding import generator, seeded
from imagerag_torch.threads import patient_threads
from imagerag_torch.torchvision_guard import guard_torchvision
from imagerag_torch.weights import is_commit, refuse_pickles, resolve_weights

__all__ = [
    "Memory",
    "choose_device",
    "choose_dtype",
    "digest_file",
    "digest_folder",
    "generator",
    "guard_torchvision",
    "is_commit",
    "memory",
    "patient_threads",
    "refuse_pickles",
    "resolve_weights",
    "seeded",
]

patient_threads()
