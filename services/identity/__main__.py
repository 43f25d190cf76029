"""`python -m services.identity api | worker | migrate | recover | keys status | keys rewrap`."""

from services.identity.app import make_api, make_recovery, make_worker
from services.identity.keys import make_keys
from services.identity.settings import Settings
from shared.service.process import main

if __name__ == "__main__":
    main(
        "identity",
        Settings,
        api=make_api,
        worker=make_worker,
        recovery=make_recovery,
        keys=lambda settings: make_keys(settings.keys),
    )
