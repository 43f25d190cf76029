"""`python -m services.notify api | worker | migrate | recover`."""

from services.notify import app
from services.notify.settings import Settings
from shared.process import main

if __name__ == "__main__":
    main("notify", Settings, api=app.make_api, worker=app.make_worker)
