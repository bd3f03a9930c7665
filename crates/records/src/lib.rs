//! Record batches: v2, legacy read, compression, checksums, control records.
