"""``dfcore plugins``."""

from __future__ import annotations

import sys

import click

from dfcore.cli.output.streams import print_json
from dfcore.cli.output.text import table
from dfcore.plugins.discovery import discover
from dfcore.text import printable


@click.command("plugins")
@click.option("--check", is_flag=True, help="Load, construct and run all that each announces (slow).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(check: bool, as_json: bool) -> None:
    """List the installed plugins.

    Without --check nothing of a plugin is imported. With it everything that is announced is imported, constructed and
    run on made clips and folders; the exit code is 3 when anything is wrong.
    """
    entries = discover()
    rows = [
        {"name": entry.name, "distribution": entry.distribution, "version": entry.version, "module": entry.module}
        for entry in entries
    ]
    problems: dict[str, list[str]] = {}
    if check:
        from dfcore.plugin_check import check_plugins
        from dfcore.plugins import registry

        problems = check_plugins(registry())
        for row in rows:
            row["state"] = "broken" if problems.get(row["name"]) else "ok"
    if as_json:
        print_json({"plugins": rows, "problems": problems} if check else {"plugins": rows})
    else:
        _show(rows, problems, check)
    if any(problems.values()):
        sys.exit(3)


def _show(rows: list[dict[str, str]], problems: dict[str, list[str]], check: bool) -> None:
    if not rows:
        click.echo("No plugins found. Install one, for example: pip install dfs-cm")
    else:
        columns = ["name", "distribution", "version", "module"] + (["state"] if check else [])
        click.echo(table(columns, [[row[column] for column in columns] for row in rows]))
    for name, found in problems.items():
        for problem in found:
            click.echo(f"\n{name}: {printable(problem, lines=True)}", err=True)
