# .railway/railway.py of a project with this service and its database: `railway config plan` shows what it would
# change on Railway, `railway config apply` does it. It says what railway.json said, which is not read any more
# after 2026-12-01.
from railway_sdk import define_railway, github, postgres, project, service


@define_railway
def main(ctx=None):
    database = postgres("Postgres")
    api = service(
        "api",
        source=github("your-organization/notebook-api"),
        build={"builder": "DOCKERFILE", "dockerfilePath": "production.Dockerfile"},
        # One command, not a list of words. It runs in a container of its own, once a deployment.
        preDeploy="headgate apply --yes",
        # The policy stands here and not in HEADGATE_POLICY, which the pre-deploy command would get too.
        start="headgate entrypoint --policy verify -- uvicorn --app-dir backend main:app --host 0.0.0.0 --port 8000",
        healthcheck="/notebooks",
        healthcheckTimeout=120,
        replicas=3,
        env={"DATABASE_URL": database.env.DATABASE_URL, "PORT": "8000"},
    )
    return project("notebook", resources=[database, api])
