"""The peer: the same job in Java on Kafka Streams. Its jars, its sources and how it is compiled."""
