"""Prints how fast this interpreter is on pure Python, as rounds of a fixed piece of work in a third of a second of CPU.

Builds without profile-guided optimisation lose a third, and nothing in a build's own words tells it for certain
(Debian's CONFIG_ARGS do not). Run by `setup.sh` with each Python found; standard library only.
"""

import time

SECONDS = 1 / 3


def work() -> int:
    """Calls, attribute and dictionary look-ups, text and loops, as a service does them."""
    total, names = 0, {f"name-{number}": number for number in range(50)}
    for name, number in names.items():
        total += len(name.upper().split("-")) + number
    return total + sum(map(len, sorted(names, reverse=True)))


def rounds() -> int:
    """How often `work` is done in SECONDS."""
    count, end = 0, time.process_time() + SECONDS
    while time.process_time() < end:
        work()
        count += 1
    return count


if __name__ == "__main__":
    print(rounds())
