"""How the SDK reaches a store. Import from the modules: each way to a store is loaded only when used."""
