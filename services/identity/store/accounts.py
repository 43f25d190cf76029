"""Accounts and the identifiers they are found by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.identity.domain.accounts import Account, SecondFactor
from services.identity.domain.sealing import Sealed
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

COLUMNS = "record_id, password_hash, second_factor, totp_key_id, totp_sealed, totp_step"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A row of `accounts`. `identifier`: sealed as it was chosen."""

    record_id: UUID
    identifier: Sealed
    password_hash: str
    second_factor: SecondFactor
    terms_version: str
    created_at: datetime


INSERT_ACCOUNT = """
insert into accounts
  (bucket, record_id, key_id, sealed, password_hash, password_changed_at, second_factor, terms_version, created_at)
values ($1, $2, $3, $4, $5, $8, $6, $7, $8)
on conflict on constraint accounts_pkey do nothing returning record_id"""


async def insert_account(connection: Connection, new: NewAccount) -> bool:
    """Whether the record had none."""
    inserted = await connection.fetchval(
        INSERT_ACCOUNT,
        bucket_of(new.record_id),
        new.record_id,
        new.identifier.key_id,
        new.identifier.data,
        new.password_hash,
        new.second_factor,
        new.terms_version,
        new.created_at,
    )
    return inserted is not None


INSERT_IDENTIFIER = """
insert into account_identifiers (fingerprint, record_id) values ($1, $2)
on conflict on constraint account_identifiers_pkey do nothing returning record_id"""


async def insert_identifier(connection: Connection, fingerprint: str, record_id: UUID) -> bool:
    """Whether nobody had it."""
    return await connection.fetchval(INSERT_IDENTIFIER, fingerprint, record_id) is not None


FIND_RECORD = "select record_id from account_identifiers where fingerprint = any($1::text[]) limit 1"


async def find_record(connection: Connection, fingerprints: Sequence[str]) -> UUID | None:
    """Whose identifier this is."""
    found: UUID | None = await connection.fetchval(FIND_RECORD, fingerprints)
    return found


@dataclass(frozen=True, slots=True)
class KnownIdentifier:
    """The fingerprint of an identifier, whose it is, and the identifier itself, sealed."""

    fingerprint: str
    record_id: UUID
    sealed: Sealed


SELECT_OTHER_IDENTIFIERS = """
select fingerprint, record_id from account_identifiers
where record_id > $2 and split_part(fingerprint, '.', 1) <> $1 order by record_id limit $3"""
SELECT_SEALED_IDENTIFIERS = """
select account.record_id, account.key_id, account.sealed
from unnest($1::integer[], $2::uuid[]) as known(bucket, record_id)
join accounts account on account.bucket = known.bucket and account.record_id = known.record_id"""


async def identifiers_of_other_keys(
    connection: Connection, kid: str, after: UUID, limit: int
) -> Sequence[KnownIdentifier]:
    """The next identifiers that are not fingerprinted under this key."""
    fingerprints = {
        row["record_id"]: row["fingerprint"]
        for row in await connection.fetch(SELECT_OTHER_IDENTIFIERS, kid, after, limit)
    }
    rows = await connection.fetch(SELECT_SEALED_IDENTIFIERS, [bucket_of(id) for id in fingerprints], list(fingerprints))
    known = [KnownIdentifier(fingerprints[id], id, Sealed(key_id, data)) for id, key_id, data in rows]
    return sorted(known, key=lambda identifier: identifier.record_id)


REPLACE_IDENTIFIERS = """
update account_identifiers known set fingerprint = made.fingerprint
from unnest($1::text[], $2::text[]) as made(old, fingerprint) where known.fingerprint = made.old"""


async def replace_identifiers(connection: Connection, fingerprints: Mapping[str, str]) -> None:
    """From the old fingerprint of an identifier to the new one."""
    await connection.execute(REPLACE_IDENTIFIERS, list(fingerprints), list(fingerprints.values()))


SELECT_ACCOUNT = f"select {COLUMNS} from accounts where bucket = $1 and record_id = $2"  # noqa: S608 - constants


async def load_account(connection: Connection, record_id: UUID) -> Account | None:
    """The account of a record."""
    return _account(await connection.fetchrow(SELECT_ACCOUNT, bucket_of(record_id), record_id))


LOCK_ACCOUNT = f"select {COLUMNS} from accounts where bucket = $1 and record_id = $2 for update"  # noqa: S608


async def lock_account(connection: Connection, record_id: UUID) -> Account | None:
    """The same, until the transaction ends."""
    return _account(await connection.fetchrow(LOCK_ACCOUNT, bucket_of(record_id), record_id))


REPLACE_HASH = """
update accounts set password_hash = $3, password_changed_at = $4 where bucket = $1 and record_id = $2"""


async def set_password(connection: Connection, record_id: UUID, password_hash: str, now: datetime) -> None:
    """A new password."""
    await connection.execute(REPLACE_HASH, bucket_of(record_id), record_id, password_hash, now)


REHASH = """
update accounts set password_hash = $4 where bucket = $1 and record_id = $2 and password_hash = $3"""


async def rehash(connection: Connection, record_id: UUID, old: str, new: str) -> None:
    """The same password under other parameters, unless it was changed meanwhile."""
    await connection.execute(REHASH, bucket_of(record_id), record_id, old, new)


USE_TOTP_STEP = """
update accounts set totp_step = $3 where bucket = $1 and record_id = $2 and totp_step < $3 returning record_id"""


async def use_totp_step(connection: Connection, record_id: UUID, step: int) -> bool:
    """Whether no code of this step or a later one was used before."""
    return await connection.fetchval(USE_TOTP_STEP, bucket_of(record_id), record_id, step) is not None


SET_TOTP = """
update accounts set second_factor = 'totp', totp_key_id = $3, totp_sealed = $4, totp_step = $5
where bucket = $1 and record_id = $2"""


async def set_totp(connection: Connection, record_id: UUID, secret: Sealed, step: int) -> None:
    """From now on an application gives the codes; `step` was used to confirm it."""
    await connection.execute(SET_TOTP, bucket_of(record_id), record_id, secret.key_id, secret.data, step)


SET_SENT_CODES = """
update accounts set second_factor = $3, totp_key_id = null, totp_sealed = null, totp_step = 0
where bucket = $1 and record_id = $2"""


async def set_sent_codes(connection: Connection, record_id: UUID, second_factor: SecondFactor) -> None:
    """From now on codes are sent; an application's secret is forgotten."""
    await connection.execute(SET_SENT_CODES, bucket_of(record_id), record_id, second_factor)


DELETE_ACCOUNT = """
with gone as (delete from account_identifiers where record_id = $2 returning fingerprint),
     counts as (delete from throttles where key in (
       select 'account:' || fingerprint from gone
       union all select kind || $2::text from unnest(array['confirm:', 'contact:', 'enrolment:']) as kind)),
     strangers as (delete from throttles using gone, unnest(array['account-source:', 'reset:']) as kind
       where starts_with(key, kind || fingerprint || ':'))
delete from accounts where bucket = $1 and record_id = $2 returning record_id"""


async def delete_accounts_of(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Destroys the account of a record, its identifier and its counts of tries; returns how many of what."""
    return {"accounts": len(await connection.fetch(DELETE_ACCOUNT, bucket_of(record_id), record_id))}


def _account(row: asyncpg.Record | None) -> Account | None:
    if row is None:
        return None
    totp = None if row["totp_sealed"] is None else Sealed(row["totp_key_id"], row["totp_sealed"])
    return Account(row["record_id"], row["password_hash"], row["second_factor"], totp, row["totp_step"])
