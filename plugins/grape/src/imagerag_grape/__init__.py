"""Generate, plan, edit (GraPE, arXiv 2412.06089) over any generator, planner and editor.

It holds no model of its own: importing it imports nothing heavy.
"""

__all__: list[str] = []
