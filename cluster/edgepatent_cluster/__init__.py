"""edgepatent on many machines: shards made by Ray's actors, and searched where they lie."""
