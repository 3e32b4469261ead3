#!/usr/bin/env bats
# DESIGN 5, sentence by sentence: which target, where its variables come from, by which route.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() { load ../lib/common; load ../lib/target; hgt_target_setup; }

railway_answer() { # VARIABLES [ROUTES]
    printf '{"variables":%s,"sealed":[],"dropped":[],"notes":[],"project":{"id":"p","name":"shop"},"environment":{"id":"e","name":"production"},"service":{"id":"s","name":"api"},"routes":%s,"error":null}' \
        "$1" "${2:-[]}"
}

production() {
    hgt_yaml <<< 'targets: { production: { protected: true, environment: [ { railway: { service: api, environment: production } } ] } }'
}

# ---- which target ------------------------------------------------------------------------------

@test "without configuration the target is HEADGATE_TARGET, else the Railway environment, else local" {
    export DATABASE_URL=postgresql://127.0.0.1/d
    run headgate show
    has target=local
    RAILWAY_ENVIRONMENT_NAME=production run headgate show
    has target=production
    RAILWAY_ENVIRONMENT_NAME=production HEADGATE_TARGET=mine run headgate show
    has target=mine
}

@test "railway run headgate apply is not local, with a headgate.yaml that has a local either" {
    hgt_yaml <<< 'targets: { local: {} }'
    export DATABASE_URL=postgresql://db.example.com/d RAILWAY_ENVIRONMENT_NAME=production
    run headgate show
    has target=production
    has protected=yes
}

@test "without a file another name is refused" {
    DATABASE_URL=postgresql://h/d run headgate show -t production
    [ "$status" -eq 2 ]
    says 'there is no target `production`: no headgate.yaml was found'
}

@test "remote and unnamed is protected; loopback, a socket or a name in the file is not" {
    DATABASE_URL=postgresql://db.example.com/d run headgate show
    has protected=yes
    DATABASE_URL=postgresql://127.0.0.1/d run headgate show
    has protected=no
    DATABASE_URL=postgresql://localhost:5433/d run headgate show
    has protected=no
    DATABASE_URL='postgresql:///d?host=/run/postgresql' run headgate show
    has protected=no
    DATABASE_URL=postgresql://127.0.0.1,db.example.com/d run headgate show
    has protected=yes
    hgt_yaml <<< 'targets: { local: {} }'
    DATABASE_URL=postgresql://db.example.com/d run headgate show
    has protected=no
}

@test "without configuration: the process, then .env beside alembic.ini, which does not override it" {
    mkdir backend && touch backend/alembic.ini
    echo 'DATABASE_URL=postgresql://from-file/d' > backend/.env
    run headgate show
    has host=from-file
    has 'url_source=DATABASE_URL from backend/.env:1'
    DATABASE_URL=postgresql://from-process/d run headgate show
    has host=from-process
    has 'url_source=DATABASE_URL from the process environment'
}

@test "a literal sqlalchemy.url is the last resort, and its placeholder is none" {
    hgt_project
    cd backend
    printf '[alembic]\nscript_location = db/migrations\nsqlalchemy.url = postgresql+psycopg://ini-host/d\n' > alembic.ini
    run headgate show
    has host=ini-host
    says 'sqlalchemy.url from alembic.ini'
    printf '[alembic]\nscript_location = db/migrations\nsqlalchemy.url = driver://user:pass@localhost/dbname\n' > alembic.ini
    run headgate show
    [ "$status" -eq 2 ]
    says 'no database address'
}

@test "the first line names target, database, host and the source" {
    DATABASE_URL=postgresql+psycopg://u:topsecret@db.example.com:5433/shop run headgate show
    has 'line=local: shop at db.example.com:5433, DATABASE_URL from the process environment'
    lacks topsecret
}

# ---- provenance --------------------------------------------------------------------------------

@test "a missing Railway variable is never filled from the caller's shell" {
    production
    hgt_source railway "$(railway_answer '{"LOG_LEVEL":"info"}')"
    export DATABASE_URL=postgresql://local/d PGHOST=localhost PGPASSWORD=localpw
    run headgate show -t production DATABASE_URL PGHOST PGPASSWORD LOG_LEVEL
    [ "$status" -eq 2 ]
    says 'target production: no database address: DATABASE_URL is not set (looked in: railway api@production)'
    has 'DATABASE_URL=- source=- before=postgresql://local/d plain=no'
    run headgate env -t production -- sh -c 'echo "<$DATABASE_URL$PGHOST$PGPASSWORD>$LOG_LEVEL"'
    [ "$status" -eq 0 ]
    has '<>info'
}

@test "nor from sqlalchemy.url of a file here" {
    production
    hgt_source railway "$(railway_answer '{}')"
    printf '[alembic]\nscript_location = x\nsqlalchemy.url = postgresql://ini-host/d\n' > alembic.ini
    run headgate show -t production
    [ "$status" -eq 2 ]
    says 'DATABASE_URL is not set'
}

@test "a sealed variable is not replaced by an inherited one" {
    production
    hgt_source railway '{"variables":{},"sealed":["DATABASE_URL","API_SECRET"],"routes":[],"error":null}'
    API_SECRET=local-one run headgate env -t production -- sh -c 'echo "<$API_SECRET>"'
    has '<>'
    run headgate show -t production
    says 'DATABASE_URL is sealed and cannot be read'
    says "reaches Railway's own deployments only"
}

@test "sealed variables that the application's own files mention are named, with the place" {
    production
    mkdir -p backend/app backend/node_modules venv
    printf 'import os\n\nKEY = os.environ["SESSION_SECRET"]\n' > backend/app/settings.py
    echo 'OTHER_SECRET_KEY = 1  # not OTHER_SECRET' > backend/app/other.py
    echo 'UNUSED_SECRET' > backend/node_modules/x.js
    echo 'UNUSED_SECRET' > venv/x.py
    echo 'UNUSED_SECRET' > notes.md
    hgt_source railway '{"variables":{},"sealed":["SESSION_SECRET","OTHER_SECRET","UNUSED_SECRET"],
        "routes":[],"error":null}'
    run headgate env -t production -- true
    [ "$status" -eq 0 ]
    says "SESSION_SECRET is sealed in Railway and backend/app/settings.py:3 mentions it"
    says "OTHER_SECRET is sealed in Railway and backend/app/other.py:1 mentions it"
    says "not copied to PR environments"
    [[ $output != *UNUSED_SECRET* ]]
    run headgate env -v -t production -- true
    says "UNUSED_SECRET is sealed in Railway and not set here"
    # Given another way it is not missed.
    run headgate env -t production --set SESSION_SECRET=x --set OTHER_SECRET=y -- true
    [ -z "$output" ]
}

@test "without an address in a pull request's environment: sealed variables are not copied there" {
    production
    local name
    for name in pr-12 shop-pr-7; do
        hgt_source railway '{"variables":{"A":"1"},"sealed":[],"routes":[],"error":null,
            "environment":{"id":"e","name":"'$name'"}}'
        run headgate show -t production
        says 'DATABASE_URL is not set'
        says "sealed variables are not copied to PR environments"
    done
    hgt_source railway '{"variables":{"A":"1"},"sealed":[],"routes":[],"error":null,
        "environment":{"id":"e","name":"approver-12"}}'
    run headgate show -t production
    [[ $output != *"PR environments"* ]]
}

@test "with process listed the inherited ones count" {
    hgt_yaml <<< 'targets: { production: { environment: [ process, { railway: { service: api, environment: production } } ] } }'
    hgt_source railway "$(railway_answer '{"LOG_LEVEL":"info"}')"
    DATABASE_URL=postgresql://mine/d run headgate show -t production
    has host=mine
}

@test "variables named in url are connection variables too, with their _FILE forms" {
    hgt_yaml <<'E'
url: "postgresql://${DB_USER}:${DB_PASS}@${DB_HOST}:${DB_PORT:-5432}/${DB_NAME}"
targets: { production: { environment: [ { dotenv: prod.env } ] } }
E
    printf 'DB_USER=u\nDB_HOST=h\nDB_NAME=n\n' > prod.env
    echo wrong > local.pw
    DB_PASS=localpass DB_PASS_FILE=local.pw run headgate show -t production
    [ "$status" -eq 2 ]
    says DB_PASS
    says 'only these sources may give it: prod.env'
    lacks localpass
    echo DB_PASS=right-one >> prod.env
    DB_PASS=localpass DB_PORT=9999 run headgate show -t production
    [ "$status" -eq 0 ]
    has port=5432
    has 'url_source=url from prod.env'
    lacks right-one
}

@test "a URL put together from two sources is an error" {
    hgt_yaml <<'E'
url: "postgresql://${DB_USER}:${DB_PASS}@${DB_HOST}/${DB_NAME}"
targets: { local: { environment: [ process, { dotenv: local.env } ] } }
E
    printf 'DB_USER=u\nDB_PASS=p\nDB_NAME=n\n' > local.env
    DB_HOST=elsewhere run headgate show
    [ "$status" -eq 2 ]
    says 'put together from two sources: DB_USER from local.env, DB_HOST from the process environment'
    has finding=HG504
    DB_HOST=elsewhere run headgate env -- true
    [ "$status" -eq 125 ]
}

@test "a part that the URL leaves open is not filled by PG* of another source" {
    hgt_yaml <<< 'targets: { local: { environment: [ process, { dotenv: local.env } ] } }'
    echo 'DATABASE_URL=postgresql://u@h/d' > local.env
    PGPORT=5999 run headgate show
    [ "$status" -eq 2 ]
    says 'DATABASE_URL from local.env, PGPORT from the process environment'
    echo 'DATABASE_URL=postgresql://u:pw@h:5432/d' > local.env
    PGPORT=5999 run headgate show
    [ "$status" -eq 0 ]
    has port=5432
    PGHOSTADDR=10.1.1.1 run headgate show
    [ "$status" -eq 2 ]
}

@test "a dotenv file beats the process only with override" {
    echo 'COLOUR=file' > local.env
    hgt_yaml <<< 'targets: { local: { environment: [ process, { dotenv: local.env } ] } }'
    COLOUR=process run headgate env -- sh -c 'echo $COLOUR'
    has process
    hgt_yaml <<< 'targets: { local: { environment: [ process, { dotenv: local.env, override: true } ] } }'
    COLOUR=process run headgate env -- sh -c 'echo $COLOUR'
    has file
}

@test "later sources win" {
    echo 'A=one' > 1.env
    echo 'A=two' > 2.env
    run headgate env --from dotenv:1.env --from dotenv:2.env -- sh -c 'echo $A'
    has two
}

@test "NAME_FILE is read where it lives, and is masked" {
    hgt_yaml <<< 'targets: { local: { environment: [ { dotenv: local.env } ] } }'
    echo 'postgresql://u:filesecret@h/d' > url.txt
    echo 'DATABASE_URL_FILE=url.txt' > local.env
    run headgate show
    [ "$status" -eq 0 ]
    has host=h
    lacks filesecret
    rm url.txt
    run headgate show
    [ "$status" -eq 2 ]
    says DATABASE_URL_FILE
}

@test "credentials in component variables may hold any character" {
    hgt_yaml <<'E'
url: "postgresql://${DB_USER}:${DB_PASS}@${DB_HOST}/${DB_NAME}"
targets: { local: { environment: [ process ] } }
E
    DB_USER=u DB_PASS='p@ss/w?rd#%1' DB_HOST=h DB_NAME=n run headgate show
    [ "$status" -eq 0 ]
    has host=h
    has database=n
}

@test "PG* variables alone name a database" {
    PGHOST=pg.example.com PGDATABASE=shop run headgate show
    [ "$status" -eq 0 ]
    has 'line=local: shop at pg.example.com, PG* variables from the process environment'
}

@test "inside the environment and service that the target names the process is the source" {
    production
    hgt_source railway "$(railway_answer '{"DATABASE_URL":"postgresql://asked/d"}')"
    export RAILWAY_ENVIRONMENT_NAME=production RAILWAY_SERVICE_NAME=api RAILWAY_DEPLOYMENT_ID=d1
    export DATABASE_URL=postgresql://db.example.com/d
    run headgate show -t production
    [ "$status" -eq 0 ]
    has host=db.example.com
    [ ! -e "$HGT_BIN/railway.requests" ]
}

@test "railway run on a developer's machine is not inside: the shell fills nothing there either" {
    production
    hgt_source railway "$(railway_answer '{"PORT":"8000"}')"
    export RAILWAY_ENVIRONMENT_NAME=production RAILWAY_SERVICE_NAME=api
    DATABASE_URL=postgresql://from-the-shell/d run headgate show -t production
    [ "$(wc -l < "$HGT_BIN/railway.requests")" = 1 ]
    [[ $output != *from-the-shell* ]]
    hgt_source railway "$(railway_answer '{"DATABASE_URL":"postgresql://asked/d"}')"
    DATABASE_URL=postgresql://from-the-shell/d run headgate show -t production
    [ "$status" -eq 0 ]
    has host=asked
}

@test "in another service the API is asked and the process is not the source" {
    production
    hgt_source railway "$(railway_answer '{"DATABASE_URL":"postgresql://right/d"}')"
    export RAILWAY_ENVIRONMENT_NAME=production RAILWAY_SERVICE_NAME=worker
    DATABASE_URL=postgresql://wrong/d run headgate show -t production
    has host=right
    [ "$(wc -l < "$HGT_BIN/railway.requests")" = 1 ]
}

@test "an error of a source keeps its kind" {
    production
    hgt_source railway '{"variables":{},"error":{"kind":"railway","message":"the token is not valid","detail":null,"hint":"make a new one"}}'
    run headgate show -t production
    [ "$status" -eq 3 ]
    says 'target production: the token is not valid'
    says 'hint: make a new one'
    run headgate env -t production -- true
    [ "$status" -eq 125 ]
}

# ---- routes ------------------------------------------------------------------------------------

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
    says tunnel
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

# ---- chaining ----------------------------------------------------------------------------------

two_targets() {
    hgt_yaml <<'E'
targets:
  local: { environment: [ process ] }
  one: { environment: [ { dotenv: one.env } ] }
  two: { environment: [ { dotenv: two.env } ] }
E
    printf 'DATABASE_URL=postgresql://one/d\nPGAPPNAME=one\nONLY_ONE=1\n' > one.env
    printf 'DATABASE_URL=postgresql://two/d\n' > two.env
}

@test "headgate env in front of a verb is about its target" {
    two_targets
    run headgate env -t one -- headgate show ONLY_ONE
    has target=one
    has host=one
    says 'ONLY_ONE=1 source=one.env:3'
}

@test "a verb started by headgate with another -t resolves anew, from the environment before" {
    two_targets
    run headgate env -t one -- headgate show -t two DATABASE_URL PGAPPNAME ONLY_ONE
    has target=two
    has host=two
    has 'PGAPPNAME=- source=- before=- plain=no'
    has 'ONLY_ONE=- source=- before=- plain=no'
    DATABASE_URL=postgresql://mine/d run headgate env -t one -- headgate show -t local
    has host=mine
}

@test "the same through a foreign command" {
    two_targets
    run headgate env -t one -- sh -c 'headgate show -t two; headgate show'
    has target=two
    has host=two
    has target=one
    DATABASE_URL=postgresql://mine/d run headgate env -t one -- sh -c 'headgate show -t local'
    [ "$status" -eq 2 ]
    says 'no database address'
}

@test "with --from the target's own sources are replaced" {
    two_targets
    run headgate show -t one --from dotenv:two.env
    has target=one
    has host=two
    run headgate env -t one --from dotenv:two.env -- headgate show
    has target=one
    has host=two
    run headgate env -t one -- headgate show --from dotenv:two.env
    has target=one
    has host=two
}

@test "the state is closed before anything is started, and its variable is gone" {
    two_targets
    run headgate env -t one -- headgate show 3>&-
    has state_fd=-
    has descriptors=0
}

@test "state of another file is not believed" {
    two_targets
    mkdir elsewhere
    sed 's/one.env/..\/two.env/' headgate.yaml > elsewhere/headgate.yaml
    run headgate env -t one -- headgate show -c elsewhere/headgate.yaml -t one
    has host=two
}

@test "a forged or stale HEADGATE_STATE_FD is ignored" {
    two_targets
    echo '{"schema":"headgate.state/1","target":"one","dir":"/","digest":"0","url":"postgresql://evil/d"}' > forged
    HEADGATE_STATE_FD=5 run headgate show -t one 5< forged
    has host=one
    HEADGATE_STATE_FD=nonsense run headgate show -t one
    has host=one
    HEADGATE_STATE_FD=77 run headgate show -t one
    has host=one
}

@test "when resolving failed the verb still starts and has the error" {
    two_targets
    rm one.env
    run headgate show -t one
    [ "$status" -eq 2 ]
    has target=one
    says one.env
}

@test "-c and -C travel with the state" {
    mkdir sub
    two_targets
    mv headgate.yaml one.env two.env sub
    run headgate env -C sub -t one -- headgate show
    has host=one
    run headgate env -c sub/headgate.yaml -t one -- headgate show
    has host=one
    run headgate -C sub show -t two
    has host=two
}

@test "offline nothing is resolved" {
    production
    hgt_source railway "$(railway_answer '{}')"
    run headgate show -t production --offline
    [ "$status" -eq 0 ]
    has target=production
    [ ! -e "$HGT_BIN/railway.requests" ]
}

@test "the verb alone resolves through headgate-env as well" {
    two_targets
    run headgate-show -t two
    has host=two
    has state_fd=-
}

@test "Python that only reads files gets neither tokens nor connection variables" {
    two_targets
    export RAILWAY_TOKEN=tok-123456 DB_PASSWORD=pw-123456 DATABASE_URL=postgresql://x/y HARMLESS=1
    run headgate show -t one RAILWAY_TOKEN DB_PASSWORD DATABASE_URL ONLY_ONE HARMLESS
    [ "$(grep -c 'plain=no' <<< "$output")" = 4 ]
    [ "$(grep -c 'plain=yes' <<< "$output")" = 1 ]
    has 'HARMLESS=1 source=process before=1 plain=yes'
}

@test "secrets are masked in what a verb prints" {
    DATABASE_URL=postgresql://u:very-secret@h/d run headgate show DATABASE_URL
    lacks very-secret
    says 'postgresql://u:***@h/d'
}
