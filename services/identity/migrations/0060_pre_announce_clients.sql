-- How registered software sends messages (MLLP): its certificates, its applications, its lane, its own listener.
create table client_messaging (
  client_id text not null,
  certificates text[] not null default '{}',
  applications text[] not null default '{}',
  client_class text not null default 'interactive',
  listener_host text,
  listener_port integer,
  listener_tls boolean not null default true,
  constraint client_messaging_pkey primary key (client_id),
  constraint client_messaging_client_id_fkey foreign key (client_id) references clients (id),
  constraint client_messaging_client_class_check check (client_class in ('interactive', 'bulk')),
  constraint client_messaging_listener_check check ((listener_host is null) = (listener_port is null))
);

-- The version announced last; announced_active is null until the first announcement.
alter table clients add column version bigint not null default 0, add column announced_active boolean;

grant select, insert, update on client_messaging to {app};
