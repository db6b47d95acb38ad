//! Conditions, and how new ones are merged into old ones.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// A condition as `metav1.Condition` writes it, with bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// The condition's type.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 64))]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    #[schemars(length(max = 16), regex(pattern = "^(True|False|Unknown)$"))]
    pub status: String,
    /// One word; every word has a page of documentation.
    #[schemars(length(min = 1, max = 64))]
    pub reason: String,
    /// What it means and what to do.
    #[schemars(length(max = 2048))]
    pub message: String,
    /// When the status last changed.
    pub last_transition_time: Time,
    /// The generation that this was said of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// The longest message that a condition takes, in characters.
const MESSAGE: usize = 2_048;

/// The condition of a type, if it is there.
pub fn condition<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Merges wanted conditions `(type, status, reason, message)` into old ones: a transition time moves only when the status
/// moves, and what is not wanted goes unless `keep_others`. The order is that of `wanted`, kept ones first.
pub fn merge(
    old: &[Condition],
    wanted: Vec<(&str, &str, &str, String)>,
    keep_others: bool,
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    let mut merged: Vec<Condition> = if keep_others {
        old.iter()
            .filter(|one| wanted.iter().all(|(type_, ..)| *type_ != one.type_))
            .cloned()
            .collect()
    } else {
        Vec::new()
    };
    for (type_, status, reason, message) in wanted {
        let before = condition(old, type_);
        let since = match before {
            Some(before) if before.status == status => before.last_transition_time.clone(),
            Some(_) | None => Time(whole_second(now)),
        };
        merged.push(Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: message.chars().take(MESSAGE).collect(),
            last_transition_time: since,
            observed_generation: Some(generation),
        });
    }
    merged
}

/// Kubernetes writes times in whole seconds; comparing needs the same on our side.
fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn ready(status: &'static str, message: &str) -> Vec<(&'static str, &'static str, &'static str, String)> {
        vec![("Ready", status, "Reason", message.to_owned())]
    }

    #[test]
    fn a_transition_time_moves_only_when_the_status_moves() {
        let first = merge(&[], ready("False", "a"), false, 1, at(10));
        let second = merge(&first, ready("False", "b"), false, 2, at(20));
        let third = merge(&second, ready("True", "b"), false, 2, at(30));
        assert_eq!(second[0].last_transition_time, Time(at(10)));
        assert_eq!(second[0].message, "b");
        assert_eq!(third[0].last_transition_time, Time(at(30)));
    }

    #[test]
    fn what_is_not_wanted_goes_unless_it_is_kept() {
        let old = merge(&[], vec![("Stalled", "True", "Why", String::new())], false, 1, at(10));
        assert_eq!(merge(&old, ready("True", ""), false, 1, at(11)).len(), 1);
        assert_eq!(merge(&old, ready("True", ""), true, 1, at(11)).len(), 2);
    }
}
