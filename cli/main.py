"""The `portfolio` command: a group whose commands are imported when they are called."""

import importlib

import click

from cli.printing import print_json
from cli.servers.errors import ServerError
from cli.settings import SettingError, Settings

# Where each command lives. Importing Faust or FastAPI for every `--json` would be felt.
COMMANDS = {
    "run": "cli.run:run",
    "up": "cli.up:up",
    "down": "cli.up:down",
    "status": "cli.status:status",
    "ingest": "cli.ingest:ingest",
    "positions": "cli.ask:positions",
    "lots": "cli.ask:lots",
    "transactions": "cli.ask:transactions",
    "value": "cli.value:value",
    "performance": "cli.performance:performance",
    "summary": "cli.summary:summary",
    "concentration": "cli.summary:concentration",
    "explain": "cli.explain:explain",
    "verify": "cli.verify.command:verify",
    "keys": "cli.keys:keys",
    "servers": "cli.servers.command:servers",
    "migrate": "cli.migrate:migrate",
    "reset": "cli.reset:reset",
    "worker": "cli.serve:worker",
    "store": "cli.serve:store",
    "api": "cli.serve:api",
}
AS_JSON = "cli.main.as_json"  # in click's context: whether the command is to print JSON


class Commands(click.Group):
    """Imports a command by COMMANDS; turns our own errors into messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # Before the command has read it: what it cannot read is an error to print, too.
        ctx.meta[AS_JSON] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return self._invoke(ctx)
        except click.ClickException as error:
            if not ctx.meta[AS_JSON]:
                raise
            print_json({"error": error.format_message()})
            ctx.exit(error.exit_code)

    def _invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SettingError as error:
            raise click.UsageError(str(error), ctx) from error
        except ServerError as error:
            raise click.ClickException(str(error)) from error


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def main(context: click.Context) -> None:
    """Tax lots from a stream of transactions.

    Settings come from the environment and `.env`; `.env.example` lists them.
    """
    context.obj = Settings.from_environment()


if __name__ == "__main__":
    main(prog_name="portfolio")
