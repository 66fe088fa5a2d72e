"""The OpenAPI document, made from the endpoints and the messages. Import from the modules."""
