"""What `make dashboards` writes: Grafana's dashboards and the rules of the service level objectives."""
