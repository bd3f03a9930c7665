//! What a producer's settings say, read once.

use std::time::Duration;

use config::ClientSettings;
use records::{Codec, Compression};

use crate::error::Error;

/// The settings that the parts of a producer need.
#[derive(Debug, Clone)]
pub(crate) struct ProducerOptions {
    /// `acks`: 0, 1 or -1 for all.
    pub(crate) acks: i16,
    /// `batch.size` in bytes.
    pub(crate) batch_bytes: usize,
    /// `buffer.memory` in bytes.
    pub(crate) buffer_bytes: usize,
    /// `compression.type` with its level.
    pub(crate) codec: Codec,
    /// `delivery.timeout.ms`.
    pub(crate) delivery_timeout: Duration,
    /// `enable.idempotence`.
    pub(crate) is_idempotent: bool,
    /// `linger.ms`.
    pub(crate) linger: Duration,
    /// `max.block.ms`.
    pub(crate) block_max: Duration,
    /// `max.in.flight.requests.per.connection`.
    pub(crate) in_flight_max: usize,
    /// `max.request.size` in bytes.
    pub(crate) request_bytes_max: usize,
    /// `metadata.max.age.ms`.
    pub(crate) metadata_age_max: Duration,
    /// `partitioner.ignore.keys`.
    pub(crate) ignores_keys: bool,
    /// `partitioner.adaptive.partitioning.enable`.
    pub(crate) is_adaptive: bool,
    /// `request.timeout.ms`.
    pub(crate) request_timeout: Duration,
    /// `retries`.
    pub(crate) retries: u32,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`.
    pub(crate) backoff: crate::backoff::Backoff,
}

impl ProducerOptions {
    /// Reads them and refuses combinations that Kafka refuses, in its words.
    pub(crate) fn of(settings: &ClientSettings) -> Result<ProducerOptions, Error> {
        let bytes = |key| usize::try_from(settings.integer(key)).unwrap_or(usize::MAX);
        let options = ProducerOptions {
            acks: match settings.text("acks").as_deref() {
                Some("0") => 0,
                Some("1") => 1,
                _ => -1,
            },
            batch_bytes: bytes("batch.size"),
            buffer_bytes: bytes("buffer.memory"),
            codec: codec(settings),
            delivery_timeout: delivery_timeout(settings)?,
            is_idempotent: settings.boolean("enable.idempotence"),
            linger: settings.millis("linger.ms"),
            block_max: settings.millis("max.block.ms"),
            in_flight_max: bytes("max.in.flight.requests.per.connection"),
            request_bytes_max: bytes("max.request.size"),
            metadata_age_max: settings.millis("metadata.max.age.ms"),
            ignores_keys: settings.boolean("partitioner.ignore.keys"),
            is_adaptive: settings.boolean("partitioner.adaptive.partitioning.enable"),
            request_timeout: settings.millis("request.timeout.ms"),
            retries: u32::try_from(settings.integer("retries")).unwrap_or_default(),
            backoff: crate::backoff::Backoff::new(
                settings.millis("retry.backoff.ms"),
                settings.millis("retry.backoff.max.ms"),
            ),
        };
        options.check_idempotence(settings)
    }

    /// Idempotence that nobody asked for gives way to other settings; where it was asked for, they are refused.
    fn check_idempotence(mut self, settings: &ClientSettings) -> Result<ProducerOptions, Error> {
        if !self.is_idempotent {
            return Ok(self);
        }
        let conflict = if self.acks != -1 {
            Some(
                "Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee idempotence.",
            )
        } else if self.retries == 0 {
            Some("Must set retries to non-zero when using the idempotent producer.")
        } else if self.in_flight_max > 5 {
            Some(
                "Must set max.in.flight.requests.per.connection to at most 5 to use the idempotent producer.",
            )
        } else {
            None
        };
        match conflict {
            Some(sentence) if settings.is_written("enable.idempotence") => {
                Err(Error::Invalid(sentence.to_owned()))
            }
            Some(_) => {
                self.is_idempotent = false;
                Ok(self)
            }
            None => Ok(self),
        }
    }
}

fn codec(settings: &ClientSettings) -> Codec {
    let name = settings.text("compression.type").unwrap_or_default();
    let compression = Compression::from_name(&name).unwrap_or_default();
    let level = match compression {
        Compression::Gzip => Some("compression.gzip.level"),
        Compression::Lz4 => Some("compression.lz4.level"),
        Compression::Zstd => Some("compression.zstd.level"),
        _ => None,
    };
    let level = level.filter(|key| settings.is_written(key)).map(|key| settings.int(key));
    // -1 stands for gzip's own default.
    Codec { compression, level: level.filter(|level| compression != Compression::Gzip || *level >= 0) }
}

/// A delivery cannot be over before its first request is.
fn delivery_timeout(settings: &ClientSettings) -> Result<Duration, Error> {
    let delivery = settings.millis("delivery.timeout.ms");
    let least = settings.millis("linger.ms") + settings.millis("request.timeout.ms");
    if delivery >= least {
        return Ok(delivery);
    }
    if settings.is_written("delivery.timeout.ms") {
        let sentence = "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms";
        return Err(Error::Invalid(sentence.to_owned()));
    }
    Ok(least)
}

#[cfg(test)]
mod tests {
    use config::ClientKind;

    use super::*;

    fn options(written: &[(&str, &str)]) -> Result<ProducerOptions, Error> {
        ProducerOptions::of(&ClientSettings::read(ClientKind::Producer, written.iter().copied()).unwrap())
    }

    #[test]
    fn defaults_are_those_of_kafka() {
        let options = options(&[]).unwrap();
        assert!(options.is_idempotent && options.acks == -1 && options.retries == i32::MAX as u32);
        assert_eq!((options.batch_bytes, options.linger.as_millis(), options.in_flight_max), (16_384, 5, 5));
        assert_eq!(options.codec, Codec::default());
    }

    #[test]
    fn idempotence_gives_way_unless_it_was_asked_for() {
        assert!(!options(&[("acks", "1")]).unwrap().is_idempotent);
        assert!(!options(&[("max.in.flight.requests.per.connection", "6")]).unwrap().is_idempotent);
        for conflict in [("acks", "0"), ("retries", "0"), ("max.in.flight.requests.per.connection", "6")] {
            assert!(options(&[("enable.idempotence", "true"), conflict]).is_err(), "{conflict:?}");
        }
    }

    #[test]
    fn a_delivery_lasts_as_long_as_a_request() {
        let short = [("delivery.timeout.ms", "1000")];
        assert!(options(&short).is_err());
        assert_eq!(
            options(&[("request.timeout.ms", "200000")]).unwrap().delivery_timeout.as_millis(),
            200_005
        );
        let zstd = options(&[("compression.type", "zstd"), ("compression.zstd.level", "7")]).unwrap();
        assert_eq!(zstd.codec, Codec { compression: Compression::Zstd, level: Some(7) });
    }
}
