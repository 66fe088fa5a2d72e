"""The requests of tries, workers and operators, decided over one transaction of the metastore."""
