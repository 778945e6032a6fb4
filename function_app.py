"""The one Functions app: every group of functions is registered here."""

from __future__ import annotations

import azure.functions as func

from functions import events, timers, unknown
from functions.console.groups import PAGES
from functions.groups import GROUPS
from shared.monitoring.logs import speak_through_the_functions_host
from shared.settings import settings

speak_through_the_functions_host(addresses=lambda: settings().log_addresses == "on")

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

for routes in (*(group.routes for group in GROUPS), *PAGES):
    app.register_functions(routes.blueprint)
app.register_functions(timers.blueprint)
app.register_functions(events.blueprint)
app.register_functions(unknown.blueprint)
