"""Ends with an error unless this interpreter was built with profile-guided and link-time optimisation.

Without them it is a third slower. The switches of CPython stand in its configuration; Debian builds its own with both
(`with_pgo`, `with_lto` in its debian/rules) and passes the flags in other ways, so that its package counts.
"""

import os
import subprocess
import sys
import sysconfig

SWITCHES = ("--enable-optimizations", "--with-lto")


def is_optimised() -> bool:
    """Returns whether the configuration has both switches, or the interpreter is that of a package of Debian."""
    if all(switch in str(sysconfig.get_config_var("CONFIG_ARGS")) for switch in SWITCHES):
        return True
    program = os.path.realpath(sys.executable)
    owner = subprocess.run(["dpkg-query", "--search", program], capture_output=True, text=True, check=False).stdout
    return owner.startswith("python3.")


if __name__ == "__main__" and not is_optimised():
    sys.exit(f"{sys.executable} is built without {' '.join(SWITCHES)}, and is not Debian's")
