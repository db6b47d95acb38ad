//! What people and tools read.

use super::super::{
    Account, AccountTrouble, Memory, Mirror, Need, Plan, Progress, ReadyWhen, Remote, Report, Seen, Stall, Standing,
    Verdict, Wake, decision::Idle, report,
};
use super::stage::{fresh, known, look, planned, wished};
use crate::model::Transport;

fn verdicts() -> Vec<Verdict> {
    let words = || "what to do".to_owned();
    let mut all = vec![
        Verdict::Connected,
        Verdict::RefusedCredentials(words()),
        Verdict::Unrecognized(words()),
        Verdict::Idle(Idle::Suspended, words()),
        Verdict::Idle(Idle::Observed, words()),
    ];
    all.extend(Progress::ALL.map(|progress| Verdict::Waiting(progress, words())));
    all.extend(Need::ALL.map(|need| Verdict::Person(need, words())));
    all.extend(Stall::ALL.map(|stall| Verdict::Stalled(stall, words())));
    all
}

fn told(seen: &Seen, verdict: Verdict) -> Report {
    report(seen, &Plan::say(Memory::default(), verdict, Wake::OnChange))
}

/// `type=status/reason`
fn lines(report: &Report) -> Vec<String> {
    report
        .facts
        .iter()
        .map(|fact| format!("{}={:?}/{}", fact.kind, fact.standing, fact.reason))
        .collect()
}

#[test]
fn every_verdict_says_ready_once_and_never_both_reconciling_and_stalled() {
    for ready_when in [ReadyWhen::Connected, ReadyWhen::Provisioned] {
        let mut seen = known(Transport::Whatsapp, "init", Some("qr"));
        wished(&mut seen).ready_when = ready_when;
        for verdict in verdicts() {
            let report = told(&seen, verdict.clone());
            let count = |kind: &str| report.facts.iter().filter(|fact| fact.kind == kind).count();
            assert_eq!(count("Ready"), 1, "{verdict:?}");
            assert_eq!(count("Connected"), 1, "{verdict:?}");
            assert!(count("Reconciling") + count("Stalled") <= 1, "{verdict:?}");
            assert!(report.observed && !report.keep_others, "{verdict:?}");
            for fact in &report.facts {
                let present_only_while_true = ["Reconciling", "Stalled", "ActionRequired"].contains(&fact.kind);
                assert!(
                    !present_only_while_true || fact.standing == Standing::True,
                    "{verdict:?}"
                );
                assert!(
                    !fact.message.is_empty() && fact.reason.chars().all(char::is_alphanumeric),
                    "{fact:?}"
                );
            }
        }
    }
}

#[test]
fn conditions_by_verdict() {
    let seen = known(Transport::Telegram, "disabled", Some("unauthorized"));
    let rows = [
        (
            Verdict::Connected,
            vec!["Ready=True/Connected", "Connected=True/Active", "Synced=True/Synced"],
        ),
        (
            Verdict::Waiting(Progress::Syncing, "w".into()),
            vec![
                "Ready=False/Syncing",
                "Connected=False/Syncing",
                "Synced=True/Synced",
                "Reconciling=True/Syncing",
            ],
        ),
        (
            Verdict::Waiting(Progress::AccountNotFound, "w".into()),
            vec![
                "Ready=False/AccountNotFound",
                "Connected=Unknown/AccountNotFound",
                "Synced=False/AccountNotFound",
                "Reconciling=True/AccountNotFound",
            ],
        ),
        (
            Verdict::Person(Need::ScanQr, "w".into()),
            vec![
                "Ready=False/ScanQr",
                "Connected=False/ScanQr",
                "Synced=True/Synced",
                "ActionRequired=True/ScanQr",
            ],
        ),
        (
            Verdict::Stalled(Stall::InvalidSpec, "w".into()),
            vec![
                "Ready=False/InvalidSpec",
                "Connected=False/InvalidSpec",
                "Stalled=True/InvalidSpec",
            ],
        ),
        (
            Verdict::RefusedCredentials("w".into()),
            vec![
                "Ready=False/Rejected",
                "Connected=False/Rejected",
                "Synced=True/Synced",
                "ActionRequired=True/FixCredentials",
                "Stalled=True/Rejected",
            ],
        ),
    ];
    for (verdict, expected) in rows {
        assert_eq!(lines(&told(&seen, verdict)), expected);
    }
}

#[test]
fn what_says_nothing_leaves_everything_as_it_is() {
    let seen = known(Transport::Telegram, "active", None);
    let hidden = |say| Verdict::CannotLook {
        why: "deadline".into(),
        say,
    };
    for verdict in [Verdict::Unsettled, Verdict::Gone("gone".into()), hidden(false)] {
        let report = told(&seen, verdict);
        assert!(report.facts.is_empty() && report.keep_others && report.mirror.is_none() && !report.observed);
    }
    let report = told(&seen, hidden(true));
    assert_eq!(lines(&report), ["Synced=Unknown/CannotLook"]);
    assert!(report.keep_others && !report.observed, "the rest stands");
}

#[test]
fn a_tree_that_must_not_wait_for_phones_is_ready_when_the_channel_exists() {
    let mut seen = known(Transport::Whatsapp, "init", Some("qr"));
    wished(&mut seen).ready_when = ReadyWhen::Provisioned;
    let report = report(&seen, &planned(&seen));
    assert_eq!(report.facts[0].reason, "Provisioned");
    assert!(!report.facts.iter().any(|fact| fact.kind == "Reconciling"));
    let mut new = fresh(Transport::Whatsapp);
    wished(&mut new).ready_when = ReadyWhen::Provisioned;
    let report = super::super::report(&new, &planned(&new));
    assert_eq!(lines(&report)[0], "Ready=False/Creating", "it does not exist yet");
}

#[test]
fn the_mirror_repeats_what_wazzup_shows_and_is_emptied_only_by_certain_absence() {
    let mut seen = known(Transport::Telegram, "disabled", Some("unauthorized"));
    if let Remote::Looked(look) = &mut seen.remote {
        let mine = look.mine.as_mut().unwrap();
        mine.phone = Some("shop_bot".into());
        mine.name = Some(String::new());
    }
    let mirror = report(&seen, &planned(&seen)).mirror.unwrap();
    assert_eq!(
        mirror,
        Mirror {
            status: Some("disabled".into()),
            reason: Some("unauthorized".into()),
            phone: Some("shop_bot".into()),
            ..Mirror::default()
        },
        "an empty name is no name"
    );
    seen.remote = Remote::Looked(look());
    let waiting = told(&seen, Verdict::Waiting(Progress::CheckingLoss, "w".into()));
    assert_eq!(waiting.mirror, None, "one look is not certain");
    let gone = told(&seen, Verdict::Person(Need::ChannelGone, "w".into()));
    assert_eq!(gone.mirror, Some(Mirror::default()));
}

#[test]
fn reasons_are_distinct_words() {
    let mut needs: Vec<&str> = Need::ALL.iter().map(|need| need.as_str()).collect();
    needs.sort_unstable();
    needs.dedup();
    assert_eq!(needs.len(), Need::ALL.len());
    let mut others: Vec<&str> = Progress::ALL.iter().map(|progress| progress.as_str()).collect();
    others.extend(Stall::ALL.iter().map(|stall| stall.as_str()));
    let count = others.len();
    others.sort_unstable();
    others.dedup();
    assert_eq!(others.len(), count);
}

#[test]
fn a_defect_is_said_and_leaves_standing_what_was_said_before() {
    let said = super::super::internal_error("the pass panicked");
    assert_eq!(
        (said.facts.len(), said.facts[0].kind, said.facts[0].reason),
        (1, "Synced", "InternalError")
    );
    assert!(said.keep_others && !said.observed && said.mirror.is_none());
    assert!(said.facts[0].message.contains("the pass panicked"));
}

#[test]
fn a_channel_that_works_is_connected_whatever_else_is_waited_for() {
    let seen = known(Transport::Telegram, "active", None);
    for verdict in [
        Verdict::Person(Need::FixCredentials, "w".into()),
        Verdict::RefusedCredentials("w".into()),
        Verdict::Stalled(Stall::InvalidSpec, "w".into()),
        Verdict::Idle(Idle::Suspended, "w".into()),
        Verdict::Idle(Idle::Observed, "w".into()),
    ] {
        let said = lines(&told(&seen, verdict.clone()));
        assert!(
            said.contains(&"Connected=True/Active".to_owned()),
            "{verdict:?}: {said:?}"
        );
        assert!(said[0].starts_with("Ready=False/"), "{verdict:?}: {said:?}");
    }
    let reinit = lines(&told(&seen, Verdict::Waiting(Progress::Reinitializing, "w".into())));
    assert!(
        reinit.contains(&"Connected=False/Reinitializing".to_owned()),
        "{reinit:?}"
    );
}

#[test]
fn a_deletion_that_waits_for_its_account_does_not_say_that_wazzup_was_talked_to() {
    let mut seen = known(Transport::Telegram, "active", None);
    seen.object.deleting = true;
    seen.remote = Remote::NotAsked;
    for (trouble, expected) in [
        (AccountTrouble::NotAuthenticated, "Synced=False/AccountNotAuthenticated"),
        (AccountTrouble::Invalid, "Synced=False/AccountNotAuthenticated"),
        (AccountTrouble::NotFound, "Synced=False/AccountNotFound"),
        (AccountTrouble::NotAllowed, "Synced=False/AccountNotAllowed"),
        (AccountTrouble::OutOfReach, "Synced=Unknown/CannotLook"),
    ] {
        seen.account = Account::Trouble(trouble, "w".into());
        let said = lines(&report(&seen, &planned(&seen)));
        assert!(said.contains(&expected.to_owned()), "{trouble:?}: {said:?}");
    }
}
