//! Typed requests and responses for every API and version, and the records Kafka keeps in its internal topics.
