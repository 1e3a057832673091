"""A cluster of database servers that all accept writes, as Galera. Django uses this package as the database engine where
`DATABASE_URL` has several hosts (docs/cluster.md).

base        the connection: to the first host that answers
hosts       which hosts answer, `parse_hosts`
compiler    locks of rows that hold in the whole cluster
"""
