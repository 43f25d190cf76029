"""Runs the service records.

The commands are `python -m services.records api | worker | mllp | migrate | recover | keys status | keys rewrap`.
"""

from services.records import app
from services.records.kit.keys import make_keys
from services.records.settings import Settings
from shared.service.process import Server, main

if __name__ == "__main__":
    main(
        "records",
        Settings,
        api=app.make_api,
        worker=app.make_worker,
        recovery=app.make_recovery,
        keys=lambda settings: make_keys(settings.keys),
        servers={
            "mllp": Server(app.make_mllp, lambda settings: (settings.mllp.health_host, settings.mllp.health_port))
        },
    )
