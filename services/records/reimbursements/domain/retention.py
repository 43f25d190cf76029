"""How long lines are kept: 24 months by the first day of care, to the day (national parameter `reimbursement-months`).

What is older is neither taken nor shown. Its rows go with the partition of its month, once the whole month is too old.
"""

import calendar
from datetime import date


def oldest_day(today: date, months: int) -> date:
    """Returns the first day of care that is kept: the same day `months` earlier, or the last day of that month."""
    count = today.year * 12 + today.month - 1 - months
    year, month = count // 12, count % 12 + 1
    return date(year, month, min(today.day, calendar.monthrange(year, month)[1]))


def month_of(day: date) -> date:
    """Returns the first day of the month, which names the partition."""
    return day.replace(day=1)
