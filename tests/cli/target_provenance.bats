#!/usr/bin/env bats
# DESIGN 5, sentence by sentence: where its variables come from.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() { load ../lib/common; load ../lib/target; hgt_target_setup; }

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
    # What is there under other names is named as it is called there.
    hgt_source railway "$(railway_answer '{"APP_DB_HOST":"h","APP_DB_USERNAME":"u","APP_DB_PASS":"p","APP_DB_DATABASE":"d"}')"
    run headgate show -t production
    says 'url: "postgresql://${APP_DB_USERNAME}:${APP_DB_PASS}@${APP_DB_HOST}/${APP_DB_DATABASE}"'
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
