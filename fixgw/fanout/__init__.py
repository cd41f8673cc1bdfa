"""Events to Kafka: how they look there, and the publisher that brings them."""
