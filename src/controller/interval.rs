//! When an account is listed next.

use std::time::Duration;

use super::desk::{Desk, pause_after};
use crate::{api::WazzupAccount, cluster::secrets};

/// How often the account's channels are listed.
pub(super) fn interval(account: &WazzupAccount) -> Duration {
    parse_interval(&account.spec.sync.interval).unwrap_or(Duration::from_secs(60))
}

/// Reads `90s`, `5m`, `1h30m`; held to 10 s to 24 h.
fn parse_interval(text: &str) -> Option<Duration> {
    let (mut seconds, mut digits) = (0_u64, String::new());
    for letter in text.chars() {
        let unit = match letter {
            '0'..='9' => {
                digits.push(letter);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            _ => return None,
        };
        seconds = seconds.checked_add(digits.parse::<u64>().ok()?.checked_mul(unit)?)?;
        digits.clear();
    }
    digits
        .is_empty()
        .then(|| Duration::from_secs(seconds.clamp(10, 86_400)))
}

/// Until the next regular list, jittered so that accounts do not march in step; sooner after a failure.
pub(super) fn next_list(account: &WazzupAccount, desk: &Desk) -> Duration {
    let jitter = f64::from(secrets::random::<1>()[0]) / 255.0;
    match desk.last() {
        Some(last) if last.result.is_err() => pause_after(last.failures).mul_f64(1.0 + 0.2 * jitter),
        Some(last) => interval(account)
            .mul_f64(0.9 + 0.2 * jitter)
            .saturating_sub(last.started.elapsed()),
        None => Duration::from_secs(600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_read_as_kubernetes_writes_durations_and_held_to_its_bounds() {
        assert_eq!(parse_interval("60s"), Some(Duration::from_secs(60)));
        assert_eq!(parse_interval("1h30m"), Some(Duration::from_secs(5_400)));
        assert_eq!(parse_interval("1s"), Some(Duration::from_secs(10)));
        assert_eq!(parse_interval("999h"), Some(Duration::from_secs(86_400)));
        assert_eq!(parse_interval("soon"), None);
        assert_eq!(parse_interval("60"), None);
    }
}
