"""The services table over all clusters, its filter, and what is measured beside what is predicted."""
