#!/usr/bin/env bats
# DESIGN 5, sentence by sentence: by which route its database is reached.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() { load ../lib/common; load ../lib/target; hgt_target_setup; }

PRIVATE='{"DATABASE_URL":"postgresql+psycopg://u:pw-secret@postgres.railway.internal:5432/railway","DB_HOST":"postgres.railway.internal","DB_PORT":"5432","REDIS_URL":"redis://redis.railway.internal:6379","ADDR":"postgres.railway.internal:5432","OTHER_HOST":"postgres.railway.internal","OTHER_PORT":"9000","RAILWAY_PRIVATE_DOMAIN":"api.railway.internal"}'
ROUTES='[{"private_host":"postgres.railway.internal","private_port":5432,"public_host":"shuttle.proxy.rlwy.net","public_port":15140,"found_in":"DATABASE_PUBLIC_URL of Postgres"}]'

@test "a private Railway host is rewritten in every variable that carries it, and said" {
    production
    hgt_source railway "$(railway_answer "$PRIVATE" "$ROUTES")"
    run headgate show -t production DATABASE_URL DB_HOST DB_PORT REDIS_URL ADDR OTHER_HOST
    [ "$status" -eq 0 ]
    has host=shuttle.proxy.rlwy.net
    has port=15140
    says 'DATABASE_URL=postgresql+psycopg://u:***@shuttle.proxy.rlwy.net:15140/railway source=railway api@production'
    says 'DB_HOST=shuttle.proxy.rlwy.net '
    says 'DB_PORT=15140 '
    says 'REDIS_URL=redis://redis.railway.internal:6379 '
    says 'ADDR=shuttle.proxy.rlwy.net:15140 '
    says 'OTHER_HOST=postgres.railway.internal '
    says 'public address of postgres.railway.internal:5432 (DATABASE_PUBLIC_URL of Postgres)'
}

@test "the foreign command gets the rewritten variables too" {
    production
    hgt_source railway "$(railway_answer "$PRIVATE" "$ROUTES")"
    run headgate env -t production --mask never -- sh -c 'echo $DATABASE_URL'
    has 'postgresql+psycopg://u:pw-secret@shuttle.proxy.rlwy.net:15140/railway'
}

@test "component variables without a port get one" {
    hgt_yaml <<'E'
url: "postgresql://${DB_USER}:${DB_PASS}@${DB_HOST}:${DB_PORT:-5432}/${DB_NAME}"
targets: { production: { environment: [ { railway: { service: api, environment: production } } ] } }
E
    hgt_source railway "$(railway_answer '{"DB_USER":"u","DB_PASS":"p","DB_HOST":"postgres.railway.internal","DB_NAME":"n"}' "$ROUTES")"
    run headgate show -t production DB_PORT
    [ "$status" -eq 0 ]
    has port=15140
    says 'DB_PORT=15140 '
}

@test "a public address under another name: after Railway's own answer, and only of the same database" {
    local base=postgresql://u:p@postgres.railway.internal/d
    production
    hgt_source railway "$(railway_answer '{"DATABASE_URL":"'$base'","ANALYTICS_PUBLIC_URL":"postgresql://u:p@a.rlwy.net:1/d"}' "$ROUTES")"
    run headgate show -t production
    has host=shuttle.proxy.rlwy.net
    hgt_source railway "$(railway_answer '{"DATABASE_URL":"'$base'","ANALYTICS_PUBLIC_URL":"postgresql://u:p@a.rlwy.net:1/d"}' '[]')"
    run headgate show -t production
    has host=a.rlwy.net
    # Every database of Railway has the same user and name; two places that fit are one too many.
    hgt_source railway "$(railway_answer '{"DATABASE_URL":"'$base'","ANALYTICS_PUBLIC_URL":"postgresql://u:other@a.rlwy.net:1/d"}' '[]')"
    run headgate show -t production
    says 'no public address of it was found'
    hgt_source railway "$(railway_answer '{"DATABASE_URL":"'$base'","ANALYTICS_PUBLIC_URL":"postgresql://u:p@a.rlwy.net:1/d","STAGING_PUBLIC_URL":"postgresql://u:p@s.rlwy.net:2/d"}' '[]')"
    run headgate show -t production
    says 'no public address of it was found'
}

@test "the public address in the service's own variables comes first" {
    production
    hgt_source railway "$(railway_answer '{"DATABASE_URL":"postgresql://u:p@postgres.railway.internal:5432/d","DATABASE_PUBLIC_URL":"postgresql://u:p@own.proxy.rlwy.net:777/d"}' "$ROUTES")"
    run headgate show -t production
    has host=own.proxy.rlwy.net
    says 'DATABASE_PUBLIC_URL from railway api@production'
}

@test "under railway run the process's variables have the public address" {
    export RAILWAY_ENVIRONMENT_NAME=production
    export DATABASE_URL=postgresql://u:p@postgres.railway.internal:5432/d
    export DATABASE_PUBLIC_URL=postgresql://u:p@own.proxy.rlwy.net:777/d
    run headgate show
    has target=production
    has host=own.proxy.rlwy.net
}

@test "inside a deployment a private host is the right one" {
    export RAILWAY_ENVIRONMENT_NAME=production RAILWAY_REPLICA_ID=r1
    export DATABASE_URL=postgresql://u:p@postgres.railway.internal:5432/d
    run headgate show
    [ "$status" -eq 0 ]
    has host=postgres.railway.internal
}

@test "without a public address the message offers proxy, pre-deploy command and tunnel" {
    production
    hgt_source railway "$(railway_answer "$PRIVATE")"
    run headgate show -t production
    [ "$status" -eq 3 ]
    says 'postgres.railway.internal is private to Railway and no public address of it was found'
    says 'TCP proxy'
    says '`headgate apply -t production --yes`'
    says '`route: railway-ssh`'
    has finding=HG505
    run headgate env -t production -- sh -c 'echo ran'
    [ "$status" -eq 0 ]
    says 'warning: postgres.railway.internal:5432 is private'
    has ran
}

container_target() { # RUN
    hgt_yaml <<< "targets: { docker: { environment: [ { container: notebooklm-api } ]$1 } }"
}

@test "a host that only containers resolve: by the network address, the name kept for TLS" {
    container_target ', run: { container: notebooklm-api }'
    hgt_source container '{"variables":{"DATABASE_URL":"postgresql://u:p@db/app","PATH":"/there"},"addresses":[],"error":null}' \
        '{"variables":{},"addresses":[{"host":"db","port":5432,"hostaddr":"172.18.0.2","use_host":null,"use_port":null,"how":"container network"}],"error":null}'
    run headgate show -t docker DATABASE_URL
    [ "$status" -eq 0 ]
    has host=db
    says "hostaddr='172.18.0.2'"
    says "host='db'"
    says 'db:5432 of container notebooklm-api is reached at 172.18.0.2:5432 (container network)'
    says 'source=container notebooklm-api'
}

@test "the same with the migrator on this host: its variables are rewritten" {
    container_target ''
    hgt_source container '{"variables":{"DATABASE_URL":"postgresql://u:p@db/app"},"addresses":[],"error":null}' \
        '{"variables":{},"addresses":[{"host":"db","port":5432,"hostaddr":"127.0.0.1","use_host":"127.0.0.1","use_port":55432,"how":"published port"}],"error":null}'
    run headgate env -t docker --mask never -- sh -c 'echo $DATABASE_URL; echo $PATH'
    has 'postgresql://u:p@127.0.0.1:55432/app'
    lacks /there
}
