#!/usr/bin/env python3
"""What a module of WebAssembly imports, held against a committed list (one `module.name` a line)."""
import sys

from module import IMPORT, functions

found = sorted(name for name, _ in functions(open(sys.argv[1], "rb").read(), IMPORT))
allowed = [line for line in open(sys.argv[2]).read().split("\n") if line and not line.startswith("#")]
more, fewer = set(found) - set(allowed), set(allowed) - set(found)
for name in sorted(more):
    print(f"{sys.argv[1]} imports {name}, which is not in {sys.argv[2]}")
for name in sorted(fewer):
    print(f"{sys.argv[2]} lists {name}, which {sys.argv[1]} does not import")
sys.exit(1 if more or fewer else 0)
