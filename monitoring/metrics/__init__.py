"""What /metrics says beside the counters of the processes: metrics that are read from the database for each request.

    lane_rows            the rows of each lane: LANE_ROWS
    queue_metrics        queues and lanes: QueueMetrics
    number_metrics       numbers, their warnings, and service windows that close: NumberMetrics
    worker_counters      the counters of a worker on a port of its own, or of all processes: counters, serve_counters

Metrics are listed in docs/monitoring.md.
"""
