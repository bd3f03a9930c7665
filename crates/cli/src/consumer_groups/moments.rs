//! Moments and durations as Kafka's tools take them, in milliseconds.

use jiff::civil;
use regex::{Captures, Regex};

use crate::failure::Failure;

const NO_T: &str = "Error parsing timestamp. It does not contain a 'T' according to ISO8601 format";
/// A date and a time, and how far the clock there is ahead of UTC, with or without minutes.
const MOMENT: &str = r"^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d+)(?:Z|([+-])(\d{1,2}):?(\d{2})?)";
/// As `java.time.Duration` reads it.
const DURATION: &str =
    r"(?i)^([-+]?)P(?:([-+]?\d+)D)?(T(?:([-+]?\d+)H)?(?:([-+]?\d+)M)?(?:([-+]?\d+)(?:[.,](\d{0,9}))?S)?)?$";

const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Milliseconds since 1970 of `2026-01-31T12:00:00.000`, in UTC where nothing else is said behind it.
pub(super) fn moment_ms(text: &str) -> Result<i64, Failure> {
    let unreadable = |sentence: String| Failure::of_class("java.text.ParseException", sentence).at_run_time();
    let time = text.split('T').nth(1).filter(|time| !time.is_empty());
    let time = time.ok_or_else(|| unreadable(NO_T.to_owned()))?;
    let text = if time.contains(['+', '-', 'Z']) { text.to_owned() } else { format!("{text}Z") };
    let read = Regex::new(MOMENT).ok().and_then(|pattern| moment_of(&pattern.captures(&text)?));
    read.ok_or_else(|| unreadable(format!("Unparseable date: \"{text}\"")))
}

fn moment_of(found: &Captures<'_>) -> Option<i64> {
    let number =
        |place: usize| found.get(place).map_or(Some(0), |digits| digits.as_str().parse::<i64>().ok());
    let small = |place: usize| i8::try_from(number(place)?).ok();
    let date = civil::Date::new(i16::try_from(number(1)?).ok()?, small(2)?, small(3)?).ok()?;
    let millis = i32::try_from(number(7)?).ok().filter(|millis| *millis < 1000)?;
    let time = civil::Time::new(small(4)?, small(5)?, small(6)?, millis * 1_000_000).ok()?;
    let utc = date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
    let ahead = number(9)? * HOUR_MS + number(10)? * MINUTE_MS;
    let is_behind = found.get(8).is_some_and(|sign| sign.as_str() == "-");
    Some(if is_behind { utc + ahead } else { utc - ahead })
}

/// Milliseconds of `P1DT2H3M4.5S`.
pub(super) fn duration_ms(text: &str) -> Result<i64, Failure> {
    let read = Regex::new(DURATION).ok().and_then(|pattern| duration_of(&pattern.captures(text)?));
    read.ok_or_else(|| {
        Failure::of_class("java.time.format.DateTimeParseException", "Text cannot be parsed to a Duration")
    })
}

fn duration_of(found: &Captures<'_>) -> Option<i64> {
    let has = |place: usize| found.get(place).is_some();
    let is_empty_time = found.get(3).is_some_and(|time| time.len() == 1);
    if is_empty_time || !(has(2) || has(4) || has(5) || has(6)) {
        return None;
    }
    let part = |place: usize, unit: i64| match found.get(place) {
        Some(digits) => digits.as_str().parse::<i64>().ok()?.checked_mul(unit),
        None => Some(0),
    };
    let sum = part(2, DAY_MS)?
        .checked_add(part(4, HOUR_MS)?)?
        .checked_add(part(5, MINUTE_MS)?)?
        .checked_add(part(6, SECOND_MS)?)?;
    let fraction = found.get(7).map_or("", |digits| digits.as_str());
    let fraction_ms = format!("{fraction:0<3}").get(..3)?.parse::<i64>().ok()?;
    let is_negative_second = found.get(6).is_some_and(|seconds| seconds.as_str().starts_with('-'));
    let sum = sum.checked_add(if is_negative_second { -fraction_ms } else { fraction_ms })?;
    if found.get(1).is_some_and(|sign| sign.as_str() == "-") { sum.checked_neg() } else { Some(sum) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_a_zone_or_are_in_utc() {
        let read = |text: &str| moment_ms(text).map_err(|failure| failure.message().to_owned());
        assert_eq!(read("1970-01-01T00:00:01.005"), Ok(1005));
        assert_eq!(read("1970-01-01T00:00:01.005Z"), Ok(1005));
        assert_eq!(read("1970-01-01T09:00:00.000+09:00"), Ok(0));
        assert_eq!(read("1970-01-01T00:00:00.000-01"), Ok(HOUR_MS));
        let parse = "java.text.ParseException: ";
        assert_eq!(read("yesterday"), Err(format!("{parse}{NO_T}")));
        for text in ["2020-13-01T00:00:00.000Z", "2020-01-01T00:00Z", "2020-01-01T25:00:00.000Z"] {
            assert_eq!(read(text), Err(format!("{parse}Unparseable date: \"{text}\"")));
        }
        assert_eq!(read("2020-01-01T00:00"), Err(format!("{parse}Unparseable date: \"2020-01-01T00:00Z\"")));
    }

    #[test]
    fn durations_are_those_of_java() {
        let read = |text: &str| duration_ms(text).map_err(|failure| failure.message().to_owned());
        assert_eq!(read("P1DT2H3M4.5S"), Ok(DAY_MS + 2 * HOUR_MS + 3 * MINUTE_MS + 4500));
        assert_eq!((read("PT0S"), read("-pt1s"), read("PT-1.5S")), (Ok(0), Ok(-1000), Ok(-1500)));
        for text in ["P1W", "tomorrow", "P", "PT", "P1DT", "PT1", ""] {
            assert_eq!(read(text), Err("Text cannot be parsed to a Duration".to_owned()), "{text}");
        }
    }
}
