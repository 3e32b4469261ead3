# SPDX-License-Identifier: Apache-2.0
# headgate-source-railway against the stand-in for Railway's API, over real HTTP: the network and the API failing.
# Runs on the released build too: libcurl is a part of the program in this build only.

setup_file() {
    load ../lib/railway_source
    hgt_source_setup_file
}

teardown_file() {
    load ../lib/railway_source
    hgt_stub_stop
}

setup() {
    load ../lib/railway_source
    hgt_source_setup
}

@test "passing faults are tried again: 502, reset, a 429 with a short Retry-After" {
    local fault
    for fault in '{"mode":"http","status":502,"times":2}' '{"mode":"reset","times":2}' \
        '{"mode":"rate-limit","retry_after":1,"times":1}' '{"mode":"http","status":503}'; do
        hgt_stub_reset
        hgt_stub_fault "$fault"
        RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
        [ "$(get .error)" = null ]
        [ "$(hgt_stub_log | wc -l)" -gt 3 ]
    done
}

@test "Retry-After is respected" {
    hgt_stub_fault '{"mode":"rate-limit","retry_after":1,"times":1}'
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
    [ "$(curl -fsS "$HGT_STUB/log" | jq '.[1].at - .[0].at >= 1')" = true ]
}

@test "a rate limit longer than our time: said at once" {
    hgt_stub_fault '{"mode":"rate-limit","retry_after":1800,"times":-1}'
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api","timeout":20}'
    expect_error railway "rate limit is used up" "try again later"
    [[ $(get .error.detail) == *"wait 1800 s"* ]]
    [ "$(hgt_stub_log | wc -l)" -eq 1 ]
    hgt_stub_reset
    hgt_stub_fault '{"mode":"rate-limit","plain":true,"times":-1}'
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api","timeout":20}'
    expect_error railway "rate limit is used up" "try again later"
    [[ $(get .error.detail) == *"all 100 requests of the period"*"does not say for how long"* ]]
    [ "$(hgt_stub_log | wc -l)" -eq 1 ] # nothing says that another try would help
}

@test "X-RateLimit-Reset is respected, as seconds and as a time; few left is a note" {
    export RAILWAY_TOKEN=$HGT_TOKEN
    local reset
    for reset in 1800 "$(($(date +%s) + 1800))" "$((($(date +%s) + 1800) * 1000))"; do
        hgt_stub_reset
        hgt_stub_fault "{\"mode\":\"rate-limit\",\"reset\":$reset,\"times\":-1}"
        ask '{"service":"api","timeout":20}'
        [[ $(get .error.detail) =~ "Railway asks to wait "(1800|179[0-9])" s" ]]
        [ "$(hgt_stub_log | wc -l)" -eq 1 ]
    done
    hgt_stub_reset
    hgt_stub_fault '{"mode":"rate-limit","reset":1,"times":1}'
    ask '{"service":"api","timeout":20}'
    [ "$(get .error)" = null ]
    [ "$(get .requests)" -eq 4 ]
    [ "$(curl -fsS "$HGT_STUB/log" | jq '.[1].at - .[0].at >= 1')" = true ]
    hgt_stub_fault '{"mode":"rate-headers","times":-1,"headers":{"X-RateLimit-Limit":"100",
        "X-RateLimit-Remaining":"7","X-RateLimit-Reset":"60"}}'
    ask '{"service":"api"}'
    [[ $(get '.notes | join("|")') == *"rate limit: 7 requests are left until 2"* ]]
}

@test "errors with a 4xx status are not tried again" {
    hgt_stub_fault '{"mode":"graphql","status":400,"message":"Problem processing request","times":-1}'
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
    expect_error railway "Railway refused ProjectToken: Problem processing request" status.railway.com
    [ "$(hgt_stub_log | wc -l)" -eq 1 ]
    hgt_stub_fault '{"mode":"http","status":403,"times":-1}'
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
    expect_error railway "cannot be read" "proxy or a login page"
    [ "$(hgt_stub_log | wc -l)" -eq 2 ]
}

@test "a server's message that repeats the token is masked" {
    hgt_stub_fault "{\"mode\":\"graphql\",\"message\":\"bad token $HGT_TOKEN here\",\"times\":-1}"
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
    expect_error railway "bad token *** here" ""
}

@test "partial data with errors is an error" {
    hgt_stub_fault '{"operation":"VariablesForServiceDeployment","mode":"graphql","partial":true,
        "message":"Problem processing request","times":-1}'
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
    expect_error railway "Railway refused VariablesForServiceDeployment" status
}

@test "answers that cannot be read" {
    export RAILWAY_TOKEN=$HGT_TOKEN
    local fault
    for fault in '"mode":"empty"' '"mode":"truncated"' '"mode":"data","data":null' \
        '"mode":"data","data":[1]' '"mode":"http","status":200,"body":"<html>login</html>"' \
        '"mode":"http","status":500' '"mode":"data","data":{"projectToken":null}'; do
        hgt_stub_reset
        hgt_stub_fault "{$fault,\"times\":-1}"
        ask '{"service":"api"}'
        expect_error railway "Railway's answer cannot be read" ""
    done
    hgt_stub_reset
    hgt_stub_fault '{"operation":"VariablesForServiceDeployment","mode":"data","times":-1,
        "data":{"variablesForServiceDeployment":{"A":1}}}'
    ask '{"service":"api"}'
    expect_error railway "the value of A is no string" ""
    hgt_stub_fault '{"mode":"redirect","location":"http://127.0.0.1:1/","times":-1}'
    ask '{"service":"api"}'
    expect_error railway "cannot be read" "redirect"
}

@test "nobody answers, or too slowly" {
    export RAILWAY_TOKEN=$HGT_TOKEN
    HEADGATE_RAILWAY_URL=http://127.0.0.1:1/graphql/v2 ask '{"service":"api","timeout":2}'
    expect_error network "Railway's API does not answer: cannot reach http://127.0.0.1:1/graphql/v2" proxies
    HEADGATE_RAILWAY_URL=ftp://127.0.0.1/x ask '{"service":"api","timeout":2}'
    expect_error network "cannot reach" ""
    HEADGATE_RAILWAY_URL=http://$HGT_NO_HOST/x ask '{"service":"api","timeout":2}'
    expect_error network "cannot reach" ""
    HEADGATE_RAILWAY_URL=http://nowhere.invalid/x run "$HGT_ROOT/tests/lib/silent-names" \
        headgate-source-railway <<< '{"service":"api","timeout":1}'
    expect_error network "cannot reach http://nowhere.invalid" "name server does not answer"
    local mode
    for mode in slow slow-body; do
        hgt_stub_reset
        hgt_stub_fault "{\"mode\":\"$mode\",\"seconds\":20,\"times\":-1}"
        ask '{"service":"api","timeout":1}'
        expect_error timeout "did not answer in time" "--timeout"
    done
}

# own_authority: makes key.pem, cert.pem (for localhost and backboard.example) and both.pem here.
own_authority() {
    cd "$BATS_TEST_TMPDIR"
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem \
        -addext subjectAltName=DNS:localhost,DNS:backboard.example 2> /dev/null
    cat cert.pem key.pem > both.pem
    unset CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR
}

@test "certificates are verified: a self-signed one is refused, an authority by file is taken" {
    own_authority
    cat > proxy.py <<- 'END'
		import http.server, ssl, sys
		class Handler(http.server.BaseHTTPRequestHandler):
		    def log_message(self, *a): pass
		    def do_POST(self):
		        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers()
		        self.wfile.write(b"{}")
		server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.load_cert_chain("cert.pem", "key.pem")
		server.socket = context.wrap_socket(server.socket, server_side=True)
		open("port.tmp", "w").write(str(server.server_address[1]))
		import os; os.rename("port.tmp", "port")
		server.serve_forever()
	END
    python3 proxy.py > /dev/null 2>&1 3>&- 4>&- &
    local pid=$! i
    for ((i = 0; i < 200; i++)); do [ -s port ] && break || sleep 0.05; done
    export HEADGATE_RAILWAY_URL=https://localhost:$(cat port)/graphql/v2 RAILWAY_TOKEN=$HGT_TOKEN
    ask '{"service":"api","timeout":10}'
    expect_error network "cannot reach https://localhost" "certificate was not accepted"
    run headgate-notify <<< '{"kind":"webhook","url":"https://localhost:'"$(cat port)"'/x","event":{},"timeout":10}'
    expect_output "could not be reached: the certificate was not accepted"
    SSL_CERT_FILE=$PWD/cert.pem ask '{"service":"api","timeout":10}'
    expect_error railway "neither data nor errors" ""
    # And one found in a folder by its hash; a folder without hashes has none.
    mkdir folder && cp cert.pem folder/
    SSL_CERT_DIR=$PWD/folder ask '{"service":"api","timeout":10}'
    expect_error network "cannot reach https://localhost" "certificate was not accepted"
    openssl rehash folder
    SSL_CERT_DIR=$PWD/folder ask '{"service":"api","timeout":10}'
    expect_error railway "neither data nor errors" ""
    # NO_PROXY: that proxy would answer nobody.
    HTTPS_PROXY=http://127.0.0.1:9 NO_PROXY=localhost SSL_CERT_FILE=$PWD/cert.pem \
        ask '{"service":"api","timeout":10}'
    kill $pid
    expect_error railway "neither data nor errors" ""
}

@test "through a proxy: what it tunnels to is verified, and one that is not there is said" {
    own_authority
    hgt_stub_start --tls "$PWD/both.pem"
    local proxy=$HGT_STUB stub=$HGT_STUB_PID
    export HEADGATE_RAILWAY_URL=https://backboard.example/graphql/v2 RAILWAY_TOKEN=$HGT_TOKEN
    HTTPS_PROXY=$proxy SSL_CERT_FILE=$PWD/cert.pem ask '{"service":"api","timeout":10}'
    [ "$(get .error)" = null ]
    [ "$(get '.variables | length')" -gt 3 ]
    HTTPS_PROXY=$proxy ask '{"service":"api","timeout":10}'
    expect_error network "cannot reach https://backboard.example" "certificate was not accepted"
    HEADGATE_RAILWAY_URL=https://other.example/graphql/v2 HTTPS_PROXY=$proxy SSL_CERT_FILE=$PWD/cert.pem \
        ask '{"service":"api","timeout":10}'
    expect_error network "cannot reach https://other.example" "certificate was not accepted"
    kill "$stub"
    HTTPS_PROXY=http://127.0.0.1:9 ask '{"service":"api","timeout":1}'
    [[ $(get .error.message) == *"https://backboard.example"* ]]
    [[ $(get .error.detail) == *"127.0.0.1 port 9"* ]]
}

# The decoders are loaded when an answer needs one (scripts/static-curl).
@test "compressed answers: gzip, brotli, zstd" {
    local encoding encodings=(gzip)
    # Those that this machine's libcurl knows.
    for encoding in br:brotli zstd:zstd; do
        [[ $(curl -V) != *" ${encoding#*:}"* ]] || encodings+=("${encoding%:*}")
    done
    RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
    local plain=$(get .variables)
    for encoding in "${encodings[@]}"; do
        hgt_stub_reset
        hgt_stub_fault "{\"mode\":\"encoded\",\"times\":9,\"encoding\":\"$encoding\"}"
        RAILWAY_TOKEN=$HGT_TOKEN ask '{"service":"api"}'
        [ "$(get .error)" = null ]
        [ "$(get .variables)" = "$plain" ]
    done
}

@test "what a request needs is loaded, and no more: no ssh, no LDAP, no Kerberos" {
    run -0 ldd "$HGT_BUILD/headgate-source-railway"
    # Under sanitizers, and where libcurl.a cannot be linked (scripts/static-curl), it is the shared one.
    if [ ! -s "$HGT_BUILD/curl/answer" ] || [[ $output == *libasan* ]]; then
        [[ $output == *libcurl* ]]
        return
    fi
    [[ $output == *libssl* && $output != *libcurl* && $output != *libssh2* && $output != *ldap* ]]
    RAILWAY_TOKEN=$HGT_TOKEN LD_DEBUG=files run -0 headgate-source-railway <<< '{"service":"api"}'
    [[ $output == *libssl* && $output != *libssh2* && $output != *libldap* && $output != *libkrb5* && \
        $output != *libnghttp2* ]]
}
