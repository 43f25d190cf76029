"""Removes from shared objects what no process loads, symbols and debugging sections: `strip_objects.py FOLDER`.

The dynamic loader reads program headers alone (ELF, chapter 5 of the System V gABI), so the file ends after its last
segment, and its table of sections goes.
"""

import struct
import sys
from pathlib import Path

MAGIC = b"\x7fELF\x02\x01"
"""Of 64 bits, the least significant byte first."""
HEADER = struct.Struct("<16xHHIQQQIHHHHHH")


def loaded_size(content: bytearray) -> int:
    """Returns the end of the last segment of a file, or of the program headers behind it."""
    fields: tuple[int, ...] = HEADER.unpack_from(content)[1:]
    program_headers, entry_size, entries = fields[3], fields[7], fields[8]
    ends = [program_headers + entry_size * entries]
    for index in range(entries):
        offset, _, _, size = struct.unpack_from("<QQQQ", content, program_headers + index * entry_size + 8)
        ends.append(offset + size)
    return max(ends)


def strip(path: Path) -> int:
    """Strips one file, and returns how many bytes it lost."""
    content = bytearray(path.read_bytes())
    if not content.startswith(MAGIC):
        return 0
    size = loaded_size(content)
    struct.pack_into("<Q", content, 40, 0)  # e_shoff
    struct.pack_into("<HHH", content, 58, 0, 0, 0)  # e_shentsize, e_shnum, e_shstrndx
    path.write_bytes(content[:size])
    return len(content) - size


if __name__ == "__main__":
    objects = (path for path in Path(sys.argv[1]).rglob("*.so*") if path.is_file() and not path.is_symlink())
    print(sum(map(strip, objects)))
