"""Components that the core itself offers: they combine others, and need no model of their own."""
