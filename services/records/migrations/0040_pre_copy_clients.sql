-- Registered software, as the MLLP listener must know it: whose certificate is whose, and who has been deactivated.
create table clients (
  client_id text not null,
  version bigint not null,
  organisation_id text,
  active boolean not null,
  scopes text[] not null,
  certificates text[] not null,
  applications text[] not null,
  client_class text not null,
  listener jsonb,
  constraint clients_pkey primary key (client_id)
);
create index clients_certificates_idx on clients using gin (certificates);
create index clients_applications_idx on clients using gin (applications);

grant select, insert, update, delete on clients to {app};
