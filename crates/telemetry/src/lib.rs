//! Names of metrics and spans, per-core counters, histograms.
