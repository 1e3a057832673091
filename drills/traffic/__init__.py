"""What happens to the hub during a drill: Meta delivers webhooks, members answer, and the network to Graph fails."""
