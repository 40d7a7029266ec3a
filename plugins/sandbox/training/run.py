"""Train and export the sandbox: `python run.py --config small`, or one `--stage` of it.

Stages that are done are skipped and an interrupted one resumes. Where there is no GPU, CLIP and VAE
run side by side, one thread each, and the judge beside the U-Net: see `runtime.py`.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from training.config import Config, load_config
from training.runtime import environment

# Stages in one tuple run at the same time.
PLAN = (
    ("clip", "vae"),
    ("judge", "critic"),
    ("siglip",),
    ("unet",),
    ("decoder",),
    ("pool",),
    ("export",),
    ("calibrate",),
)
THREADS = {"clip": 1, "vae": 1, "judge": 1, "critic": 1, "siglip": 1}


def run_stage(stage: str, config: Config) -> None:
    """Run one stage in this process."""
    from imagerag_torch import guard_torchvision

    guard_torchvision()
    importlib.import_module(f"training.{stage}").train(config)


def done(stage: str, config: Config) -> bool:
    """Whether the stage has left its figures."""
    return (config.work / stage / "figures.json").exists()


def run_all(config: Config) -> None:
    """Run every stage that is not done, each in its own process."""
    for group in PLAN:
        running = []
        for stage in group:
            if done(stage, config):
                continue
            (config.work / stage).mkdir(parents=True, exist_ok=True)
            log = (config.work / stage / "log.txt").open("a")
            command = [sys.executable, __file__, "--config", config.name, "--stage", stage]
            threads = THREADS.get(stage, 2) if config.device == "cpu" else 8
            process = subprocess.Popen(
                command, env=environment(threads), stdout=log, stderr=subprocess.STDOUT
            )
            running.append((stage, process))
        for stage, process in running:
            if process.wait():
                raise SystemExit(f"stage {stage!r} failed: see {config.work / stage / 'log.txt'}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="small", help="`small` or `large`")
    parser.add_argument("--stage", help="run only this stage, in this process")
    chosen = parser.parse_args()
    config = load_config(chosen.config)
    if chosen.stage:
        run_stage(chosen.stage, config)
    else:
        run_all(config)


if __name__ == "__main__":
    main()
