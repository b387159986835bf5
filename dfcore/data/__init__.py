"""The data layer: records, adapters, decoding, face tracks, clip store, views, sampling."""
