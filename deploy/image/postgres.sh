#!/bin/sh
# Makes the cluster of databases at the first start, then runs PostgreSQL. Arguments are those of the server (`-c name=value`).
# POSTGRES_PASSWORD_FILE: the file with the superuser's password, needed at the first start.
set -eu

data=/var/lib/postgresql/18
if [ ! -s "$data/PG_VERSION" ]; then
    rm -rf "$data.new"
    initdb --pgdata="$data.new" --username=postgres --pwfile="${POSTGRES_PASSWORD_FILE:?}" --auth=scram-sha-256 \
        --no-locale --encoding=UTF8 --locale-provider=builtin --builtin-locale=C.UTF-8
    echo 'host all all all scram-sha-256' >> "$data.new/pg_hba.conf"
    mv "$data.new" "$data"
fi
# No statement, parameter or row value goes into the log: they are personal data.
exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories= -c password_encryption=scram-sha-256 \
    -c log_min_messages=warning -c log_min_error_statement=panic -c log_parameter_max_length=0 \
    -c log_parameter_max_length_on_error=0 -c log_error_verbosity=terse "$@"
