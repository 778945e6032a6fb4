"""The first visit: what has to be set up before emails go, as steps that may be left and taken up
again."""

from __future__ import annotations

from pydantic import Field

from functions.console.users import logged_in_again
from functions.login import Password
from shared.accounts.directory import CATCHER
from shared.accounts.presets import PresetName
from shared.accounts.shown import ShownAccount, shown_accounts
from shared.api.endpoint import Room
from shared.api.errors import ApiError
from shared.api.models import EmailAddress, SnakeInput
from shared.app import Application, application
from shared.configuration.document import Configuration
from shared.console.first_steps import Standing, Step, standings
from shared.console.from_database import if_it_answers
from shared.console.page import Page, Redirect
from shared.console.pages import Pages, Visit
from shared.database.place import place_of
from shared.delivery.test_email import TrialFailed, send_test_email
from shared.scheduling import service_state
from shared.security.roles import Role

pages = Pages()

HERE = "/console/first-steps"


class OwnPassword(SnakeInput):
    password: Password = Field(repr=False)


class WhichStep(SnakeInput):
    step: Step
    again: bool = False


class TestTo(SnakeInput):
    email: EmailAddress


@pages.page("console/first-steps", who=Role.ADMIN)
def first_steps(visit: Visit) -> Page:
    """Show how far the setting up has come, and what comes next."""
    here = application()
    configuration = here.configuration.current()
    accounts, running = _seen(here)
    sending = [account for account in accounts if account.state is not None]
    return visit.show(
        "first_steps.html",
        steps=_standings(here, configuration, sending, running=running),
        place=place_of(here.database_url()),
        source=here.database_source(),
        accounts=sending,
        real_accounts=[account for account in sending if not _is_catcher(account)],
        schedule=configuration.email,
        running=running,
    )


@pages.form("console/first-steps/password", who=Role.ADMIN, shown_by=first_steps)
def choose_password(visit: Visit[OwnPassword]) -> Redirect:
    """Give oneself a password of one's own."""
    login = application().logins.change(visit.caller.username, visit.form.password)
    return logged_in_again(visit, HERE, login)


@pages.form(
    "console/first-steps/test-email",
    who=Role.ADMIN,
    shown_by=first_steps,
    room=Room.OTHER_SERVERS,
)
def send_one(visit: Visit[TestTo]) -> Redirect:
    """Send one email over the account that rows without a code use."""
    try:
        sent = send_test_email(application(), visit.form.email)
    except TrialFailed as refused:
        raise ApiError(
            422, "mail_server_refused", f"The test email was not sent: {refused}."
        ) from refused
    _tick(Step.TEST_EMAIL, again=False)
    return visit.go(
        HERE, f"The mail server has accepted the test email to {sent.recipient}: is it there?"
    )


@pages.form("console/first-steps/tick", who=Role.ADMIN, shown_by=first_steps)
def tick_off(visit: Visit[WhichStep]) -> Redirect:
    """Tick a step off that is as it should be, or take it up again."""
    _tick(visit.form.step, again=visit.form.again)
    return visit.go(HERE)


def is_begun(configuration: Configuration) -> bool:
    """Whether somebody has set anything up here, or ticked a step off."""
    saved = configuration.has_email or configuration.database is not None
    return saved or bool(configuration.ticked_steps)


def _standings(
    here: Application,
    configuration: Configuration,
    sending: list[ShownAccount],
    *,
    running: bool | None,
) -> tuple[Standing, ...]:
    done = {Step.LOGIN}
    if here.database_source() != "local file":
        done.add(Step.DATABASE)
    if not all(map(_is_catcher, sending)):
        done.add(Step.ACCOUNT)
    if configuration.has_email:
        done.add(Step.SCHEDULE)
    if running:
        done.add(Step.START)
    return standings(done, set(configuration.ticked_steps))


def _seen(here: Application) -> tuple[list[ShownAccount], bool | None]:
    """The accounts, and whether the service runs; while the database is away nobody knows."""
    state = if_it_answers(here, service_state.status)
    return (shown_accounts(here), state.running) if state else ([], None)


def _is_catcher(account: ShownAccount) -> bool:
    return account.settings.param_code == CATCHER or account.settings.preset is PresetName.CATCHER


def _tick(step: Step, *, again: bool) -> None:
    def ticked(before: Configuration) -> Configuration:
        others = tuple(each for each in before.ticked_steps if each != step.value)
        steps = others if again else (*others, step.value)
        return before.model_copy(update={"ticked_steps": steps})

    application().configuration.save(ticked)
