//! Checksums: CRC-32C of v2 batches and files, CRC-32 of the older formats.

use crc_fast::CrcAlgorithm;

/// CRC-32C (Castagnoli), the checksum of v2 batches and producer snapshots.
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

/// CRC-32 (ISO-HDLC), the checksum of v0 and v1 messages and of gzip members.
pub fn crc32(bytes: &[u8]) -> u32 {
    crc_fast::checksum(CrcAlgorithm::Crc32IsoHdlc, bytes) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values_are_the_published_ones() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
