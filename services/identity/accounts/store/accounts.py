"""Accounts, and the identifiers by which they are found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.identity.accounts.domain.accounts import Account, SecondFactor
from services.identity.kit.sealed_rows import Sealed
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

COLUMNS = "record_id, password_hash, second_factor, totp_key_id, totp_sealed, totp_step"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A row of `accounts`. `identifier`: the chosen identifier, sealed."""

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
    """Inserts an account. Returns False when the record has one."""
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
    """Inserts an identifier. Returns False when it is taken."""
    return await connection.fetchval(INSERT_IDENTIFIER, fingerprint, record_id) is not None


FIND_RECORD = "select record_id from account_identifiers where fingerprint = any($1::text[]) limit 1"


async def find_record_by_identifier(connection: Connection, fingerprints: Sequence[str]) -> UUID | None:
    """Returns the id of the record whose account has one of these identifiers, or None."""
    record_id: UUID | None = await connection.fetchval(FIND_RECORD, fingerprints)
    return record_id


@dataclass(frozen=True, slots=True)
class StoredIdentifier:
    """The fingerprint of an identifier, the id of its record, and the identifier itself, sealed."""

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
) -> Sequence[StoredIdentifier]:
    """Returns the next identifiers, by record id, whose fingerprint was not made with this key."""
    fingerprints = {
        row["record_id"]: row["fingerprint"]
        for row in await connection.fetch(SELECT_OTHER_IDENTIFIERS, kid, after, limit)
    }
    rows = await connection.fetch(SELECT_SEALED_IDENTIFIERS, [bucket_of(id) for id in fingerprints], list(fingerprints))
    identifiers = [StoredIdentifier(fingerprints[id], id, Sealed(key_id, data)) for id, key_id, data in rows]
    return sorted(identifiers, key=lambda identifier: identifier.record_id)


REPLACE_IDENTIFIERS = """
update account_identifiers known set fingerprint = made.fingerprint
from unnest($1::text[], $2::text[]) as made(old, fingerprint) where known.fingerprint = made.old"""


async def replace_identifiers(connection: Connection, fingerprints: Mapping[str, str]) -> None:
    """Replaces fingerprints of identifiers. `fingerprints` maps each old one to its new one."""
    await connection.execute(REPLACE_IDENTIFIERS, list(fingerprints), list(fingerprints.values()))


SELECT_ACCOUNT = f"select {COLUMNS} from accounts where bucket = $1 and record_id = $2"  # noqa: S608 - constants


async def load_account(connection: Connection, record_id: UUID) -> Account | None:
    """Returns the account of a record, or None."""
    return _account(await connection.fetchrow(SELECT_ACCOUNT, bucket_of(record_id), record_id))


LOCK_ACCOUNT = f"select {COLUMNS} from accounts where bucket = $1 and record_id = $2 for update"  # noqa: S608


async def lock_account(connection: Connection, record_id: UUID) -> Account | None:
    """Returns the account of a record, locked until the transaction ends, or None."""
    return _account(await connection.fetchrow(LOCK_ACCOUNT, bucket_of(record_id), record_id))


REPLACE_HASH = """
update accounts set password_hash = $3, password_changed_at = $4 where bucket = $1 and record_id = $2"""


async def set_password(connection: Connection, record_id: UUID, password_hash: str, now: datetime) -> None:
    """Stores the hash of a new password."""
    await connection.execute(REPLACE_HASH, bucket_of(record_id), record_id, password_hash, now)


REHASH = """
update accounts set password_hash = $4 where bucket = $1 and record_id = $2 and password_hash = $3"""


async def replace_hash(connection: Connection, record_id: UUID, old: str, new: str) -> None:
    """Replaces the hash of an unchanged password by one with other parameters, unless the password has changed."""
    await connection.execute(REHASH, bucket_of(record_id), record_id, old, new)


USE_TOTP_STEP = """
update accounts set totp_step = $3 where bucket = $1 and record_id = $2 and totp_step < $3 returning record_id"""


async def use_totp_step(connection: Connection, record_id: UUID, step: int) -> bool:
    """Marks a time step as used. Returns False when a code of this or a later step was used before."""
    return await connection.fetchval(USE_TOTP_STEP, bucket_of(record_id), record_id, step) is not None


SET_TOTP = """
update accounts set second_factor = 'totp', totp_key_id = $3, totp_sealed = $4, totp_step = $5
where bucket = $1 and record_id = $2"""


async def set_totp(connection: Connection, record_id: UUID, secret: Sealed, step: int) -> None:
    """Makes an authenticator application the second factor. `step`: the time step whose code confirmed it."""
    await connection.execute(SET_TOTP, bucket_of(record_id), record_id, secret.key_id, secret.data, step)


SET_SENT_CODES = """
update accounts set second_factor = $3, totp_key_id = null, totp_sealed = null, totp_step = 0
where bucket = $1 and record_id = $2"""


async def set_sent_codes(connection: Connection, record_id: UUID, second_factor: SecondFactor) -> None:
    """Makes sent codes the second factor and deletes the secret of an application."""
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
    """Deletes the account of a record, its identifier and its attempt counts. Returns the number of deleted rows per
    table."""
    return {"accounts": len(await connection.fetch(DELETE_ACCOUNT, bucket_of(record_id), record_id))}


def _account(row: asyncpg.Record | None) -> Account | None:
    if row is None:
        return None
    totp = None if row["totp_sealed"] is None else Sealed(row["totp_key_id"], row["totp_sealed"])
    return Account(row["record_id"], row["password_hash"], row["second_factor"], totp, row["totp_step"])
