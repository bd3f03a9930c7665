//! Places in a partition and moments in time as people write them.

use std::collections::BTreeMap;
use std::time::Duration;

use client::Admin;
use client::admin::{OffsetSpec, TopicPartition};

use crate::failure::Failure;

/// What help says of places.
pub(crate) const PLACES: &str = "beginning, end, an OFFSET, -N for N before the end, or @TIME: 2026-01-31T12:00:00Z, milliseconds since 1970, or -2h for two hours ago";

/// A place in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The first record.
    Beginning,
    /// Behind the last record.
    End,
    /// The record of that offset.
    Offset(i64),
    /// So many offsets before the end.
    BeforeEnd(i64),
    /// The first record that is not older than that, in milliseconds since 1970.
    Time(i64),
}

impl Place {
    /// Reads what a user wrote; times ago are counted from `now_ms`.
    pub(crate) fn parse(text: &str, now_ms: i64) -> Result<Place, String> {
        match text {
            "beginning" | "earliest" => return Ok(Place::Beginning),
            "end" | "latest" => return Ok(Place::End),
            _ => {}
        }
        if let Some(moment) = text.strip_prefix('@') {
            return parse_moment(moment, now_ms).map(Place::Time);
        }
        let wrong = || format!("'{text}' is no place in a partition: {PLACES}");
        match text.parse::<i64>().map_err(|_| wrong())? {
            number if text.starts_with('-') => Ok(Place::BeforeEnd(number.checked_neg().ok_or_else(wrong)?)),
            number => Ok(Place::Offset(number)),
        }
    }
}

/// A moment in milliseconds since 1970.
fn parse_moment(text: &str, now_ms: i64) -> Result<i64, String> {
    if let Ok(number) = text.parse::<i64>()
        && number >= 0
    {
        return Ok(number);
    }
    if let Some(ago) = text.strip_prefix('-').and_then(|ago| parse_duration(ago).ok()) {
        return Ok(now_ms.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)).max(0));
    }
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Ok(moment.as_millisecond());
    }
    let local = text.parse::<jiff::civil::DateTime>().and_then(|civil| civil.in_tz("system"));
    let local = local.or_else(|_| {
        text.parse::<jiff::civil::DateTime>().and_then(|civil| civil.to_zoned(jiff::tz::TimeZone::system()))
    });
    local.map(|moment| moment.timestamp().as_millisecond()).map_err(|_| {
        format!("'{text}' is no time: write 2026-01-31T12:00:00Z, milliseconds since 1970, or -2h for two hours ago")
    })
}

/// A length of time: `500ms`, `30s`, `5m`, `2h`, `1d`; seconds where no unit is named.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let count: u64 =
        digits.parse().map_err(|_| format!("'{text}' is no length of time such as 30s or 500ms"))?;
    let unit_ms: u64 = match text.get(digits.len()..).unwrap_or_default() {
        "ms" => 1,
        "s" | "" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        unit => return Err(format!("'{unit}' is no unit of time: ms, s, m, h and d are")),
    };
    Ok(Duration::from_millis(count.saturating_mul(unit_ms)))
}

/// The offsets at which places are in partitions, kept within what the partition has.
pub(crate) async fn resolve(
    admin: &Admin,
    wanted: &[(TopicPartition, Place)],
) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
    // A bound is asked for only where it is the place, or may bound it.
    let all_but = |other, spec| {
        let needed = wanted.iter().filter(|(_, place)| *place != other);
        needed.map(|(partition, _)| (partition.clone(), spec)).collect::<Vec<_>>()
    };
    let beginnings = offsets(admin, &all_but(Place::End, OffsetSpec::Earliest)).await?;
    let ends = offsets(admin, &all_but(Place::Beginning, OffsetSpec::Latest)).await?;
    let of_time = wanted.iter().filter_map(|(partition, place)| match place {
        Place::Time(time) => Some((partition.clone(), OffsetSpec::Timestamp(*time))),
        _ => None,
    });
    let of_time = offsets(admin, &of_time.collect::<Vec<_>>()).await?;
    let mut resolved = BTreeMap::new();
    for (partition, place) in wanted {
        let beginning = beginnings.get(partition).copied().unwrap_or_default();
        let end = ends.get(partition).copied().unwrap_or_default();
        let offset = match place {
            Place::Beginning => beginning,
            Place::End => end,
            Place::Offset(offset) => *offset,
            Place::BeforeEnd(count) => end.saturating_sub(*count),
            // Where no record is that young, it is the end.
            Place::Time(_) => of_time.get(partition).copied().filter(|offset| *offset >= 0).unwrap_or(end),
        };
        resolved.insert(partition.clone(), offset.clamp(beginning, end.max(beginning)));
    }
    Ok(resolved)
}

/// Offsets of partitions; the first that is not told is the failure of all.
pub(crate) async fn offsets(
    admin: &Admin,
    wanted: &[(TopicPartition, OffsetSpec)],
) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut offsets = BTreeMap::new();
    for ((topic, partition), found) in admin.list_offsets(wanted).await? {
        let found = found.map_err(|error| Failure::from(error).about(&format!("{topic}-{partition}")))?;
        offsets.insert((topic, partition), found.offset);
    }
    Ok(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    #[test]
    fn places_are_read_as_they_are_written() {
        for (text, place) in [
            ("beginning", Place::Beginning),
            ("latest", Place::End),
            ("0", Place::Offset(0)),
            ("-5", Place::BeforeEnd(5)),
            ("@1234", Place::Time(1234)),
            ("@-2h", Place::Time(NOW - 7_200_000)),
            ("@2026-01-31T12:00:00Z", Place::Time(1_769_860_800_000)),
        ] {
            assert_eq!(Place::parse(text, NOW), Ok(place), "{text}");
        }
        assert!(matches!(Place::parse("@2026-01-31T12:00:00", NOW), Ok(Place::Time(_))));
        for wrong in ["", "begin", "-", "@", "@yesterday", "9223372036854775808", "-9223372036854775808"] {
            assert!(Place::parse(wrong, NOW).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lengths_of_time_have_units() {
        for (text, millis) in
            [("30", 30_000), ("30s", 30_000), ("500ms", 500), ("2m", 120_000), ("1d", 86_400_000)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for wrong in ["", "s", "1y", "1.5s", "-1s"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
