//! A world with one account, and short ways to ask it.

#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of the bench")]

use serde_json::Value;
use wazzup_simulator::{
    Dialect, Timings, World,
    world::{Answer, Event, Millis, Request},
};

pub const ACCOUNT: &str = "12345678";
pub const TOKEN: &str = "token";

pub struct Bench {
    pub world: World,
    pub now: Millis,
}

impl Bench {
    pub fn new(dialect: Dialect) -> Self {
        let mut world = World::new(dialect, Timings::default());
        world.add_account(ACCOUNT, TOKEN);
        Self {
            world,
            now: 1_760_000_000_000,
        }
    }

    /// A request as `curl` in the documentation makes it.
    pub fn request(method: &str, path: &str, body: &str) -> Request {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            authorization: Some(format!("Bearer {TOKEN}")),
            content_type: Some("application/json".to_owned()),
            body: body.as_bytes().to_vec(),
        }
    }

    pub fn send(&mut self, request: &Request) -> Answer {
        self.world.apply(request, self.now)
    }

    pub fn call(&mut self, method: &str, path: &str, body: &str) -> Answer {
        self.send(&Self::request(method, path, body))
    }

    /// A new channel's id.
    pub fn create(&mut self, transport: &str, credentials: &str) -> String {
        let body = format!(r#"{{"transport":"{transport}","credentials":{credentials}}}"#);
        let answer = self.call("POST", "/v2/channels", &body);
        assert!(answer.status < 300, "{answer:?}");
        answer.body["data"][0]["channel_id"].as_str().unwrap().to_owned()
    }

    /// Lets milliseconds pass.
    pub fn pass(&mut self, time: Millis) -> Vec<Event> {
        self.now += time;
        self.world.tick(self.now)
    }

    /// `status/reason`
    pub fn state(&self, id: &str) -> String {
        let channel = self.world.channel(id).unwrap();
        format!("{}/{}", channel.status, channel.reason.as_deref().unwrap_or("-"))
    }

    pub fn qr(&self, id: &str) -> String {
        self.world.channel(id).unwrap().qr().unwrap().to_owned()
    }
}

/// The same structure with every leaf replaced by its type.
pub fn shape(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(_) => "boolean".into(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "string".into(),
        Value::Array(items) => Value::Array(items.iter().take(1).map(shape).collect()),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.clone(), shape(field)))
            .collect(),
    }
}
