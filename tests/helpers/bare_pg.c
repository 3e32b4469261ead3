/* SPDX-License-Identifier: Apache-2.0 */
/* The least that a program can do which asks PostgreSQL something: what tests/bench/status measures
 * headgate-status against. bare_pg CONNINFO SQL prints the first value. */
#include <libpq-fe.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    PGconn *conn = PQconnectdb(argv[1]);
    PGresult *res = PQstatus(conn) == CONNECTION_OK ? PQexec(conn, argv[2]) : NULL;
    int rc = 1;
    if (res && PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) > 0)
        rc = puts(PQgetvalue(res, 0, 0)) < 0;
    else
        (void)fputs(PQerrorMessage(conn), stderr);
    PQclear(res);
    PQfinish(conn);
    return rc;
}
