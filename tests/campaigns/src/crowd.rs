//! Many objects of mixed transports at once, the people who log them in, and what must be left of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, OnceLock},
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, Preconditions},
};
use serde_json::{Value, json};
use wazzup_operator::api::{WazzupChannel, condition, names};
use wazzup_simulator::world::Channel;

use crate::{
    Chance, Life,
    sight::{Objects, Sight, by_name},
};

/// How often people look at their objects.
const ROUND: Duration = Duration::from_millis(500);
/// How long a person waits before the same is done once more.
const AGAIN: Duration = Duration::from_secs(8);
/// How many of a hundred objects are deleted while the others are being made.
const LEAVE: usize = 30;
/// Within how many rounds they are.
const SOON: usize = 40;

const TRANSPORTS: [&str; 10] = [
    "telegram", "maxbot", "avito", "instAPI", "whatsapp", "tgapi", "viber", "max", "wapi", "vk",
];

/// One object, and what becomes of it.
#[derive(Debug, Clone)]
struct Member {
    name: String,
    number: usize,
    transport: &'static str,
    /// The round in which it is deleted, if it is.
    leaves: Option<usize>,
}

impl Member {
    /// The values of its Secret; another version holds other ones.
    fn credentials(&self, version: usize) -> Option<Value> {
        let (name, number) = (&self.name, self.number);
        Some(match self.transport {
            "telegram" => json!({"telegram_token": format!("{}:canary-bot-{name}", 100 + number + 1_000 * version)}),
            "maxbot" => json!({"access_token": format!("canary-max-{name}-{version}")}),
            "avito" => json!({"code": format!("canary-code-{name}-{version}")}),
            "instAPI" => json!({
                "username": "shop", "page_id": "1", "inst_id": "2", "user_token": format!("canary-insta-{name}-{version}"),
            }),
            _ => return None,
        })
    }

    fn phone(&self) -> String {
        format!("7999{:07}", self.number)
    }
}

#[derive(Default)]
struct Done {
    /// The latest version of each object's Secret.
    versions: BTreeMap<String, usize>,
    /// When a person last did something of this kind.
    last: BTreeMap<(String, &'static str), Instant>,
    /// Links that were followed, and the channel that came of it.
    followed: BTreeMap<String, (String, String)>,
    /// How often a person had to choose a channel.
    choices: usize,
    round: usize,
}

/// Many objects in one life.
pub struct Crowd {
    members: Vec<Member>,
    done: Mutex<Done>,
    sight: OnceLock<Sight>,
}

impl Crowd {
    /// So many objects, by chance.
    pub fn of(size: usize, chance: &mut Chance) -> Self {
        let members = (0..size)
            .map(|number| {
                let transport = *chance.pick(&TRANSPORTS);
                Member {
                    name: format!("{}-{number}", transport.to_lowercase()),
                    number,
                    transport,
                    leaves: chance.percent(LEAVE).then(|| chance.between(1, SOON)),
                }
            })
            .collect();
        Self {
            members,
            done: Mutex::default(),
            sight: OnceLock::new(),
        }
    }

    /// How often people had to choose a channel.
    pub fn choices(&self) -> usize {
        self.done.lock().unwrap().choices
    }

    /// Applies all manifests.
    pub async fn apply(&self, life: &Life) {
        stream::iter(&self.members)
            .for_each_concurrent(8, |member| async move {
                let mut spec = json!({"transport": member.transport});
                if let Some(values) = member.credentials(0) {
                    life.secret(&member.name, values).await;
                    spec["credentialsSecretRef"] = json!({"name": member.name});
                }
                life.channel(&member.name, spec).await;
            })
            .await;
    }

    /// One round of what people do: log in, choose, mend, delete. Whoever `chooses` knows what the service has made.
    pub async fn round(&self, life: &Life, chooses: bool) -> Objects {
        let sight = self.sight.get_or_init(|| Sight::of(life.channels()));
        let objects = sight.objects().await;
        let round = {
            let mut done = self.done.lock().unwrap();
            done.round += 1;
            done.round
        };
        let mut taken: BTreeSet<String> = objects.values().flat_map(|object| ids_of(object)).collect();
        for member in &self.members {
            let Some(object) = objects.get(&member.name) else {
                continue;
            };
            if member.leaves.is_some_and(|at| at <= round) && object.metadata.deletion_timestamp.is_none() {
                leave(life, object).await;
                continue;
            }
            self.help(life, member, object, chooses, &mut taken).await;
        }
        objects
    }

    /// What a person does who is asked for something.
    async fn help(
        &self,
        life: &Life,
        member: &Member,
        object: &WazzupChannel,
        chooses: bool,
        taken: &mut BTreeSet<String>,
    ) {
        let Some(status) = &object.status else { return };
        let Some(reason) = condition(&status.conditions, "ActionRequired").map(|one| &one.reason) else {
            return;
        };
        let id = status.channel_id.clone().unwrap_or_default();
        match reason.as_str() {
            "ScanQr" => {
                life.scan(&id, &member.phone());
            }
            // Who follows the link of an object that goes makes a channel that nobody waits for any more.
            "FollowLink" if object.metadata.deletion_timestamp.is_some() => {}
            "FollowLink" => match (member.transport, &status.url) {
                ("wapi", Some(url)) => self.follow(life, member, url.clone()),
                ("vk", _) => {
                    let sink = life.config_maps().get_opt(&names::sink(&member.name)).await.unwrap();
                    let link = sink.and_then(|map| map.data).and_then(|data| data.get("link").cloned());
                    if let Some(link) = link {
                        self.follow(life, member, link);
                    }
                }
                _ => self.ask(life, member, "reinit-requested-at").await,
            },
            "RequestNewQr" => self.ask(life, member, "reinit-requested-at").await,
            "FixCredentials" if self.due(&member.name, "Secret") => {
                let version = {
                    let mut done = self.done.lock().unwrap();
                    let version = done.versions.entry(member.name.clone()).or_default();
                    *version += 1;
                    *version
                };
                if let Some(values) = member.credentials(version) {
                    life.secret(&member.name, values).await;
                }
            }
            "ChooseChannel" if chooses && self.due(&member.name, "choice") => {
                let answer = self.choice(life, member, taken);
                self.done.lock().unwrap().choices += 1;
                annotate(life, member, "resolve-create", &answer).await;
                taken.insert(answer);
            }
            _ => {}
        }
    }

    fn due(&self, name: &str, what: &'static str) -> bool {
        let mut done = self.done.lock().unwrap();
        let key = (name.to_owned(), what);
        let due = done.last.get(&key).is_none_or(|at| at.elapsed() > AGAIN);
        if due {
            done.last.insert(key, Instant::now());
        }
        due
    }

    async fn ask(&self, life: &Life, member: &Member, annotation: &'static str) {
        if self.due(&member.name, annotation) {
            let value = format!("round-{}", self.done.lock().unwrap().round);
            annotate(life, member, annotation, &value).await;
        }
    }

    /// Nobody follows a link twice.
    fn follow(&self, life: &Life, member: &Member, link: String) {
        let mut done = self.done.lock().unwrap();
        if done.followed.contains_key(&link) {
            return;
        }
        if let Ok(id) = life.simulator.with(|world, now| world.follow_link(&link, now)) {
            done.followed.insert(link, (member.name.clone(), id));
        }
    }

    /// The object that a channel at the service was made for, as far as its credentials, phone or link tell.
    fn owner(&self, channel: &Channel) -> Option<&Member> {
        self.members.iter().find(|member| self.is_made_for(member, channel))
    }

    fn is_made_for(&self, member: &Member, channel: &Channel) -> bool {
        let done = self.done.lock().unwrap();
        let newest = done.versions.get(&member.name).copied().unwrap_or(0);
        let by_secret = (0..=newest).any(|version| member.credentials(version).as_ref() == Some(&channel.credentials));
        let by_phone = channel.phone.as_ref() == Some(&member.phone());
        let by_link = done
            .followed
            .values()
            .any(|(name, id)| *name == member.name && *id == channel.id);
        by_secret || by_phone || by_link
    }

    /// The channel that is this object's; nobody's own are as good as each other; `create` when there is none.
    fn choice(&self, life: &Life, member: &Member, taken: &BTreeSet<String>) -> String {
        let free: Vec<Channel> = life
            .remote()
            .into_iter()
            .filter(|channel| channel.transport == member.transport && !taken.contains(&channel.id))
            .collect();
        let own = |channel: &&Channel| self.owner(channel).is_some_and(|owner| owner.name == member.name);
        let nobodys = |channel: &&Channel| self.owner(channel).is_none();
        let found = free.iter().find(own).or_else(|| free.iter().find(nobodys));
        found.map_or_else(|| "create".to_owned(), |channel| channel.id.clone())
    }

    /// People go on until each object that stays is connected to a channel of its own and the others are gone; then what
    /// nobody holds at the service. `patience` at most.
    pub async fn settle(&self, life: &Life, patience: Duration) -> Vec<Channel> {
        let what = format!("{} objects at rest in {}", self.members.len(), life.namespace);
        let begun = Instant::now();
        let objects = control_plane::eventually(&what, patience, || async {
            life.tend();
            let objects = self.round(life, true).await;
            // The log is long, and read when it may be the last thing that is seen of this life.
            let ends = begun.elapsed() + 10 * ROUND > patience;
            let log = || if ends { life.log_text() } else { String::new() };
            let mut judged = self.judge(&objects).map(|()| objects);
            tokio::time::sleep(ROUND).await;
            if judged.is_ok() {
                // The verdict is about what there is, not about what the watch has told so far.
                let objects = by_name(listed(life).await);
                judged = self.judge(&objects).map(|()| objects);
            }
            judged.map_err(|seen| format!("{seen}\n{}", log()))
        })
        .await;
        let held: BTreeSet<String> = objects.values().flat_map(|object| ids_of(object)).collect();
        let there: BTreeMap<String, Channel> = life.remote().into_iter().map(|one| (one.id.clone(), one)).collect();
        let lost: Vec<&String> = held.iter().filter(|id| !there.contains_key(*id)).collect();
        assert!(lost.is_empty(), "held and not at the service: {lost:?}");
        there.into_values().filter(|one| !held.contains(&one.id)).collect()
    }

    /// What a channel is and whose it seems to be.
    pub fn describe(&self, channel: &Channel) -> String {
        let owner = self.owner(channel).map_or("nobody", |owner| &owner.name);
        format!(
            "{}: {} {}, made for {owner}",
            channel.id, channel.transport, channel.status
        )
    }

    fn judge(&self, objects: &Objects) -> Result<(), String> {
        let mut held = BTreeMap::new();
        for member in &self.members {
            match (objects.get(&member.name), member.leaves) {
                (None, Some(_)) => {}
                (None, None) => panic!("{} is gone, and nobody deleted it", member.name),
                (Some(object), Some(_)) => return Err(told(object)),
                (Some(object), None) => {
                    let status = object.status.clone().unwrap_or_default();
                    let ready = condition(&status.conditions, "Ready").is_some_and(|one| one.status == "True");
                    let open = object.annotations().contains_key(names::CREATE_INTENT);
                    let Some(id) = status.channel_id.filter(|_| ready && !open) else {
                        return Err(told(object));
                    };
                    if let Some(other) = held.insert(id.clone(), &member.name) {
                        return Err(format!("{other} and {} hold {id}", member.name));
                    }
                }
            }
        }
        Ok(())
    }

    /// Objects that stay and hold a channel of another transport, or one that was made for another object.
    pub async fn swapped(&self, life: &Life) -> Vec<String> {
        let objects = by_name(listed(life).await);
        let there: BTreeMap<String, Channel> = life.remote().into_iter().map(|one| (one.id.clone(), one)).collect();
        let mut swapped = Vec::new();
        for member in self.members.iter().filter(|member| member.leaves.is_none()) {
            let held = objects
                .get(&member.name)
                .map(|object| ids_of(object))
                .unwrap_or_default();
            let channel = held.first().and_then(|id| there.get(id));
            let own = |channel: &Channel| channel.transport == member.transport && self.is_made_for(member, channel);
            if !channel.is_some_and(own) {
                let what = channel.map(|channel| self.describe(channel));
                swapped.push(format!("{} holds {what:?}", member.name));
            }
        }
        swapped
    }

    /// I3: no channel was deleted at the service that was made for an object that stays.
    pub fn assert_deleted_only_what_left(&self, life: &Life) {
        let journal = life.simulator.journal();
        for entry in journal.matching("DELETE", "/v2/channels/") {
            let id = entry.path.trim_start_matches("/v2/channels/").to_owned();
            let channel = life.simulator.with(|world, _| world.channel(&id).cloned());
            let owner = channel.as_ref().and_then(|channel| self.owner(channel));
            assert!(
                owner.is_none_or(|owner| owner.leaves.is_some()),
                "{id} was deleted, and it was the channel of {owner:?}"
            );
        }
    }
}

/// The objects. An API server with hundreds of writers may answer late: nobody is interested in that here.
async fn listed(life: &Life) -> Vec<WazzupChannel> {
    let what = format!("a list of {}", life.namespace);
    let list = control_plane::eventually(&what, crate::life::PATIENCE, || async {
        let found = life.channels().list(&ListParams::default()).await;
        found.map_err(|error| error.to_string())
    });
    list.await.items
}

/// Deletes an object as it was seen. Without that condition the API server may drop a finalizer that is written at the
/// same moment; what the operator makes of that is shown in `tests/troubles.rs`.
async fn leave(life: &Life, object: &WazzupChannel) {
    let seen = Preconditions {
        resource_version: object.resource_version(),
        uid: object.uid(),
    };
    let params = DeleteParams::default().preconditions(seen);
    match life.channels().delete(&object.name_any(), &params).await {
        Ok(_) => {}
        // Somebody was faster, or it is done in the next round.
        Err(kube::Error::Api(status)) if [404, 409, 504].contains(&status.code) => {}
        Err(error) => panic!("{}: {error}", object.name_any()),
    }
}

/// Sets an annotation of ours, unless the object has gone meanwhile.
async fn annotate(life: &Life, member: &Member, annotation: &str, value: &str) {
    let patch = json!({"metadata": {"annotations": {format!("wazzup24.com/{annotation}"): value}}});
    let channels = life.channels();
    match channels
        .patch(&member.name, &PatchParams::default(), &Patch::Merge(patch))
        .await
    {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if [404, 504].contains(&status.code) => {}
        Err(error) => panic!("{}: {error}", member.name),
    }
}

/// The ids that an object holds, in its status or in its annotation.
fn ids_of(object: &WazzupChannel) -> Vec<String> {
    let status = object.status.as_ref().and_then(|status| status.channel_id.clone());
    let noted = object.annotations().get(names::CHANNEL_ID).cloned();
    status.into_iter().chain(noted).collect()
}

fn told(object: &WazzupChannel) -> String {
    let status = object.status.clone().unwrap_or_default();
    let words: Vec<String> = status
        .conditions
        .iter()
        .map(|one| format!("{}={}/{} {}", one.type_, one.status, one.reason, one.message))
        .collect();
    format!(
        "{}{}: {words:?} {:?} {:?}",
        object.name_any(),
        if object.metadata.deletion_timestamp.is_some() {
            " (going)"
        } else {
            ""
        },
        object.annotations(),
        status.attempts
    )
}
