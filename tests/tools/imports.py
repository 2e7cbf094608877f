#!/usr/bin/env python3
"""What a module of WebAssembly imports, held against a committed list (one `module.name` a line)."""
import sys


def imports(module):
    assert module[:8] == b"\0asm\1\0\0\0", "no module"
    at = 8

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = module[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    def text():
        nonlocal at
        length = number()
        at += length
        return module[at - length : at].decode()

    while at < len(module):
        section = module[at]
        at += 1
        end = number()
        end += at
        if section == 2:
            for _ in range(number()):
                yield f"{text()}.{text()}"
                kind = module[at]
                at += 1
                # All edges import functions and nothing else.
                assert kind == 0, f"an import of kind {kind}"
                number()
        at = end


found = sorted(imports(open(sys.argv[1], "rb").read()))
allowed = [line for line in open(sys.argv[2]).read().split("\n") if line and not line.startswith("#")]
more, fewer = set(found) - set(allowed), set(allowed) - set(found)
for name in sorted(more):
    print(f"{sys.argv[1]} imports {name}, which is not in {sys.argv[2]}")
for name in sorted(fewer):
    print(f"{sys.argv[2]} lists {name}, which {sys.argv[1]} does not import")
sys.exit(1 if more or fewer else 0)
