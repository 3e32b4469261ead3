# The image that is deployed: the application of Dockerfile with headgate in front of it (docs/images.md). Which
# database it meets, and what headgate does about it, stand in the environment.
#   docker build -f production.Dockerfile -t notebook-api .
ARG BASE_IMAGE=python:3.12-slim
ARG HEADGATE_IMAGE=headgate
FROM ${HEADGATE_IMAGE} AS headgate

FROM ${BASE_IMAGE}
RUN python3 -m venv --system-site-packages /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

WORKDIR /app
COPY backend/requirements.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check -r requirements.txt
COPY headgate.yaml ./
COPY backend/ ./backend/

EXPOSE 8000
USER 65532:65532
CMD ["uvicorn", "--app-dir", "backend", "main:app", "--host", "0.0.0.0", "--port", "8000"]

# The two lines that any Python image needs; the third tells Docker what `docker ps` shows.
COPY --from=headgate /opt/headgate/ /usr/local/
ENTRYPOINT ["headgate", "entrypoint", "--"]
HEALTHCHECK --interval=10s --timeout=6s --start-period=30m CMD ["headgate", "entrypoint", "--healthcheck"]
