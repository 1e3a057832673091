"""Reports to other servers, each only if its setting names one. Both leave out what people wrote and who they are.

start          starts what is set: start_reports
sentry         errors to Sentry
sentry_events  what an event may contain: clean_event
spans          spans to an OpenTelemetry collector: SpanMiddleware
"""
