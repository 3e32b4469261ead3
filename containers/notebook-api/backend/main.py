from fastapi import FastAPI

from api.routes import router

app = FastAPI(title="notebook-api")
app.include_router(router)
