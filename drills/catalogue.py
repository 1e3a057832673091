"""All drills, with the number of their fault in the list of docs/drills.md."""

from collections.abc import Callable
from dataclasses import dataclass

from drills.environment.site import Site
from drills.faults import backups, bodies, clocks, databases, disks, graph, hostile, kills, load, operations
from drills.report import Result


@dataclass(frozen=True)
class Drill:
    """`run` fails processes, database or network of the site, and checks what is left. The site is healed after it."""

    fault: int
    about: str
    run: Callable[[Site, Result], None]
    needs_server: bool = False
    """Whether it fails the site's own MariaDB server, or needs another database on it."""
    is_long: bool = False


DRILLS = {
    "kill-web": Drill(1, "web processes and their master are killed under load", kills.kill_web),
    "kill-worker": Drill(2, "the worker is killed at random moments", kills.kill_worker),
    "kill-while-sending": Drill(3, "the worker is killed between Graph's acceptance and its own write", kills.kill_while_sending),
    "kill-database": Drill(4, "the database server is killed under load", databases.kill_database, needs_server=True),
    "contention": Drill(5, "deadlocks, lock waits and lost connections", databases.contention),
    "full-database": Drill(6, "the disk of the database server is full", disks.full_database),
    "full-sqlite": Drill(6, "the disk of an embedded hub is full", disks.full_sqlite),
    "full-media": Drill(6, "there is no space for customers' files", disks.full_media),
    "wrong-clocks": Drill(7, "workers are an hour ahead and behind, and are set back", clocks.wrong_clocks),
    "duplicates": Drill(8, "the same body and the same message, at once and many times", bodies.duplicates),
    "wrong-order": Drill(9, "statuses before their message, messages of an hour in random order", bodies.wrong_order),
    "poison": Drill(10, "unreadable bodies and items among good ones", bodies.poison),
    "too-large": Drill(11, "bodies of up to 3 MB and of more than 4 MiB", bodies.too_large),
    "slow-loris": Drill(12, "clients that send byte by byte", hostile.slow_loris),
    "forged": Drill(13, "missing, wrong and foreign signatures", bodies.forged),
    "graph-network": Drill(14, "connections to Graph are refused, reset, broken and endlessly slow", graph.network),
    "graph-limits": Drill(15, "Graph limits a number or a conversation", graph.rate_limits),
    "graph-errors": Drill(16, "Graph answers with 500", graph.server_errors),
    "graph-final": Drill(17, "Graph refuses messages for good", graph.final_errors),
    "graph-token": Drill(18, "Meta refuses the access token", graph.refused_token),
    "upgrade": Drill(19, "a migration while the previous version runs", operations.upgrade, needs_server=True),
    "workers": Drill(20, "several workers on the same rows", load.workers),
    "bad-bots": Drill(21, "bots hang, fail, answer endlessly or redirect", hostile.bad_bots),
    "rolling-restart": Drill(22, "SIGHUP and SIGTERM under load", operations.rolling_restart),
    "restore": Drill(23, "a backup is restored, with the archive of webhooks", backups.restore, needs_server=True),
    "noisy-organization": Drill(24, "one organization has 99 % of the load", load.noisy_organization),
    "power-loss": Drill(25, "what a commit promises", databases.power_loss),
    "many-deliveries": Drill(1, "a million deliveries under random kills", load.many_deliveries, is_long=True),
}
