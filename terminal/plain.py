"""Text of others, made harmless for a terminal.

What nodes, files and cards say is shown to people. An escape sequence in it could clear the screen,
rewrite lines that were read already, or set the clipboard; a bidirectional override could show an
address backwards (CVE-2021-42574). Whatever is not printable is shown as its number instead.
"""

import unicodedata


def plain(text: str) -> str:
    """`text` with line feeds and tabs as they are, and other unprintable characters escaped."""
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join([one if one.isprintable() or one in "\n\t" else _escaped(one) for one in text])


def _escaped(character: str) -> str:
    if unicodedata.category(character) == "Zs":
        # Typographic spaces do no harm, and French needs one before its colon.
        return character
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
