"""Print a table of the planted defects, and of the rules that found them.

The defective components of core/tests/defective are held to the conformance suites, each to all the
rules of its role. The table is Markdown; it goes into the notes of a release.

    python scripts/planted_defects.py    exits with 1 unless each is found by its rule and no other
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = "| role | what is wrong | found by | other rules that held |\n|---|---|---|---|"


def main() -> int:
    """Run the suites and print the table."""
    sys.path.insert(0, str(ROOT / "core/tests"))
    from defective.planted import run
    from defective.table import DEFECTS

    verdicts, lines, wrong = run(), [HEAD], []
    for defect in DEFECTS:
        verdict = verdicts[f"{defect.role} {defect.rule}"]
        found = [rule for rule, _ in verdict["broken"]]
        if found != [defect.rule]:
            wrong.append(f"{defect.role} {defect.rule}: found by {found or 'none'}")
        names = ", ".join(f"`{rule}`" for rule in found) or "nothing"
        lines.append(f"| {defect.role} | {defect.what} | {names} | {verdict['held']} |")
    sound = sum(key.endswith(" sound") and not v["broken"] for key, v in verdicts.items())
    caught = len(DEFECTS) - len(wrong)
    lines.append(f"\n{caught} of {len(DEFECTS)} defects are found by their rule and by no other;")
    lines.append(f"{sound} sound components, one of each role, break no rule.")
    sys.stdout.write("\n".join(lines) + "\n")
    for line in wrong:
        sys.stderr.write(f"wrong: {line}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
