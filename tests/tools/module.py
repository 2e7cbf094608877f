"""A module of WebAssembly, as far as it is looked into here: its sections, and the names of functions."""

IMPORT, EXPORT, CODE = 2, 7, 10
FUNCTION = 0


def read(module, at):
    """A number (LEB128, unsigned), and where it ends."""
    value = shift = 0
    while True:
        byte = module[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at


def write(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def sections(module):
    """Each section: its kind, and what is in it."""
    assert module[:8] == b"\0asm\1\0\0\0", "no module"
    at = 8
    while at < len(module):
        kind = module[at]
        size, at = read(module, at + 1)
        yield kind, module[at : at + size]
        at += size


def functions(module, wanted):
    """The functions that are imported (`module.name`) or exported (`name`), and the number that goes with each."""
    for kind, inner in sections(module):
        count, at = read(inner, 0) if kind == wanted else (0, 0)
        for _ in range(count):
            names = []
            for _ in range(2 if wanted == IMPORT else 1):
                size, at = read(inner, at)
                names.append(inner[at : at + size].decode())
                at += size
            what, at = inner[at], at + 1
            # All edges import functions and nothing else; they export their memory too.
            assert wanted == EXPORT or what == FUNCTION, f"an import of kind {what}"
            number, at = read(inner, at)
            if what == FUNCTION:
                yield ".".join(names), number
