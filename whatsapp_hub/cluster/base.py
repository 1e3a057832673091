"""A connection to a cluster: to the first of several hosts that answers and is ready."""

from functools import cache
from typing import Any

import MySQLdb  # type: ignore[import-untyped]
from django.db.backends.mysql import base
from django.db.backends.mysql import operations as mysql_operations

from jobs.transactions import NOT_PREPARED
from whatsapp_hub.cluster.hosts import Hosts, parse_hosts

NO_ANSWER = {2002, 2003, 2005, 2006, 2012, 2013, 1040, 1053, 1129, 1205, NOT_PREPARED}
"""Error codes of a host that cannot be used now. With any other error, such as a wrong password, the other hosts are not tried."""


@cache
def hosts_of(written: str) -> Hosts:
    """Returns the hosts of `DATABASE_URL`, with what this process knows about them."""
    return Hosts(parse_hosts(written))


def read_causally(connection: Any) -> None:
    """Waits until the server has applied everything that is committed in its cluster by now. Raises OperationalError if it cannot,
    because it has lost the majority of the cluster, or is still joining it. Other servers than MariaDB do not read the comment."""
    with connection.cursor() as cursor:
        cursor.execute("/*M!100200 SET STATEMENT wsrep_sync_wait = 1 FOR */ SELECT 1")
        cursor.fetchall()


class DatabaseOperations(mysql_operations.DatabaseOperations):
    compiler_module = "whatsapp_hub.cluster.compiler"


class DatabaseWrapper(base.DatabaseWrapper):
    ops_class = DatabaseOperations

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connects to the first host that answers. Raises the error of the last one if none does."""
        hosts = hosts_of(self.settings_dict["HOST"])
        last = MySQLdb.OperationalError(2002, "no host answers")
        for address in hosts.in_order():
            try:
                connection = super().get_new_connection({**conn_params, "host": address.host, "port": address.port})
                read_causally(connection)
            except MySQLdb.OperationalError as failure:
                if failure.args[0] not in NO_ANSWER:
                    raise
                hosts.record_failure(address)
                last = failure
            else:
                return connection
        raise last

    def is_usable(self) -> bool:
        """Django asks this before the first query of a request (CONN_HEALTH_CHECKS). So a request sees what was committed before it
        began, on whatever node."""
        try:
            read_causally(self.connection)
        except MySQLdb.Error:
            return False
        return True
