"""After "in force" no instance of records' API permits a read under the old right."""

import pytest

from deploy.local.demo.client import Dmp
from deploy.local.platform.stack import Stack
from tests.chaos.rights import play

pytestmark = pytest.mark.long


async def test_no_read_is_decided_under_the_old_right_once_the_new_one_is_in_force(stack: Stack, dmp: Dmp) -> None:
    seen = await play(stack, dmp, changes=300, at_once=6, kill=False)
    assert sum(len(record.took) for record in seen) == 300
    statuses = [status for record in seen for _, _, status in record.reads]
    assert statuses.count(200) > 50
    assert statuses.count(404) > 50
    assert [wrong for record in seen for wrong in record.wrong()] == []
