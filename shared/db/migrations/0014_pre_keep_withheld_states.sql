-- States that their owner withholds until somebody has decided about them: they are not announced anew either.

create table withheld_states (
  topic text not null,
  key text not null,
  since timestamptz not null default clock_timestamp(),
  constraint withheld_states_pkey primary key (topic, key)
);
grant select, insert, update, delete on withheld_states to {app};
