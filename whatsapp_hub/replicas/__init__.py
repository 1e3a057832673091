"""What is read from a replica of the database, where `DATABASE_REPLICA_URL` is set
(docs/decisions/0025). How, says `jobs/replicas.py`.

pages       the URLs that may read from it: PAGES, ReplicaMiddleware
router      Django's router of databases: ReplicaRouter
"""
