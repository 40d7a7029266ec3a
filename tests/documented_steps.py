"""Run the documentation's Python blocks and `imagerag` commands, file by file, in one process.

    python documented_steps.py steps.json results.json

One process, because importing the model libraries takes longer than all of the rest. Each file has
a working directory, a home for collections and a namespace of its own. Results are "" or what went
wrong, by file.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any


def run_file(steps: list[dict[str, Any]]) -> str:
    """Run one file's steps in order; return "" or what went wrong."""
    from imagerag.cli.entry import main

    namespace: dict[str, Any] = {"__name__": "documentation"}
    for step in steps:
        told = io.StringIO()
        try:
            with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
                if step["kind"] == "python":
                    exec(compile(step["code"], step["place"], "exec"), namespace)
                    continue
                code = main(step["words"])
        except BaseException:
            return f"{step['place']}\n{told.getvalue()}\n{traceback.format_exc()}"
        if code != step["exits"]:
            command = " ".join(["imagerag", *step["words"]])
            return f"{step['place']}: {command} → {code}, not {step['exits']}\n{told.getvalue()}"
    return ""


def main() -> None:
    """Run every file of the list."""
    files = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    results = {}
    for name, file in files.items():
        folder = Path(file["folder"])
        os.chdir(folder)
        home = folder / "home"
        os.environ["IMAGERAG_HOME"] = str(home)
        if file["home"] and Path(file["home"]).is_dir():
            shutil.copytree(file["home"], home)
        results[name] = run_file(file["steps"])
    Path(sys.argv[2]).write_text(json.dumps(results), encoding="utf-8")


if __name__ == "__main__":
    main()
