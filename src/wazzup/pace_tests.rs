//! The pace of an account under a simulated clock.

#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use super::*;

fn seconds(count: f64) -> Duration {
    Duration::from_secs_f64(count)
}

fn go(pace: &mut Pace, now: Instant) -> bool {
    let ready = pace.readiness(now) == Readiness::Now;
    if ready {
        pace.take(Lane::Refresh, [false; 3], now);
    }
    ready
}

/// Sends as early as it may for so long, and counts.
fn sent_within(pace: &mut Pace, from: Instant, span: Duration) -> u32 {
    let mut now = from;
    let mut sent = 0;
    loop {
        match pace.readiness(now) {
            Readiness::Now => {
                pace.take(Lane::Refresh, [false; 3], now);
                sent += 1;
            }
            Readiness::At(at) if at > from + span => return sent,
            Readiness::At(at) => now = at,
        }
    }
}

#[test]
fn the_rate_is_met_and_never_passed() {
    let start = Instant::now();
    let mut pace = Pace::new(20, start);
    let sent = sent_within(&mut pace, start, seconds(100.0));
    assert!((2039..=2040).contains(&sent), "{sent}");
}

#[test]
fn idleness_saves_up_no_more_than_one_burst() {
    let start = Instant::now();
    let mut pace = Pace::new(5, start);
    let later = start + seconds(3600.0);
    let burst = (0..100).filter(|_| go(&mut pace, later)).count();
    assert_eq!(burst, 10);
}

#[test]
fn retry_after_is_obeyed_and_capped() {
    let now = Instant::now();
    let mut pace = Pace::new(20, now);
    let retry_after = Some(seconds(7.0));
    pace.note(Verdict::Throttled { retry_after }, now);
    assert_eq!(pace.readiness(now), Readiness::At(now + seconds(7.0)));
    let retry_after = Some(seconds(3600.0));
    pace.note(Verdict::Throttled { retry_after }, now);
    assert_eq!(pace.readiness(now), Readiness::At(now + seconds(60.0)));
    assert_eq!(pace.readiness(now + seconds(60.0)), Readiness::Now);
}

#[test]
fn the_breaker_opens_after_five_failures_in_a_row_and_not_before() {
    let now = Instant::now();
    let mut pace = Pace::new(20, now);
    for _ in 0..4 {
        pace.note(Verdict::Broken, now);
    }
    pace.note(Verdict::Answered, now);
    for _ in 0..4 {
        pace.note(Verdict::Broken, now);
    }
    assert!(!pace.is_open());
    pace.note(Verdict::Broken, now);
    assert_eq!(pace.readiness(now), Readiness::At(now + seconds(1.0)));
}

#[test]
fn an_open_breaker_lets_one_probe_through_and_waits_longer_each_time() {
    let mut now = Instant::now();
    let mut pace = Pace::new(20, now);
    for _ in 0..5 {
        pace.note(Verdict::Broken, now);
    }
    for pause in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
        assert_eq!(pace.readiness(now), Readiness::At(now + seconds(pause)));
        now += seconds(pause);
        assert!(go(&mut pace, now));
        assert!(!go(&mut pace, now), "a second probe beside the first");
        pace.note(Verdict::Broken, now);
    }
    now += seconds(60.0);
    assert!(go(&mut pace, now));
    pace.note(Verdict::Answered, now);
    assert!(!pace.is_open());
    assert!(go(&mut pace, now));
}

#[test]
fn a_lost_probe_holds_the_account_up_for_a_while_only() {
    let now = Instant::now();
    let mut pace = Pace::new(20, now);
    for _ in 0..5 {
        pace.note(Verdict::Broken, now);
    }
    let probe = now + seconds(1.0);
    assert!(go(&mut pace, probe));
    assert_eq!(pace.readiness(probe), Readiness::At(probe + seconds(30.0)));
    assert!(go(&mut pace, probe + seconds(30.0)));
}

#[test]
fn a_late_answer_from_before_does_not_close_an_open_breaker() {
    let now = Instant::now();
    let mut pace = Pace::new(20, now);
    for _ in 0..5 {
        pace.note(Verdict::Broken, now);
    }
    pace.note(Verdict::Answered, now);
    assert!(pace.is_open());
}

#[test]
fn nobody_starves_however_busy_the_others_are() {
    let now = Instant::now();
    let mut pace = Pace::new(20, now);
    let mut served = [0_u32; 3];
    for _ in 0..1000 {
        let lane = pace.next_lane([true; 3]).unwrap();
        served[lane.index()] += 1;
        pace.take(lane, [true; 3], now);
    }
    assert!(served[0] > served[1] && served[1] > served[2], "{served:?}");
    assert!(served[2] >= 100, "{served:?}");
    assert_eq!(pace.next_lane([false; 3]), None);
}

#[test]
fn a_refusal_is_an_answer_and_a_broken_connection_is_not() {
    let words = String::new();
    let rejected: Result<(), Fault> = Err(Fault::Rejected { status: 400, words });
    assert_eq!(Verdict::from(&rejected), Verdict::Answered);
    let why = String::new();
    assert_eq!(
        Verdict::from(&CreateOutcome::Unknown(Fault::Unclear { why })),
        Verdict::Broken
    );
}
