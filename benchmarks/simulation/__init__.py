"""A model of hubs larger than one machine: what each rate needs, how long items wait, and what it costs (docs/scaling.md).
`rates` shows it for each rate, with the measured parameters."""
