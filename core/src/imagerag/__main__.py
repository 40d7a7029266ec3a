"""`python -m imagerag` is the same command as `imagerag`."""

import sys

from imagerag.cli import main

sys.exit(main())
