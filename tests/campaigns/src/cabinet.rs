//! Channels that people have made by hand before anything else: nobody but they may change them.

use wazzup_simulator::Simulator;

use crate::{Message, Side, life::ACCOUNT};

/// Their ids.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cabinet(Vec<String>);

impl Cabinet {
    /// Of a transport one that works and one that nobody has logged in; none of no transport.
    pub(crate) fn of(simulator: &Simulator, transport: Option<&str>) -> Self {
        let Some(transport) = transport else {
            return Self::default();
        };
        simulator.with(|world, now| {
            let made = [(); 2].map(|()| world.create_in_cabinet(ACCOUNT, transport, now));
            world.set_status(&made[0], "active", None, now).unwrap();
            Self(made.into())
        })
    }

    /// Whether a channel is one of them.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.0.iter().any(|one| one == id)
    }

    /// That each of them is still there, and that nobody asked for a change of one.
    pub(crate) fn touched(&self, simulator: &Simulator, messages: &[Message]) -> Result<(), String> {
        for id in &self.0 {
            if simulator.with(|world, _| world.channel(id).is_none_or(|channel| channel.deleted)) {
                return Err(format!("{id} was made by hand and is gone"));
            }
            changed(id, messages)?;
        }
        Ok(())
    }
}

fn changed(id: &str, messages: &[Message]) -> Result<(), String> {
    let asked = messages.iter().find(|message| {
        message.side == Side::Wazzup && !message.label.starts_with("GET ") && message.path.contains(id)
    });
    match asked {
        Some(message) => Err(format!(
            "{id} was made by hand, and the operator asked: {}",
            message.label
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn message(side: Side, label: &str, path: &str) -> Message {
        Message {
            side,
            label: label.to_owned(),
            path: path.to_owned(),
            replica: None,
            at: Instant::now(),
            status: Some(200),
            fault: None,
            held: None,
            accept: String::new(),
            run: 0,
            told: crate::proxy::Told::default(),
            truth: None,
        }
    }

    #[test]
    fn who_asks_for_a_change_of_what_is_not_his_is_found() {
        let looked = message(Side::Wazzup, "GET /v2/channels/{id}", "/v2/channels/theirs");
        let ours = message(Side::Wazzup, "DELETE /v2/channels/{id}", "/v2/channels/ours");
        let theirs = message(Side::Wazzup, "DELETE /v2/channels/{id}", "/v2/channels/theirs");
        assert!(changed("theirs", &[looked.clone(), ours.clone()]).is_ok());
        assert!(changed("theirs", &[looked, ours, theirs]).is_err());
    }
}
