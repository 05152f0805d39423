"""What the property-based tests share: values that are strange, and what every refusal is like."""

from __future__ import annotations

import re

from hypothesis import settings
from hypothesis import strategies as st

from openportrait import OpenPortraitError

settings.register_profile("suite", deadline=None, derandomize=True, database=None, max_examples=100)
settings.load_profile("suite")

REMEDY = re.compile(r"\b(make|give|choose|correct|update|cut|known are|did you mean|shorten|sort)\b")
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([10**30, -(10**30), 2**31, 0, 1e300, "1e999999999", "1/0", "25", "\ud800", "a\nb", [], {}, [[]]]),
)


def in_one_line(error: OpenPortraitError, *named: str) -> None:
    text = str(error)
    assert text.isprintable() and len(text) < 700, text
    assert all(name in text for name in named), text
    assert REMEDY.search(text), text
