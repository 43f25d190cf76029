"""Runs a module with fewer partitions of each topic: python -m tests.benchmarks.partitioned MOST MODULE [ARGUMENTS]."""

import runpy
import sys

from shared.contracts.declarations import Profile, Topic


def limit_partitions(most: int) -> None:
    """Declares fewer partitions in this process."""

    def partitions(self: Topic, profile: Profile) -> int:
        return min(most, self.local_partitions if profile == "local" else self.national_partitions)

    Topic.partitions = partitions  # type: ignore[method-assign]


if __name__ == "__main__":
    limit_partitions(int(sys.argv[1]))
    module, sys.argv = sys.argv[2], sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
