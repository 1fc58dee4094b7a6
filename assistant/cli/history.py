"""List, search, show, export and delete conversations.

They are kept on this machine alone; the setting history = off keeps none.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.cli._exit_codes import ExitCode
from assistant.cli._flags import number
from assistant.cli._listing import count, fields, line, marked, say, write, write_json
from assistant.errors import UsageError

if TYPE_CHECKING:
    from assistant.store.exporting import Format
    from assistant.store.store import Store
    from assistant.store.values import Hit, Summary

_EXAMPLES = """\
examples:
  mull history                            the newest conversations
  mull history search blue sky            where both words were said
  mull history show 7kq2                  one of them, by a few letters
  mull history export 7kq2 --out sky.html
  mull history export --all --format json --out conversations.json
  mull history import conversations.json
  mull history delete 7kq2                can be undone for 30 days
  mull history restore 7kq2               undoes it

To go on with a conversation: mull -c, or mull --conversation 7kq2."""

_FORMATS: dict[str, Format] = {
    "md": "md", "markdown": "md", "json": "json", "html": "html", "htm": "html",
}  # fmt: skip
_FEW = 20


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "mull history [WHAT] [...]"
    parser.epilog = _EXAMPLES
    parser.set_defaults(run=_opening(_list), limit=str(_FEW), which="live", json=False)
    commands = parser.add_subparsers(title="what to do", dest="what", metavar="WHAT", prog="mull history")

    def command(name: str, does: Callable[[Namespace, Store], ExitCode], help_: str) -> ArgumentParser:
        made = commands.add_parser(name, help=help_, description=help_)
        made.set_defaults(run=_opening(does))
        return made

    listing = command("list", _list, "List conversations, the newest first.")
    _limit_and_json(listing)
    which = listing.add_mutually_exclusive_group()
    for name, text in (("archived", "Those that were archived."), ("deleted", "Those that can be restored.")):
        which.add_argument(
            f"--{name}", dest="which", action="store_const", const=name, default="live", help=text
        )
    search = command("search", _search, "Find conversations in which all words occur.")
    search.add_argument("words", nargs="+", help="What to look for; '\"two words\"' as they stand.")
    _limit_and_json(search)
    show = command("show", _show, "Show a conversation.")
    show.add_argument("id", help="The conversation, or the first letters of its id.")
    show.add_argument("--thinking", action="store_true", help="With the thinking before each answer.")
    show.add_argument("--json", action="store_true", help="As JSON, with everything that is known of it.")
    export = command("export", _export, "Write conversations to a file, or to standard output.")
    export.add_argument("ids", nargs="*", metavar="id", help="The conversations.")
    export.add_argument("--all", action="store_true", help="All of them; only as JSON.")
    export.add_argument("--format", metavar="md|json|html", help="Default: by the file's name, or else md.")
    export.add_argument("--out", metavar="PATH", help="The file; it must not exist yet.")
    export.add_argument("--thinking", action="store_true", help="With the thinking, which JSON always has.")
    import_ = command("import", _import, "Take in conversations that were exported as JSON.")
    import_.add_argument("files", nargs="+", metavar="file", help="The files.")
    rename = command("rename", _rename, "Give a conversation another title.")
    rename.add_argument("id", help="The conversation.")
    rename.add_argument("title", nargs="+", help="The title.")
    delete = command("delete", _delete, "Delete conversations; this can be undone for 30 days.")
    delete.add_argument("ids", nargs="*", metavar="id", help="The conversations.")
    delete.add_argument("--all", action="store_true", help="All of them.")
    delete.add_argument(
        "--forever", action="store_true", help="Leave no trace, so that nothing can be undone."
    )
    delete.add_argument("--yes", action="store_true", help="Do not ask.")
    restore = command("restore", _restore, "Undo the deleting of conversations.")
    restore.add_argument("ids", nargs="+", metavar="id", help="The conversations.")


def _limit_and_json(parser: ArgumentParser) -> None:
    parser.add_argument("--limit", metavar="N", default=str(_FEW), help=f"At most so many (default: {_FEW}).")
    parser.add_argument("--json", action="store_true", help="As JSON, one a line.")


def _opening(does: Callable[[Namespace, Store], ExitCode]) -> Callable[[Namespace], ExitCode]:
    """The command with the store open around it."""

    def run(args: Namespace) -> ExitCode:
        from assistant.store.store import Store

        with closing(Store.open()) as store:
            for note in store.notes:
                say(f"mull: {note}")
            return does(args, store)

    return run


def _list(args: Namespace, store: Store) -> ExitCode:
    limit = number(args.limit, "--limit", "history list")
    found = store.conversations(
        is_archived=args.which == "archived", is_deleted=args.which == "deleted", limit=limit + 1
    )
    for summary in found[:limit]:
        write_json(fields(summary)) if args.json else write(line(summary))
    if not found:
        say("There are no such conversations." if args.which != "live" else "There are no conversations yet.")
    elif len(found) > limit and not args.json:
        say(f"There are more; --limit {limit * 5} shows so many.")
    return ExitCode.ANSWERED


def _search(args: Namespace, store: Store) -> ExitCode:
    hits = store.search(" ".join(args.words), number(args.limit, "--limit", "history search"))
    by_conversation: dict[str, list[Hit]] = {}
    for hit in hits:
        by_conversation.setdefault(hit.conversation.id, []).append(hit)
    for found in by_conversation.values():
        if not args.json:
            write(line(found[0].conversation))
        for hit in found:
            if args.json:
                where = {"message_id": hit.message_id, "role": hit.role, "snippet": hit.snippet.text}
                write_json({**fields(hit.conversation), **where, "marks": hit.snippet.marks})
            elif hit.role is not None:  # a title was written just now
                who = "You" if hit.role == "user" else "Mull"
                write(f"          {who}: {marked(hit.snippet)}", is_safe=True)
    if not hits:
        say("Nothing was found.")
    return ExitCode.ANSWERED if hits else ExitCode.NO_ANSWER


def _show(args: Namespace, store: Store) -> ExitCode:
    from assistant.store.exporting import document

    summary = store.find(args.id)
    if args.json:
        sys.stdout.write(document(store, [summary.id], "json"))
        return ExitCode.ANSWERED
    write(document(store, [summary.id], "md", has_thinking=args.thinking), end="")
    return ExitCode.ANSWERED


def _export(args: Namespace, store: Store) -> ExitCode:
    path = Path(args.out) if args.out else None
    given = args.format or (path.suffix.lstrip(".").lower() if path else "md")
    from assistant.store.exporting import document, write_new

    if given not in _FORMATS:
        raise UsageError(f'"{given}" is not a format to export to.', "Write --format md, json or html.")
    format_ = _FORMATS[given]
    summaries = _chosen(args, store, archived_too=True)
    if format_ != "json" and len(summaries) > 1:
        raise UsageError(f"{given} takes one conversation at a time.", "Name one, or write --format json.")
    text = document(store, [summary.id for summary in summaries], format_, has_thinking=args.thinking)
    if path is None:
        write(text, end="")
        return ExitCode.ANSWERED
    write_new(path, text, "Name another file, or remove that one first.")
    say(f"{count(len(summaries))} written to {path}.")
    return ExitCode.ANSWERED


def _import(args: Namespace, store: Store) -> ExitCode:
    from assistant.store.exchange import imported
    from assistant.store.importing import read

    # all files are read before anything of them is kept
    for name, (conversations, n_lost) in [(name, read(_found(store, name))) for name in args.files]:
        new, n_known = imported(store, conversations)
        known = f", {n_known} were here already" if n_known else ""
        lost = f" {n_lost} messages could not be read back." if n_lost else ""
        say(f"{count(len(new))} imported from {name}{known}.{lost}")
    return ExitCode.ANSWERED


def _found(store: Store, name: str) -> Path:
    """A file by its path, or by its name beside the database, where damaged ones are set aside."""
    path, beside = Path(name), store.path.parent / name
    return beside if not path.exists() and beside.exists() else path


def _rename(args: Namespace, store: Store) -> ExitCode:
    summary = store.find(args.id)
    if not store.rename(summary.id, " ".join(args.title)):
        raise UsageError("The title is empty.", "Write some words.")
    write(line(store.find(summary.id)))
    return ExitCode.ANSWERED


def _delete(args: Namespace, store: Store) -> ExitCode:
    summaries = _chosen(args, store, archived_too=True, deleted_too=args.forever)
    if not args.yes:
        _ask(summaries, is_forever=args.forever)
    for summary in summaries:
        store.delete(summary.id)
        if args.forever:
            store.purge(conversation_id=summary.id)
    if args.forever:
        say(f"{count(len(summaries))} deleted for good.")
    else:
        undo = summaries[0].id if len(summaries) == 1 else "ID"
        say(f"{count(len(summaries))} deleted. For 30 days, mull history restore {undo} undoes it.")
    return ExitCode.ANSWERED


def _ask(summaries: Sequence[Summary], *, is_forever: bool) -> None:
    """Have the user say yes.

    Raises:
        UsageError: there is nobody to ask, or the answer was another one.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("Deleting wants to be confirmed, and there is no terminal.", "Add --yes.")
    for summary in summaries[:_FEW]:
        say(line(summary))
    if len(summaries) > _FEW:
        say(f"and {len(summaries) - _FEW} more")
    end = " for good" if is_forever else ""
    print(f"Delete {count(len(summaries))}{end}? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("Nothing was deleted.")


def _restore(args: Namespace, store: Store) -> ExitCode:
    for summary in [store.find(prefix) for prefix in args.ids]:
        store.restore(summary.id)
        write(line(store.find(summary.id)))
    return ExitCode.ANSWERED


def _chosen(
    args: Namespace, store: Store, *, archived_too: bool = False, deleted_too: bool = False
) -> list[Summary]:
    """The conversations that a command is about.

    Raises:
        UsageError: none is named, or one is not there.
    """
    if args.all and not args.ids:
        found = store.conversations() + store.conversations(is_archived=True)
        found += store.conversations(is_deleted=True) if deleted_too else []
    elif args.ids and not args.all:
        found = list({summary.id: summary for summary in map(store.find, args.ids)}.values())
    else:
        raise UsageError("It is not clear which conversations are meant.", "Name some, or write --all.")
    if not found:
        raise UsageError("There are no conversations.", "")
    return found
