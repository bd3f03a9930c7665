//! Durations as ISO 8601 writes them in days and smaller units.

use std::time::Duration;

/// Reads `P2DT3H4M5.5S`, in any case, with at least one part; `None` for others and for negative ones.
pub fn iso_duration(text: &str) -> Option<Duration> {
    let text = text.to_ascii_uppercase();
    let (days, time) = match text.strip_prefix('P')?.split_once('T') {
        Some((_, "")) => return None,
        Some((days, time)) => (days, time),
        None => (text.strip_prefix('P')?, ""),
    };
    if days.is_empty() && time.is_empty() {
        return None;
    }
    let mut seconds = in_units(days, &[('D', 86_400.0)])?;
    seconds += in_units(time, &[('H', 3_600.0), ('M', 60.0), ('S', 1.0)])?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The sum of `1H30M` and the like, whose units come in that order and at most once each.
fn in_units(mut text: &str, units: &[(char, f64)]) -> Option<f64> {
    let mut sum = 0.0;
    for (unit, factor) in units {
        if let Some((number, rest)) = text.split_once(*unit) {
            let is_number =
                number.bytes().all(|byte| byte.is_ascii_digit() || (byte == b'.' && *unit == 'S'));
            sum += number.parse::<f64>().ok().filter(|_| is_number)? * factor;
            text = rest;
        }
    }
    text.is_empty().then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_iso_8601_without_sign() {
        let seconds = |text| iso_duration(text).map(|duration| duration.as_secs_f64());
        assert_eq!(seconds("PT1H"), Some(3600.0));
        assert_eq!(seconds("P1D"), Some(86_400.0));
        assert_eq!(seconds("P1DT2H3M4.5S"), Some(93_784.5));
        assert_eq!(seconds("pt0s"), Some(0.0));
        for text in ["", "P", "PT", "PT-1H", "-PT1H", "PT1M1H", "P1H", "1H", "PT1", "PT1.5H", "PTH"] {
            assert_eq!(iso_duration(text), None, "{text}");
        }
    }
}
