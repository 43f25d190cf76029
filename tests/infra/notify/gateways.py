"""The gateway of SMS and letters in the tests: its certificate for notify, and its key, which opens the files."""

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from deploy.local.platform.gateway import Opener, prepare_gateway
from deploy.local.platform.paths import Layout
from services.notify.settings import GatewaysSettings


@cache
def gateway() -> Layout:
    """Returns a folder with the gateway's certificate and key, which is removed when the tests end."""
    layout = Layout(Path(mkdtemp(prefix="dmp-gateway-")))
    atexit.register(shutil.rmtree, layout.folder)
    layout.secrets.mkdir()
    prepare_gateway(layout)
    return layout


def gateways_settings() -> GatewaysSettings:
    """Returns the settings of notify that name the certificate for both channels."""
    file = gateway().gateway_certificate
    return GatewaysSettings(sms_certificate_file=file, letters_certificate_file=file)


def opened(file: Path) -> str:
    """Returns the text of an SMS or letter, as the gateway reads it."""
    return Opener(gateway()).open(file)
