//! `2026-01-31 23:59:59.999` of a moment, in UTC. Source: proleptic Gregorian calendar; days to civil date by the
//! era method (400 years = 146097 days).

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// Appends the time stamp of `moment`; moments before 1970 show as 1970.
pub(super) fn stamp(out: &mut String, moment: SystemTime) {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let millis = since.subsec_millis();
    let _infallible = write!(
        out,
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{millis:03}"
    );
}

/// Year, month, day of a number of days after 1970-01-01. Years begin in March here, so that leap days come last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Expected values: date(1), `date -u -d @SECONDS`.
    #[test]
    fn moments_become_dates() {
        for (millis, expected) in [
            (0, "1970-01-01 00:00:00.000"),
            (951_782_400_007, "2000-02-29 00:00:00.007"),
            (951_868_800_000, "2000-03-01 00:00:00.000"),
            (1_735_689_599_999, "2024-12-31 23:59:59.999"),
            (4_107_542_399_000, "2100-02-28 23:59:59.000"),
            (4_107_542_400_000, "2100-03-01 00:00:00.000"),
        ] {
            let mut out = String::new();
            stamp(&mut out, UNIX_EPOCH + Duration::from_millis(millis));
            assert_eq!(out, expected);
        }
    }
}
