"""What the original implementation gives, to check ours number for number: see README.md."""

from pathlib import Path

REFERENCE = Path(__file__).parent
