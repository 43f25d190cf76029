"""Lets an edge end without cutting a request: `drain.py ADMIN_PORT SECONDS`, before Envoy gets its signal.

Envoy says on /ready that it is not, and with each answer that its connection ends; it still takes new connections,
until nobody sends any. The program returns when no request is at work, DEREGISTRATION_S at the earliest, SECONDS at the
latest. Standard library only: it runs in the image of Envoy.
"""

import http.client
import re
import sys
import time

DEREGISTRATION_S = 5
"""Seconds until nobody sends new connections any more."""
_AT_WORK = re.compile(r"^http\.(?:https|cards)\.downstream_rq_active: (\d+)$", re.MULTILINE)


def ask(port: int, method: str, path: str) -> str:
    """Returns what Envoy's own page answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request(method, path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def at_work(stats: str) -> int:
    """Returns the requests at work, from the text of /stats."""
    return sum(map(int, _AT_WORK.findall(stats)))


def main(port: int, seconds: float) -> None:
    """Begins the drain and waits for its end."""
    ask(port, "POST", "/healthcheck/fail")
    begun = time.monotonic()
    time.sleep(DEREGISTRATION_S)
    while at_work(ask(port, "GET", "/stats?filter=downstream_rq_active")) and time.monotonic() - begun < seconds:
        time.sleep(0.2)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
