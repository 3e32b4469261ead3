#!/usr/bin/env bats
# Every kind of authentication and transport works, whether libpq is a part of the program or a shared
# library; and a program that has it inside loads the others' libraries only when they are needed.
# Runs on the released build too: libpq is a part of the programs in this build only.

setup_file() {
    load ../lib/common
    hgt_setup_file
    hgt_cluster
    (
        cd "$HGT_CLUSTER_DIR/data"
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
            -addext subjectAltName=DNS:localhost -keyout server.key -out server.crt 2> openssl.log
        chmod 600 server.key
        chown --reference=postgresql.conf server.key server.crt
        cp server.crt "$BATS_FILE_TMPDIR/root.crt"
        sed -i '1i hostnossl all old 127.0.0.1/32 md5' pg_hba.conf
    )
    psql -XqAt "$HGT_PGURL" -c "set password_encryption = md5" -c "create role old login password 'old-secret'" \
        -c "alter system set ssl = on" -c "select pg_reload_conf()" > /dev/null
}

teardown_file() {
    load ../lib/common
    hgt_cluster_stop
}

setup() {
    load ../lib/common
    cd "$BATS_TEST_TMPDIR"
    unset DATABASE_URL
}

# status_of CONNINFO-PARAMETERS…: of a bare database, by PG* variables alone; LD_DEBUG shows what is loaded.
status_of() {
    run --separate-stderr env PGHOST=127.0.0.1 PGPORT="$HGT_CLUSTER_PORT" PGDATABASE=postgres "$@" \
        LD_DEBUG=files LD_DEBUG_OUTPUT="$BATS_TEST_TMPDIR/ld" headgate status
    loaded=$(cat "$BATS_TEST_TMPDIR"/ld.* | sed -n 's/.*calling init: //p')
    rm -f "$BATS_TEST_TMPDIR"/ld.*
}

inside() {
    ! ldd "$HGT_BUILD/headgate-status" | grep libpq > "$BATS_TEST_TMPDIR/ldd"
}

not_loaded() {
    local library
    inside || return 0
    for library in "$@"; do
        [[ $loaded != *$library* ]] || fail "$library was loaded for this: $loaded"
    done
}

@test "SCRAM without TLS loads no other library" {
    status_of PGUSER=hgt PGPASSWORD=hgt-secret PGSSLMODE=disable
    expect_output "role hgt"
    not_loaded libssl libcrypto libgssapi libldap libpq
    status_of PGUSER=hgt PGPASSWORD=wrong PGSSLMODE=disable
    expect_status 3
    expect_stderr "password"
}

@test "MD5 passwords work" {
    status_of PGUSER=old PGPASSWORD=old-secret PGSSLMODE=disable
    expect_output "role old"
    not_loaded libssl libcrypto
}

@test "TLS with a verified certificate, and SCRAM bound to it" {
    status_of PGUSER=hgt PGPASSWORD=hgt-secret PGHOST=localhost PGHOSTADDR=127.0.0.1 PGSSLMODE=verify-full \
        PGSSLROOTCERT="$BATS_FILE_TMPDIR/root.crt" PGCHANNELBINDING=require
    expect_output "role hgt"
    [[ $loaded == *libssl* ]] || fail "no libssl was loaded: $loaded"
    not_loaded libgssapi libldap
    status_of PGUSER=hgt PGPASSWORD=hgt-secret PGSSLMODE=verify-full PGSSLROOTCERT="$BATS_FILE_TMPDIR/root.crt"
    expect_status 3
    expect_stderr "does not match host name"
}

@test "TLS is taken where the server offers it, without being asked for" {
    status_of PGUSER=hgt PGPASSWORD=hgt-secret
    expect_output "role hgt"
    [[ $loaded == *libssl* ]] || fail "no libssl was loaded: $loaded"
}

@test "Kerberos is asked when it is required" {
    status_of PGUSER=hgt PGPASSWORD=hgt-secret PGGSSENCMODE=require KRB5CCNAME=FILE:/nowhere/cc
    expect_status 3
    expect_stderr "GSSAPI encryption required"
    [[ $loaded == *libgssapi* ]] || fail "no Kerberos was loaded: $loaded"
    not_loaded libldap
}

@test "LDAP is asked when a service points there" {
    printf '[there]\nldap://127.0.0.1:1/o=x?host?one?(cn=y)\n' > services
    status_of PGUSER=hgt PGPASSWORD=hgt-secret PGSERVICEFILE="$PWD/services" PGSERVICE=there
    [[ $loaded == *libldap* ]] || fail "no LDAP was loaded: $loaded"
}

@test "a library that cannot be loaded is named" {
    inside || return 0 # then the loader names it, before anything of ours runs
    mkdir broken
    library=$(strings -a "$HGT_BUILD/headgate-status" | grep -m 1 '^libldap.*so')
    : > "broken/$library"
    printf '[there]\nldap://127.0.0.1:1/o=x?host?one?(cn=y)\n' > services
    status_of PGUSER=hgt PGPASSWORD=hgt-secret PGSERVICEFILE="$PWD/services" PGSERVICE=there \
        LD_LIBRARY_PATH="$PWD/broken"
    expect_stderr "this connection needs $library"
    expect_stderr "file too short"
}
