"""`python -m openportrait`."""

import sys

from openportrait.cli import main

sys.exit(main())
