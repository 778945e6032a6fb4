"""The one Functions app: every group of functions is registered here."""

from __future__ import annotations

import azure.functions as func

from functions import login, operations, sending, service, timers, unknown

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

app.register_functions(login.routes.blueprint)
app.register_functions(operations.routes.blueprint)
app.register_functions(sending.routes.blueprint)
app.register_functions(service.routes.blueprint)
app.register_functions(timers.blueprint)
app.register_functions(unknown.blueprint)
