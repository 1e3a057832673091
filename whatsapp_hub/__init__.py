"""The Django project: settings, URLs, and what is put together of all packages.

settings        read by `configuration` and `monitoring_configuration`; what is missing comes from `embedded_mode`
asgi            the application of the web processes. `server` is the web server, `web` configures Gunicorn
lanes           all lanes and chores of the worker
celery          Celery and RabbitMQ as the engine of the lanes
cluster         a cluster of databases
replicas        what is read from a replica of the database
supervisor      runs all processes on one machine
health          /healthz, /readyz and /metrics
static_files    scripts and styles, under names with a hash
design          the page /design/, for developers
"""
