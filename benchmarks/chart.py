"""Bar charts as SVG, readable on light and on dark pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH = 720
LABEL_WIDTH = 190
VALUE_WIDTH = 90
BAR_HEIGHT = 22
STEP = 32
HEAD = 44
FOOT = 14
_BARS_WIDTH = WIDTH - LABEL_WIDTH - VALUE_WIDTH
# A chart in a page is an image: it sees the reader's scheme, not the page's colours.
_STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; }
  .bar { fill: #8c959f; }
  .ours { fill: #1a7f5a; }
  .missing { fill: #59636e; font-style: italic; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .bar { fill: #6e7681; }
    .ours { fill: #3fb68b; }
    .missing { fill: #9198a1; }
  }
"""


@dataclass(frozen=True)
class Bar:
    """One bar; without a value, the words stand in its place."""

    name: str
    value: float | None
    words: str
    ours: bool = False


def bar_chart(title: str, bars: Sequence[Bar]) -> str:
    """The bars below each other, the longest as long as there is room."""
    height = HEAD + STEP * len(bars) + FOOT
    longest = max((bar.value for bar in bars if bar.value is not None), default=0.0)
    told = ", ".join(f"{bar.name}: {bar.words}" for bar in bars)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(told)}</desc>",
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="0" y="20">{escape(title)}</text>',
        *(line for index, bar in enumerate(bars) for line in _bar(bar, index, longest)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _bar(bar: Bar, index: int, longest: float) -> list[str]:
    top = HEAD + STEP * index
    middle = top + BAR_HEIGHT // 2 + 5
    label = f'<text x="{LABEL_WIDTH - 10}" y="{middle}" text-anchor="end">{escape(bar.name)}</text>'
    if bar.value is None:
        words = f'<text class="missing" x="{LABEL_WIDTH}" y="{middle}">{escape(bar.words)}</text>'
        return [label, words]
    width = round(_BARS_WIDTH * bar.value / longest, 1) if longest else 0.0
    kind = "ours" if bar.ours else "bar"
    return [
        label,
        f'<rect class="{kind}" x="{LABEL_WIDTH}" y="{top}" width="{width}"'
        f' height="{BAR_HEIGHT}" rx="3"/>',
        f'<text x="{LABEL_WIDTH + width + 8}" y="{middle}">{escape(bar.words)}</text>',
    ]
