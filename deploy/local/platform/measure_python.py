"""Prints the speed of this interpreter on pure Python: rounds of a fixed piece of work in a third of a CPU second.

Builds without profile-guided optimisation are a third slower, which their configuration does not reveal reliably
(Debian's CONFIG_ARGS do not). `setup.sh` runs it with each Python that it finds; standard library only.
"""

import time

SECONDS = 1 / 3


def work() -> int:
    """Does calls, attribute and dictionary look-ups, text operations and loops, as a service does."""
    total, names = 0, {f"name-{number}": number for number in range(50)}
    for name, number in names.items():
        total += len(name.upper().split("-")) + number
    return total + sum(map(len, sorted(names, reverse=True)))


def rounds() -> int:
    """Returns how often `work` runs in SECONDS of CPU time."""
    count, end = 0, time.process_time() + SECONDS
    while time.process_time() < end:
        work()
        count += 1
    return count


if __name__ == "__main__":
    print(rounds())
