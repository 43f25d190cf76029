-- Under which keys rows lie. At its start each process compares them with its rings: a key that is missing would make
-- rows unreadable, or a person unknown. `key_check` is a keyed hash of the name: another key of the same id is found.
create table key_uses (
  ring text not null,
  kid text not null,
  key_check text,
  noted_at timestamptz not null default clock_timestamp(),
  constraint key_uses_pkey primary key (ring, kid)
);

-- Which columns name a key of which ring. `form`: how a value names it; `needed`: the rows in which it still matters.
create table key_columns (
  used_by text not null,
  used_in text not null,
  ring text not null,
  form text not null,
  needed text not null,
  constraint key_columns_pkey primary key (used_by, used_in),
  constraint key_columns_form_check check (form in ('kid', 'fingerprint', 'jwe'))
);
grant select, insert, update, delete on key_uses to {app};
grant select on key_columns to {app};

-- The protected header of a JWE in compact form (RFC 7516); null where it is none.
create function header_of_jwe(jwe text) returns jsonb language plpgsql immutable strict parallel safe as $$
declare
  header text := translate(split_part(jwe, '.', 1), '-_', '+/');
begin
  return convert_from(decode(rpad(header, (length(header) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb;
exception when data_exception then
  return null;
end
$$;

create function kid_expression(used_in text, form text) returns text language sql immutable strict as $$
  select format(case form when 'kid' then '%I' when 'fingerprint' then 'split_part(%I, ''.'', 1)'
                          else '(header_of_jwe(%I) ->> ''kid'')' end, used_in)
$$;

-- Arguments: ring, column, form, condition. A key that is known costs one look-up a statement.
create function note_key_uses() returns trigger language plpgsql as $$
begin
  execute format(
    'insert into key_uses (ring, kid)
     select distinct $1, used.kid from (select %s as kid from added where %s) as used
     where used.kid is not null
       and not exists (select from key_uses known where known.ring = $1 and known.kid = used.kid)
     on conflict on constraint key_uses_pkey do nothing', kid_expression(tg_argv[1], tg_argv[2]), tg_argv[3])
  using tg_argv[0];
  return null;
end
$$;

-- For migrations: from now on this column's keys are noted.
create function watch_keys(used_by text, used_in text, ring text, form text, needed text default 'true')
returns void language plpgsql as $$
begin
  insert into key_columns (used_by, used_in, ring, form, needed) values (used_by, used_in, ring, form, needed);
  for action in 1..2 loop
    execute format('create trigger %I after %s on %I referencing new table as added for each statement '
                   'execute function note_key_uses(%L, %L, %L, %L)',
                   used_in || '_keys_on_' || (array['insert', 'update'])[action], (array['insert', 'update'])[action],
                   used_by, ring, used_in, form, needed);
  end loop;
end
$$;

-- For `*_fill_key_uses.batch.sql`: notes the keys of one column, the next after a position; a page is a column.
create function fill_key_uses(after text, out "position" text, out filled bigint) language plpgsql as $$
declare
  next key_columns;
begin
  select * into next from key_columns c where c.used_by || '.' || c.used_in > after
  order by c.used_by || '.' || c.used_in limit 1;
  if next.ring is null then
    return;
  end if;
  execute format('insert into key_uses (ring, kid) select distinct $1, %1$s from %2$I where %1$s is not null and (%3$s) '
                 'on conflict on constraint key_uses_pkey do nothing',
                 kid_expression(next.used_in, next.form), next.used_by, next.needed) using next.ring;
  get diagnostics filled = row_count;
  "position" := next.used_by || '.' || next.used_in;
end
$$;

-- How many rows lie under each key, by column.
create function count_key_uses(out used_by text, out used_in text, out ring text, out kid text, out rows bigint)
returns setof record language plpgsql stable as $$
declare
  watched key_columns;
begin
  for watched in select * from key_columns c order by c.ring, c.used_by, c.used_in loop
    return query execute format(
      'select $1, $2, $3, %1$s, count(*) from %2$I where %1$s is not null and (%3$s) group by %1$s order by %1$s',
      kid_expression(watched.used_in, watched.form), watched.used_by, watched.needed)
    using watched.used_by, watched.used_in, watched.ring;
  end loop;
end
$$;
